"""Tests of `tasks.steps`."""
