"""What every test may use: a database of its own, a home of its own, and nothing of the developer's settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has none

from deployments.server import prefect_server
from schemas.settings import Settings, settings
from tasks.store.embedded import server
from tasks.store.engine import engine
from tasks.store.migrate import upgrade
from tests.api.system import System, running

ROOT = Path(__file__).parents[1]


def template_ready(url: str) -> None:
    """Make the tables of the database that every test's database is copied from."""
    upgrade(engine(url))


@contextmanager
def temporary_home(parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder with a short path that PostgreSQL's user may enter, which `tmp_path` is not."""
    folder = Path(tempfile.mkdtemp(prefix="cmdb-", dir=parent)).resolve()
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for one test, short and open enough for an embedded server."""
    with temporary_home() as folder:
        yield folder


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Keep the developer's settings, data and servers out of the test."""
    for name in [name for name in os.environ if name.startswith("CMDB_") or name == "PREFECT_API_URL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CMDB_HOME", str(home))
    settings.cache_clear()
    yield
    settings.cache_clear()


def keep_server() -> None:
    """Run a server until stdin ends, as it does however pytest ends: the program of `postgres_url`'s process."""
    memory = Path("/dev/shm")  # noqa: S108 - a database is created there in 0.03 s, on a disk in 0.25 s
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    with temporary_home(memory if roomy else None) as folder, server(folder, durable=False) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL whose user may create databases: CMDB_TEST_DATABASE_URL, or one for this session."""
    if given := os.environ.get("CMDB_TEST_DATABASE_URL"):
        yield given
        return
    program = [sys.executable, "-c", "from tests.conftest import keep_server; keep_server()"]
    pipe = subprocess.PIPE
    # In a session of its own, so that Ctrl-C leaves the server to the tests that are being ended.
    with subprocess.Popen(program, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as keeper:
        assert keeper.stdout
        url = keeper.stdout.readline().strip()
        assert url, "the tests' PostgreSQL does not start: see stderr, or give one in CMDB_TEST_DATABASE_URL"
        yield url


@contextmanager
def database(postgres_url: str, template: str = "template0") -> Iterator[str]:
    """Give the address of a new database, dropped at the end whoever is connected to it."""
    name = f"cmdb_test_{uuid4().hex[:12]}"
    create = "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'"
    run(postgres_url, create, name, template)
    try:
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    finally:
        run(postgres_url, "DROP DATABASE {} WITH (FORCE)", name)


def run(url: str, statement: str, *names: str) -> None:
    """Run one statement, with names of databases in the places of {}, outside of a transaction."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """The name of the database that each test's is copied from."""
    with database(postgres_url) as url:
        template_ready(url)
        yield str(make_url(url).database)


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """The address of a database for one test."""
    with database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def prefect_api(postgres_url: str) -> Iterator[str]:
    """The address of a Prefect server for this session, with its state in the tests' PostgreSQL."""
    with (
        temporary_home() as folder,
        database(postgres_url) as url,
        prefect_server(
            Settings(home=folder, database_url=SecretStr(url), prefect_database=f"prefect_{uuid4().hex[:8]}")
        ) as api,
    ):
        yield api


@pytest.fixture(scope="session")
def system(postgres_url: str, template_database: str) -> Iterator[System]:
    """The whole system for this session, as `cmdb up` starts it, without keys."""
    with (
        temporary_home() as folder,
        database(postgres_url, template_database) as url,
        running(url, folder, CMDB_RATE_LIMIT="100000/minute") as started,
    ):
        yield started


class Together(LoadScopeScheduling):  # type: ignore[misc]  # see above
    """The tests of running systems, and those of a Prefect server, each in one process: two of them starve each other.

    (`xdist_group` would say so beside the tests; pytest-xdist 3.8 can't tell it to pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith("tests/api/") and path not in _WITHOUT_SYSTEM:
            return "a system"
        return "a Prefect server" if path in _WITH_PREFECT else nodeid


_WITHOUT_SYSTEM = {f"tests/api/test_{name}.py" for name in ("cli", "export", "nasty")}
_WITH_PREFECT = {
    "tests/flows/test_bulk_export.py",
    "tests/flows/test_bulk_import.py",
    "tests/tasks/test_credentials.py",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Spread the tests over processes."""
    return Together(config, log)
