"""Tests of `schemas/language/`."""
