"""Dead runs: those that the ledger has as running although their process no longer holds their lock."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, case, literal, select, text

from schemas.model.tables import IMPORT_RUN
from schemas.reports import Outcome, Status
from tasks.store.connection.session import run_lock

_HELD_LOCKS = text("""
select (classid::bigint << 32) | objid::bigint from pg_locks
 where locktype = 'advisory' and objsubid = 1 and granted
   and database = (select oid from pg_database where datname = current_database())
""")


def dead_runs(connection: Connection) -> set[UUID]:
    """Return the runs that are entered as running and whose process died. Nothing of them was applied.

    Locks are only read, never taken. A run holds its lock from before it is entered until after its end is entered,
    so one whose lock is free is dead if it is still entered as running afterwards.
    """
    run = IMPORT_RUN.c
    running = select(run.run_id).where(run.status == Status.RUNNING)
    entered = list(connection.scalars(running))
    if not entered:
        return set()
    held = set(connection.scalars(_HELD_LOCKS))
    free = [run_id for run_id in entered if run_lock(run_id) not in held]
    return set(connection.scalars(running.where(run.run_id.in_(free)))) if free else set()


def is_dead(connection: Connection, run_id: UUID) -> bool:
    """Return whether a run is entered as running and its process died."""
    return run_id in dead_runs(connection)


def current_status(dead: set[UUID]) -> ColumnElement[str]:
    """Return the status of runs as a column in which dead runs have failed."""
    run = IMPORT_RUN.c
    return case((run.run_id.in_(dead), literal(Outcome.CRASHED.status)), else_=run.status) if dead else run.status
