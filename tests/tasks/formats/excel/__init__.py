"""Tests of `tasks.formats.excel`."""
