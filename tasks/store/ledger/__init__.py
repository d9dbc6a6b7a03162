"""The ledger: what every run was asked, did, rejected and changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    cast,
    delete,
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

from schemas.choices import Mode
from schemas.errors import UsageError
from schemas.issues import ISSUE_SCHEMA, Issue, Severity
from schemas.mapping import Join, Mapping, Match, Measure
from schemas.model.tables import CHANGE, FOLLOWING, IMPORT_ISSUE, IMPORT_RUN, REJECTED_ROW, STAGING_SCHEMA
from schemas.reports import Change, Counts, FrozenPlan, PartReport, Report, RuleCount, Status
from schemas.sources import ROW, Extracted, Origin, Sheet
from tasks.store.connection.copy import copy_frame
from tasks.store.connection.session import Session, is_alive

FLAWED, PLANNED = "_flawed", "_plan"
"""What the names of the tables of rejected rows, and of a frozen plan, add to that of the staging table beside them."""


DIED = "The process of this run ended before it was done; nothing of it was applied."
LIMITED = "The run was ended, and nothing of it was applied: "
"""What is told of a run whose process died; the latter goes on with the limit that it had passed."""
NO_MEMORY = f"{LIMITED}it got no more memory. Split what it reads, or see CMDB_RUN_MEMORY_MB."
"""What a run tells that was refused memory, and lived to tell it."""
"""What is told of a run whose process went away."""


def staging_name(run_id: UUID, part: int = 0) -> str:
    """Return the name of the staging table of one of a run's types."""
    return f"run_{run_id.hex}_{part}"


def open_run(
    session: Session, *, source: str, mode: Mode, dry_run: bool, options: dict[str, Any], who: str, **more: Any
) -> None:
    """Enter a run in the ledger as running; a run that is tried again is entered again."""
    row = {
        "run_id": session.run_id,
        "source": source,
        "mode": mode,
        "dry_run": dry_run,
        "options": options,
        "status": Status.RUNNING,
        "requested_by": who,
        **more,
    }
    with session.transaction() as connection:
        forget_issues(connection, session.run_id)
        forget_rejected_rows(connection, session.run_id)
        entered = postgresql.insert(IMPORT_RUN).values(row)
        connection.execute(entered.on_conflict_do_update(index_elements=["run_id"], set_=row))


def describe_undo(session: Session, parts: list[PartReport], run_id: UUID) -> None:
    """Add which run is taken back."""
    found: dict[str, Any] = {"undoes": run_id, "parts": parts_to_json(parts)}
    if len(parts) == 1:
        found = {"undoes": run_id, "resource_type": parts[0].resource_type}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def types_of(connection: Connection, run_id: UUID) -> tuple[str, ...]:
    """Return the types whose records a run wrote."""
    run = connection.execute(
        select(IMPORT_RUN.c.resource_type, IMPORT_RUN.c.parts).where(IMPORT_RUN.c.run_id == run_id)
    ).one()
    named = [run.resource_type] if run.resource_type else []
    own = tuple(dict.fromkeys([*named, *(part["resource_type"] for part in run.parts or ())]))
    # Records of other types that refer to what the run has given another key have followed.
    changed = select(CHANGE.c.resource_type).where(CHANGE.c.run_id == run_id)
    others = [name for name in FOLLOWING if name not in own]
    followed = [name for name in others if connection.scalar(changed.where(CHANGE.c.resource_type == name).limit(1))]
    return (*own, *followed)


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
    found: dict[str, Any] = {"sha256": func.coalesce(IMPORT_RUN.c.sha256, extracted.sha256), "origin": origin}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def describe_matched(session: Session, resource_type: str, mapping: Mapping) -> None:
    """Add the type of a source whose columns do not fill all that is needed, and which of them fill what."""
    found = {"resource_type": resource_type, "mapping": mapping_to_json(mapping)}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def describe_run(session: Session, sha256: str, parts: list[PartReport], notices: list[Issue]) -> None:
    """Add the types and mappings, and the completed run that imported the same bytes before."""
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
        found = {
            "resource_type": resource_type,
            "mapping": mapping_to_json(only.mapping) if only and only.mapping else null(),
            "parts": null() if only else parts_to_json(parts),
            "notices": [asdict(notice) for notice in notices],
            "repeats": connection.scalar(before),
        }
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(found))


