"""The target of an import: the staged rows of a type and the stored records that they become, by their natural key."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    any_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy import false as sql_false
from sqlalchemy import true as sql_true

from schemas.job_options.choices import Empty
from schemas.model.resource import Resource
from schemas.model.tables import FIRST_REFERRED, KNOWN_AS, NOTES, RETIRED_AT, ROW_NUMBER, TABLES, UNTOUCHED_FIELDS
from tasks.store.staging.table import Staging


@cache
def missing_records(part: int) -> Table:
    """The keys of the records in the scope of a part that its source no longer has, and the version of each.

    Those that are `retired` already stay as they are; they are listed because no row may refer to them.
    """
    return Table(
        f"missing_{part}",
        MetaData(),
        Column("key", Text(collation="C"), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("retired", Boolean, nullable=False),
        prefixes=["TEMPORARY"],
    )


@dataclass(frozen=True)
class Target:
    """The staged rows `s`, the stored records `t`, the fields that the import speaks of, and its empty-cell policy.

    `earlier` has the types that the same run has checked before this one, and `later` those that it checks after it.
    `leaving` lists, by type, the records that the run retires or deletes; types of which none leave are not in it.
    `rejected` has the rejected rows of this type, where there are any.
    """

    resource: Resource
    s: Table
    t: Table
    fields: tuple[str, ...]
    empty: Empty
    part: int = 0
    earlier: dict[str, Target] = field(default_factory=dict)
    later: dict[str, Target] = field(default_factory=dict)
    leaving: dict[str, Table] = field(default_factory=dict)
    rejected: Table | None = None

    @property
    def staged_key(self) -> Column[Any]:
        """The natural key of a staged row."""
        return self.s.c[self.resource.key_column]

    @property
    def match_key(self) -> ColumnElement[Any]:
        """The key of the stored record that a staged row is of: that of before, where its source has renamed it."""
        return self.match_of(self.s)

    def match_of(self, rows: FromClause) -> ColumnElement[Any]:
        """The same of other rows of the staging table's columns."""
        key = rows.c[self.resource.key_column]
        return func.coalesce(rows.c[KNOWN_AS], key, type_=key.type) if KNOWN_AS in rows.c else key

    @property
    def stored_key(self) -> Column[Any]:
        """The natural key of a stored record."""
        return self.t.c[self.resource.key_column]

    @property
    def written_columns(self) -> list[str]:
        """The columns that an update writes."""
        return [c.name for c in self.s.c if c.name not in (*NOTES, self.resource.key_column)]

    @property
    def renamed(self) -> ColumnElement[bool]:
        """Whether a staged row's record gets another key."""
        return self.s.c[KNOWN_AS].is_not(None) if KNOWN_AS in self.s.c else sql_false()

    def stored(self) -> ColumnElement[bool]:
        """Say whether a staged row's record is already there."""
        return exists(select(literal(1)).select_from(self.t).where(self.stored_key == self.match_key))

    def stays(self) -> ColumnElement[bool]:
        """Say whether a stored record is none of those that the run retires or deletes."""
        return _stays(self.leaving.get(self.resource.type), self.stored_key)

    def present(self) -> list[ColumnElement[bool]]:
        """Return the conditions of which each says that the source has a stored record, in a row that may be rejected.

        A key is unique in neither table, and each is searched by itself.
        """
        tables = [self.s] if self.rejected is None else [self.s, self.rejected]
        keys = [(table, self.match_of(table)) for table in tables]
        return [exists(select(literal(1)).select_from(table).where(key == self.stored_key)) for table, key in keys]

    def joined(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the staged rows whose records are there."""
        return select(*columns).select_from(self.s.join(self.t, self.stored_key == self.match_key))

    def differs(self, name: str) -> ColumnElement[bool]:
        """Say whether a field of a stored record would change."""
        staged, stored = self.s.c[name], self.t.c[name]
        changed = stored.is_distinct_from(staged)
        if UNTOUCHED_FIELDS in self.s.c:
            changed = and_(self._left(name).is_not(sql_true()), changed)
        return staged.is_not(None) & changed if self.empty is Empty.KEEP else changed

    def _left(self, name: str) -> ColumnElement[bool]:
        """Say whether a staged row leaves a field as it is stored."""
        return literal(name) == any_(self.s.c[UNTOUCHED_FIELDS])

    @property
    def whole(self) -> bool:
        """Whether a staged row says all of what its columns will hold, whatever is stored."""
        return self.empty is Empty.CLEAR and UNTOUCHED_FIELDS not in self.s.c

    def value(self, name: str) -> ColumnElement[Any]:
        """The value that a field of a staged row's record, joined to it, will have."""
        if name not in self.s.c:
            return self.t.c[name]
        staged = self.s.c[name]
        if UNTOUCHED_FIELDS in self.s.c:
            kept = func.coalesce(staged, self.t.c[name], type_=staged.type) if self.empty is Empty.KEEP else staged
            return case((self._left(name), self.t.c[name]), else_=kept)
        return func.coalesce(staged, self.t.c[name], type_=staged.type) if self.empty is Empty.KEEP else staged

    def projected_value(self, name: str) -> ColumnElement[Any]:
        """The value that a field of a staged row's record will have, where the row is not joined to its record."""
        if name in self.s.c and self.whole:
            return self.s.c[name]
        stored = select(self.value(name)).select_from(self.t).where(self.stored_key == self.match_key)
        found = stored.correlate(self.s).scalar_subquery()
        # A new record has what the row says.
        return func.coalesce(found, self.s.c[name], type_=self.t.c[name].type) if name in self.s.c else found

    def any_stored(self, connection: Connection) -> bool:
        """Say whether there are any records of the type."""
        return connection.scalar(select(literal(1)).select_from(self.t).limit(1)) is not None


def target_of(
    staging: Staging,
    empty: Empty,
    earlier: dict[str, Target] | None = None,
    later: dict[str, Target] | None = None,
    leaving: dict[str, Table] | None = None,
) -> Target:
    """Return the staged rows of a type and its stored records."""
    table = TABLES[staging.resource.type]
    return Target(
        staging.resource,
        staging.table,
        table,
        staging.fields,
        empty,
        staging.part,
        {} if earlier is None else earlier,
        {} if later is None else later,
        {} if leaving is None else leaving,
        staging.flawed if staging.rejected_rows else None,
    )


def records_of(
    resource: Resource,
    names: tuple[str, ...],
    earlier: Dict[str, Target],
    *,
    leaving: Dict[str, Table] | None = None,
    in_service: bool = False,
    staged: bool = True,
) -> FromClause:
    """Return the records of a type with its `key` and some fields, as they will be once the run has loaded them.

    A retired record is there still: it may be referred to, and refers itself. It is none of those that are
    `in_service`, whose networks may not get into each other's way, unless the run brings it back. Those that are
    `leaving` are left out. Without `staged`, the records are left out that the run has a valid row of.
    """
    table = TABLES[resource.type]
    target = earlier.get(resource.type)
    stored = select(table.c[resource.key_column].label("key"), *(table.c[name] for name in names))
    if in_service:
        stored = stored.where(table.c[RETIRED_AT].is_(None))
    if leaving and resource.type in leaving:
        stored = stored.where(_stays(leaving[resource.type], table.c[resource.key_column]))
    if target is None:
        return stored.subquery()
    is_staged = exists(select(literal(1)).select_from(target.s).where(target.stored_key == target.match_key))
    others = stored.where(~is_staged)
    if not staged:
        return others.subquery()
    both = target.s.join(target.t, target.stored_key == target.match_key, isouter=True)
    rows = select(target.staged_key.label("key"), *(target.value(name).label(name) for name in names))
    return union_all(rows.select_from(both), others).subquery()


def known_records(target: Target, names: tuple[str, ...], leaving: Dict[str, Table]) -> FromClause:
    """Return the stored records of a type that the run has still to check, with their `key` and what its rows change.

    Rows that make new records are left out: their own check compares them with the others.
    """
    both = target.t.join(target.s, target.stored_key == target.match_key, isouter=True)
    is_staged = target.s.c[ROW_NUMBER].is_not(None)
    fields = [case((is_staged, target.value(name)), else_=target.t.c[name]).label(name) for name in names]
    known = select(target.stored_key.label("key"), *fields).select_from(both)
    in_service = or_(is_staged, target.t.c[RETIRED_AT].is_(None))
    return known.where(in_service, _stays(leaving.get(target.resource.type), target.stored_key)).subquery()


def source_row(number: ColumnElement[int]) -> ColumnElement[int | None]:
    """Return the row of the source that a staged row is; null for a record that only references name."""
    return case((number < FIRST_REFERRED, number))


def _stays(missing: Table | None, key: ColumnElement[Any]) -> ColumnElement[bool]:
    if missing is None:
        return sql_true()
    return ~exists(select(literal(1)).select_from(missing).where(missing.c.key == cast(key, Text)))
