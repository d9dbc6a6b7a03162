"""Tests of `tasks.formats.json`."""