def keep_plan(connection: Connection, run_id: UUID, plan: dict[str, Any], hours: float) -> None:
    """Keep what a frozen plan is made of, and its staged rows for so many hours."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    kept = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan=plan, plan_until=until)
    connection.execute(kept)


def is_kept(connection: Connection, run_id: UUID) -> bool:
    """Say whether a run has a plan whose staged rows are kept still."""
    kept = select(literal(1)).where(IMPORT_RUN.c.run_id == run_id, IMPORT_RUN.c.plan_until > func.now())
    return connection.scalar(kept) is not None


def has_plan(connection: Connection, run_id: UUID) -> bool:
    """Say whether a run made a plan, applied or not."""
    made = select(literal(1)).where(IMPORT_RUN.c.run_id == run_id, IMPORT_RUN.c.plan.is_not(None))
    return connection.scalar(made) is not None


@dataclass(frozen=True)
class KeptPlan:
    """A frozen plan as the ledger has it: the request it was made for, what is staged, and what was found then."""

    mode: Mode
    source: str
    options: dict[str, Any]
    notices: list[Issue]
    plan: dict[str, Any]
    rules: list[tuple[str, str, int]]
    sync: str | None
    version: str | None
    sha256: str | None
    requested_by: str | None


def read_plan(connection: Connection, run_id: UUID) -> KeptPlan:
    """Return the frozen plan of a run; raises UsageError where it has none, or none any more."""
    run = connection.execute(select(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id)).one_or_none()
    if run is None:
        raise UsageError(f"There is no run {run_id}: `cmdb runs` lists them.")
    if run.plan is None:
        raise UsageError(f"Run {run_id} has no plan: `cmdb plan FILE` makes one.")
    if run.plan.get("applied"):
        raise UsageError(f"The plan of run {run_id} was applied by run {run.plan['applied']} already.")
    if not is_kept(connection, run_id):
        raise UsageError(f"The plan of run {run_id} was kept until {run.plan_until:%Y-%m-%d %H:%M %Z}: plan again.")
    notices = [_issue(notice) for notice in run.notices or ()]
    rules = [(rule, severity, count) for rule, severity, count in run.rules or ()]
    return KeptPlan(
        Mode(run.mode),
        run.source,
        run.options,
        notices,
        run.plan,
        rules,
        run.sync,
        run.source_version,
        run.sha256,
        run.requested_by,
    )


def end_plan(connection: Connection, run_id: UUID, applied_by: UUID) -> None:
    """Note that a plan was applied, after which nothing is left to apply."""
    plan = func.jsonb_set(IMPORT_RUN.c.plan, postgresql.array(["applied"]), func.to_jsonb(cast(applied_by, SqlText)))
    ended = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan=plan, plan_until=null())
    connection.execute(ended)


@dataclass(frozen=True)
class Seen:
    """What the last completed run of a sync saw of its source: what that said of its state, and a digest of it."""

    run_id: UUID
    version: str | None
    digest: str | None
    options: dict[str, Any]


def last_seen(connection: Connection, sync: str) -> Seen | None:
    """Return what the last completed run of a sync saw of its source; None for the first one.

    None, too, where a run of it has been taken back since: what is stored is no longer what the source was then.
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
    taken_back = select(literal(1)).where(run.undoes.in_(its_runs), run.started_at > found.started_at)
    if connection.scalar(taken_back.where(run.status == Status.COMPLETED, ~run.dry_run).limit(1)):
        return None
    return Seen(found.run_id, found.source_version, found.sha256, found.options)


def describe_seen(session: Session, version: str | None, digest: str | None) -> None:
    """Add what a source said of its state, and a digest of what it gave."""
    seen = {"source_version": version, "sha256": digest}
    with session.transaction() as connection:
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == session.run_id).values(seen))


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
        "records_retired": counts.retire,
        "warnings": counts.warnings,
        "repairs": counts.repairs,
        # By the database's clock: it tells what was there at a moment, whichever machine carried the run out.
        "finished_at": func.clock_timestamp(),
        **more,
    }
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(values))


def add_issues(connection: Connection, run_id: UUID, issues: pl.DataFrame, part: int = 0) -> None:
    """Add issues of `ISSUE_SCHEMA` to one of the types of a run."""
    frame = issues.select(pl.lit(str(run_id)).alias("run_id"), pl.lit(part).alias("part"), *ISSUE_SCHEMA)
    copy_frame(connection, IMPORT_ISSUE, frame)


