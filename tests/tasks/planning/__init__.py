"""Tests of `tasks.planning`."""
