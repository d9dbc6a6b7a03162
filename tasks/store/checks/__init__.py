"""Checks of many records in SQL: uniqueness, references, containment and overlaps."""
