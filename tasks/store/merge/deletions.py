"""What a sync deletes or retires: the records in its scope that its source no longer has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import false as sql_false
from sqlalchemy.schema import DropTable

from schemas.issues import Issue, Severity
from schemas.job_options.choices import Missing
from schemas.model.resource import Resource
from schemas.model.rules import STATE, Reference
from schemas.model.tables import CHANGE, GONE, GONE_BY, LINEAGE, RETIRED_AT, TABLES
from schemas.reports import Change
from schemas.resources import RESOURCES
from tasks.store.merge.target import Target, missing_records, records_of
from tasks.store.merge.tombstones import alive

Going = Callable[[str], FromClause | None]
"""Gives the keys of the records of a type that go too, and so keep nothing; None where that type has none."""

Naming = tuple[Resource, Subquery]
"""A type, and which of the records that go its records name."""

# Records that stay because others refer to them are reported one by one up to this many.
_MOST = 1_000


@dataclass(frozen=True)
class RemovalCounts:
    """How many records would be deleted or retired, and how many there are in the scope."""

    delete: int
    retire: int
    there: int


def version_of(table: Table) -> ColumnElement[int]:
    """What differs once anybody has written a record: the transaction that wrote it."""
    quoted = table.name.replace('"', '""')
    return cast(cast(literal_column(f'"{quoted}".xmin'), Text), BigInteger)


class MissingRecords:
    """The missing records of one type of a sync, inside the transaction that deletes or retires them."""

    def __init__(self, connection: Connection, target: Target, policy: Missing, run_id: Any) -> None:
        self.connection = connection
        self.target = target
        self.policy = policy
        self.run_id = run_id
        self.keys = missing_records(target.part)

    def clear(self) -> None:
        """Make the list of missing records, empty."""
        self.connection.execute(DropTable(self.keys, if_exists=True))
        self.keys.create(self.connection, checkfirst=False)

    def find(self, scope: tuple[dict[str, str], ...]) -> int:
        """List the records in the scope that have no row; returns how many records are in it and not retired.

        A rejected row is a row: its record is in the source.
        """
        t = self.target.t
        within = [in_scope(self.target.resource, scope)] if scope else []
        is_retired = t.c[RETIRED_AT].is_not(None) if self.policy is Missing.RETIRE else sql_false()
        absent = select(cast(self.target.stored_key, Text), version_of(t), is_retired).where(
            *within, *(~has_row for has_row in self.target.present())
        )
        self.clear()
        self.connection.execute(insert(self.keys).from_select(self.keys.c.keys(), absent))
        return self.there(scope)

    def there(self, scope: tuple[dict[str, str], ...]) -> int:
        """Return how many records are in the scope and not retired."""
        t = self.target.t
        within = [in_scope(self.target.resource, scope)] if scope else []
        query = select(func.count()).select_from(t).where(*within, t.c[RETIRED_AT].is_(None))
        return int(self.connection.scalar(query) or 0)

    def index(self) -> None:
        """Make the list quick to search, whatever the server expects of the records that are searched for in it."""
        self.connection.execute(text(f"create unique index on pg_temp.{self.keys.name} (key)"))
        self.connection.execute(text(f"analyze pg_temp.{self.keys.name}"))

    def any(self) -> bool:
        """Say whether any record is listed."""
        return self.connection.scalar(select(literal(1)).select_from(self.keys).limit(1)) is not None

    def find_retired(self, before: datetime) -> None:
        """List the records that were retired before that time, and that nobody has written since."""
        t = self.target.t
        old = select(cast(self.target.stored_key, Text), version_of(t), sql_false()).where(
            t.c[RETIRED_AT] < before, t.c.updated_at < before
        )
        self.clear()
        self.connection.execute(insert(self.keys).from_select(self.keys.c.keys(), old))

    def spare(self, *, checked: bool = True) -> list[Issue]:
        """Remove those from the list that records which stay refer to; returns what to report of them.

        Until the rows are `checked`, one that refers to a listed record keeps it only where that is no error: where it
        is, the row will be rejected.
        """
        issues = []
        for other, left in naming(self.target.resource, self.keys, self._other_targets, self._going, checked=checked):
            query = delete(self.keys).where(self.keys.c.key == left.c.named).returning(self.keys.c.key, left.c.key)
            spared = dict(self.connection.execute(query).tuples().all())
            title = self.target.resource.title
            message = f"{title} '{{}}' is gone from the source and stays: {other.title} '{{}}' refers to it"
            issues += [
                Issue("referred_to", message.format(key, by), Severity.WARNING, value=key, part=self.target.part)
                for key, by in list(spared.items())[:_MOST]
            ]
        return issues

    @property
    def _other_targets(self) -> dict[str, Target]:
        return self.target.earlier | self.target.later

    def _going(self, other: str) -> FromClause | None:
        return self.target.leaving.get(other)

    def count(self, there: int) -> RemovalCounts:
        """Return how many records the list holds."""
        taken = select(func.count()).select_from(self.keys).where(~self.keys.c.retired)
        count = int(self.connection.scalar(taken) or 0)
        deleted = self.policy is Missing.DELETE
        return RemovalCounts(count if deleted else 0, 0 if deleted else count, there)

    def changes(self, most: int) -> list[Change]:
        """Return the first of them with what they hold."""
        action = "delete" if self.policy is Missing.DELETE else "retire"
        record = func.to_jsonb(text(f'"{self.target.t.name}".*'))
        query = self._join_listed(self.keys.c.key, record).order_by(self.keys.c.key).limit(most)
        kind = self.target.resource.type
        return [
            Change(key, action, None, {name: (value, None) for name, value in row.items() if _shown(name, value)}, kind)
            for key, row in self.connection.execute(query)
        ]

    def _join_listed(self, *columns: ColumnElement[Any]) -> Select[Any]:
        is_listed = self.keys.c.key == cast(self.target.stored_key, Text)
        return select(*columns).select_from(self.keys.join(self.target.t, is_listed)).where(~self.keys.c.retired)

    def remove(self) -> None:
        """Delete or retire the listed records, once their before-images are kept."""
        if self.policy is Missing.DELETE:
            self._delete()
        else:
            self._retire()

    def _delete(self) -> None:
        t, deleted = self.target.t, GONE[self.target.resource.type]
        names = t.columns.keys()
        rows = self._join_listed(*t.columns, literal(self.run_id))
        self.connection.execute(insert(deleted).from_select([*names, GONE_BY], rows))
        self.connection.execute(delete(t).where(self.keys.c.key == cast(self.target.stored_key, Text)))

    def _retire(self) -> None:
        t = self.target.t
        retired = func.jsonb_build_object(literal(RETIRED_AT), func.now())
        image: dict[str, ColumnElement[Any]] = {
            "run_id": literal(self.run_id),
            "resource_type": literal(self.target.resource.type),
            "key": self.keys.c.key,
            "row": null(),
            "before": func.to_jsonb(text(f'"{t.name}".*')),
            "after": retired,
        }
        rows = self._join_listed(*(value.label(name) for name, value in image.items()))
        self.connection.execute(insert(CHANGE).from_select(list(image), rows))
        is_listed = and_(self.keys.c.key == cast(self.target.stored_key, Text), ~self.keys.c.retired)
        values = {RETIRED_AT: func.now(), "updated_at": func.now(), "updated_by_run": self.run_id}
        self.connection.execute(update(t).where(is_listed).values(values))


def _shown(name: str, value: Any) -> bool:
    return value is not None and name not in LINEAGE


def naming(
    resource: Resource, removed: FromClause, targets: dict[str, Target], removed_with: Going, *, checked: bool = True
) -> Iterator[Naming]:
    """Yield, for each rule by which a type refers to this one, which of the records that go are `named`, and by whom.

    `removed` has the keys of the records that go, and `key` of what is yielded is one of those that stay and name it.
    Rows that are not `checked` do not count where naming a record that goes is an error; dead records never do.
    """
    for other, rule in _referring(resource):
        staged = checked or rule.severity is not Severity.ERROR
        names = (*rule.deciding_fields, *([STATE] if other.dead else ()))
        stays = records_of(other, names, targets, staged=staged)
        query = select(stays.c[rule.field].label("named"), func.min(cast(stays.c.key, Text)).label("key"))
        query = query.where(cast(stays.c[rule.field], Text).in_(select(removed.c.key)))
        if other.dead:
            query = query.where(alive(other, stays.c[STATE]))
        if rule.when:
            query = query.where(stays.c[rule.when[0]] == rule.when[1])
        if (also := removed_with(other.type)) is not None:
            query = query.where(~exists(select(literal(1)).where(also.c.key == cast(stays.c.key, Text))))
        yield other, query.group_by(stays.c[rule.field]).subquery()


def _referring(resource: Resource) -> Iterator[tuple[Resource, Reference]]:
    """The rules by which records of other types refer to those of a type."""
    for other in RESOURCES.values():
        for rule in other.rules(Reference):
            if rule.to == resource.type and other.type != resource.type:
                yield other, rule


def unplaced(connection: Connection, target: Target) -> int:
    """Count the rows whose key names a record of another type that is neither stored nor in the run.

    Such as a VLAN of a site that is misspelt: it may be the VLAN of any site.
    """
    count = 0
    for rows in (target.s, *([] if target.rejected is None else [target.rejected])):
        broken = list(_unplaced(target, rows))
        if broken:
            query = select(func.count()).select_from(rows).where(or_(*broken))
            count += int(connection.scalar(query) or 0)
    return count


def _unplaced(target: Target, rows: Table) -> Iterator[ColumnElement[bool]]:
    resource, others = target.resource, target.earlier | target.later
    for rule in resource.rules(Reference):
        if rule.field not in resource.key or rule.field not in rows.c:
            continue
        to, value = RESOURCES[rule.to], rows.c[rule.field]
        tables = [TABLES[rule.to]]
        if other := others.get(rule.to):
            tables += [other.s, *([] if other.rejected is None else [other.rejected])]
        named = [select(literal(1)).select_from(each).where(each.c[to.key_column] == value) for each in tables]
        part = next(part for part in resource.key_parts if rule.field in part)
        # Of a part of several fields, the first that has a value counts.
        first = [rows.c[name].is_(None) for name in part[: part.index(rule.field)] if name in rows.c]
        yield and_(value.is_not(None), *(~exists(each) for each in named), *first)


def in_scope(resource: Resource, scope: tuple[dict[str, str], ...]) -> ColumnElement[bool]:
    """Say whether a record has the values of one of the alternatives."""
    return or_(sql_false(), *(and_(*_equal(resource, values)) for values in scope))


def _equal(resource: Resource, values: dict[str, str]) -> Iterator[ColumnElement[bool]]:
    table = TABLES[resource.type]
    for name, value in values.items():
        kind = resource.fields[name].kind
        read = kind.read(pl.Series([value], dtype=pl.String))[0]
        yield table.c[name] == (value if read is None else read)
