"""Undo in SQL: what taking a run back would do to each record, and its application, in one transaction.

A row of `change` holds a record before and after a run; JSON null stands for a record that is not there. The records
that an import created have no such row: they are those that bear its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from schemas.reports import Change
from schemas.resource import Resource
from schemas.tables import LINEAGE, RETIRED_AT, TABLES
from tasks.store.plan import differing

# What is to be done about each record that the run touched: `delete`, `update`, `create`; `moved` is what somebody has
# edited since, `gone` what is as it was before already.
_PLAN = """
create temp table undo_plan on commit drop as
select cast(t.{key} as text) as key, cast(null as integer) as row, {edited_created} as action
  from {table} t
 where t.created_by_run = :run
   and not exists (
       select 1 from change c where c.run_id = :run and c.resource_type = :type and c.key = cast(t.{key} as text))
union all
select c.key, c.row, case
    when c.after = 'null' then case when t.{key} is null then 'create' when {forced} then 'update' else 'moved' end
    when c.before = 'null' and t.{key} is null then 'gone'
    when c.before = 'null' then case when {same} or {forced} then 'delete' else 'moved' end
    when t.{key} is null then case when {forced} then 'create' else 'moved' end
    when {same} or {forced} then 'update'
    else 'moved' end
  from change c
  left join {table} t on cast(t.{key} as text) = c.key
  cross join lateral jsonb_populate_record(null::{table}, case when c.after = 'null' then '{{}}' else c.after end) a
 where c.run_id = :run and c.resource_type = :type
"""

_IMAGES = """
insert into change (run_id, resource_type, key, row, before, after)
select :undo, :type, p.key, p.row,
       case when p.action = 'create' then 'null' else to_jsonb(t.*) end,
       case p.action
           when 'delete' then 'null'
           when 'create' then {whole}
           else (select jsonb_object_agg(name, c.before -> name) from unnest({written}) name) end
  from undo_plan p
  left join change c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  left join {table} t on cast(t.{key} as text) = p.key
 where p.action in ('delete', 'update', 'create')
"""

_DELETE = "delete from {table} t using undo_plan p where p.action = 'delete' and cast(t.{key} as text) = p.key"

_UPDATE = """
update {table} t
   set {assignments}, updated_at = now(), updated_by_run = b.updated_by_run
  from undo_plan p
  join change c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  cross join lateral jsonb_populate_record(null::{table}, c.before) b
 where p.action = 'update' and cast(t.{key} as text) = p.key
"""

_CREATE = """
insert into {table}
select b.*
  from undo_plan p
  join change c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  cross join lateral jsonb_populate_record(null::{table}, c.before || jsonb_build_object('updated_at', now())) b
 where p.action = 'create'
"""


_CHANGES = """
select p.key, p.row, p.action, to_jsonb(t.*), c.before, c.after
  from undo_plan p
  left join change c on c.run_id = :run and c.resource_type = :type and c.key = p.key
  left join {table} t on cast(t.{key} as text) = p.key
 where p.action in ('delete', 'update', 'create')
 order by p.row, p.key
 limit :most
"""


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
        self.ids = {"run": run, "undo": undo, "type": resource.type}
        self.parts = _parts(connection, resource, force=force)

    def plan(self) -> Undone:
        """Find out what would be done; it holds until the transaction ends, or the next type is planned."""
        self.connection.execute(text("drop table if exists undo_plan"))
        self._execute(_PLAN)
        self.connection.execute(text("analyze undo_plan"))
        found = self.connection.execute(text("select action, count(*) from undo_plan group by action"))
        counts = {action: int(count) for action, count in found}
        return Undone(*(counts.get(action, 0) for action in ("delete", "update", "create", "moved")))

    def apply(self) -> None:
        """Keep the before-images, so that this can be undone in its turn, and take the run back."""
        for statement in (_IMAGES, _DELETE, _UPDATE, _CREATE):
            self._execute(statement)

    def moved(self, most: int) -> list[tuple[str, int | None]]:
        """Return the key and the row of records that somebody has edited since."""
        query = text("select key, row from undo_plan where action = 'moved' order by row, key limit :most")
        return [(key, row) for key, row in self.connection.execute(query, {"most": most})]

    def changes(self, most: int) -> list[Change]:
        """Return the first records with what would be done to them, as fields before → after."""
        query = text(_CHANGES.format(**self.parts))
        wanted = {"run": self.ids["run"], "type": self.resource.type, "most": most}
        rows = self.connection.execute(query, wanted)
        return [
            Change(key, action, row, self._fields(now, before, after), self.resource.type)
            for key, row, action, now, before, after in rows
        ]

    def _fields(self, now: object, before: object, after: object) -> dict[str, tuple[object, object]]:
        current = now if isinstance(now, dict) else {}
        wanted = before if isinstance(before, dict) else {}
        names = after if isinstance(after, dict) else self.resource.fields
        return differing(current, {name: wanted.get(name) for name in names if name in self.resource.fields})

    def _execute(self, statement: str) -> None:
        filled = statement.format(**self.parts)
        used = {name: value for name, value in self.ids.items() if f":{name}" in filled}
        # A colon of PostgreSQL's own is no parameter.
        self.connection.execute(text(filled.replace("::", "\\:\\:")), used)


def _parts(connection: Connection, resource: Resource, *, force: bool) -> dict[str, str]:
    """What the statements above are filled with: names of the type's table and columns, quoted."""
    quote = connection.dialect.identifier_preparer.quote
    columns = [column.name for column in TABLES[resource.type].columns]
    kept = [name for name in LINEAGE if name != RETIRED_AT]
    fields = [name for name in columns if name != resource.key_column and name not in kept]
    whole = f"c.before - array[{', '.join(repr(name) for name in LINEAGE)}]"
    # A record that was created is as it was while nobody but its run has written it.
    created = "'delete'" if force else "case when t.updated_by_run = :run then 'delete' else 'moved' end"
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
        "edited_created": created,
        "same": " and ".join(same),
        "whole": whole,
        "written": f"(select array_agg(k) from jsonb_object_keys({written}) k)",  # noqa: S608  # names of ours
        "assignments": ", ".join(back),
    }
