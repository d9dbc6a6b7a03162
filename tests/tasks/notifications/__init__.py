"""Tests of `tasks.notifications`."""
