"""Tests of single formats."""
