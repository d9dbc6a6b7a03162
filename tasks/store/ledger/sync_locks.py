"""The runs of a sync in the ledger: which one holds its name, and how the ones before ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, exists, func, literal, select, text

from schemas.model.tables import IMPORT_RUN
from schemas.reports import Report, Status
from tasks.store import ledger
from tasks.store.connection.session import run_lock

# What else the session holds that holds a lock: its run's own lock is among it.
_BESIDE = text("""
select (beside.classid::bigint << 32) | beside.objid::bigint
  from pg_locks held
  join pg_locks beside on beside.pid = held.pid and beside.locktype = 'advisory' and beside.objsubid = 1
 where held.locktype = 'advisory' and held.objsubid = 1 and held.granted
   and ((held.classid::bigint << 32) | held.objid::bigint) = :key
   and held.database = (select oid from pg_database where datname = current_database())
""")


@dataclass(frozen=True)
class Holder:
    """The run that holds a lock of a sync, and since when it is under way."""

    run_id: UUID
    started: datetime


def holder(connection: Connection, sync: str, key: int) -> Holder | None:
    """Return the run of a sync that holds a lock; None where it has let go of it."""
    held = set(connection.scalars(_BESIDE, {"key": key}))
    run = IMPORT_RUN.c
    running = select(run.run_id, run.started_at).where(run.sync == sync, run.status == Status.RUNNING)
    found = (Holder(each.run_id, each.started_at) for each in connection.execute(running))
    return next((each for each in found if run_lock(each.run_id) in held), None)


@dataclass(frozen=True)
class Before:
    """How the run before ended that had something to read; and whether later ones found the source as it was then."""

    report: Report
    unchanged_since: bool


def before(connection: Connection, sync: str, run_id: UUID, unchanged: str) -> Before | None:
    """Return how things stood with a sync before a run; None for its first run.

    `unchanged` is the message of a run that found the source as it was. Runs that were cancelled tell nothing.
    """
    run = IMPORT_RUN.c
    began = select(run.started_at).where(run.run_id == run_id).scalar_subquery()
    told = (run.sync == sync, ~run.dry_run, run.applies.is_(None), run.started_at < func.coalesce(began, func.now()))
    ended = run.status.in_([Status.COMPLETED, Status.FAILED])
    last = (
        select(run.run_id, run.started_at)
        .where(*told, ended, run.message.is_distinct_from(unchanged))
        .order_by(run.started_at.desc())
        .limit(1)
    )
    found = connection.execute(last).one_or_none()
    if found is None:
        return None
    since = exists().where(*told, run.message == unchanged, run.started_at > found.started_at)
    report = ledger.read_report(connection, found.run_id, samples=0)
    return Before(report, bool(connection.scalar(select(literal(1)).where(since))))
