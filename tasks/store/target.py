"""The two sides of an import: the staged rows and the stored records, compared by their natural key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    exists,
    func,
    literal,
    select,
    union_all,
)

from schemas.reports import Empty
from schemas.resource import Resource
from schemas.tables import RETIRED_AT, ROW_NUMBER, SEEN_AT, TABLES
from tasks.store.staging import Staging


@dataclass(frozen=True)
class Target:
    """The staged rows `s`, the stored records `t`, the fields that the import speaks of, and its empty-cell policy.

    `beside` has the other types that the same run loads, as far as they have been checked.
    """

    resource: Resource
    s: Table
    t: Table
    fields: tuple[str, ...]
    empty: Empty
    part: int = 0
    beside: dict[str, Target] = field(default_factory=dict)

    @property
    def staged_key(self) -> Column[Any]:
        """The natural key of a staged row."""
        return self.s.c[self.resource.key_column]

    @property
    def stored_key(self) -> Column[Any]:
        """The natural key of a stored record."""
        return self.t.c[self.resource.key_column]

    @property
    def written(self) -> list[str]:
        """The columns that an update writes."""
        return [c.name for c in self.s.c if c.name not in (ROW_NUMBER, SEEN_AT, self.resource.key_column)]

    def stored(self) -> ColumnElement[bool]:
        """Say whether a staged row's record is already there."""
        return exists(select(literal(1)).select_from(self.t).where(self.stored_key == self.staged_key))

    def joined(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the staged rows whose records are there."""
        return select(*columns).select_from(self.s.join(self.t, self.stored_key == self.staged_key))

    def differs(self, name: str) -> ColumnElement[bool]:
        """Say whether a field of a stored record would change."""
        staged, stored = self.s.c[name], self.t.c[name]
        changed = stored.is_distinct_from(staged)
        return staged.is_not(None) & changed if self.empty is Empty.KEEP else changed

    def value(self, name: str) -> ColumnElement[Any]:
        """The value that a field of a staged row's record, joined to it, will have."""
        if name not in self.s.c:
            return self.t.c[name]
        staged = self.s.c[name]
        return func.coalesce(staged, self.t.c[name], type_=staged.type) if self.empty is Empty.KEEP else staged

    def any_stored(self, connection: Connection) -> bool:
        """Say whether there are any records of the type."""
        return connection.scalar(select(literal(1)).select_from(self.t).limit(1)) is not None


def target_of(staging: Staging, empty: Empty, beside: dict[str, Target] | None = None) -> Target:
    """Return the two sides of a run."""
    table = TABLES[staging.resource.type]
    return Target(staging.resource, staging.table, table, staging.fields, empty, staging.part, beside or {})


def records_of(
    resource: Resource, names: tuple[str, ...], beside: dict[str, Target], *, in_service: bool = False
) -> FromClause:
    """Return the records of a type with its `key` and some fields, as they will be once the run has loaded them.

    A retired record is there still: it may be referred to, and refers itself. It is none of those that are
    `in_service`, whose networks may not get into each other's way, unless the run brings it back.
    """
    table = TABLES[resource.type]
    target = beside.get(resource.type)
    stored = select(table.c[resource.key_column].label("key"), *(table.c[name] for name in names))
    if in_service:
        stored = stored.where(table.c[RETIRED_AT].is_(None))
    if target is None:
        return stored.subquery()
    both = target.s.join(target.t, target.stored_key == target.staged_key, isouter=True)
    staged = select(target.staged_key.label("key"), *(target.value(name).label(name) for name in names))
    is_staged = exists(select(literal(1)).select_from(target.s).where(target.stored_key == target.staged_key))
    return union_all(staged.select_from(both), stored.where(~is_staged)).subquery()
