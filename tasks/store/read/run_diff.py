"""What lies between two runs: what each saw of its source, and what became of the records after the earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Text, case, cast, func, literal, select
from sqlalchemy.dialects import postgresql

from schemas.errors import UsageError
from schemas.model.tables import CHANGES, IMPORT_RUN, LINEAGE, RETIRED_AT, TABLES
from schemas.ordering import in_declared_order
from schemas.reports import Change, Report, Status
from schemas.resources import RESOURCES
from tasks.store import ledger
from tasks.store.merge.plan import differing


@dataclass(frozen=True)
class Difference:
    """Two runs, how many records the runs after the earlier one created, updated, …, and the first of them."""

    before: Report
    after: Report
    counts: dict[str, int]
    changes: tuple[Change, ...]


def difference(connection: Connection, before: UUID, after: UUID, *, most: int = 100) -> Difference:
    """Compare two runs; of one sync, only its own runs count. Raises UsageError where they are in no order."""
    one, other = (ledger.read_report(connection, run, samples=0) for run in (before, after))
    if one.started is None or other.started is None or one.started >= other.started:
        raise UsageError(
            f"Run {other.run_id} began before run {one.run_id}: name the earlier one first.",
            runs=[other.run_id, one.run_id],
        )
    runs = _runs_between(connection, one, other)
    created = _created_records(connection, runs, most)
    updated, changed = _changed_records(connection, runs, most)
    counts = {"created": sum(count for count, _ in created)} | updated
    changes = [change for _, some in created for change in some]
    return Difference(one, other, counts, tuple([*changed, *changes][:most]))


def _runs_between(connection: Connection, one: Report, other: Report) -> list[UUID]:
    run = IMPORT_RUN.c
    query = select(run.run_id).where(run.started_at > one.started, run.started_at <= other.started)
    query = query.where(run.status == Status.COMPLETED, ~run.dry_run)
    if one.sync and one.sync == other.sync:
        query = query.where(run.sync == one.sync)
    return list(connection.scalars(query))


def _created_records(connection: Connection, runs: list[UUID], most: int) -> list[tuple[int, list[Change]]]:
    found = []
    for resource in RESOURCES.values():
        table = TABLES[resource.type]
        made = table.c.created_by_run.in_(runs)
        count = int(connection.scalar(select(func.count()).select_from(table).where(made)) or 0)
        key = cast(table.c[resource.key_column], Text)
        rows = connection.execute(select(key).where(made).order_by(key).limit(most)) if count else ()
        found.append((count, [Change(name, "created", None, {}, resource.type) for (name,) in rows]))
    return found


def _changed_records(connection: Connection, runs: list[UUID], most: int) -> tuple[dict[str, int], list[Change]]:
    """The records of before that differ now, or are deleted or retired: from the first image to the last."""
    change = CHANGES.c
    of_record: dict[str, Any] = {"partition_by": [change.resource_type, change.key]}
    first = func.first_value(change.before).over(order_by=IMPORT_RUN.c.started_at, **of_record)
    last = func.first_value(change.after).over(order_by=IMPORT_RUN.c.started_at.desc(), **of_record)
    query = select(change.resource_type, change.key, first.label("before"), last.label("after")).join_from(
        CHANGES, IMPORT_RUN, IMPORT_RUN.c.run_id == change.run_id
    )
    each = query.where(change.run_id.in_(runs)).distinct(change.resource_type, change.key).subquery()
    was_there = each.c.before != literal(None, postgresql.JSONB(none_as_null=False))
    action = _action(each.c.after)
    counted = select(action, func.count()).where(was_there).group_by(action)
    counts = dict.fromkeys(("updated", "deleted", "retired"), 0)
    counts |= {name: int(count) for name, count in connection.execute(counted)}
    rows = select(each.c.resource_type, each.c.key, action, each.c.before, each.c.after).where(was_there)
    found = connection.execute(rows.order_by(each.c.resource_type, each.c.key).limit(most))
    return counts, [
        Change(key, what, None, in_declared_order(_fields(before, after), kind), kind)
        for kind, key, what, before, after in found
    ]


def _action(after: ColumnElement[Any]) -> ColumnElement[str]:
    is_null = func.jsonb_typeof(after) == "null"
    set_aside = after.op("->>")(RETIRED_AT).is_not(None)
    return case((is_null, "deleted"), (set_aside, "retired"), else_="updated")


def _fields(before: dict[str, Any], after: dict[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    found = differing(before, after) if after else {}
    return {name: values for name, values in found.items() if name not in LINEAGE}
