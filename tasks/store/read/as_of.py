"""Records as they were: a type's table put back to a moment, as a relation that a query reads in the table's place.

A run happened when it ended, by PostgreSQL's clock: its ledger row, its before-images and its records are committed in
one transaction, and the runs of a type follow one another. So a record at a moment is what the first run after it
found: the before-image of the key's first change since, or, where there is none, what the table holds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from schemas.errors import UsageError
from schemas.model.resource import Resource
from schemas.model.tables import CHANGES, IMPORT_RUN, TABLES, has_lasting_ids
from schemas.reports import Status
from tasks.store.ledger.retention import deleted_until
from tasks.store.merge.before_images import renamings


def as_of(connection: Connection, resource: Resource, moment: datetime) -> FromClause:
    """Return the records of a type at a moment, with the columns of its table; raises UsageError for an unknown one."""
    _check_known(connection, resource, moment)
    table, was = TABLES[resource.type], _images(resource, moment)
    touched = exists(select(literal(1)).where(was.c.key == cast(table.c[resource.key_column], Text)))
    untouched = select(table).where(~touched, _existed_at(table, moment))
    populated = func.jsonb_populate_record(literal_column(f'null::"{table.name}"'), was.c.before)
    names = [column(each.name, each.type) for each in table.columns]
    image = populated.table_valued(*names, name="image").lateral()
    there = func.jsonb_typeof(was.c.before) != "null"
    restored = select(*image.c).select_from(was.join(image, true())).where(there, _existed_at(image, moment))
    return union_all(untouched, restored).subquery(table.name)


def _existed_at(record: FromClause, moment: datetime) -> ColumnElement[bool]:
    """Say whether a record was there at a moment: no later run has made it; what no run made is as old as it says."""
    by, later = record.c.created_by_run, select(_later_runs(moment).c.run_id)
    return case((by.is_(None), record.c.created_at <= _moment_value(moment)), else_=by.not_in(later))


def _images(resource: Resource, moment: datetime) -> Subquery:
    """The key and the image of each record that a run has changed since, from before the first that did."""
    later, changes = _later_runs(moment), _events(resource)
    first = (
        select(changes.c.key, changes.c.run_id)
        .join(later, later.c.run_id == changes.c.run_id)
        .distinct(changes.c.key)
        .order_by(changes.c.key, later.c.finished_at)
        .subquery("first_change")
    )
    same = and_(changes.c.run_id == first.c.run_id, changes.c.key == first.c.key)
    return select(changes.c.key, changes.c.before).join(first, same).subquery("was")


def _events(resource: Resource) -> FromClause:
    """The changes of a type; one that gave a record another key is the end of one and the beginning of the other."""
    changes = select(CHANGES.c.run_id, CHANGES.c.key, CHANGES.c.before).where(CHANGES.c.resource_type == resource.type)
    if not has_lasting_ids(resource, resource.fields):
        return changes.subquery("event")
    renaming = renamings(resource).c
    begun = select(renaming.run_id, renaming.new_key, cast(literal_column("'null'"), JSONB))
    return union_all(changes, begun).subquery("event")


def _later_runs(moment: datetime) -> Subquery:
    return _applied_runs().where(IMPORT_RUN.c.finished_at > _moment_value(moment)).subquery("later")


def _applied_runs() -> Select[Any]:
    """The runs that may have changed records."""
    run = IMPORT_RUN.c
    return select(run.run_id, run.finished_at).where(run.status == Status.COMPLETED, ~run.dry_run)


def _moment_value(moment: datetime) -> ColumnElement[datetime]:
    return literal(moment, DateTime(timezone=True))


# What can't be known --------------------------------------------------------------------------------------------------


def _check_known(connection: Connection, resource: Resource, moment: datetime) -> None:
    """Raise UsageError for a moment that is to come, or of which too little is kept."""
    run = IMPORT_RUN.c
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    if moment > now:
        raise UsageError(f"{_iso_time(moment)} is yet to come: it is {_iso_time(now)}.", time=_iso_time(moment))
    among = run.parts.contains([{"resource_type": resource.type}])
    of_type = _applied_runs().where(or_(run.resource_type == resource.type, among))
    deleted = deleted_until(connection)
    first = deleted or connection.scalar(of_type.with_only_columns(func.min(run.finished_at)))
    if first is None:
        raise UsageError(
            f"No run of {resource.type} is known, nor what it was before: export it as it is.", type=resource.type
        )
    images = exists(select(literal(1)).where(CHANGES.c.run_id == run.run_id))
    lost = of_type.where(run.records_updated + run.records_deleted + run.records_retired > 0, ~images)
    since = max(first, connection.scalar(lost.with_only_columns(func.max(run.finished_at))) or first)
    if moment < since:
        why = f"What {resource.type} was at {_iso_time(moment)} is not known: it is since {_iso_time(since)}."
        kept = " Runs that ended before are deleted (CMDB_KEEP_RUNS_DAYS)." if since == deleted else ""
        raise UsageError(why + kept)


def is_known(connection: Connection, resource: Resource, moment: datetime) -> bool:
    """Say whether it is known what the records of a type were at a moment."""
    try:
        _check_known(connection, resource, moment)
    except UsageError:
        return False
    return True


def _iso_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
