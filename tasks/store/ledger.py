"""The ledger: what every run was asked, did, rejected and changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Row, and_, cast, delete, exists, func, literal, select, text, tuple_, update
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects import postgresql

from schemas.errors import UsageError
from schemas.reports import (
    ISSUE_SCHEMA,
    ROW,
    Change,
    Counts,
    Extracted,
    Issue,
    Mapping,
    Match,
    Mode,
    Origin,
    Report,
    RuleCount,
    Severity,
    Status,
)
from schemas.tables import IMPORT_ISSUE, IMPORT_RUN, REJECTED_ROW, SAVED_MAPPING, STAGING_SCHEMA
from tasks.store.copy import copy_frame
from tasks.store.session import Session, is_alive

FLAWED = "_flawed"
"""What the name of the table of a run's rejected rows adds to that of its staging table."""


def staging_name(run_id: UUID) -> str:
    """Return the name of a run's staging table."""
    return f"run_{run_id.hex}"


def open_run(session: Session, *, source: str, mode: Mode, dry_run: bool, options: dict[str, Any], who: str) -> None:
    """Enter a run in the ledger as running; a run that is tried again is entered anew."""
    row = {
        "run_id": session.run_id,
        "source": source,
        "mode": mode,
        "dry_run": dry_run,
        "options": options,
        "status": Status.RUNNING,
        "requested_by": who,
    }
    with session.transaction() as connection:
        forget_issues(connection, session.run_id)
        forget_rejected_rows(connection, session.run_id)
        entered = postgresql.insert(IMPORT_RUN).values(row)
        connection.execute(entered.on_conflict_do_update(index_elements=["run_id"], set_=row))


def describe_undo(session: Session, resource_type: str, run_id: UUID) -> None:
    """Add which run is taken back."""
    found = {"resource_type": resource_type, "undoes": run_id}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def undone_by(connection: Connection, run_id: UUID) -> UUID | None:
    """Return the run that took this one back and was not taken back itself; None where there is none."""
    run, again = IMPORT_RUN.c, IMPORT_RUN.alias().c
    counts = (run.status == Status.COMPLETED, ~run.dry_run)
    taken_back = exists().where(again.undoes == run.run_id, again.status == Status.COMPLETED, ~again.dry_run)
    query = select(run.run_id).where(run.undoes == run_id, *counts, ~taken_back).limit(1)
    return connection.scalar(query)


def describe_source(session: Session, extracted: Extracted, samples: dict[str, tuple[str, ...]]) -> None:
    """Add what was found out about the source, before anything is made of it."""
    origin = asdict(replace(extracted.origin, samples=samples))
    found = {"sha256": extracted.sha256, "origin": origin}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def describe_run(session: Session, sha256: str, resource_type: str, mapping: Mapping, notices: list[Issue]) -> None:
    """Add the type and the mapping, and the completed run that imported the same bytes before."""
    before = (
        select(IMPORT_RUN.c.run_id)
        .where(IMPORT_RUN.c.sha256 == sha256, IMPORT_RUN.c.resource_type == resource_type)
        .where(IMPORT_RUN.c.status == Status.COMPLETED, ~IMPORT_RUN.c.dry_run, IMPORT_RUN.c.run_id != session.run_id)
        .order_by(IMPORT_RUN.c.started_at.desc())
        .limit(1)
    )
    with session.transaction() as connection:
        found = {
            "resource_type": resource_type,
            "mapping": mapping_to_json(mapping),
            "notices": [asdict(notice) for notice in notices],
            "repeats": connection.scalar(before),
        }
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def close_run(connection: Connection, run_id: UUID, status: Status, counts: Counts, **more: Any) -> None:
    """Write how a run ended; for a completed one, inside the transaction that applies it."""
    values = {
        "status": status,
        "records_read": counts.read,
        "records_created": counts.create,
        "records_updated": counts.update,
        "records_unchanged": counts.unchanged,
        "records_rejected": counts.rejected,
        "records_deleted": counts.delete,
        "warnings": counts.warnings,
        "repairs": counts.repairs,
        # By the database's clock: it tells what was there at a moment, whichever machine carried the run out.
        "finished_at": func.clock_timestamp(),
        **more,
    }
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(values))


def add_issues(connection: Connection, run_id: UUID, issues: pl.DataFrame) -> None:
    """Add issues of `ISSUE_SCHEMA` to a run."""
    frame = issues.select(pl.lit(str(run_id)).alias("run_id"), *ISSUE_SCHEMA)
    copy_frame(connection, IMPORT_ISSUE, frame)


