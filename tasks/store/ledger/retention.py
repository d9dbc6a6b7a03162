"""Retention: runs that ended long ago are deleted, with their issues, rejected rows and before-images."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql

from schemas.errors import UsageError
from schemas.language.remedies import Action, action
from schemas.model.tables import (
    BEFORE,
    CHANGE,
    CHANGED_BY,
    GONE,
    GONE_BY,
    IMPORT_ISSUE,
    IMPORT_RUN,
    REJECTED_ROW,
    RUN_RETENTION,
    WRITTEN_FIELDS,
)
from schemas.reports import Status
from tasks.store.connection.session import Session

BATCH = 100_000
"""The most records that the runs of one transaction may have read; a larger run has a transaction of its own."""


def delete_old_runs(session: Session, days: int) -> int:
    """Delete the runs that ended more than so many days ago; returns how many. 0 days keep all.

    Kept are runs that have not ended, plans that can still be applied, the last runs of each sync, which its next run
    compares the source with, and runs that a kept run undoes or applies.
    """
    if not days:
        return 0
    oldest = datetime.now(UTC) - timedelta(days=days)
    deleted = 0
    while batch := _delete_batch(session, oldest):
        deleted += batch
    return deleted


def deleted_until(connection: Connection) -> datetime | None:
    """Return until when runs were deleted, by when they ended; None if none was."""
    return connection.scalar(select(RUN_RETENTION.c.deleted_until))


def no_such_run(connection: Connection, problem: str) -> UsageError:
    """Return the error for a run that is not in the ledger; it says so if runs were deleted."""
    until = deleted_until(connection)
    deleted = f" Runs that ended before {until:%Y-%m-%d %H:%M %Z} were deleted (CMDB_KEEP_RUNS_DAYS)." if until else ""
    return UsageError(f"{problem}: {action(Action.LIST_RUNS)} lists them.{deleted}")


def hold_run(connection: Connection, run_id: UUID) -> None:
    """Keep a run from being deleted until the transaction ends; raises UsageError where it was deleted."""
    found = select(IMPORT_RUN.c.run_id).where(IMPORT_RUN.c.run_id == run_id).with_for_update(read=True)
    if connection.scalar(found) is None:
        raise no_such_run(connection, f"Unknown run {run_id}")


def _delete_batch(session: Session, oldest: datetime) -> int:
    with session.transaction() as connection:
        runs = _next_runs(connection, oldest)
        if not runs:
            return 0
        run = IMPORT_RUN.c
        ended = select(func.max(func.coalesce(run.finished_at, run.started_at))).where(_among(runs))
        _raise_horizon(connection, connection.execute(ended).scalar_one())
        for table, column in _TABLES_OF_RUNS:
            connection.execute(delete(table).where(table.c[column].in_(runs)))
        connection.execute(update(IMPORT_RUN).where(run.repeats.in_(runs)).values(repeats=None))
        connection.execute(delete(IMPORT_RUN).where(_among(runs)))
    return len(runs)


_TABLES_OF_RUNS: tuple[tuple[Table, str], ...] = (
    (IMPORT_ISSUE, "run_id"),
    (REJECTED_ROW, "run_id"),
    (CHANGE, "run_id"),
    (WRITTEN_FIELDS, "run_id"),
    *((table, CHANGED_BY) for table in BEFORE.values()),
    *((table, GONE_BY) for table in GONE.values()),
)


def _among(runs: list[UUID]) -> ColumnElement[bool]:
    return IMPORT_RUN.c.run_id.in_(runs)


def _next_runs(connection: Connection, oldest: datetime) -> list[UUID]:
    """Return the next runs to delete, the oldest first, and lock their rows: an undo of one of them waits."""
    run = IMPORT_RUN.c
    ended = func.coalesce(run.finished_at, run.started_at)
    may_go = and_(ended < oldest, run.status != Status.RUNNING, ~_is_kept_plan(), ~_is_last_of_sync(), ~_is_named())
    query = select(run.run_id, run.records_read).where(may_go, ~_is_needed_undo()).order_by(ended).limit(100)
    runs: list[UUID] = []
    total = 0
    for each in connection.execute(query.with_for_update(skip_locked=True)):
        total += each.records_read
        if runs and total > BATCH:
            break
        runs.append(each.run_id)
    return runs


def _is_kept_plan() -> ColumnElement[bool]:
    return func.coalesce(IMPORT_RUN.c.plan_until > func.now(), False)


def _is_last_of_sync() -> ColumnElement[bool]:
    """Return whether a run is the last one of its sync, or the last completed one."""
    run = IMPORT_RUN.c
    runs = select(run.run_id).where(run.sync.is_not(None), ~run.dry_run).order_by(run.sync, run.started_at.desc())
    newest, completed = runs.distinct(run.sync), runs.where(run.status == Status.COMPLETED).distinct(run.sync)
    return or_(run.run_id.in_(newest.subquery().select()), run.run_id.in_(completed.subquery().select()))


def _is_named() -> ColumnElement[bool]:
    """Return whether another run undoes this one, or applies its plan."""
    other = IMPORT_RUN.alias("other").c
    return exists().where(or_(other.undoes == IMPORT_RUN.c.run_id, other.applies == IMPORT_RUN.c.run_id))


def _is_needed_undo() -> ColumnElement[bool]:
    """Return whether a run undid one of a sync that has not completed since: its next run must read the source."""
    run, undone, later = IMPORT_RUN.c, IMPORT_RUN.alias("undone").c, IMPORT_RUN.alias("later").c
    since = and_(later.sync == undone.sync, later.status == Status.COMPLETED, ~later.dry_run)
    completed_since = exists().where(since, later.started_at > run.started_at)
    return exists().where(undone.run_id == run.undoes, undone.sync.is_not(None), ~completed_since)


def _raise_horizon(connection: Connection, ended: datetime) -> None:
    row = postgresql.insert(RUN_RETENTION).values(deleted_until=ended)
    latest = func.greatest(RUN_RETENTION.c.deleted_until, row.excluded.deleted_until)
    connection.execute(row.on_conflict_do_update(index_elements=["one"], set_={"deleted_until": latest}))
