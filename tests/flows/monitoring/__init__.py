"""Tests of `flows/monitoring/`."""