def add_rejected_rows(connection: Connection, run_id: UUID, rows: pl.DataFrame, part: int = 0) -> None:
    """Keep rejected rows as they were in the source: `ROW` and text columns; a NUL is shown as U+FFFD."""
    cells = pl.exclude(ROW).str.replace_all("\0", "\ufffd", literal=True)  # PostgreSQL's JSON holds no NUL
    data = pl.struct(cells).struct.json_encode().alias("data")
    run = pl.lit(str(run_id)).alias("run_id")
    frame = rows.select(run, pl.lit(part).alias("part"), pl.col(ROW).alias("row"), data)
    copy_frame(connection, REJECTED_ROW, frame)


def forget_issues(connection: Connection, run_id: UUID, part: int | None = None) -> None:
    """Delete the issues of a run, or of one of its types, before its source is validated from the beginning."""
    forgotten = delete(IMPORT_ISSUE).where(IMPORT_ISSUE.c.run_id == run_id)
    connection.execute(forgotten if part is None else forgotten.where(IMPORT_ISSUE.c.part == part))


def forget_rejected_rows(connection: Connection, run_id: UUID, part: int | None = None) -> None:
    """Delete the rejected rows of a run, or of one of its types, before they are kept again."""
    forgotten = delete(REJECTED_ROW).where(REJECTED_ROW.c.run_id == run_id)
    connection.execute(forgotten if part is None else forgotten.where(REJECTED_ROW.c.part == part))


