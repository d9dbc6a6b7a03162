"""A killed process, a cut connection, two runs at once: nothing half-done, and the next run cleans up."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from schemas.errors import Transient
from schemas.reports import Report
from tasks.store.connection.engine import engine
from tests.conftest import OwnProcess
from tests.locks import held
from tests.support import execute, importer, staging_tables, stored, vpc, vpc_id, write_csv
from tests.waiting import PATIENCE, wait_until

ROWS = [vpc(n) for n in range(1, 3001)]

INSERTING = "select 1 from pg_stat_activity where query ilike 'insert into vpc %' and wait_event_type like :waits"
"""A process that inserts VPCs, and what it waits for."""


@pytest.fixture
def start(own_process: OwnProcess) -> Callable[[str, Path, str], subprocess.Popen[str]]:
    """What starts an import in a process of its own, which dies at a phase."""
    return lambda url, path, last: own_process("-m", "tests.flows.run_and_die", url, path, last)


Start = Callable[[str, Path, str], subprocess.Popen[str]]


def records_and_changes(url: str) -> tuple[int, int]:
    """Return how many VPCs and how many before-images there are."""
    return len(stored(url, "vpc")), len(execute(url, "select 1 from all_changes"))


@pytest.fixture
def before(database_url: str, tmp_path: Path) -> tuple[str, Path]:
    """Return a database with one VPC, and a file that changes it and adds 2,999 others."""
    importer(database_url, tmp_path)([vpc(1, name="before")])
    return database_url, write_csv(tmp_path / "many.csv", ROWS)


def check_the_next_run(url: str, path: Path, tmp_path: Path, *, was_applied: bool) -> None:
    """Run again: the dead run is closed, its staging is gone, and the end is the same as without the crash."""
    report = importer(url, tmp_path)(path)
    assert (report.counts.create, report.counts.update) == ((0, 0) if was_applied else (2999, 1))
    assert staging_tables(url) == []
    assert records_and_changes(url) == (3000, 1)
    states = [state for (state,) in execute(url, "select status from import_run order by started_at")]
    assert states == ["completed", "completed" if was_applied else "failed", "completed"]


@pytest.mark.parametrize("phase", ["extract", "validate", "check", "plan"])
def test_killed_before_it_applies(start: Start, before: tuple[str, Path], tmp_path: Path, phase: str) -> None:
    """SIGKILL while reading, staging, checking or planning leaves the records as they were."""
    url, path = before
    assert start(url, path, phase).wait(timeout=60) == -signal.SIGKILL
    assert records_and_changes(url) == (1, 0)
    assert len(staging_tables(url)) == (0 if phase == "extract" else 1)
    check_the_next_run(url, path, tmp_path, was_applied=False)


def test_killed_in_the_middle_of_applying(start: Start, before: tuple[str, Path], tmp_path: Path) -> None:
    """SIGKILL with the updates made and the inserts waiting for a lock leaves the records as they were."""
    url, path = before
    row = {"id": vpc_id(3000), "run": uuid4()}
    with engine(url).connect() as blocker:
        # A record of the same key that is not committed: the insert of the last row waits for what becomes of it.
        blocker.execute(
            text("insert into vpc (vpc_id, cidr_block, created_by_run) values (:id, '10.0.0.0/24', :run)"), row
        )
        process = start(url, path, "never")
        wait_until(lambda: execute(url, INSERTING, waits="Lock"))
        assert process.poll() is None
        process.kill()
        process.wait(timeout=10)
    wait_until(lambda: not execute(url, INSERTING, waits="%"))
    assert records_and_changes(url) == (1, 0)
    check_the_next_run(url, path, tmp_path, was_applied=False)


def test_killed_after_the_commit(start: Start, before: tuple[str, Path], tmp_path: Path) -> None:
    """SIGKILL right after the commit: everything is there, the ledger says so, and running again changes nothing."""
    url, path = before
    assert start(url, path, "done").wait(timeout=60) == -signal.SIGKILL
    assert records_and_changes(url) == (3000, 1)
    assert len(staging_tables(url)) == 1
    check_the_next_run(url, path, tmp_path, was_applied=True)


def test_interrupted(start: Start, before: tuple[str, Path], tmp_path: Path) -> None:
    """Ctrl-C while the run waits rolls back, drops the staging table and enters the run as cancelled."""
    url, path = before
    with held(url, "vpc_before") as lock:
        process = start(url, path, "never")
        lock.wait_for_writer()
        # The signal is pending once it is sent, and Python heeds it as soon as the statement that waits has ended: long
        # before the commit, however quickly the lock is given up.
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == -signal.SIGINT
    assert records_and_changes(url) == (1, 0)
    assert staging_tables(url) == []
    [_, stopped] = execute(url, "select status, outcome, message from import_run order by started_at")
    assert stopped == ("cancelled", "cancelled", None)
    report = importer(url, tmp_path)(path)
    assert (report.counts.create, report.counts.update) == (2999, 1)


def test_a_cut_connection_is_a_passing_fault(before: tuple[str, Path], tmp_path: Path) -> None:
    """A connection that the server cuts in mid-run changes nothing, and is told as something to try again."""
    url, path = before

    def cut(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        if phase == "plan":
            execute(
                url,
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cmdb' "
                "and pid <> pg_backend_pid()",
            )

    with pytest.raises(Transient, match="connection to the database was lost"):
        importer(url, tmp_path)(path, progress=cut)
    assert records_and_changes(url) == (1, 0)
    check_the_next_run(url, path, tmp_path, was_applied=False)


def test_two_imports_of_one_type_do_not_overlap(database_url: str, tmp_path: Path) -> None:
    """Two runs of one type at once: one waits for the other, then finds nothing to change."""
    path = write_csv(tmp_path / "many.csv", ROWS)
    waited = threading.Event()

    def watch(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        if phase == "waiting":
            waited.set()
        elif phase == "plan":
            waited.wait(timeout=PATIENCE)

    def run(_: int) -> Report:
        return importer(database_url, tmp_path)(path, progress=watch)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, range(2)))
    assert waited.is_set()
    assert sorted((r.counts.create, r.counts.unchanged) for r in reports) == [(0, 3000), (3000, 0)]
    assert len(stored(database_url, "vpc")) == 3000


def test_a_dead_run_holds_nobody_up(start: Start, database_url: str, tmp_path: Path) -> None:
    """The lock of a killed run is free at once."""
    path = write_csv(tmp_path / "many.csv", ROWS)
    start(database_url, path, "validate").wait(timeout=60)
    began = time.monotonic()
    assert importer(database_url, tmp_path)(path).counts.create == 3000
    assert time.monotonic() - began < 20
