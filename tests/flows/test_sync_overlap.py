"""Two runs of one sync: the second is refused or waits, and says which run is under way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from flows.pipelines import sync_source
from schemas.job_options.choices import Overlap
from schemas.jobs import SyncJob
from schemas.reports import Report, Status
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tests.slow import Slow, slow_source
from tests.support import execute, with_settings
from tests.waiting import wait_until


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Serve a slow source."""
    with slow_source() as source:
        yield source


@dataclass
class Syncs:
    """Runs of the sync `slow`, each in a thread of its own, as each would be in a process of its own."""

    url: str
    source: Slow
    pool: ThreadPoolExecutor

    def begin(self, overlap: Overlap, phases: list[str] | None = None, **options: Any) -> Future[Report]:
        """Begin a run; `phases` gets those that it tells of."""

        def progress(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001
            if phases is not None:
                phases.append(phase)

        job = SyncJob(url=self.source.address, name=options.pop("name", "slow"), overlap=overlap, **options)
        used = with_settings(source_private=True)
        return self.pool.submit(sync_source, job, self.url, used, progress=progress)


@pytest.fixture
def syncs(database_url: str, slow: Slow) -> Iterator[Syncs]:
    """Begin runs of a slow sync; they have ended when the test has."""
    with ThreadPoolExecutor() as pool:
        yield Syncs(database_url, slow, pool)
        slow.let_go.set()


def test_the_second_run_is_refused(syncs: Syncs) -> None:
    """It is cancelled, not failed; says which run is under way; and does not ask the source."""
    first = syncs.begin(Overlap.REFUSE)
    assert syncs.source.asked.wait(30)
    refused = syncs.begin(Overlap.REFUSE).result(30)
    [(running,)] = execute(syncs.url, "select run_id from import_run where status = 'running'")
    assert refused.status is Status.CANCELLED
    assert refused.message
    assert refused.message.startswith(f"Skipped: run {running} of this sync, since ")
    syncs.source.let_go.set()
    assert first.result(30).status is Status.COMPLETED
    assert syncs.source.requests == 1
    assert syncs.begin(Overlap.REFUSE).result(30).status is Status.COMPLETED


def test_a_skipped_run_is_not_the_last_one(syncs: Syncs) -> None:
    """How a sync stands is told by the run that was in the way, unless there is none but skipped ones."""
    first = syncs.begin(Overlap.REFUSE)
    assert syncs.source.asked.wait(30)
    skipped = syncs.begin(Overlap.REFUSE).result(30)
    assert _last(syncs) == (Status.RUNNING, None)
    syncs.source.let_go.set()
    done = first.result(30)
    assert _last(syncs) == (Status.COMPLETED, done.run_id)
    execute(syncs.url, "delete from import_run where run_id = :id", id=done.run_id)
    assert _last(syncs) == (Status.CANCELLED, skipped.run_id)


def _last(syncs: Syncs) -> tuple[Status, str | None]:
    """The state of the sync's last run, and which that was if it has ended."""
    with engine(syncs.url).connect() as connection:
        [state] = ledger.list_syncs(connection)
    return state.last.status, None if state.last.status is Status.RUNNING else state.last.run_id


def test_a_dry_run_and_another_sync_are_not_in_the_way(syncs: Syncs) -> None:
    """Only runs that may write, of one name, exclude each other."""
    first = syncs.begin(Overlap.REFUSE)
    assert syncs.source.asked.wait(30)
    others = [syncs.begin(Overlap.REFUSE, dry_run=True), syncs.begin(Overlap.REFUSE, name="other", dry_run=False)]
    syncs.source.let_go.set()
    assert {each.result(30).status for each in (first, *others)} == {Status.COMPLETED}


def test_a_run_may_wait_for_its_turn_and_a_third_is_refused(syncs: Syncs) -> None:
    """It says that it waits, reads the source only afterwards."""
    phases: list[str] = []
    first = syncs.begin(Overlap.QUEUE)
    assert syncs.source.asked.wait(30)
    second = syncs.begin(Overlap.QUEUE, phases)
    wait_until(lambda: "waiting" in phases or second.done())
    assert not second.done()
    third = syncs.begin(Overlap.QUEUE).result(30)
    assert third.status is Status.CANCELLED
    assert third.message
    assert third.message.count("of this sync") == 2
    assert syncs.source.requests == 1
    syncs.source.let_go.set()
    assert first.result(30).counts.create == 2
    assert (second.result(30).status, syncs.source.requests) == (Status.COMPLETED, 2)
    assert phases.index("waiting") < phases.index("fetch")


def test_nothing_is_left_of_a_turn(syncs: Syncs) -> None:
    """No lock of a sync outlives its run, however that ends."""
    syncs.source.let_go.set()
    assert syncs.begin(Overlap.QUEUE).result(30).status is Status.COMPLETED
    with pytest.raises(ValueError, match="was hit"):
        _hit(syncs)
    assert execute(syncs.url, _LOCKS) == [(0,)]
    assert syncs.begin(Overlap.REFUSE).result(30).status is Status.COMPLETED


_LOCKS = (
    "select count(*) from pg_locks where locktype = 'advisory' and "
    "database = (select oid from pg_database where datname = current_database())"
)


def _hit(syncs: Syncs) -> None:
    def progress(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001
        if phase == "fetch":
            raise ValueError("was hit")

    job = SyncJob(url=syncs.source.address, name="slow")
    sync_source(job, syncs.url, with_settings(source_private=True), progress=progress)
