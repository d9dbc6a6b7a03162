"""Tests of `tasks.store.staging`."""
