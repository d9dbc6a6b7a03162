"""Undo in SQL: what taking a run back would do to each record, and its application, in one transaction.

A row of `all_changes` holds a record before and after a run; JSON null stands for a record that is not there. What is
deleted goes to the table of its type's deleted records, which that view has, too. The records that an import created
have no such row: they are those that bear its id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    CursorResult,
    FromClause,
    MetaData,
    Table,
    Text,
    TextClause,
    cast,
    column,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from schemas.choices import Empty
from schemas.model.resource import Resource
from schemas.model.rules import Reference
from schemas.model.tables import GONE, LINEAGE, RETIRED_AT, TABLES, has_lasting_ids
from schemas.reports import Change
from tasks.store.connection.session import without_joins
from tasks.store.merge.deletions import naming
from tasks.store.merge.plan import differing
from tasks.store.merge.sides import Target

# The records that a run created, and that no change row of it speaks of; there may be a million of them, which are
# neither listed nor turned into JSON.
_CREATED = """
  from {table} t
 where t.created_by_run = :run
   and not exists (
       select 1 from all_changes c where c.run_id = :run and c.resource_type = :type and c.key = cast(t.{key} as text))
   and not exists (select 1 from {kept} k where k.key = cast(t.{key} as text))
"""

_COUNT_CREATED = "select count(*) filter (where {as_made}), count(*) filter (where not {as_made})" + _CREATED

_CREATED_GONE = "insert into {gone} ({columns}, gone_by_run) select {of_t}, :undo" + _CREATED + " and {as_made}"

_CREATED_DELETE = "delete" + _CREATED + " and {as_made}"

# What is to be done about each record that the run touched otherwise: `delete`, `update`, `create`; `moved` is what
# somebody has edited since, `kept` what others refer to, `gone` what is as it was before already.
_PLAN = """
create temp table {plan} on commit drop as
select case when t.{key} is null then c.key else cast(t.{key} as text) end as key, c.key as was, c.row, case
    when c.after = 'null' then case when t.{key} is null then 'create' when {forced} then 'update' else 'moved' end
    when c.before = 'null' and t.{key} is null then 'gone'
    when c.before = 'null' then case when {same} or {forced} then 'delete' else 'moved' end
    when t.{key} is null then case when {forced} then 'create' else 'moved' end
    when {taken} then 'moved'
    when {same} or {forced} then 'update'
    else 'moved' end as action
  from all_changes c
  left join {table} t on cast(t.{key} as text) = {now}
  cross join lateral jsonb_populate_record(null::{table}, case when c.after = 'null' then '{{}}' else c.after end) a
 where c.run_id = :run and c.resource_type = :type
"""

_IMAGES = """
insert into change (run_id, resource_type, key, row, before, after)
select :undo, :type, p.key, p.row,
       case when p.action = 'create' then 'null' else to_jsonb(t.*) end,
       case when p.action = 'create' then {whole}
            else (select jsonb_object_agg(name, c.before -> name) from unnest({written}) name) end
  from {plan} p
  left join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.was
  left join {table} t on cast(t.{key} as text) = p.key
 where p.action in ('update', 'create')
"""

_GONE = """
insert into {gone} ({columns}, gone_by_run)
select {of_t}, :undo
  from {plan} p
  join {table} t on cast(t.{key} as text) = p.key
 where p.action = 'delete'
"""

_DELETE = "delete from {table} t using {plan} p where p.action = 'delete' and cast(t.{key} as text) = p.key"

_UPDATE = """
update {table} t
   set {assignments}, updated_at = now(), updated_by_run = b.updated_by_run
  from {plan} p
  join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.was
  cross join lateral jsonb_populate_record(null::{table}, c.before) b
 where p.action = 'update' and cast(t.{key} as text) = p.key
"""

_CREATE = """
insert into {table} ({columns})
select {of_b}
  from {plan} p
  join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.was
  cross join lateral jsonb_populate_record(null::{table}, c.before || jsonb_build_object('updated_at', now())) b
 where p.action = 'create'
"""


_CHANGES = """
select p.key, p.row, p.action, to_jsonb(t.*), c.before, c.after
  from {plan} p
  left join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.was
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

_MOVED = "select key, row from {plan} where action = 'moved' order by row, key limit :most"

_CREATED_MOVED = (
    "select cast(t.{key} as text), cast(null as integer)" + _CREATED + " and not {as_made} order by t.{key} limit :most"
)

