"""Records as a person looks at them: a page of a type, and one record with the runs that made and changed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, String, and_, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, INET

from schemas.job_options.filters import Filter
from schemas.model import kinds
from schemas.model.resource import Resource
from schemas.model.tables import CHANGES, IMPORT_RUN, LINEAGE, RETIRED_AT, TABLES, has_lasting_ids
from tasks.store.merge.before_images import renamings
from tasks.store.read.query import condition, field_name

_SEARCHED = (
    kinds.TEXT.name,
    kinds.CODE.name,
    kinds.ACCOUNT.name,
    kinds.BLOCK.name,
    kinds.ADDRESS.name,
    kinds.TAGS.name,
)


@dataclass(frozen=True)
class Wanted:
    """Which records of a type: a filter, a text that they hold somewhere, an order, and the page."""

    resource: Resource
    where: Filter | None = None
    search: str | None = None
    sort: tuple[str, ...] = ()
    limit: int = 50
    offset: int = 0
    retired: bool = False


def page(connection: Connection, wanted: Wanted) -> tuple[int, list[dict[str, Any]]]:
    """Return how many records there are, and those of the page, each with its `key`; raises UsageError."""
    resource = wanted.resource
    table = TABLES[resource.type]
    conditions = [condition(resource, wanted.where)] if wanted.where else []
    conditions += [] if wanted.retired else [table.c[RETIRED_AT].is_(None)]
    if wanted.search:
        texts = [cast(table.c[name], String) for name, spec in resource.fields.items() if spec.kind.name in _SEARCHED]
        conditions.append(or_(*(text.icontains(wanted.search, autoescape=True) for text in texts)))
    total = int(connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)
    query = select(table).where(*conditions)
    for name in (*wanted.sort, resource.key_column):
        column = table.c[
            name.removeprefix("-") if name == resource.key_column else field_name(resource, name.lstrip("-"))
        ]
        query = query.order_by(column.desc().nulls_last() if name.startswith("-") else column.asc().nulls_last())
    rows = connection.execute(query.limit(wanted.limit).offset(wanted.offset)).mappings()
    return total, [_shown(resource, dict(row)) for row in rows]


def record(connection: Connection, resource: Resource, key: str) -> dict[str, Any] | None:
    """Return one record with its history, the newest change first; None where there is none of that key."""
    table = TABLES[resource.type]
    row = connection.execute(select(table).where(cast(table.c[resource.key_column], String) == key)).mappings().first()
    if row is None:
        return None
    shown = _shown(resource, dict(row))
    history = _changes(connection, resource, _keys(connection, resource, key, row["updated_by_run"]))
    if created := _run(connection, row["created_by_run"]):
        history.append({**created, "at": plain(row["created_at"]), "action": "created", "fields": {}})
    lineage = {"created_at": shown.pop("created_at"), "updated_at": shown.pop("updated_at")}
    return {"key": shown.pop("key"), "record": shown, **lineage, "history": history}


def _changes(connection: Connection, resource: Resource, keys: list[str]) -> list[dict[str, Any]]:
    run = IMPORT_RUN.c
    query = (
        select(CHANGES.c.before, CHANGES.c.after, run.run_id, run.source, run.requested_by, run.finished_at)
        .join_from(CHANGES, IMPORT_RUN, CHANGES.c.run_id == run.run_id)
        .where(CHANGES.c.resource_type == resource.type, CHANGES.c.key.in_(keys))
        .order_by(run.started_at.desc())
    )
    return [
        {
            "run_id": str(row.run_id),
            "at": plain(row.finished_at),
            "source": row.source,
            "requested_by": row.requested_by,
            "action": _action(row.before, row.after),
            "fields": {
                name: {"before": row.before.get(name), "after": row.after[name]}
                for name in resource.fields
                if name in row.after and row.before.get(name) != row.after[name]
            }
            # An undo deletes records and brings them back: there is nothing to set against each other.
            if row.before is not None and row.after is not None
            else {},
        }
        for row in connection.execute(query)
    ]


def _keys(connection: Connection, resource: Resource, key: str, run: UUID | None) -> list[str]:
    """The keys that a record has had, the newest first; `run` is the one that changed it last."""
    keys, runs = [key], [run]
    renaming = renamings(resource).c
    updated = and_(CHANGES.c.resource_type == resource.type, func.jsonb_typeof(CHANGES.c.after) != "null")
    while has_lasting_ids(resource, resource.fields):
        # The run that gave it its key is the last one that an image under that key bears, or the record itself.
        images = select(CHANGES.c.before.op("->>")("updated_by_run")).where(updated, CHANGES.c.key == keys[-1])
        runs += [UUID(each) for each in connection.scalars(images) if each]
        became = renaming.new_key == keys[-1]
        earlier = select(renaming.key).where(renaming.run_id.in_(runs), became, renaming.key.not_in(keys))
        found = connection.scalar(earlier.limit(1))
        if found is None:
            break
        keys.append(found)
    return keys


def _action(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if after is None:
        return "deleted"
    if before is None:
        return "created"
    if RETIRED_AT not in after:
        return "updated"
    return "retired" if after[RETIRED_AT] else "restored"


def _run(connection: Connection, run_id: UUID | None) -> dict[str, Any] | None:
    run = IMPORT_RUN.c
    row = connection.execute(select(run.run_id, run.source, run.requested_by).where(run.run_id == run_id)).first()
    return {"run_id": str(row.run_id), "source": row.source, "requested_by": row.requested_by} if row else None


def _shown(resource: Resource, row: dict[str, Any]) -> dict[str, Any]:
    """A record as JSON holds it: its key, its fields in their order, when it was made and changed."""
    table = TABLES[resource.type]
    shown = {"key": str(row[resource.key_column])} | {
        name: _json_value(row[name], table.c[name].type) for name in resource.fields
    }
    return shown | {name: plain(row[name]) for name in LINEAGE[:2]}


def _json_value(value: Any, kind: Any) -> Any:
    """PostgreSQL's arrays of blocks reach Python as one text."""
    if isinstance(kind, ARRAY) and isinstance(kind.item_type, CIDR | INET) and isinstance(value, str):
        return [item for item in value.strip("{}").split(",") if item]
    return plain(value)


def plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    return value.isoformat() if isinstance(value, datetime | date) else value
