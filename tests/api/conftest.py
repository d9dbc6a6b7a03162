"""Fixtures of the tests of `api`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A disk of half a megabyte for a run's temporary files, which only root can mount."""
    folder = home / "tmp"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=512k,mode=777", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("only root can mount a small disk, where the sandbox lets it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
