"""Tests of `tasks.store.merge`."""
