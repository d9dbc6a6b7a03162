"""A database filled by the version before is migrated: no row is lost, and each run says the same."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text

from flows.pipelines import apply_plan
from schemas.job_options.choices import Drift
from schemas.jobs import ApplyJob, UndoJob
from schemas.language.outcome_messages import sentence
from schemas.model.tables import METADATA
from schemas.reports import Outcome, Report, Status
from schemas.settings import settings
from tasks.steps.undo import undo
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import SCRIPTS, upgrade
from tests.support import execute, stored

DUMP = Path("tests/data/databases/0007.sql.gz")

Messages = dict[UUID, tuple[str, str | None]]

ENDED = {
    Outcome.APPLIED: 70,
    Outcome.PREVIEWED: 4,
    Outcome.UNCHANGED: 1,
    Outcome.HELD: 1,
    Outcome.REJECTED: 1,
    Outcome.DRIFTED: 1,
    Outcome.FAILED: 1,
    Outcome.LIMITED: 1,
    Outcome.CRASHED: 1,
    Outcome.CANCELLED: 1,
    Outcome.SKIPPED: 1,
    None: 1,
}
"""How many runs of the dump ended in each way; the one without an outcome is entered as running."""


def row_counts(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    tables = execute(url, "select tablename from pg_tables where schemaname = 'public' order by 1")
    return {name: execute(url, f'select count(*) from "{name}"')[0][0] for (name,) in tables}  # noqa: S608  # of the catalogue


def messages(url: str) -> Messages:
    """Return the status and the message of each run as they are stored."""
    return {run: (status, said) for run, status, said in execute(url, "select run_id, status, message from import_run")}


@pytest.fixture
def filled(empty_database: str) -> str:
    """The address of a database at migration 0007 with rows in every table."""
    with engine(empty_database).begin() as connection:
        connection.exec_driver_sql(gzip.decompress(DUMP.read_bytes()).decode().replace("%", "%%"))
    assert [name for name, rows in row_counts(empty_database).items() if not rows] == []
    return empty_database


def reports(url: str) -> dict[UUID, Report]:
    """Return the report of each run."""
    with engine(url).begin() as connection:
        return {UUID(each.run_id): each for each in ledger.list_runs(connection, limit=1000)}


def test_nothing_is_lost(filled: str) -> None:
    """Each table has the rows that it had, and the tables are those of the declarations."""
    before = row_counts(filled)
    assert upgrade(engine(filled)) is True
    assert {name: rows for name, rows in row_counts(filled).items() if name in before} == before
    with engine(filled).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_runs_have_the_outcome_of_their_sentence(filled: str) -> None:
    """Status and message of each run are what they were; the one that never ended has crashed."""
    before = messages(filled)
    upgrade(engine(filled))
    after = reports(filled)
    assert Counter(outcome for (outcome,) in execute(filled, "select outcome from import_run")) == ENDED
    [open_run] = [run for run, (status, _) in before.items() if status == "running"]
    assert (after[open_run].status, after[open_run].outcome) == (Status.FAILED, Outcome.CRASHED)
    before[open_run] = (Status.FAILED, sentence(Outcome.CRASHED))
    assert {run: (report.status, report.message) for run, report in after.items()} == before


def test_the_sentences_come_back(filled: str) -> None:
    """Taken back, the migration leaves the messages that the version before reads."""
    before = messages(filled)
    upgrade(engine(filled))
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with engine(filled).begin() as connection:
        config.attributes["connection"] = connection
        connection.execute(text("drop view all_changes"))
        command.downgrade(config, "0007")
    assert messages(filled) == before


def test_updates_of_before_are_undone(filled: str) -> None:
    """Their images stay JSON: an undo gives a record back what it had, and another takes that undo back."""
    upgrade(engine(filled))
    [(run, key)] = execute(filled, "select run_id, key from change where after ->> 'name' = 'renamed'")
    assert execute(filled, "select 1 from vpc_before") == []
    name = "select name from vpc where vpc_id = :key"
    before = execute(filled, name, key=key)
    report = undo(UndoJob(run=run, force=True), filled, settings())
    assert (report.status, report.counts.rejected) == (Status.COMPLETED, 0)
    assert execute(filled, name, key=key) == [("net-0",)] != before
    undo(UndoJob(run=UUID(report.run_id)), filled, settings())
    assert execute(filled, name, key=key) == before


def test_plans_and_undo_go_on(filled: str) -> None:
    """A run of before is undone after, and a plan that was kept is applied to what that brought back."""
    upgrade(engine(filled))
    # The first run removes what plans that have expired have staged.
    execute(filled, "update import_run set plan_until = now() + interval '1 hour' where plan_until is not null")
    query = "select run_id from import_run where outcome = 'applied' and sync = 'nightly' and records_deleted > 0"
    [(deleted,)] = execute(filled, query)
    assert undo(UndoJob(run=deleted), filled, settings()).counts.create == 3
    query = "select run_id from import_run where plan_until is not null and dry_run order by started_at desc"
    [_, (plan,)] = execute(filled, query)
    applied = apply_plan(ApplyJob(plan=plan, moved=Drift.REBASE), filled, settings())
    assert (applied.outcome, applied.counts.update) == (Outcome.APPLIED, 1)
    assert "planned" in {record["name"] for record in stored(filled, "vpc")}
