"""Fixtures of the tests of security."""

from __future__ import annotations

from tests.api.conftest import alone, browser, cli, facades, keyed, locked, shared_facade, shared_locked

__all__ = ["alone", "browser", "cli", "facades", "keyed", "locked", "shared_facade", "shared_locked"]
