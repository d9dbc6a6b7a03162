"""Undo in SQL: what taking a run back would do to each record, and its application, in one transaction.

A row of `all_changes` holds a record before and after a run; JSON null stands for a record that is not there. What is
deleted goes to the table of its type's deleted records, which that view has, too. The records that an import created
have no such row: they are those that bear its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, CursorResult, text

from schemas.reports import Change
from schemas.resource import Resource
from schemas.tables import GONE, LINEAGE, RETIRED_AT, TABLES
from tasks.store.plan import differing

# The records that a run created, and that no change row of it speaks of; there may be a million of them, which are
# neither listed nor turned into JSON.
_CREATED = """
  from {table} t
 where t.created_by_run = :run
   and not exists (
       select 1 from all_changes c where c.run_id = :run and c.resource_type = :type and c.key = cast(t.{key} as text))
"""

_COUNT_CREATED = "select count(*) filter (where {as_made}), count(*) filter (where not {as_made})" + _CREATED

_CREATED_GONE = "insert into {gone} ({columns}, gone_by_run) select {of_t}, :undo" + _CREATED + " and {as_made}"

_CREATED_DELETE = "delete" + _CREATED + " and {as_made}"

# What is to be done about each record that the run touched otherwise: `delete`, `update`, `create`; `moved` is what
# somebody has edited since, `gone` what is as it was before already.
_PLAN = """
create temp table undo_plan on commit drop as
select c.key, c.row, case
    when c.after = 'null' then case when t.{key} is null then 'create' when {forced} then 'update' else 'moved' end
    when c.before = 'null' and t.{key} is null then 'gone'
    when c.before = 'null' then case when {same} or {forced} then 'delete' else 'moved' end
    when t.{key} is null then case when {forced} then 'create' else 'moved' end
    when {same} or {forced} then 'update'
    else 'moved' end as action
  from all_changes c
  left join {table} t on cast(t.{key} as text) = c.key
  cross join lateral jsonb_populate_record(null::{table}, case when c.after = 'null' then '{{}}' else c.after end) a
 where c.run_id = :run and c.resource_type = :type
"""

_IMAGES = """
insert into change (run_id, resource_type, key, row, before, after)
select :undo, :type, p.key, p.row,
       case when p.action = 'create' then 'null' else to_jsonb(t.*) end,
       case when p.action = 'create' then {whole}
            else (select jsonb_object_agg(name, c.before -> name) from unnest({written}) name) end
  from undo_plan p
  left join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  left join {table} t on cast(t.{key} as text) = p.key
 where p.action in ('update', 'create')
"""

_GONE = """
insert into {gone} ({columns}, gone_by_run)
select {of_t}, :undo
  from undo_plan p
  join {table} t on cast(t.{key} as text) = p.key
 where p.action = 'delete'
"""

_DELETE = "delete from {table} t using undo_plan p where p.action = 'delete' and cast(t.{key} as text) = p.key"

_UPDATE = """
update {table} t
   set {assignments}, updated_at = now(), updated_by_run = b.updated_by_run
  from undo_plan p
  join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  cross join lateral jsonb_populate_record(null::{table}, c.before) b
 where p.action = 'update' and cast(t.{key} as text) = p.key
"""

_CREATE = """
insert into {table} ({columns})
select {of_b}
  from undo_plan p
  join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  cross join lateral jsonb_populate_record(null::{table}, c.before || jsonb_build_object('updated_at', now())) b
 where p.action = 'create'
"""


_CHANGES = """
select p.key, p.row, p.action, to_jsonb(t.*), c.before, c.after
  from undo_plan p
  left join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  left join {table} t on cast(t.{key} as text) = p.key
 where p.action in ('delete', 'update', 'create')
 order by p.row, p.key
 limit :most