def add_rejected_rows(connection: Connection, run_id: UUID, rows: pl.DataFrame) -> None:
    """Keep rejected rows as they were in the source: `ROW` and text columns."""
    data = pl.struct(pl.exclude(ROW)).struct.json_encode().alias("data")
    frame = rows.select(pl.lit(str(run_id)).alias("run_id"), pl.col(ROW).alias("row"), data)
    copy_frame(connection, REJECTED_ROW, frame)


def forget_issues(connection: Connection, run_id: UUID) -> None:
    """Delete the issues of a run, before its source is validated from the beginning."""
    connection.execute(delete(IMPORT_ISSUE).where(IMPORT_ISSUE.c.run_id == run_id))


def forget_rejected_rows(connection: Connection, run_id: UUID) -> None:
    """Delete the rejected rows of a run, before they are kept again."""
    connection.execute(delete(REJECTED_ROW).where(REJECTED_ROW.c.run_id == run_id))


def reap(session: Session) -> list[UUID]:
    """Clean up after runs whose process died: drop their staging tables and close their entries."""
    staged = text("select table_name from information_schema.tables where table_schema = :schema")
    running = select(IMPORT_RUN.c.run_id).where(IMPORT_RUN.c.status == Status.RUNNING)
    with session.transaction() as connection:
        names = connection.scalars(staged, {"schema": STAGING_SCHEMA})
        staging = {UUID(name.removeprefix("run_").removesuffix(FLAWED)) for name in names}
        runs = staging | set(connection.scalars(running))
        dead = [run for run in sorted(runs) if run != session.run_id and not is_alive(connection, run)]
        for run in dead:
            drop_staging(connection, run)
            message = "The process of this run ended before it was done; nothing of it was applied."
            ended = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run, IMPORT_RUN.c.status == Status.RUNNING)
            connection.execute(ended.values(status=Status.FAILED, message=message, finished_at=datetime.now(UTC)))
    return dead


def drop_staging(connection: Connection, run_id: UUID) -> None:
    """Drop the staging tables of a run, if there are any."""
    name = staging_name(run_id)
    tables = f'"{STAGING_SCHEMA}"."{name}", "{STAGING_SCHEMA}"."{name}{FLAWED}"'
    connection.execute(text(f"drop table if exists {tables}"))


# Reading --------------------------------------------------------------------------------------------------------------


def find_run(connection: Connection, reference: str) -> UUID:
    """Return the run that an id, the beginning of one, or `last` names; raises UsageError."""
    runs = select(IMPORT_RUN.c.run_id)
    if reference == "last":
        found = list(connection.scalars(runs.order_by(IMPORT_RUN.c.started_at.desc()).limit(1)))
    else:
        start = cast(IMPORT_RUN.c.run_id, SqlText).startswith(reference.lower(), autoescape=True)
        found = list(connection.scalars(runs.where(start).limit(2)))
    if len(found) != 1:
        what = "matches several runs: give more of the id" if found else "matches no run: `cmdb runs` lists them"
        raise UsageError(f"'{reference}' {what}.")
    return UUID(str(found[0]))


