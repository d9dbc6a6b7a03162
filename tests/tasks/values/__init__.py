"""Tests of `tasks.values`."""