def reap(session: Session) -> list[UUID]:
    """Clean up after runs whose process died: drop their staging tables and close their entries.

    What a frozen plan has staged is kept until its time is over.
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
            ended = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run, IMPORT_RUN.c.status == Status.RUNNING)
            connection.execute(ended.values(status=Status.FAILED, message=DIED, finished_at=datetime.now(UTC)))
    return dead


def is_death(message: str | None) -> bool:
    """Say whether this is told of a run whose process died, which could not tell so itself."""
    return message == DIED or (message or "").startswith(LIMITED)


def end_limited(connection: Connection, run_id: UUID, message: str) -> None:
    """Enter which limit a run had passed; another run may have found before that its process had died."""
    open_or_dead = or_(IMPORT_RUN.c.status == Status.RUNNING, IMPORT_RUN.c.message == DIED)
    ended = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id, open_or_dead)
    connection.execute(ended.values(status=Status.FAILED, message=message, finished_at=datetime.now(UTC)))


def drop_staging(connection: Connection, run_id: UUID) -> None:
    """Drop the staging tables of a run, if there are any."""
    named = text("select tablename from pg_tables where schemaname = :schema and starts_with(tablename, :name)")
    wanted = {"schema": STAGING_SCHEMA, "name": f"run_{run_id.hex}_"}
    for name in list(connection.scalars(named, wanted)):
        connection.execute(text(f'drop table if exists "{STAGING_SCHEMA}"."{name}"'))


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
    sync: str | None = None,
    dry_run: bool | None = None,
    after: UUID | None = None,
) -> list[Report]:
    """Return the newest runs first; with `after`, those that began before that one."""
    run = IMPORT_RUN.c
    query = select(IMPORT_RUN).order_by(run.started_at.desc(), run.run_id.desc()).limit(limit)
    if resource_type:
        among = run.parts.contains([{"resource_type": resource_type}])
        query = query.where(or_(run.resource_type == resource_type, among))
    for column, wanted in ((run.status, status), (run.requested_by, requested_by), (run.sync, sync)):
        query = query.where(column == wanted) if wanted else query
    if dry_run is not None:
        query = query.where(run.dry_run.is_(dry_run))
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
    actions = ("created", "updated", "deleted", "retired", "unchanged", "rejected")
    query = select(
        func.coalesce(run.resource_type, case((run.parts.is_(None), "unknown"), else_="several")).label(
            "resource_type"
        ),
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


def plan_run(connection: Connection, run_id: UUID) -> UUID:
    """Return the run that read what this one wrote: the one whose plan it applied, else itself."""
    applied = connection.scalar(select(IMPORT_RUN.c.applies).where(IMPORT_RUN.c.run_id == run_id))
    return applied or run_id


def _issues_of(
    connection: Connection, run_id: UUID, severity: Severity | None, rule: str | None
) -> ColumnElement[bool]:
    """Say whether an issue is one of a run; of one that applied a plan, also whether it was found as that was made.

    What was asked again, and found again, is told once.
    """
    issue, again = IMPORT_ISSUE.c, IMPORT_ISSUE.alias().c
    told = issue.run_id == run_id
    if (made := plan_run(connection, run_id)) != run_id:
        found_again = exists().where(
            again.run_id == run_id, again.part == issue.part, again.row == issue.row, again.rule == issue.rule
        )
        told = or_(told, and_(issue.run_id == made, ~found_again))
    wanted = [column == value for column, value in ((issue.severity, severity), (issue.rule, rule)) if value]
    return and_(told, *wanted)


def count_issues(
    connection: Connection, run_id: UUID, severity: Severity | None = None, rule: str | None = None
) -> int:
    """Return how many issues of a run are kept."""
    told = _issues_of(connection, run_id, severity, rule)
    return int(connection.scalar(select(func.count()).select_from(IMPORT_ISSUE).where(told)) or 0)


def read_issues(
    connection: Connection,
    run_id: UUID,
    *,
    limit: int | None = None,
    offset: int = 0,
    severity: Severity | None = None,
    rule: str | None = None,
    part: int | None = None,
) -> list[Issue]:
    """Return the issues of a run, or of one of its types, errors first, in the order of its rows."""
    rank = func.array_position(postgresql.array(list(Severity)), IMPORT_ISSUE.c.severity)
    columns = (*(IMPORT_ISSUE.c[name] for name in ISSUE_SCHEMA), IMPORT_ISSUE.c.part)
    query = select(*columns).where(_issues_of(connection, run_id, severity, rule))
    query = query if part is None else query.where(IMPORT_ISSUE.c.part == part)
    query = query.order_by(rank, IMPORT_ISSUE.c.part, IMPORT_ISSUE.c.row, IMPORT_ISSUE.c.id).limit(limit).offset(offset)
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
        retire=row.records_retired,
    )
    rules = [RuleCount(rule, Severity(severity), count) for rule, severity, count in row.rules or ()]
    parts = tuple(_part_from_json(part) for part in row.parts or ())
    return Report(
        run_id=str(row.run_id),
        status=Status(row.status),
        resource_type=row.resource_type or ", ".join(part.resource_type for part in parts),
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
        origin=_origin_from_json(row.origin) if row.origin else None,
        notices=tuple(_issue(notice) for notice in row.notices or ()),
        repeats=str(row.repeats) if row.repeats else None,
        started=row.started_at,
        requested_by=row.requested_by,
        undoes=str(row.undoes) if row.undoes else None,
        applies=str(row.applies) if row.applies else None,
        parts=parts,
        plan=FrozenPlan(row.plan["hash"], row.plan_until, row.plan.get("applied")) if row.plan else None,
        sync=row.sync,
        version=row.source_version,
    )


def rejected_columns(connection: Connection, run_id: UUID) -> list[tuple[str, list[str]]]:
    """Return each type of a run, and the columns of its source in their order, without those that hold secrets."""
    run = IMPORT_RUN.c
    found = select(run.resource_type, run.origin, run.mapping, run.parts).where(run.run_id == run_id)
    resource_type, origin, mapping, parts = connection.execute(found).one()
    only = {"resource_type": resource_type or "", "origin": origin, "mapping": mapping}
    found_in = _read(parts) or [only]
    return [(part["resource_type"], _told_columns(part["origin"], part["mapping"])) for part in found_in]


def _read(parts: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The parts that have rows of the source: not those of records that its rows only refer to."""
    return [part for part in parts or [] if part["origin"]]


def mappings_of(connection: Connection, run_id: UUID) -> dict[str, Mapping]:
    """Return how the columns of each type of a run were mapped."""
    run = IMPORT_RUN.c
    found = select(run.resource_type, run.mapping, run.parts).where(run.run_id == run_id)
    resource_type, mapping, parts = connection.execute(found).one()
    each = [(part["resource_type"], part["mapping"]) for part in _read(parts)] or [(resource_type, mapping)]
    return {name: mapping_from_json(said) for name, said in each if name and said}


