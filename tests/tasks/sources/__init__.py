"""Tests of `tasks.sources`."""