# The keys of the records that would be deleted; the type's name is in place, so that two of these fit into a query.
_GOING = (
    "select key from {plan} where action = 'delete' union all select cast(t.{key} as text)"  # noqa: S608  # ours
    + _CREATED.replace(":type", "'{type}'")
    + " and {as_made}"
)

# The records that would be restored and created again, as they would be.
_AFTER = """
create temp table {after} on commit drop as
select coalesce(t.{key}, b.{key}) as {key}, {fields_after}
  from {plan} p
  join all_changes c on c.run_id = :run and c.resource_type = :type and c.key = p.was
  left join {table} t on cast(t.{key} as text) = p.key
  cross join lateral jsonb_populate_record(null::{table}, c.before) b
 where p.action in ('update', 'create')
"""

_SPARED = "update {plan} p set action = 'kept' from {kept} k where k.key = p.key and p.action = 'delete'"


@dataclass(frozen=True)
class UndoCounts:
    """How many records would be deleted, restored and created again.

    `moved` is how many somebody has edited since, `kept` how many stay as others refer to them.
    """

    delete: int
    update: int
    create: int
    moved: int
    kept: int


class TypeUndo:
    """The undo of what one run did with one type, inside the transaction that does it.

    `part` tells the types of a run apart. `before` has those that are planned already, which refer to this one: what
    of them goes too keeps nothing, and what of them is restored refers to what it did.
    """

    def __init__(
        self,
        connection: Connection,
        resource: Resource,
        run: UUID,
        undo: UUID,
        *,
        force: bool,
        part: int,
        before: Sequence[TypeUndo] = (),
    ) -> None:
        self.connection = connection
        self.resource = resource
        self.ids: dict[str, Any] = {"run": run, "undo": undo, "type": resource.type}
        self.force = force
        self.part = part
        self.before = {undo.resource.type: undo for undo in before}
        self.parts = _parts(connection, resource, part, force=force)
        self.spared = _spared(part)

    def plan(self) -> UndoCounts:
        """Find out what would be done; it holds until the transaction ends."""
        self._execute(_PLAN)
        self._execute("analyze {plan}")
        self.spared.create(self.connection, checkfirst=False)
        kept = 0 if self.force else self._spare()
        found = self._execute("select action, count(*) from {plan} group by action")
        counts = {action: int(count) for action, count in found}
        deleted, moved = self._execute(_COUNT_CREATED).one()
        return UndoCounts(
            counts.get("delete", 0) + deleted,
            counts.get("update", 0),
            counts.get("create", 0),
            counts.get("moved", 0) + moved,
            kept,
        )

    def _spare(self) -> int:
        """Keep the records that others refer to which stay; returns how many those are."""
        if self._execute(f"{_GOING} limit 1").first() is None:
            return 0
        own = self.resource.type
        targets = {name: undo.projected for name, undo in self.before.items() if own in undo.resource.related}
        for other, left in naming(self.resource, self.going(), targets, self._also_going):
            rows = select(cast(left.c.named, Text), literal(other.title), left.c.key)
            columns = self.spared.columns.keys()
            self.connection.execute(insert(self.spared).from_select(columns, rows).on_conflict_do_nothing())
        self._execute(_SPARED)
        return int(self.connection.scalar(select(func.count()).select_from(self.spared)) or 0)

    def going(self) -> FromClause:
        """The keys of the records that would be deleted."""
        return self._text(_GOING).columns(column("key", Text)).subquery()

    def _also_going(self, other: str) -> FromClause | None:
        return self.before[other].going() if other in self.before else None

    @cached_property
    def projected(self) -> Target:
        """The records as the undo leaves them, without those that it deletes; made on first use."""
        self._execute(_AFTER)
        stored = TABLES[self.resource.type]
        names = (self.resource.key_column, *self.parts["references"].split())
        columns = [Column(name, stored.c[name].type) for name in names]
        restored = Table(self.parts["after"], MetaData(), *columns)
        return Target(self.resource, restored, stored, (), Empty.CLEAR, self.part)

    def apply(self) -> None:
        """Keep what was there, so that this can be undone in its turn, and take the run back."""
        for statement in (_IMAGES, _GONE):
            self._execute(statement)
        # A table that is empty when this is planned, and grows by it, would be gone through for each record.
        with without_joins(self.connection, "nestloop"):
            self._execute(_CREATED_GONE)
        for statement in (_DELETE, _CREATED_DELETE, _UPDATE, _CREATE):
            self._execute(statement)

    def moved(self, most: int) -> list[tuple[str, int | None]]:
        """Return the key and the row of records that somebody has edited since."""
        found = [*self._execute(_MOVED, most=most), *self._execute(_CREATED_MOVED, most=most)]
        return [(key, row) for key, row in found][:most]

    def kept(self, most: int) -> list[tuple[str, str, str]]:
        """Return the key of records that stay as others refer to them, with the title and the key of one of those."""
        query = select(*self.spared.c).order_by(self.spared.c.key).limit(most)
        return [(key, kind, by) for key, kind, by in self.connection.execute(query)]

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
        return self.connection.execute(self._text(statement, **more))

    def _text(self, statement: str, **more: int) -> TextClause:
        filled = statement.format(**self.parts)
        used = {name: value for name, value in (self.ids | more).items() if f":{name}" in filled}
        # A colon of PostgreSQL's own is no parameter.
        return text(filled.replace("::", "\\:\\:")).bindparams(**used)