def _told_columns(origin: dict[str, Any] | None, mapping: dict[str, Any] | None) -> list[str]:
    secret = mapping["secret"] if mapping else []
    return [name for name in origin["columns"] if name not in secret] if origin else []


def rejected_rows(
    connection: Connection, run_id: UUID, part: int = 0
) -> Iterator[tuple[int, dict[str, str | None], Issue | None]]:
    """Yield (row, source column → text, one of its errors) in the order of the source, from a server-side cursor."""
    row, issue = REJECTED_ROW.c, IMPORT_ISSUE.c
    of_row = and_(issue.run_id == run_id, issue.part == part, issue.row == row.row)
    is_error = and_(of_row, issue.severity == Severity.ERROR)
    query = (
        select(row.row, row.data, *(issue[name].label(f"issue_{name}") for name in ISSUE_SCHEMA))
        .join_from(REJECTED_ROW, IMPORT_ISSUE, is_error, isouter=True)
        .where(row.run_id == run_id, row.part == part)
        .order_by(row.row, issue.id)
    )
    streamed = connection.execution_options(yield_per=2_000).execute(query)
    for number, data, *values in streamed:
        found = dict(zip(ISSUE_SCHEMA, values, strict=True))
        yield number, data, _issue(found) if found["rule"] else None


