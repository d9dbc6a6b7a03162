"""The runs of a sync in the ledger: which one holds its lock, and how the earlier ones ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, exists, func, literal, select, text

from schemas.model.tables import IMPORT_RUN
from schemas.reports import Outcome, Report, Status
from tasks.store.connection.session import run_lock
from tasks.store.ledger.runs import read_report

# All advisory locks of the session that holds one of them; the lock of its run is among them.
_LOCKS_OF_HOLDER = text("""
select (other.classid::bigint << 32) | other.objid::bigint
  from pg_locks held
  join pg_locks other on other.pid = held.pid and other.locktype = 'advisory' and other.objsubid = 1
 where held.locktype = 'advisory' and held.objsubid = 1 and held.granted
   and ((held.classid::bigint << 32) | held.objid::bigint) = :key
   and held.database = (select oid from pg_database where datname = current_database())
""")


@dataclass(frozen=True)
class Holder:
    """The run that holds a lock of a sync, and when it started."""

    run_id: UUID
    started: datetime


def holder(connection: Connection, sync: str, key: int) -> Holder | None:
    """Return the run of a sync that holds a lock; None if it has released it."""
    held = set(connection.scalars(_LOCKS_OF_HOLDER, {"key": key}))
    run = IMPORT_RUN.c
    running = select(run.run_id, run.started_at).where(run.sync == sync, run.status == Status.RUNNING)
    candidates = (Holder(each.run_id, each.started_at) for each in connection.execute(running))
    return next((each for each in candidates if run_lock(each.run_id) in held), None)


@dataclass(frozen=True)
class EarlierRun:
    """How the run before ended that had something to read; and whether later ones found the source as it was then."""

    report: Report
    unchanged_since: bool


def earlier_run(connection: Connection, sync: str, run_id: UUID) -> EarlierRun | None:
    """Return how the earlier runs of a sync ended; None for its first run. Cancelled runs do not count."""
    run = IMPORT_RUN.c
    began = select(run.started_at).where(run.run_id == run_id).scalar_subquery()
    considered = (
        run.sync == sync,
        ~run.dry_run,
        run.applies.is_(None),
        run.started_at < func.coalesce(began, func.now()),
    )
    ended = run.status.in_([Status.COMPLETED, Status.FAILED])
    unchanged = run.outcome == Outcome.UNCHANGED
    last = (
        select(run.run_id, run.started_at)
        .where(*considered, ended, run.outcome.is_distinct_from(Outcome.UNCHANGED))
        .order_by(run.started_at.desc())
        .limit(1)
    )
    found = connection.execute(last).one_or_none()
    if found is None:
        return None
    since = exists().where(*considered, unchanged, run.started_at > found.started_at)
    report = read_report(connection, found.run_id, samples=0)
    return EarlierRun(report, bool(connection.scalar(select(literal(1)).where(since))))
