"""Fixtures of the tests of `api`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.cli.main import main
from api.rest.security.guard import new_key
from schemas.access.api_keys import ApiKey
from schemas.settings import settings
from tests.api.browsing import WIDE, Look, look_at
from tests.api.facade import Facade, Locked, served
from tests.api.support import Cli, Done
from tests.api.system import SCOPES, Keyed, System, facade
from tests.conftest import needs, temporary_home
from tests.databases import EmptiedDatabase
from tests.support import execute
from tests.waiting import PATIENCE

Serve = Callable[..., Facade]


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
    """A disk of half a megabyte for a run's temporary files."""
    with mounted(home / "tmp") as folder:
        yield folder


@pytest.fixture
def small_database_disk() -> Iterator[Path]:
    """A disk of half a megabyte that PostgreSQL's user may enter, as it may not enter the folders of a home."""
    with temporary_home() as folder, mounted(folder / "disk") as disk:
        yield disk


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """Mount a disk of half a megabyte, which only root can."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=512k,mode=777", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("only root can mount a small disk, where the sandbox lets it")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module alone: its loop would be in the way of tests that run one of their own."""
    program = needs("chromium")
    # A run waits for its turn where the machine has other things to do.
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    """A page of the system, whose VPCs are gone; no script of it may fail, and nothing break its own policy."""
    execute(system.url, "truncate vpc")
    context = browser.new_context(base_url=system.address, viewport=WIDE, locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert not wrong


@pytest.fixture
def look(page: Page, request: pytest.FixtureRequest) -> Look:
    """Look at a step of the page; with `--pictures`, keep it as a picture."""
    return partial(look_at, page, pictures=request.config.getoption("--pictures"))


@pytest.fixture(scope="session")
def keyed(system: System) -> Iterator[Keyed]:
    """One more copy of the facade, with four keys."""
    made = {name: new_key(name, scope) for name, scope in SCOPES.items()}
    lines = json.dumps([line for _, line in made.values()])
    with facade(system, CMDB_API_KEYS=lines) as address:
        yield Keyed(address, {name: key for name, (key, _) in made.items()})


@pytest.fixture(scope="session")
def facades(emptied_database: EmptiedDatabase) -> Iterator[Serve]:
    """A function that serves the API in this process, with some settings changed, until the end."""
    with ExitStack() as stack:

        def serve(**changed: object) -> Facade:
            home = stack.enter_context(temporary_home())
            return stack.enter_context(served(emptied_database.url, home, **changed))

        yield serve


@pytest.fixture(scope="session")
def shared_facade(facades: Serve) -> Facade:
    """The facade of this process, without keys and without Prefect, for tests of what needs no run."""
    return facades()


@pytest.fixture
def alone(shared_facade: Facade, database_url: str) -> Facade:
    """The facade of this process, on the test's database."""
    assert database_url
    return shared_facade


@pytest.fixture(scope="session")
def shared_locked(facades: Serve) -> Locked:
    """One more facade of this process, with four keys."""
    made = {name: new_key(name, scope) for name, scope in SCOPES.items()}
    lines = tuple(ApiKey.model_validate(line) for _, line in made.values())
    return Locked(facades(api_keys=lines), {name: key for name, (key, _) in made.items()})


@pytest.fixture
def locked(shared_locked: Locked, database_url: str) -> Locked:
    """The facade with keys, on the test's database."""
    assert database_url
    return shared_locked


@pytest.fixture(scope="session")
def strict(system: System) -> Iterator[str]:
    """The address of one more copy of the facade: small uploads, previews that nobody waits for."""
    limits = {"CMDB_MAX_UPLOAD_MB": "1", "CMDB_PREVIEW_SECONDS": "0"}
    with facade(system, **limits) as address:
        yield address
