"""Fixtures of the tests of security."""

from __future__ import annotations

from tests.api.conftest import alone, browser, cli, facades, shared_facade

__all__ = ["alone", "browser", "cli", "facades", "shared_facade"]
