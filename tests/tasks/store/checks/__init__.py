"""Tests of `tasks.store.checks`."""
