"""Tests of `tasks.formats.aws`."""
