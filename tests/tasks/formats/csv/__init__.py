"""Tests of `tasks.formats.csv`."""
