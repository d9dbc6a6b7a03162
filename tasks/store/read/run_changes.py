"""What one run changed: some records that it updated, retired, deleted or created, with the fields that differ."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, Text, cast, func, literal, select

from schemas.model.tables import CHANGES, LINEAGE, RETIRED_AT, TABLES
from schemas.reports import Change
from schemas.resources import RESOURCES
from tasks.store import ledger
from tasks.store.merge.plan import differing

# Records that a run created are found by reading the whole table, which takes a tenth of a second from this size on.
_MOST_BYTES = 64 << 20


def changes_of(connection: Connection, run_id: UUID, *, most: int) -> tuple[Change, ...]:
    """Return changes of a run that was applied; records that it created come last, where their table is small."""
    changed = _changed(connection, run_id, most)
    return (*changed, *_created(connection, run_id, most - len(changed)))


def _changed(connection: Connection, run_id: UUID, most: int) -> list[Change]:
    change = CHANGES.c
    query = select(change.resource_type, change.key, change.row, change.before, change.after)
    # Not in an order, for which all changes of a large run would be read.
    rows = connection.execute(query.where(change.run_id == run_id).limit(most))
    found = [Change(key, _action(b, a), row, _fields(b, a), kind) for kind, key, row, b, a in rows]
    return sorted(found, key=lambda change: (change.resource_type, change.row or 0, change.key))


def _action(before: dict[str, object] | None, after: dict[str, object] | None) -> str:
    if not before:
        return "created"
    if not after:
        return "deleted"
    return "retired" if after.get(RETIRED_AT) else "updated"


def _fields(before: dict[str, object] | None, after: dict[str, object] | None) -> dict[str, tuple[object, object]]:
    found = differing(before, after) if before and after else {}
    return {name: values for name, values in found.items() if name not in LINEAGE}


def _created(connection: Connection, run_id: UUID, most: int) -> list[Change]:
    found: list[Change] = []
    for name in ledger.types_of(connection, run_id):
        table = TABLES[name]
        size = connection.scalar(select(func.pg_relation_size(literal(table.fullname))))
        if size is None or size > _MOST_BYTES:
            continue
        key = cast(table.c[RESOURCES[name].key_column], Text)
        query = select(key).where(table.c.created_by_run == run_id).order_by(key).limit(max(most - len(found), 0))
        found += [Change(each, "created", None, {}, name) for each in connection.scalars(query)]
    return found
