"""Tests of `tasks.security`."""
