"""Tests of `tasks.rules`."""