def rejected_page(connection: Connection, run_id: UUID, *, limit: int, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many rows a run rejected, and some of them: `row`, `data` (source column → text) and `issues`.

    Of a run of several types, each has its `part` too.
    """
    row, issue = REJECTED_ROW.c, IMPORT_ISSUE.c
    total = int(connection.scalar(select(func.count()).where(row.run_id == run_id)) or 0)
    query = select(row.part, row.row, row.data).where(row.run_id == run_id).order_by(row.part, row.row)
    found = {
        (each.part, each.row): {"part": each.part, "row": each.row, "data": each.data, "issues": []}
        for each in connection.execute(query.limit(limit).offset(offset))
    }
    wrong = select(*(issue[name] for name in ISSUE_SCHEMA), issue.part).where(issue.run_id == run_id)
    wrong = wrong.where(tuple_(issue.part, issue.row).in_(list(found)), issue.severity == Severity.ERROR)
    for each in connection.execute(wrong.order_by(issue.row, issue.id)).mappings():
        found[each["part"], each["row"]]["issues"].append(_issue(dict(each)))
    return total, list(found.values())


def daily(connection: Connection, *, days: int, requested_by: str | None = None) -> list[dict[str, Any]]:
    """Return what became of the records of each of the last days (UTC), dry runs left out; of all or one caller."""
    run = IMPORT_RUN.c
    actions = ("created", "updated", "unchanged", "rejected")
    day = func.date(func.timezone("UTC", run.started_at)).label("day")
    query = select(day, *(func.sum(run[f"records_{action}"]).label(action) for action in actions))
    since = func.now() - func.make_interval(0, 0, 0, days)
    query = (
        query.where(~run.dry_run, run.started_at >= since, run.status == Status.COMPLETED).group_by(day).order_by(day)
    )
    query = query if requested_by is None else query.where(run.requested_by == requested_by)
    return [
        {"day": row.day, **{action: int(getattr(row, action)) for action in actions}}
        for row in connection.execute(query)
    ]


def rejected_numbers(connection: Connection, run_id: UUID, part: int = 0) -> pl.Series:
    """Return the numbers of the rows that a run rejected of one of its types, in order."""
    issue = IMPORT_ISSUE.c
    query = select(issue.row).where(issue.run_id == run_id, issue.part == part, issue.row.is_not(None))
    rows = connection.scalars(query.where(IMPORT_ISSUE.c.severity == Severity.ERROR).distinct())
    return pl.Series("row", list(rows), dtype=pl.UInt32).sort()


def status_of(connection: Connection, run_id: UUID) -> Status | None:
    """Return where a run stands; None for one that has not begun."""
    status = connection.scalar(select(IMPORT_RUN.c.status).where(IMPORT_RUN.c.run_id == run_id))
    return Status(status) if status else None


def message_of(connection: Connection, run_id: UUID) -> str | None:
    """Return what there is to say of a run's end."""
    message: str | None = connection.scalar(select(IMPORT_RUN.c.message).where(IMPORT_RUN.c.run_id == run_id))
    return message


def is_completed(connection: Connection, run_id: UUID) -> bool:
    """Say whether a run was applied: its ledger row is written in the transaction that applies it."""
    return status_of(connection, run_id) is Status.COMPLETED


SKIPPED = "Skipped: "
"""What is told first of a run of a sync that did nothing, as another was under way."""


@dataclass(frozen=True)
class SyncState:
    """Where a sync stands: its last run, the last one that changed anything, and what it was asked for."""

    name: str
    options: dict[str, Any]
    last: Report
    changed: Report | None


def list_syncs(connection: Connection, *, requested_by: str | None = None) -> list[SyncState]:
    """Return where each sync stands, by name, of all or as one person asked for them; dry runs are none of its runs.

    Nor is one that was skipped, as another was under way, unless there is no other.
    """
    run = IMPORT_RUN.c
    runs = select(IMPORT_RUN).where(run.sync.is_not(None), ~run.dry_run).order_by(run.sync, run.started_at.desc())
    runs = runs.where(run.requested_by == requested_by) if requested_by else runs
    changes = run.records_created + run.records_updated + run.records_deleted + run.records_retired
    did = runs.where(changes > 0, run.status == Status.COMPLETED).distinct(run.sync)
    changed = {row.sync: _report(row) for row in connection.execute(did)}
    skipped = case((and_(run.status == Status.CANCELLED, run.message.startswith(SKIPPED)), 1), else_=0)
    last = runs.order_by(None).order_by(run.sync, skipped, run.started_at.desc())
    newest = connection.execute(last.distinct(run.sync)).all()
    asked = runs.where(run.applies.is_(None)).distinct(run.sync)
    options = {row.sync: row.options for row in connection.execute(asked)}
    return [SyncState(row.sync, options.get(row.sync, {}), _report(row), changed.get(row.sync)) for row in newest]


# Mappings and changes as JSON -----------------------------------------------------------------------------------------


def mapping_to_json(mapping: Mapping) -> dict[str, Any]:
    """Return a mapping as the ledger keeps it."""
    return {
        "matches": [asdict(match) for match in mapping.matches],
        "constants": mapping.constants,
        "unknown": list(mapping.unknown),
        "secret": list(mapping.secret),
        "seen": mapping.seen,
        "overrides": list(mapping.overrides),
        "joins": [asdict(join) for join in mapping.joins],
    }


def mapping_from_json(data: dict[str, Any]) -> Mapping:
    """Return a mapping that the ledger kept."""
    matches = tuple(Match(**match) for match in data["matches"])
    joins = tuple(Join(**join | {"measure": Measure(join["measure"])}) for join in data.get("joins", ()))
    return Mapping(
        matches,
        data["constants"],
        tuple(data["unknown"]),
        tuple(data["secret"]),
        data.get("seen"),
        tuple(data.get("overrides", ())),
        joins,
    )


def change_to_json(change: Change) -> dict[str, Any]:
    """Return a change as the ledger keeps it."""
    return asdict(change)


def change_from_json(data: dict[str, Any]) -> Change:
    """Return a change that the ledger kept."""
    fields = {name: (before, after) for name, (before, after) in data["fields"].items()}
    return Change(data["key"], data["action"], data["row"], fields, data.get("resource_type", ""))


def parts_to_json(parts: list[PartReport]) -> list[dict[str, Any]]:
    """Return what a run did with each of its types, as the ledger keeps it."""
    return [
        asdict(part)
        | {"mapping": mapping_to_json(part.mapping) if part.mapping else None}
        | {"origin": asdict(part.origin) if part.origin else None}
        for part in parts
    ]


def _part_from_json(data: dict[str, Any]) -> PartReport:
    return PartReport(
        data["resource_type"],
        data["source"],
        Counts(**data["counts"]),
        mapping_from_json(data["mapping"]) if data["mapping"] else None,
        _origin_from_json(data["origin"]) if data["origin"] else None,
    )


def _origin_from_json(data: dict[str, Any]) -> Origin:
    sheets = tuple(
        Sheet(**sheet | {"columns": tuple((column, field) for column, field in sheet["columns"])})
        for sheet in data.get("sheets", ())
    )
    return Origin(**data | {"columns": tuple(data["columns"]), "sheets": sheets})
