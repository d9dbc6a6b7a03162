"""The rows of `import_run`: open, describe, close, find and list runs, and close those of dead processes."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects import postgresql

from schemas.errors import UsageError
from schemas.issues import Issue
from schemas.job_options.choices import Mode
from schemas.language.outcome_messages import sentence
from schemas.mapping import Mapping
from schemas.model.tables import CHANGE, FOLLOWING, IMPORT_RUN, STAGING_SCHEMA
from schemas.reports import Counts, Outcome, PartReport, Report, Status
from schemas.sources import Extracted
from tasks.store.connection.session import Session, is_alive
from tasks.store.ledger.codec import mapping_to_json, parts_to_json, report_from_row
from tasks.store.ledger.issues import forget_issues, read_issues
from tasks.store.ledger.liveness import current_status, dead_runs
from tasks.store.ledger.plans import is_kept
from tasks.store.ledger.rejected import forget_rejected_rows
from tasks.store.ledger.retention import no_such_run
from tasks.store.staging.names import drop_staging


def open_run(
    session: Session, *, source: str, mode: Mode, dry_run: bool, options: dict[str, Any], who: str, **more: Any
) -> None:
    """Enter a run in the ledger as running; a retried run replaces its row."""
    row = {
        "run_id": session.run_id,
        "source": source,
        "mode": mode,
        "dry_run": dry_run,
        "options": options,
        "status": Status.RUNNING,
        "outcome": null(),
        "requested_by": who,
        **more,
    }
    with session.transaction() as connection:
        forget_issues(connection, session.run_id)
        forget_rejected_rows(connection, session.run_id)
        insertion = postgresql.insert(IMPORT_RUN).values(row)
        connection.execute(insertion.on_conflict_do_update(index_elements=["run_id"], set_=row))


def types_of(connection: Connection, run_id: UUID) -> tuple[str, ...]:
    """Return the types whose records a run wrote."""
    run = connection.execute(
        select(IMPORT_RUN.c.resource_type, IMPORT_RUN.c.parts).where(IMPORT_RUN.c.run_id == run_id)
    ).one()
    named = [run.resource_type] if run.resource_type else []
    own = tuple(dict.fromkeys([*named, *(part["resource_type"] for part in run.parts or ())]))
    # A run that changes the key of a record also updates the records of other types that refer to it.
    changed = select(CHANGE.c.resource_type).where(CHANGE.c.run_id == run_id)
    others = [name for name in FOLLOWING if name not in own]
    followed = [name for name in others if connection.scalar(changed.where(CHANGE.c.resource_type == name).limit(1))]
    return (*own, *followed)


def undone_by(connection: Connection, run_id: UUID) -> UUID | None:
    """Return the run that undid this one and was not undone itself; None if there is none."""
    run, again = IMPORT_RUN.c, IMPORT_RUN.alias().c
    counts = (run.status == Status.COMPLETED, ~run.dry_run)
    undone = exists().where(again.undoes == run.run_id, again.status == Status.COMPLETED, ~again.dry_run)
    query = select(run.run_id).where(run.undoes == run_id, *counts, ~undone).limit(1)
    return connection.scalar(query)


def describe_source(session: Session, extracted: Extracted, samples: dict[str, tuple[str, ...]]) -> None:
    """Enter the origin of the source and its sample values, before the source is mapped."""
    origin = asdict(replace(extracted.origin, samples=samples))
    values: dict[str, Any] = {"sha256": func.coalesce(IMPORT_RUN.c.sha256, extracted.sha256), "origin": origin}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(values))


def describe_matched(session: Session, resource_type: str, mapping: Mapping) -> None:
    """Enter the type and the mapping of a source that lacks columns for required fields."""
    values = {"resource_type": resource_type, "mapping": mapping_to_json(mapping)}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(values))


def describe_run(session: Session, sha256: str, parts: list[PartReport], notices: list[Issue]) -> None:
    """Enter the types and mappings, and the completed run that imported the same bytes before."""
    only = parts[0] if len(parts) == 1 else None
    resource_type = only.resource_type if only else None
    before = (
        select(IMPORT_RUN.c.run_id)
        .where(IMPORT_RUN.c.sha256 == sha256, IMPORT_RUN.c.resource_type.is_not_distinct_from(resource_type))
        .where(IMPORT_RUN.c.status == Status.COMPLETED, ~IMPORT_RUN.c.dry_run, IMPORT_RUN.c.run_id != session.run_id)
        .order_by(IMPORT_RUN.c.started_at.desc())
        .limit(1)
    )
    with session.transaction() as connection:
        values = {
            "resource_type": resource_type,
            "mapping": mapping_to_json(only.mapping) if only and only.mapping else null(),
            "parts": null() if only else parts_to_json(parts),
            "notices": [asdict(notice) for notice in notices],
            "repeats": connection.scalar(before),
        }
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(values))


def close_run(connection: Connection, run_id: UUID, outcome: Outcome, counts: Counts, **more: Any) -> None:
    """Enter how a run ended; for a completed one, inside the transaction that applies it."""
    values = {
        "status": outcome.status,
        "outcome": outcome,
        "records_read": counts.read,
        "records_created": counts.create,
        "records_updated": counts.update,
        "records_unchanged": counts.unchanged,
        "records_rejected": counts.rejected,
        "records_deleted": counts.delete,
        "records_retired": counts.retire,
        "warnings": counts.warnings,
        "repairs": counts.repairs,
        # The clock of the database decides the order of runs, whichever machines they ran on.
        "finished_at": func.clock_timestamp(),
        **more,
    }
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(values))


def describe_staged(
    connection: Connection, run_id: UUID, counts: Counts, rules: list[list[Any]], parts: list[PartReport]
) -> None:
    """Enter what validation found, which is what a run that fails from here on has found."""
    values: dict[str, Any] = {
        "records_read": counts.read,
        "records_rejected": counts.rejected,
        "warnings": counts.warnings,
        "repairs": counts.repairs,
        "rules": rules,
    }
    values |= {"parts": parts_to_json(parts)} if len(parts) > 1 else {}
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(values))


def end_run(connection: Connection, run_id: UUID, outcome: Outcome, message: str | None, duration: float) -> None:
    """Enter the end of a run that applied nothing, with the counts that are there; a completed run stays so."""
    ended = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id, IMPORT_RUN.c.status != Status.COMPLETED)
    values = {"status": outcome.status, "outcome": outcome, "message": message, "duration": duration}
    connection.execute(ended.values(**values, finished_at=func.clock_timestamp()))


def end_killed(connection: Connection, run_id: UUID, outcome: Outcome, limit: str | None = None) -> None:
    """Enter the outcome of a run whose process was killed, and the limit that it passed.

    Another run may already have entered that it died.
    """
    run = IMPORT_RUN.c
    open_or_dead = or_(run.status == Status.RUNNING, run.outcome == Outcome.CRASHED)
    _end(connection, and_(run.run_id == run_id, open_or_dead), outcome, limit)


def remove_staged(connection: Connection, run_id: UUID) -> bool:
    """Drop the staging tables of a dead run, but those of a frozen plan; says whether there were any."""
    return not is_kept(connection, run_id) and drop_staging(connection, run_id) > 0


def _end(connection: Connection, which: ColumnElement[bool], outcome: Outcome, message: str | None = None) -> None:
    """Enter the outcome of runs whose process could not enter it."""
    ended = {"status": outcome.status, "outcome": outcome, "message": message, "finished_at": datetime.now(UTC)}
    connection.execute(update(IMPORT_RUN).where(which).values(ended))


def find_run(connection: Connection, reference: str, *, applied: bool = False, requested_by: str | None = None) -> UUID:
    """Return the run that an id, the beginning of one, or `last` names; raises UsageError.

    With `applied`, `last` is the newest run that was applied: dry runs and failed runs are passed over. With
    `requested_by`, only runs of this caller are found.
    """
    runs = select(IMPORT_RUN.c.run_id)
    if requested_by is not None:
        runs = runs.where(IMPORT_RUN.c.requested_by == requested_by)
    if applied and reference == "last":
        runs = runs.where(IMPORT_RUN.c.status == Status.COMPLETED, ~IMPORT_RUN.c.dry_run)
    if reference == "last":
        found = list(connection.scalars(runs.order_by(IMPORT_RUN.c.started_at.desc()).limit(1)))
    else:
        start = cast(IMPORT_RUN.c.run_id, SqlText).startswith(reference.lower(), autoescape=True)
        found = list(connection.scalars(runs.where(start).limit(2)))
    if not found:
        raise no_such_run(connection, f"'{reference}' matches no run")
    if len(found) > 1:
        raise UsageError(f"'{reference}' matches several runs: give more of the id.", run=reference)
    return UUID(str(found[0]))


def list_runs(
    connection: Connection,
    *,
    limit: int,
    resource_type: str | None = None,
    status: Status | None = None,
    requested_by: str | None = None,
    sync: str | None = None,
    dry_run: bool | None = None,
    after: UUID | None = None,
) -> list[Report]:
    """Return the newest runs first; with `after`, only those that started before that run."""
    run, dead = IMPORT_RUN.c, dead_runs(connection)
    query = select(IMPORT_RUN).order_by(run.started_at.desc(), run.run_id.desc()).limit(limit)
    if resource_type:
        in_parts = run.parts.contains([{"resource_type": resource_type}])
        query = query.where(or_(run.resource_type == resource_type, in_parts))
    for column, wanted in ((current_status(dead), status), (run.requested_by, requested_by), (run.sync, sync)):
        query = query.where(column == wanted) if wanted else query
    if dry_run is not None:
        query = query.where(run.dry_run.is_(dry_run))
    if after:
        started = select(run.started_at).where(run.run_id == after).scalar_subquery()
        query = query.where(tuple_(run.started_at, run.run_id) < tuple_(started, literal(after)))
    return [report_from_row(row, dead) for row in connection.execute(query)]


def read_report(connection: Connection, run_id: UUID, *, samples: int = 10) -> Report:
    """Return the report of a run with its first issues."""
    row = connection.execute(select(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id)).one()
    dead = dead_runs(connection) if row.status == Status.RUNNING else ()
    return report_from_row(row, dead, tuple(read_issues(connection, run_id, limit=samples)))


def status_of(connection: Connection, run_id: UUID) -> Status | None:
    """Return the status of a run as it is entered; None for one that has not started."""
    status = connection.scalar(select(IMPORT_RUN.c.status).where(IMPORT_RUN.c.run_id == run_id))
    return Status(status) if status else None


def message_of(connection: Connection, run_id: UUID) -> str | None:
    """Return the sentence about how a run ended; None if there is no such run or nothing to say."""
    run = connection.execute(select(IMPORT_RUN.c.outcome, IMPORT_RUN.c.message).where(IMPORT_RUN.c.run_id == run_id))
    return next((sentence(Outcome(each.outcome), each.message) for each in run if each.outcome), None)


def is_completed(connection: Connection, run_id: UUID) -> bool:
    """Return whether a run was applied: its ledger row is written in the transaction that applies it."""
    return status_of(connection, run_id) is Status.COMPLETED


def reap(session: Session) -> list[UUID]:
    """Clean up after runs whose process died: drop their staging tables and close their rows in the ledger.

    The staged rows of a frozen plan are kept until it expires.
    """
    staged = text("select tablename from pg_tables where schemaname = :schema")
    running = select(IMPORT_RUN.c.run_id).where(IMPORT_RUN.c.status == Status.RUNNING)
    with session.transaction() as connection:
        names = connection.scalars(staged, {"schema": STAGING_SCHEMA})
        staging = {UUID(name.removeprefix("run_").partition("_")[0]) for name in names}
        runs = staging | set(connection.scalars(running))
        dead = [run for run in sorted(runs) if run != session.run_id and not is_alive(connection, run)]
        for run in dead:
            if not is_kept(connection, run):
                drop_staging(connection, run)
            is_open = and_(IMPORT_RUN.c.run_id == run, IMPORT_RUN.c.status == Status.RUNNING)
            _end(connection, is_open, Outcome.CRASHED)
    return dead
