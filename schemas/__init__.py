"""Declarations and values: resource types, rules, job options, reports, errors and settings; pure, with no I/O."""