def list_runs(
    connection: Connection,
    *,
    limit: int,
    resource_type: str | None = None,
    status: Status | None = None,
    requested_by: str | None = None,
    after: UUID | None = None,
) -> list[Report]:
    """Return the newest runs first; with `after`, those that began before that one."""
    run = IMPORT_RUN.c
    query = select(IMPORT_RUN).order_by(run.started_at.desc(), run.run_id.desc()).limit(limit)
    for column, wanted in ((run.resource_type, resource_type), (run.status, status), (run.requested_by, requested_by)):
        query = query.where(column == wanted) if wanted else query
    if after:
        began = select(run.started_at).where(run.run_id == after).scalar_subquery()
        query = query.where(tuple_(run.started_at, run.run_id) < tuple_(began, literal(after)))
    return [_report(row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Figures:
    """What all imports of a type that stand alike come to; dry runs are none of them."""

    resource_type: str
    status: str
    runs: int
    seconds: float
    records: dict[str, int]


def figures(connection: Connection) -> list[Figures]:
    """Return the figures of all imports, by type and status."""
    run = IMPORT_RUN.c
    actions = ("created", "updated", "deleted", "unchanged", "rejected")
    query = select(
        func.coalesce(run.resource_type, "unknown").label("resource_type"),
        run.status,
        func.count().label("runs"),
        func.coalesce(func.sum(run.duration), 0.0).label("seconds"),
        *(func.sum(run[f"records_{action}"]).label(action) for action in actions),
    )
    grouped = query.where(~run.dry_run).group_by(text("1"), run.status)
    return [
        Figures(row.resource_type, row.status, row.runs, float(row.seconds), {a: int(getattr(row, a)) for a in actions})
        for row in connection.execute(grouped)
    ]


def read_report(connection: Connection, run_id: UUID, *, samples: int = 10) -> Report:
    """Return the report of a run with its first issues."""
    row = connection.execute(select(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id)).one()
    return _report(row, tuple(read_issues(connection, run_id, limit=samples)))


def count_issues(connection: Connection, run_id: UUID, severity: Severity | None = None) -> int:
    """Return how many issues of a run are kept."""
    query = select(func.count()).where(IMPORT_ISSUE.c.run_id == run_id)
    return int(connection.scalar(query.where(IMPORT_ISSUE.c.severity == severity) if severity else query) or 0)


def read_issues(
    connection: Connection,
    run_id: UUID,
    *,
    limit: int | None = None,
    offset: int = 0,
    severity: Severity | None = None,
) -> list[Issue]:
    """Return the issues of a run, errors first, in the order of its rows."""
    rank = func.array_position(postgresql.array(list(Severity)), IMPORT_ISSUE.c.severity)
    query = select(*(IMPORT_ISSUE.c[name] for name in ISSUE_SCHEMA)).where(IMPORT_ISSUE.c.run_id == run_id)
    query = query.where(IMPORT_ISSUE.c.severity == severity) if severity else query
    query = query.order_by(rank, IMPORT_ISSUE.c.row, IMPORT_ISSUE.c.id).limit(limit).offset(offset)
    return [_issue(dict(row)) for row in connection.execute(query).mappings()]


def _issue(row: dict[str, Any]) -> Issue:
    return Issue(**{**row, "severity": Severity(row["severity"])})


def _report(row: Row[Any], issues: tuple[Issue, ...] = ()) -> Report:
    counts = Counts(
        read=row.records_read,
        create=row.records_created,
        update=row.records_updated,
        unchanged=row.records_unchanged,
        rejected=row.records_rejected,
        warnings=row.warnings,
        repairs=row.repairs,
        delete=row.records_deleted,
    )
    rules = [RuleCount(rule, Severity(severity), count) for rule, severity, count in row.rules or ()]
    return Report(
        run_id=str(row.run_id),
        status=Status(row.status),
        resource_type=row.resource_type or "",
        source=row.source,
        mode=Mode(row.mode),
        dry_run=row.dry_run,
        counts=counts,
        duration=row.duration or 0.0,
        message=row.message,
        mapping=mapping_from_json(row.mapping) if row.mapping else None,
        rules=tuple(rules),
        issues=issues,
        changes=tuple(change_from_json(change) for change in row.changes or ()),
        samples=tuple(row.samples or ()),
        origin=Origin(**row.origin | {"columns": tuple(row.origin["columns"])}) if row.origin else None,
        notices=tuple(_issue(notice) for notice in row.notices or ()),
        repeats=str(row.repeats) if row.repeats else None,
        started=row.started_at,
        requested_by=row.requested_by,
        undoes=str(row.undoes) if row.undoes else None,
    )


def rejected_columns(connection: Connection, run_id: UUID) -> list[str]:
    """Return the source columns of a run in their order, without those that hold secrets."""
    found = select(IMPORT_RUN.c.origin, IMPORT_RUN.c.mapping).where(IMPORT_RUN.c.run_id == run_id)
    origin, mapping = connection.execute(found).one()
    secret = mapping["secret"] if mapping else []
    return [name for name in origin["columns"] if name not in secret] if origin else []


def rejected_rows(connection: Connection, run_id: UUID) -> Iterator[tuple[int, dict[str, str | None], Issue | None]]:
    """Yield (row, source column → text, one of its errors) in the order of the source, from a server-side cursor."""
    row, issue = REJECTED_ROW.c, IMPORT_ISSUE.c
    is_error = and_(issue.run_id == run_id, issue.row == row.row, issue.severity == Severity.ERROR)
    query = (
        select(row.row, row.data, *(issue[name].label(f"issue_{name}") for name in ISSUE_SCHEMA))
        .join_from(REJECTED_ROW, IMPORT_ISSUE, is_error, isouter=True)
        .where(row.run_id == run_id)
        .order_by(row.row, issue.id)
    )
    streamed = connection.execution_options(yield_per=2_000).execute(query)
    for number, data, *values in streamed:
        found = dict(zip(ISSUE_SCHEMA, values, strict=True))
        yield number, data, _issue(found) if found["rule"] else None


def rejected_page(connection: Connection, run_id: UUID, *, limit: int, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many rows a run rejected, and some of them: `row`, `data` (source column → text) and `issues`."""
    row = REJECTED_ROW.c
    total = int(connection.scalar(select(func.count()).where(row.run_id == run_id)) or 0)
    query = select(row.row, row.data).where(row.run_id == run_id).order_by(row.row).limit(limit).offset(offset)
    found = {each.row: {"row": each.row, "data": each.data, "issues": []} for each in connection.execute(query)}
    issue = IMPORT_ISSUE.c
    wrong = select(*(issue[name] for name in ISSUE_SCHEMA)).where(issue.run_id == run_id, issue.row.in_(list(found)))
    wrong = wrong.where(issue.severity == Severity.ERROR).order_by(issue.row, issue.id)
    for each in connection.execute(wrong).mappings():
        found[each["row"]]["issues"].append(_issue(dict(each)))
    return total, list(found.values())


def daily(connection: Connection, *, days: int) -> list[dict[str, Any]]:
    """Return what became of the records of each of the last days (UTC), dry runs left out."""
    run = IMPORT_RUN.c
    actions = ("created", "updated", "unchanged", "rejected")
    day = func.date(func.timezone("UTC", run.started_at)).label("day")
    query = select(day, *(func.sum(run[f"records_{action}"]).label(action) for action in actions))
    since = func.now() - func.make_interval(0, 0, 0, days)
    query = (
        query.where(~run.dry_run, run.started_at >= since, run.status == Status.COMPLETED).group_by(day).order_by(day)
    )
    return [
        {"day": row.day, **{action: int(getattr(row, action)) for action in actions}}
        for row in connection.execute(query)
    ]


def rejected_numbers(connection: Connection, run_id: UUID) -> pl.Series:
    """Return the numbers of the rows that a run rejected, in order."""
    query = select(IMPORT_ISSUE.c.row).where(IMPORT_ISSUE.c.run_id == run_id, IMPORT_ISSUE.c.row.is_not(None))
    rows = connection.scalars(query.where(IMPORT_ISSUE.c.severity == Severity.ERROR).distinct())
    return pl.Series("row", list(rows), dtype=pl.UInt32).sort()


def status_of(connection: Connection, run_id: UUID) -> Status | None:
    """Return where a run stands; None for one that has not begun."""
    status = connection.scalar(select(IMPORT_RUN.c.status).where(IMPORT_RUN.c.run_id == run_id))
    return Status(status) if status else None


def is_completed(connection: Connection, run_id: UUID) -> bool:
    """Say whether a run was applied: its ledger row is written in the transaction that applies it."""
    return status_of(connection, run_id) is Status.COMPLETED


# Mappings and changes as JSON -----------------------------------------------------------------------------------------


def mapping_to_json(mapping: Mapping) -> dict[str, Any]:
    """Return a mapping as the ledger keeps it."""
    return {
        "matches": [asdict(match) for match in mapping.matches],
        "constants": mapping.constants,
        "unknown": list(mapping.unknown),
        "secret": list(mapping.secret),
        "seen": mapping.seen,
    }


def mapping_from_json(data: dict[str, Any]) -> Mapping:
    """Return a mapping that the ledger kept."""
    matches = tuple(Match(**match) for match in data["matches"])
    return Mapping(matches, data["constants"], tuple(data["unknown"]), tuple(data["secret"]), data.get("seen"))


def change_to_json(change: Change) -> dict[str, Any]:
    """Return a change as the ledger keeps it."""
    return {"key": change.key, "action": change.action, "row": change.row, "fields": change.fields}


def change_from_json(data: dict[str, Any]) -> Change:
    """Return a change that the ledger kept."""
    fields = {name: (before, after) for name, (before, after) in data["fields"].items()}
    return Change(data["key"], data["action"], data["row"], fields)


def save_mapping(connection: Connection, name: str, resource_type: str, mapping: Mapping) -> None:
    """Keep a mapping under a name, in place of an older one of that name."""
    values = {
        "resource_type": resource_type,
        "columns": {match.column: match.field for match in mapping.matches},
        "constants": mapping.constants,
        "updated_at": datetime.now(UTC),
    }
    row = postgresql.insert(SAVED_MAPPING).values(name=name, **values)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


def saved_mappings(connection: Connection) -> list[dict[str, Any]]:
    """Return every saved mapping: its name, type, columns and constants."""
    saved = SAVED_MAPPING.c
    query = select(saved.name, saved.resource_type, saved.columns, saved.constants).order_by(saved.name)
    return [dict(row) for row in connection.execute(query).mappings()]


def load_mapping(connection: Connection, name: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return (resource type, columns, constants) of a saved mapping; raises UsageError."""
    row = connection.execute(select(SAVED_MAPPING).where(SAVED_MAPPING.c.name == name)).one_or_none()
    if row is None:
        names = list(connection.scalars(select(SAVED_MAPPING.c.name).order_by(SAVED_MAPPING.c.name)))
        known = f"saved ones: {', '.join(names)}" if names else "none is saved yet; --save-mapping saves one"
        raise UsageError(f"There is no saved mapping '{name}': {known}.")
    return row.resource_type, dict(row.columns), dict(row.constants)
