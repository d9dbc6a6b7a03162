"""One trial: a whole system, clients, faults from one seed, and the violations that were found."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy.exc import DBAPIError

from tasks.store.connection.embedded import server
from tests.api.system import System, running
from tests.chaos.clients import Client
from tests.chaos.faults import Injector
from tests.chaos.history import Step, Stored, violations
from tests.conftest import QUICK, temporary_home, unfinished
from tests.support import execute, staging_tables
from tests.waiting import wait_until

CLIENTS = 3
RECORDS = 200

_PREFECT = {"COMPLETED": "completed", "FAILED": "failed", "CRASHED": "failed", "CANCELLED": "cancelled"}


@dataclass(frozen=True)
class Trial:
    """What happened with one seed."""

    seed: int
    faults: Counter[str]
    runs: int
    exports: int
    violations: list[str]


def trial(seed: int, faults: int) -> Trial:
    """Run clients and so many faults, wait until everything has ended, and check the history."""
    with (
        temporary_home() as postgres,
        temporary_home() as home,
        server(postgres) as url,
        running(url, home, **QUICK | {"CMDB_START_GRACE_SECONDS": "20"}) as system,
    ):
        files = home / "files"
        files.mkdir()
        clients = [Client(number, system, files, seed, RECORDS) for number in range(CLIENTS)]
        injector, stopped = Injector(system, seed, faults), threading.Event()
        with ThreadPoolExecutor(CLIENTS) as pool:
            working = [pool.submit(client.run, stopped) for client in clients]
            injector.run(stopped)
            stopped.set()
            for each in working:
                each.result()
        history = [step for client in clients for step in client.history]
        exports = [export for client in clients for export in client.exports]
        wait_until(lambda: _is_quiet(system))
        found = [*violations(history, _stored(system, history), RECORDS), *_torn(exports), *_left(system)]
        return Trial(seed, injector.caused, len(history), len(exports), found)


def _is_quiet(system: System) -> bool:
    """Whether every part answers and no run is due or under way."""
    try:
        system.wait_ready()
        return not unfinished(system) and not execute(system.url, _ACTIVE)
    except (httpx.HTTPError, DBAPIError):
        return False


_ACTIVE = "select run_id from import_run where status not in ('completed', 'failed', 'cancelled')"


def _stored(system: System, history: list[Step]) -> Stored:
    """Read what the ledger, Prefect, the API and the tables have."""
    ledger = {str(run): status for run, status in execute(system.url, "select run_id, status from import_run")}
    prefect, api = {}, {}
    with system.client() as client:
        for step in history:
            flow_run = system.ask_prefect("GET", f"/flow_runs/{step.run}")
            prefect[step.run] = _PREFECT.get(flow_run["state_type"], flow_run["state_type"])
            api[step.run] = client.get(f"/api/import/progress/{step.run}").json().get("status", "unknown")
    found: dict[int, dict[str, int]] = {}
    for name, count in execute(system.url, "select name, count(*) from vpc group by name"):
        client_number, _, revision = name.partition("/")
        found.setdefault(int(client_number), {})[revision] = count
    return Stored(ledger, prefect, api, found)


def _torn(exports: list[dict[int, Counter[str]]]) -> Iterator[str]:
    """Yield each export that is no snapshot: all records of a client have one revision at every moment."""
    for export in exports:
        for client, counts in export.items():
            if len(counts) != 1 or counts.total() != RECORDS:
                yield f"an export has records of client {client} from several moments: {dict(counts)}"


def _left(system: System) -> Iterator[str]:
    """Yield what runs have left behind."""
    with suppress(AssertionError):
        wait_until(lambda: not staging_tables(system.url), 60)
    if tables := staging_tables(system.url):
        yield f"staging tables are left: {tables}"
    files = [str(path) for path in _files(system.home / "tmp")]
    if files:
        yield f"temporary files are left: {files}"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
