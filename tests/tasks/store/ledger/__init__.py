"""Tests of `tasks/store/ledger/`."""
