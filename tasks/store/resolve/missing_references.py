"""Records that rows refer to and that do not exist: found, staged next to the rows of the source, and described."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, Text, and_, cast, delete, exists, func, literal, or_, select
from sqlalchemy import false as sql_false

from schemas.model.rules import Reference
from schemas.model.tables import FIRST_REFERRED, ROW_NUMBER, TABLES
from schemas.resources import RESOURCES
from schemas.sources import ROW
from tasks.store.merge.target import Target
from tasks.store.merge.tombstones import staged_alive
from tasks.store.staging.table import Staging


def is_unknown(target: Target, rule: Reference) -> ColumnElement[bool] | None:
    """Say whether a staged row refers to a record that is neither stored nor staged; None if none is checked."""
    to = RESOURCES[rule.to]
    named, value = TABLES[rule.to], target.s.c[rule.field]
    there: ColumnElement[bool] = exists(select(literal(1)).select_from(named).where(named.c[to.key_column] == value))
    if other := target.earlier.get(rule.to):
        there = or_(there, exists(select(literal(1)).select_from(other.s).where(other.staged_key == value)))
    unknown = and_(value.is_not(None), ~there, staged_alive(target))
    if rule.when is None:
        return unknown
    field, wanted = rule.when
    return and_(target.s.c[field] == wanted, unknown) if field in target.fields else None


def referring(target: Target, to: str) -> Iterator[Reference]:
    """Give the rules by which the staged rows may refer to records of a type."""
    for rule in target.resource.rules(Reference):
        if rule.to == to and rule.field in target.fields:
            yield rule


def unknown_values(connection: Connection, target: Target, rule: Reference) -> list[str]:
    """Return the values that refer to no record, those first that most rows have."""
    unknown = is_unknown(target, rule)
    if unknown is None:
        return []
    value = target.s.c[rule.field]
    query = select(value).where(unknown).group_by(value)
    return list(connection.scalars(query.order_by(func.count().desc(), func.min(target.s.c[ROW_NUMBER]))))


def known_keys(connection: Connection, target: Target, to: str, most: int) -> list[str]:
    """Return the keys of the records of a type, staged ones first and retired ones included, up to a number."""
    stored = TABLES[to].c[RESOURCES[to].key_column]
    keys: list[str] = []
    if other := target.earlier.get(to):
        keys += connection.scalars(select(other.staged_key).where(other.staged_key.is_not(None)).limit(most))
    return [*keys, *connection.scalars(select(stored).limit(most))][:most]


def stage(connection: Connection, staging: Staging, batch: pl.DataFrame) -> Staging:
    """Stage typed records (the fields that they have) next to the rows of the source, numbered after all of them.

    Returns what is staged then.
    """
    last = connection.scalar(select(func.max(staging.table.c[ROW_NUMBER]))) or 0
    first = max(last + 1, FIRST_REFERRED)
    absent = [
        pl.lit(None, staging.resource.fields[name].kind.dtype).alias(name)
        for name in staging.fields
        if name not in batch.columns
    ]
    numbers = pl.int_range(first, first + len(batch), dtype=pl.UInt32, eager=True).alias(ROW)
    return staging.add_referred(connection, batch.with_columns(absent).with_columns(numbers))


def drop_unreferred(connection: Connection, to: Target, others: Sequence[Target]) -> int:
    """Drop the staged records that no staged row refers to any more, as those that did are rejected; say how many."""
    named = [
        exists(select(literal(1)).select_from(other.s).where(other.s.c[rule.field] == to.staged_key))
        for other in others
        for rule in referring(other, to.resource.type)
    ]
    unreferred = delete(to.s).where(to.s.c[ROW_NUMBER] >= FIRST_REFERRED, ~or_(sql_false(), *named))
    return connection.execute(unreferred).rowcount


def keep_referred(connection: Connection, to: Target, removed: Any, others: Sequence[Target]) -> None:
    """Take those records off the list of what is gone from a source that its rows refer to, rejected ones too."""
    for other in others:
        tables = [other.s] if other.rejected is None else [other.s, other.rejected]
        for rule in referring(other, to.resource.type):
            for table in tables:
                named = select(literal(1)).select_from(table).where(cast(table.c[rule.field], Text) == removed.c.key)
                connection.execute(delete(removed).where(exists(named)))


@dataclass(frozen=True)
class Referred:
    """A staged record that only references name: its key, and the first row that refers to it, by which field."""

    key: str
    row: int
    field: str


def referred(connection: Connection, to: Target, others: Sequence[Target], most: int) -> dict[int, list[Referred]]:
    """Return the first staged records that only references name, by the part of the row that refers to each."""
    each = [query for other in others for query in _references(to, other)]
    if not each:
        return {}
    found: dict[str, tuple[int, Referred]] = {}
    for query in each:
        for key, part, row, field in connection.execute(query.limit(most)):
            found.setdefault(key, (part, Referred(key, row, field)))
    parts: dict[int, list[Referred]] = {}
    for part, record in found.values():
        parts.setdefault(part, []).append(record)
    return parts


def _references(to: Target, other: Target) -> Iterator[Select[Any]]:
    for rule in referring(other, to.resource.type):
        key, row = cast(to.staged_key, Text), func.min(other.s.c[ROW_NUMBER])
        query = select(key, literal(other.part), row, literal(rule.field)).join_from(
            to.s, other.s, other.s.c[rule.field] == to.staged_key
        )
        created = and_(to.s.c[ROW_NUMBER] >= FIRST_REFERRED, ~to.stored())
        yield query.where(created).group_by(key).order_by(row)
