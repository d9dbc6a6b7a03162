"""Fixtures of the tests of `api`."""

from __future__ import annotations

import sys

import pytest

from api.cli import main
from schemas.settings import settings
from tests.api.support import Cli, Done


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str) -> Cli:
    """Run `cmdb` with the test's database; returns its exit code and what it printed."""
    monkeypatch.setenv("CMDB_DATABASE_URL", database_url)
    settings.cache_clear()

    def run(*words: str) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["cmdb", *words])
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run