@cache
def _spared(part: int) -> Table:
    """The keys of the records that stay as others refer to them, with the type's title and the key of one of those."""
    return Table(
        f"undo_kept_{part}",
        MetaData(),
        Column("key", Text(collation="C"), primary_key=True),
        Column("title", Text),
        Column("by", Text),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )


def _parts(connection: Connection, resource: Resource, part: int, *, force: bool) -> dict[str, str]:
    """What the statements above are filled with: names of the type's table and columns, quoted."""
    quote = connection.dialect.identifier_preparer.quote
    columns = [column.name for column in TABLES[resource.type].columns]
    kept = [name for name in LINEAGE if name != RETIRED_AT]
    fields = [name for name in columns if name != resource.key_column and name not in kept]
    # A record that was created is as it was while nobody but its run has written it.
    as_made = "true" if force else "(t.updated_by_run is not distinct from :run)"
    back = [
        f"{column} = case when c.after = 'null' or c.after ? '{name}' then b.{column} else t.{column} end"
        for name, column in ((name, quote(name)) for name in fields)
    ]
    key, now, taken = quote(resource.key_column), "c.key", "false"
    if has_lasting_ids(resource, resource.fields):
        # A run that gave a record another key has entered the change under the one before.
        renamed = f"case when jsonb_typeof(c.before) = 'object' then c.after ->> '{resource.key_column}' end"
        now = f"coalesce({renamed}, c.key)"
        taken = f"({renamed} <> c.key and exists (select 1 from {quote(resource.table)} o where o.{key} = c.key))"  # noqa: S608  # names of ours
        back.append(f"{key} = case when c.after ? '{resource.key_column}' then b.{key} else t.{key} end")
    return {
        **_parts_of_plan(resource, part),
        **_parts_of_references(resource, quote),
        **_parts_of_fields(fields, quote),
        "now": now,
        "taken": taken,
        "table": quote(resource.table),
        "key": key,
        "forced": "true" if force else "false",
        "as_made": as_made,
        "gone": quote(GONE[resource.type].name),
        "columns": ", ".join(map(quote, columns)),
        "of_t": ", ".join(f"t.{quote(name)}" for name in columns),
        "of_b": ", ".join(f"b.{quote(name)}" for name in columns),
        "assignments": ", ".join(back),
    }


def _parts_of_plan(resource: Resource, part: int) -> dict[str, str]:
    return {
        "type": resource.type,
        "plan": f"undo_plan_{part}",
        "kept": _spared(part).name,
        "after": f"undo_after_{part}",
    }


def _parts_of_references(resource: Resource, quote: Callable[[str], str]) -> dict[str, str]:
    """The fields that refer to other records, and what they will be once the run is undone."""
    references = dict.fromkeys(name for rule in resource.rules(Reference) for name in rule.deciding_fields)
    restored = "p.action = 'create' or c.after = 'null' or c.after ? '{}'"
    fields = [
        f"case when {restored.format(name)} then b.{quote(name)} else t.{quote(name)} end as {quote(name)}"
        for name in references
    ]
    return {"references": " ".join(references), "fields_after": ", ".join(fields)}


def _parts_of_fields(fields: Sequence[str], quote: Callable[[str], str]) -> dict[str, str]:
    """What the run wrote of a record, and whether the record still has it."""
    whole = f"c.before - array[{', '.join(repr(name) for name in LINEAGE)}]"
    same = [f"(not c.after ? '{name}' or t.{quote(name)} is not distinct from a.{quote(name)})" for name in fields]
    changed = f"case when c.after = 'null' then {whole} else c.after end"
    return {
        "same": " and ".join(same),
        "whole": whole,
        "written": f"(select array_agg(k) from jsonb_object_keys({changed}) k)",  # noqa: S608  # names of ours
    }
