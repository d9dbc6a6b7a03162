"""Tests of `tasks.formats.terraform`."""
