"""Tests of `tasks.store.connection`."""
