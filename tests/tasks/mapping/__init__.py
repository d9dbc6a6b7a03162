"""Tests of `tasks.mapping`."""
