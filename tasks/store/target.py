"""The two sides of an import: the staged rows and the stored records, compared by their natural key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, exists, literal, select

from schemas.reports import Empty
from schemas.resource import Resource
from schemas.tables import ROW_NUMBER, SEEN_AT, TABLES
from tasks.store.staging import Staging


@dataclass(frozen=True)
class Target:
    """The staged rows `s`, the stored records `t`, the fields that the import speaks of, and its empty-cell policy."""

    resource: Resource
    s: Table
    t: Table
    fields: tuple[str, ...]
    empty: Empty

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

    @property
    def key_title(self) -> str:
        """What people call the key."""
        return " and ".join(self.resource.fields[name].title for name in self.resource.key)

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

    def any_stored(self, connection: Connection) -> bool:
        """Say whether there are any records of the type."""
        return connection.scalar(select(literal(1)).select_from(self.t).limit(1)) is not None


def target_of(staging: Staging, empty: Empty) -> Target:
    """Return the two sides of a run."""
    return Target(staging.resource, staging.table, TABLES[staging.resource.type], staging.fields, empty)
