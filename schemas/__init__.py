"""Nouns: resource types, field kinds, rules, tables, reports, errors and settings; pure, with no I/O."""
