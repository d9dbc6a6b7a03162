"""Runs that ended long ago are deleted with all that belongs to them; what a later run needs is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flows.pipelines import sync_source
from schemas.errors import UsageError
from schemas.jobs import SyncJob, UndoJob
from schemas.reports import Outcome, Report
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.steps.undo import undo
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tasks.store.connection.session import Session
from tasks.store.ledger import retention
from tasks.store.read.as_of import as_of
from tests.support import Import, execute, importer, stored, vpc, write_csv

DAYS = 400

TABLES = {
    "import_run": "run_id",
    "import_issue": "run_id",
    "rejected_row": "run_id",
    "change": "run_id",
    "written_fields": "run_id",
    "vpc_before": "changed_by_run",
    "vpc_gone": "gone_by_run",
}
"""The tables that have rows of a run, records aside, and the column that names it."""


@pytest.fixture
def load(database_url: str, tmp_path: Path) -> Import:
    """What imports rows."""
    return importer(database_url, tmp_path)


def age(url: str, *reports: Report, days: int = DAYS + 1) -> None:
    """Let runs have happened so many days earlier."""
    for report in reports:
        execute(
            url,
            "update import_run set started_at = started_at - make_interval(days => :days), "
            "finished_at = finished_at - make_interval(days => :days) where run_id = :run",
            days=days,
            run=report.run_id,
        )


def delete_old(url: str, days: int = DAYS) -> int:
    """Delete the runs that are older, as `maintenance` does."""
    with Session(url, uuid4()) as session:
        return ledger.delete_old_runs(session, days)


def runs(url: str) -> set[str]:
    """Return the ids of the runs that are there."""
    return {str(run) for (run,) in execute(url, "select run_id from import_run")}


def sync(url: str, source: Path) -> Report:
    """Sync a file, which may retire what it no longer has."""
    return sync_source(SyncJob(url=str(source), resource_type="vpc", name="nightly"), url, settings())


def undo_of(url: str, report: Report) -> Report:
    """Undo a run."""
    return undo(UndoJob(run=UUID(report.run_id)), url, settings())


def test_a_run_goes_with_all_that_belongs_to_it(database_url: str, load: Import) -> None:
    """Issues, rejected rows, before-images and deleted records go; records stay, and so do newer runs."""
    created = load([vpc(1), vpc(2), vpc(3, region="nowhere")])
    changed = load([vpc(1, name="new"), vpc(4)])
    undone = undo_of(database_url, changed)
    done_again = undo_of(database_url, undone)
    newer = load([vpc(5, region="nowhere"), vpc(2, name="newer")])
    age(database_url, created, changed, undone, done_again)
    records = stored(database_url, "vpc")
    assert all(execute(database_url, f"select 1 from {table}") for table in TABLES)  # noqa: S608  # of this test
    assert delete_old(database_url) == 4
    assert runs(database_url) == {newer.run_id}
    for table, column in TABLES.items():
        of = execute(database_url, f"select distinct {column} from {table}")  # noqa: S608  # of this test
        assert {str(run) for (run,) in of} <= {newer.run_id}
    assert stored(database_url, "vpc") == records
    assert delete_old(database_url) == 0


def test_days(database_url: str, load: Import) -> None:
    """A run that is not as old stays; 0 days keep all."""
    old, young = load([vpc(1)]), load([vpc(2)])
    age(database_url, old)
    age(database_url, young, days=DAYS - 1)
    assert delete_old(database_url, 0) == 0
    assert delete_old(database_url) == 1
    assert runs(database_url) == {young.run_id}


def test_batches(database_url: str, load: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that read more than a batch has a transaction of its own, and all old runs go in the end."""
    monkeypatch.setattr(retention, "BATCH", 2)
    reports = [load([vpc(10 * n + each) for each in range(3)]) for n in range(3)]
    age(database_url, *reports)
    assert delete_old(database_url) == 3
    assert runs(database_url) == set()


def test_kept_are_plans_and_runs_that_others_name(database_url: str, load: Import) -> None:
    """A plan that can still be applied, an open run, and a run that was undone lately stay."""
    first = load([vpc(1)])
    changed = load([vpc(1, name="changed")])
    plan = load([vpc(1, name="planned")], dry_run=True, keep_plan=True)
    undone = undo_of(database_url, changed)
    execute(
        database_url,
        "insert into import_run (run_id, source, mode, dry_run, options, status) "
        "values (:run, 'x', 'upsert', false, '{}', 'running')",
        run=uuid4(),
    )
    [(running,)] = execute(database_url, "select run_id from import_run where status = 'running'")
    execute(
        database_url, "update import_run set started_at = started_at - interval '500 days' where run_id = :r", r=running
    )
    age(database_url, first, changed, plan)
    execute(
        database_url, "update import_run set plan_until = now() + interval '1 hour' where run_id = :r", r=plan.run_id
    )
    assert delete_old(database_url) == 1
    assert runs(database_url) == {changed.run_id, plan.run_id, undone.run_id, str(running)}
    execute(
        database_url, "update import_run set plan_until = now() - interval '1 hour' where run_id = :r", r=plan.run_id
    )
    age(database_url, undone)
    # The undo goes first, and then the run that it undid.
    assert delete_old(database_url) == 3


def test_the_next_sync_still_knows_its_source(database_url: str, load: Import, tmp_path: Path) -> None:
    """The last completed run of a sync stays, so that an unchanged source is still known as such."""
    source = write_csv(tmp_path / "source.csv", [vpc(1)])
    first = sync(database_url, source)
    source = write_csv(tmp_path / "source.csv", [vpc(1, name="changed")])
    last = sync(database_url, source)
    other = load([vpc(9)])
    age(database_url, first, last, other)
    assert delete_old(database_url) == 2
    assert runs(database_url) == {last.run_id}
    assert sync(database_url, source).outcome is Outcome.UNCHANGED


def test_a_sync_reads_again_what_was_undone(database_url: str, tmp_path: Path) -> None:
    """An undo that the next run of a sync must know of stays, however old: the source is read again."""
    source = write_csv(tmp_path / "source.csv", [vpc(1)])
    first = sync(database_url, source)
    undone = undo_of(database_url, first)
    age(database_url, first, undone)
    assert delete_old(database_url) == 0
    assert sync(database_url, source).counts.create == 1


def test_undo_and_as_of_say_what_was_deleted(database_url: str, load: Import) -> None:
    """Both name the setting; from the last deleted run on, records as of a moment are as they were."""
    created = load([vpc(1, name="old")])
    changed = load([vpc(1, name="newer")])
    age(database_url, created, days=DAYS + 3)
    age(database_url, changed, days=DAYS + 1)
    load([vpc(1, name="newest")])
    assert delete_old(database_url) == 2
    with pytest.raises(UsageError, match=r"Unknown run .*were deleted \(CMDB_KEEP_RUNS_DAYS\)"):
        undo_of(database_url, changed)
    with engine(database_url).connect() as connection:
        with pytest.raises(UsageError, match=r"matches no run: .*were deleted \(CMDB_KEEP_RUNS_DAYS\)"):
            ledger.find_run(connection, changed.run_id)
        now = datetime.now(UTC)
        with pytest.raises(UsageError, match=r"is not known: it is since .* deleted \(CMDB_KEEP_RUNS_DAYS\)"):
            as_of(connection, RESOURCES["vpc"], now - timedelta(days=DAYS + 2))
        records = as_of(connection, RESOURCES["vpc"], now - timedelta(days=DAYS - 1))
        assert [row.name for row in connection.execute(records.select())] == ["newer"]
