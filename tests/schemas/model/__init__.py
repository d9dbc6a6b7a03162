"""Tests of `schemas.model`."""