"""

_CREATED_CHANGES = (
    "select cast(t.{key} as text), cast(null as integer), 'delete', to_jsonb(t.*), null, null"
    + _CREATED
    + " and {as_made} order by t.{key} limit :most"
)

_MOVED = "select key, row from undo_plan where action = 'moved' order by row, key limit :most"

_CREATED_MOVED = (
    "select cast(t.{key} as text), cast(null as integer)" + _CREATED + " and not {as_made} order by t.{key} limit :most"
)


@dataclass(frozen=True)
class Undone:
    """How many records would be deleted, restored and created again, and how many somebody has edited since."""

    delete: int
    update: int
    create: int
    moved: int


class Undoing:
    """Taking back what one run did with one type, inside the transaction that does it."""

    def __init__(self, connection: Connection, resource: Resource, run: UUID, undo: UUID, *, force: bool) -> None:
        self.connection = connection
        self.resource = resource
        self.ids: dict[str, Any] = {"run": run, "undo": undo, "type": resource.type}
        self.parts = _parts(connection, resource, force=force)

    def plan(self) -> Undone:
        """Find out what would be done; it holds until the transaction ends, or the next type is planned."""
        self.connection.execute(text("drop table if exists undo_plan"))
        self._execute(_PLAN)
        self.connection.execute(text("analyze undo_plan"))
        found = self.connection.execute(text("select action, count(*) from undo_plan group by action"))
        counts = {action: int(count) for action, count in found}
        deleted, moved = self._execute(_COUNT_CREATED).one()
        return Undone(
            counts.get("delete", 0) + deleted,
            counts.get("update", 0),
            counts.get("create", 0),
            counts.get("moved", 0) + moved,
        )

    def apply(self) -> None:
        """Keep what was there, so that this can be undone in its turn, and take the run back."""
        for statement in (_IMAGES, _GONE, _CREATED_GONE, _DELETE, _CREATED_DELETE, _UPDATE, _CREATE):
            self._execute(statement)

    def moved(self, most: int) -> list[tuple[str, int | None]]:
        """Return the key and the row of records that somebody has edited since."""
        found = [*self._execute(_MOVED, most=most), *self._execute(_CREATED_MOVED, most=most)]
        return [(key, row) for key, row in found][:most]

    def changes(self, most: int) -> list[Change]:
        """Return the first records with what would be done to them, as fields before → after."""
        rows = [*self._execute(_CHANGES, most=most), *self._execute(_CREATED_CHANGES, most=most)]
        return [
            Change(key, action, row, self._fields(now, before, after), self.resource.type)
            for key, row, action, now, before, after in rows[:most]
        ]

    def _fields(self, now: object, before: object, after: object) -> dict[str, tuple[object, object]]:
        current = now if isinstance(now, dict) else {}
        wanted = before if isinstance(before, dict) else {}
        names = after if isinstance(after, dict) else self.resource.fields
        return differing(current, {name: wanted.get(name) for name in names if name in self.resource.fields})

    def _execute(self, statement: str, **more: int) -> CursorResult[Any]:
        filled = statement.format(**self.parts)
        used = {name: value for name, value in (self.ids | more).items() if f":{name}" in filled}
        # A colon of PostgreSQL's own is no parameter.
        return self.connection.execute(text(filled.replace("::", "\\:\\:")), used)


def _parts(connection: Connection, resource: Resource, *, force: bool) -> dict[str, str]:
    """What the statements above are filled with: names of the type's table and columns, quoted."""
    quote = connection.dialect.identifier_preparer.quote
    columns = [column.name for column in TABLES[resource.type].columns]
    kept = [name for name in LINEAGE if name != RETIRED_AT]
    fields = [name for name in columns if name != resource.key_column and name not in kept]
    whole = f"c.before - array[{', '.join(repr(name) for name in LINEAGE)}]"
    # A record that was created is as it was while nobody but its run has written it.
    as_made = "true" if force else "(t.updated_by_run is not distinct from :run)"
    same = [f"(not c.after ? '{name}' or t.{quote(name)} is not distinct from a.{quote(name)})" for name in fields]
    written = f"case when c.after = 'null' then {whole} else c.after end"
    back = [
        f"{column} = case when c.after = 'null' or c.after ? '{name}' then b.{column} else t.{column} end"
        for name, column in ((name, quote(name)) for name in fields)
    ]
    return {
        "table": quote(resource.table),
        "key": quote(resource.key_column),
        "forced": "true" if force else "false",
        "as_made": as_made,
        "gone": quote(GONE[resource.type].name),
        "columns": ", ".join(map(quote, columns)),
        "of_t": ", ".join(f"t.{quote(name)}" for name in columns),
        "of_b": ", ".join(f"b.{quote(name)}" for name in columns),
        "same": " and ".join(same),
        "whole": whole,
        "written": f"(select array_agg(k) from jsonb_object_keys({written}) k)",  # noqa: S608  # names of ours
        "assignments": ", ".join(back),
    }
