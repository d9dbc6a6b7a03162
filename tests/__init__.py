"""Tests, in folders that mirror the code's; `tests/data/` holds the files they read."""
