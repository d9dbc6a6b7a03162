"""What every test may use: a database of its own, a home of its own, and nothing of the developer's settings."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from flows.server.sign_in import CLIENT, SERVER
from schemas.settings import OUTER_UMASK, settings
from tasks.store.connection import roles
from tasks.store.connection.embedded import server
from tasks.store.connection.roles import ACCESS, SUPERUSER
from tests.api.system import CMDB, Start, System, running
from tests.databases import EmptiedDatabase, database, template_ready
from tests.laws import PROFILE
from tests.postgres import PROGRAMS
from tests.waiting import wait_until
from tests.webhook import webhook

ROOT = Path(__file__).parents[1]

SECRETS = (SERVER, CLIENT)

OwnProcess = Callable[..., subprocess.Popen[str]]


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
    for name in [name for name in os.environ if name.startswith("CMDB_") or name in (*SECRETS, "PREFECT_API_URL")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CMDB_HOME", str(home))
    monkeypatch.setenv("CMDB_WEBHOOK_RETRY_SECONDS", "0.01")
    settings.cache_clear()
    umask = os.umask(0o022)
    yield
    os.umask(umask)
    os.environ.pop(OUTER_UMASK, None)
    settings.cache_clear()


def keep_server() -> None:
    """Run a server until stdin ends, as it does however pytest ends: the program of `postgres_url`'s process."""
    # For what takes a superuser, such as making another role.
    roles.ACCESS = f"{ACCESS}local all {SUPERUSER} trust\n"
    memory = Path("/dev/shm")  # noqa: S108 - a database is created there in 0.03 s, on a disk in 0.25 s
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    with temporary_home(memory if roomy else None) as folder, server(folder, PROGRAMS, durable=False) as url:
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


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """The name of the database that each test's is copied from."""
    with database(postgres_url) as url:
        template_ready(url)
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def emptied_database(postgres_url: str, template_database: str) -> Iterator[EmptiedDatabase]:
    """The database that the tests of this process have one after the other."""
    with EmptiedDatabase(postgres_url, template_database) as emptied:
        yield emptied


@pytest.fixture
def database_url(emptied_database: EmptiedDatabase) -> Iterator[str]:
    """The address of a database that is as if it were new, for one test."""
    yield emptied_database.url
    emptied_database.renew()


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """The address of a database without tables, for one test."""
    with database(postgres_url) as url:
        yield url


@pytest.fixture
def prefect_api(system: System, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the API of the system's Prefect server, for tests of runs in a process of their own.

    The environment has its secret.
    """
    monkeypatch.setenv(CLIENT, system.secret)
    return f"{system.prefect}/api"


@pytest.fixture(scope="session")
def command() -> str:
    """The installed command `cmdb`, for tests that run it in a process of its own."""
    return str(CMDB)


@pytest.fixture(scope="session")
def own_process() -> OwnProcess:
    """What starts a Python program in a process of its own, with this process's environment."""

    def start(*arguments: str | Path, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        command = [sys.executable, *arguments]
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=stdout, text=True)

    return start


@pytest.fixture(scope="session")
def start_system() -> Start:
    """A function that starts a whole system, for tests that need one of their own."""
    return running


@contextmanager
def whole_system(start: Start, postgres_url: str, template: str) -> Iterator[System]:
    """The whole system, as `cmdb up` starts it, without keys; it may read sources of this machine."""
    with (
        webhook() as hook,
        temporary_home() as folder,
        database(postgres_url, template) as url,
        start(url, folder, CMDB_SECRET_CHAT=hook.address, **QUICK) as started,
    ):
        started.hook = hook
        yield started


@pytest.fixture(scope="session")
def system(start_system: Start, postgres_url: str, template_database: str) -> Iterator[System]:
    """The whole system of this session."""
    with whole_system(start_system, postgres_url, template_database) as started:
        yield started


@pytest.fixture(autouse=True)
def no_run_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Wait until the runs that a test started have ended: the next test has the same tables."""
    used = request.getfixturevalue("system") if "system" in request.fixturenames else None
    yield
    if used:
        wait_until(lambda: not unfinished(used))


def unfinished(system: System) -> list[str]:
    """Return the names of the flow runs that are due and have not ended."""
    due = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
    }
    started = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
    found = [system.ask_prefect("POST", "/flow_runs/filter", flow_runs=which) for which in (due, started)]
    return [f"{run['name']} ({run['state_name']})" for runs in found for run in runs]


QUICK = {
    "CMDB_RATE_LIMIT": "100000/minute",
    "CMDB_KEY_EXPORTS_PER_HOUR": "100000",
    "CMDB_KEY_RUNS": "10000",
    "CMDB_SOURCE_PRIVATE": "true",
    "CMDB_WEBHOOK_RETRY_SECONDS": "0.01",
    "CMDB_REAP_SECONDS": "1",
    "CMDB_GRACE_SECONDS": "3",
    "CMDB_START_GRACE_SECONDS": "10",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "2",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
}
"""Settings with which nobody waits long for what happens after a time."""


# Lanes ---------------------------------------------------------------------------------------------------------------

LANES = {
    "start_system": "system",
    "browser": "browser",
    # Moto, NetBox, object stores and web servers, LibreOffice, and PostgreSQL servers of a test's own.
    "rig": "outside",
    "rigs": "outside",
    "front": "outside",
    "aws_documents": "outside",
    "account": "outside",
    "office": "outside",
    "own_postgres": "outside",
    # Commands and runs in processes of their own, many of which are killed.
    "own_process": "outside",
    "command": "outside",
    # Everything that is there, of every type, often in every format.
    "two_of_each_type": "every_type",
    "each_type_stored": "every_type",
}
"""The marker of a test by the fixture that it uses, directly or through others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the markers of what it uses; the walk, the longest test of its lane, goes first."""
    for item in items:
        for fixture in LANES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(LANES[fixture])
    items.sort(key=lambda item: item.get_closest_marker("walk") is None)


# What is not here -----------------------------------------------------------------------------------------------------

INSTALLED_BY = {
    "chromium": "chromium",
    "soffice": "libreoffice-calc",
    "pgbouncer": "pgbouncer",
    "nginx": "nginx",
    "node": "nodejs",
    "npm": "npm",
}
"""Programs that some tests need, and the package of Debian that has each."""


def needs(program: str) -> str:
    """Return the path of a program; skips the test where it is not installed."""
    # Servers are where the path of an ordinary user does not lead.
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--pictures`."""
    parser.addoption("--pictures", action="store_true", help="keep each step of the page in tests/pictures")


def pytest_report_header() -> str:
    """Say how many examples laws are tried with."""
    return f"laws: profile {PROFILE} of dev, ci, nightly (HYPOTHESIS_PROFILE)"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the tests skipped because a program is missing, and the one command that installs it."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    missing = {
        package: sum(f"{program} is not installed" in reason for reason in reasons)
        for program, package in INSTALLED_BY.items()
    }
    lacking = {package: count for package, count in missing.items() if count}
    if lacking:
        tests = ", ".join(f"{count} that use {package}" for package, count in lacking.items())
        terminalreporter.write_sep("=", "not tested here")
        terminalreporter.write_line(f"Skipped: {tests}. To run them on Debian or Ubuntu:")
        terminalreporter.write_line(f"    sudo apt-get install --no-install-recommends {' '.join(lacking)}")


# Speed ----------------------------------------------------------------------------------------------------------------


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what has been imported and collected: it is there until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
