"""Tests of `tasks.formats`."""
