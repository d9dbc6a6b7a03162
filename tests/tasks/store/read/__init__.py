"""Tests of `tasks.store.read`."""
