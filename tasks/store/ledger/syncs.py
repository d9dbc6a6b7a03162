"""The syncs in the ledger: the last state of each source, and the last run of each sync."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, case, literal, select, update

from schemas.model.tables import IMPORT_RUN
from schemas.reports import Outcome, Report, Status
from tasks.store.connection.session import Session
from tasks.store.ledger.codec import report_from_row
from tasks.store.ledger.liveness import dead_runs


@dataclass(frozen=True)
class Seen:
    """The state of a source at the last completed run of its sync: its version and the digest of its content."""

    run_id: UUID
    version: str | None
    digest: str | None
    options: dict[str, Any]


def last_seen(connection: Connection, sync: str) -> Seen | None:
    """Return the state of a sync's source at its last completed run; None where it has none.

    Also None where a run of the sync was undone since: the stored records no longer match that state.
    """
    run = IMPORT_RUN.c
    last = (
        select(run.run_id, run.source_version, run.sha256, run.options, run.started_at)
        .where(run.sync == sync, run.status == Status.COMPLETED, ~run.dry_run)
        .order_by(run.started_at.desc())
        .limit(1)
    )
    found = connection.execute(last).one_or_none()
    if found is None:
        return None
    its_runs = select(run.run_id).where(run.sync == sync)
    undone = select(literal(1)).where(run.undoes.in_(its_runs), run.started_at > found.started_at)
    if connection.scalar(undone.where(run.status == Status.COMPLETED, ~run.dry_run).limit(1)):
        return None
    return Seen(found.run_id, found.source_version, found.sha256, found.options)


def describe_seen(session: Session, version: str | None, digest: str | None) -> None:
    """Enter the version of a source and the digest of its content."""
    seen = {"source_version": version, "sha256": digest}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(seen))


@dataclass(frozen=True)
class SyncState:
    """The state of a sync: the options requested last, its last run, and the last run that changed anything."""

    name: str
    options: dict[str, Any]
    last: Report
    changed: Report | None


def list_syncs(connection: Connection, *, requested_by: str | None = None) -> list[SyncState]:
    """Return the state of each sync by name, from all runs or those of one caller; dry runs do not count.

    A skipped run counts only where the sync has no other run.
    """
    run, dead = IMPORT_RUN.c, dead_runs(connection)
    runs = select(IMPORT_RUN).where(run.sync.is_not(None), ~run.dry_run).order_by(run.sync, run.started_at.desc())
    runs = runs.where(run.requested_by == requested_by) if requested_by else runs
    changes = run.records_created + run.records_updated + run.records_deleted + run.records_retired
    did = runs.where(changes > 0, run.status == Status.COMPLETED).distinct(run.sync)
    changed = {row.sync: report_from_row(row, dead) for row in connection.execute(did)}
    skipped = case((run.outcome == Outcome.SKIPPED, 1), else_=0)
    last = runs.order_by(None).order_by(run.sync, skipped, run.started_at.desc())
    newest = connection.execute(last.distinct(run.sync)).all()
    requested = runs.where(run.applies.is_(None)).distinct(run.sync)
    options = {row.sync: row.options for row in connection.execute(requested)}
    reports = {row.sync: report_from_row(row, dead) for row in newest}
    return [SyncState(name, options.get(name, {}), report, changed.get(name)) for name, report in reports.items()]
