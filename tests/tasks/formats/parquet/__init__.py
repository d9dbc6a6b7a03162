"""Tests of `tasks.formats.parquet`."""
