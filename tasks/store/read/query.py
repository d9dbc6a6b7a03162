"""The query: which records of a type an export takes, in which order; read by COPY in one snapshot."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Select,
    String,
    Text,
    Uuid,
    and_,
    any_,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, INET, JSONB

from schemas.errors import UsageError
from schemas.job_options.filters import AllOf, AnyOf, Condition, Filter, Op
from schemas.language.spelling import nearest, plain
from schemas.model import kinds
from schemas.model.kinds.kind import Kind
from schemas.model.resource import Resource
from schemas.model.tables import LINEAGE, RETIRED_AT, TABLES
from tasks.plain_text import plain_text
from tasks.prefetch import pushed
from tasks.store.connection.copy import copy_out
from tasks.store.connection.session import run_lock, set_local
from tasks.store.merge.diff import SORTING

_ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


@dataclass(frozen=True)
class Selection:
    """Records of a type: the columns in their order (fields and `LINEAGE`), which of them, sorted how, how many.

    `of` is what they are read from in place of their table, with its columns: the records as they were (`as_of`).
    """

    resource: Resource
    columns: tuple[str, ...]
    where: Filter | None = None
    sort: tuple[str, ...] = ()
    limit: int | None = None
    of: FromClause | None = None
    retired: bool = False

    @property
    def _records(self) -> FromClause:
        return TABLES[self.resource.type] if self.of is None else self.of

    def _conditions(self) -> list[ColumnElement[bool]]:
        """What the records have to be: retired ones are left out by default."""
        records = self._records
        conditions = [condition(self.resource, self.where, records)] if self.where else []
        return conditions if self.retired else [*conditions, records.c[RETIRED_AT].is_(None)]

    def _chosen(self) -> Select[Any]:
        table = self._records
        query = select(*(text_of(table.c[name]).label(name) for name in self.columns)).select_from(table)
        query = query.where(*self._conditions())
        for name in (*self.sort, self.resource.key_column):
            column = table.c[name.removeprefix("-")]
            query = query.order_by(column.desc().nulls_last() if name.startswith("-") else column.asc().nulls_last())
        return query.limit(self.limit)

    def check(self) -> None:
        """Check the filter without reading a record; raises UsageError where it does not fit the type."""
        self._conditions()

    def count(self, connection: Connection) -> int:
        """Return how many records there are; raises UsageError where the filter does not fit the type."""
        query = select(literal(1)).select_from(self._records)
        query = query.where(*self._conditions())
        return int(connection.scalar(select(func.count()).select_from(query.limit(self.limit).subquery())) or 0)

    def frames(self, connection: Connection, size: int) -> Generator[pl.DataFrame, None, None]:
        """Read the records in frames of up to `size`, the next one while this is used."""
        set_local(connection, "work_mem", SORTING)
        types = {name: _dtype(self.resource, name) for name in self.columns}
        yield from frames_of(connection, self._chosen(), types, size)


def frames_of(
    connection: Connection, chosen: Select[Any], types: dict[str, pl.DataType], size: int
) -> Generator[pl.DataFrame, None, None]:
    """Read what a query chooses by COPY, in frames of up to `size` rows of these types, the next while this is used."""

    def copy(put: Callable[[bytes], None]) -> None:
        rows = _Rows(put, size)
        copy_out(connection, chosen, rows, "format csv")
        rows.end()

    for lines in pushed(copy):
        yield _frame(lines, types)


class _Rows:
    """What COPY writes to, a record at a time; hands on the text of `size` records."""

    def __init__(self, put: Callable[[bytes], None], size: int) -> None:
        self._put = put
        self._size = size
        self._held: list[bytes] = []

    def write(self, row: bytes) -> None:
        self._held.append(row)
        if len(self._held) >= self._size:
            self.end()

    def end(self) -> None:
        if self._held:
            self._put(b"".join(self._held))
            self._held = []


def snapshot(connection: Connection, run_id: UUID) -> None:
    """Let all that is read in this transaction be of one moment, and nothing be written; hold the run's lock."""
    connection.execute(text("set transaction isolation level repeatable read, read only"))
    connection.execute(select(func.pg_advisory_xact_lock(run_lock(run_id))))


def text_of(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column as COPY writes it: lists between commas, addresses bare, times as ISO 8601 in UTC."""
    if isinstance(column.type, ARRAY):
        return func.array_to_string(column, ",")
    if isinstance(column.type, INET):
        return func.host(column)
    if isinstance(column.type, DateTime):
        return func.to_char(func.timezone("UTC", column), _ISO)
    return column


def _dtype(resource: Resource, name: str) -> pl.DataType:
    return resource.fields[name].kind.dtype if name in resource.fields else pl.String()


def _frame(lines: bytes, types: dict[str, pl.DataType]) -> pl.DataFrame:
    """The typed columns of COPY's text."""
    plain_types = {
        name: dtype if isinstance(dtype, pl.Int64 | pl.Float64) else pl.String() for name, dtype in types.items()
    }
    frame = pl.read_csv(plain_text(lines), has_header=False, schema=plain_types)
    lists = [pl.col(name).str.split(",") for name, dtype in types.items() if isinstance(dtype, pl.List)]
    booleans = [pl.col(name) == "t" for name, dtype in types.items() if isinstance(dtype, pl.Boolean)]
    return frame.with_columns(*lists, *booleans)


# Filters --------------------------------------------------------------------------------------------------------------

_COMPARED = (Op.EQ, Op.NE, Op.IN, Op.NOT_IN, Op.LT, Op.LE, Op.GT, Op.GE, Op.BETWEEN)
_TEXTUAL = (*_COMPARED, Op.CONTAINS, Op.STARTS_WITH)
_BLOCKY = (Op.WITHIN, Op.CONTAINS_ADDRESS, Op.OVERLAPS)

TIME = "time"

OPERATORS: dict[str, tuple[Op, ...]] = {
    kinds.TEXT.name: _TEXTUAL,
    "enum": _TEXTUAL,
    kinds.CODE.name: _TEXTUAL,
    kinds.ACCOUNT.name: _TEXTUAL,
    kinds.INTEGER.name: _COMPARED,
    kinds.NUMBER.name: _COMPARED,
    kinds.ASN.name: _COMPARED,
    kinds.BOOLEAN.name: (Op.EQ, Op.NE),
    kinds.BLOCK.name: (*_COMPARED, *_BLOCKY),
    kinds.ADDRESS.name: (*_COMPARED, *_BLOCKY),
    kinds.TEXTS.name: (Op.CONTAINS,),
    kinds.BLOCKS.name: (Op.CONTAINS, *_BLOCKY),
    kinds.TAGS.name: (),
    kinds.JSON.name: (),
    TIME: _COMPARED,
}
"""The operators of each kind of field, in addition to `is null` and `is not null`, which all have."""


def field_name(resource: Resource, name: str) -> str:
    """Return the field or lineage column of that name or title; raises UsageError."""
    known = {plain(field): field for field in LINEAGE}
    for field, spec in resource.fields.items():
        known |= {plain(spelling): field for spelling in (*spec.aliases, spec.title, field)}
    if name in resource.fields or name in LINEAGE:
        return name
    if plain(name) in known:
        return known[plain(name)]
    near = nearest(plain(name), known)
    hint = f"did you mean {known[near]}?" if near else f"its fields are {', '.join((*resource.fields, *LINEAGE))}."
    raise UsageError(
        f"{resource.type} has no field '{name}': {hint}",
        type=resource.type,
        field=name,
        choices=[*resource.fields, *LINEAGE],
    )


def condition(resource: Resource, where: Filter, records: FromClause | None = None) -> ColumnElement[bool]:
    """Return a filter as SQL, its values bound; raises UsageError where it does not fit the type.

    It is on the type's table, or on `records`, which have its columns.
    """
    table = TABLES[resource.type] if records is None else records
    if isinstance(where, AllOf):
        return and_(*(condition(resource, part, table) for part in where.all))
    if isinstance(where, AnyOf):
        return or_(*(condition(resource, part, table) for part in where.any))
    return _condition(resource, where, table)


def _condition(resource: Resource, wanted: Condition, table: FromClause) -> ColumnElement[bool]:
    head, dot, tag = wanted.field.partition(".")
    name = field_name(resource, head if dot else wanted.field)
    column: ColumnElement[Any] = table.c[name]
    kind = resource.fields[name].kind if name in resource.fields else None
    if dot:
        if not isinstance(table.c[name].type, JSONB):
            raise UsageError(f"{name} has no members: write {name} alone.", field=name)
        column, kind = column.op("->>", return_type=Text())(literal(tag, String)), kinds.TEXT
    if wanted.op in (Op.IS_NULL, Op.NOT_NULL):
        return column.is_(None) if wanted.op is Op.IS_NULL else column.is_not(None)
    if isinstance(table.c[name].type, Uuid):
        column, kind = cast(column, Text), kinds.CODE
    allowed = OPERATORS[kind.name if kind else TIME]
    if wanted.op not in allowed:
        others = f"it takes {', '.join((*allowed, Op.IS_NULL, Op.NOT_NULL))}"
        hint = f"ask for one tag, as in {name}.Owner eq network" if kind and kind.name == kinds.TAGS.name else others
        raise UsageError(
            f"{wanted.field} does not support '{wanted.op}': {hint}.", field=wanted.field, operator=wanted.op
        )
    return _comparison(column, kind, wanted)


def _comparison(column: ColumnElement[Any], kind: Kind | None, wanted: Condition) -> ColumnElement[bool]:
    op = wanted.op
    # Kinds are compared by name: pandera holds copies of them.
    name = kind.name if kind else TIME
    is_list = name in (kinds.TEXTS.name, kinds.BLOCKS.name)
    if op in (Op.CONTAINS, Op.STARTS_WITH) and not is_list:
        ask = column.icontains if op is Op.CONTAINS else column.istartswith
        return ask(wanted.value[0], autoescape=True)
    ends = (False, True) if op is Op.BETWEEN else [op in _LAST] * len(wanted.value)
    values = [_value(kind, wanted, value, last=last) for value, last in zip(wanted.value, ends, strict=True)]
    if is_list and op is Op.CONTAINS:
        return values[0] == any_(column)
    if name == kinds.BLOCKS.name:
        item = func.unnest(column).column_valued("item")
        return exists(select(literal(1)).where(_compared(cast(item, INET), op, values)))
    return _compared(column, op, values)


def _compared(column: ColumnElement[Any], op: Op, values: list[ColumnElement[Any]]) -> ColumnElement[bool]:
    first = values[0]
    ways: dict[Op, Callable[[], ColumnElement[bool]]] = {
        Op.EQ: lambda: column == first,
        Op.NE: lambda: column.is_distinct_from(first),
        Op.LT: lambda: column < first,
        Op.LE: lambda: column <= first,
        Op.GT: lambda: column > first,
        Op.GE: lambda: column >= first,
        Op.IN: lambda: column.in_(values),
        Op.NOT_IN: lambda: or_(column.is_(None), not_(column.in_(values))),
        Op.BETWEEN: lambda: column.between(first, values[1]),
        Op.WITHIN: lambda: column.op("<<=", is_comparison=True)(first),
        Op.CONTAINS_ADDRESS: lambda: column.op(">>=", is_comparison=True)(first),
        Op.OVERLAPS: lambda: column.op("&&", is_comparison=True)(first),
    }
    return ways[op]()


# Where a date stands for its last moment: up to 24 November includes that day, after it does not.
_LAST = (Op.LE, Op.GT)


def _value(kind: Kind | None, wanted: Condition, value: str, *, last: bool) -> ColumnElement[Any]:
    """A value as its field's kind reads it, bound; `last` says that a date is up to its last moment."""
    if kind is None:
        return literal(moment(value, end=last), DateTime(timezone=True))
    if wanted.op in _BLOCKY:
        kind = kinds.BLOCK if "/" in value else kinds.ADDRESS
    elif kind.name == kinds.BLOCKS.name:
        kind = kinds.BLOCK
    elif kind.name == kinds.TEXTS.name:
        kind = kinds.TEXT
    read = kind.read(pl.Series([value.strip()], dtype=pl.String))[0]
    if read is None:
        raise UsageError(
            f"In the filter on {wanted.field}, '{value}' is not {kind.wants}.", field=wanted.field, value=value
        )
    if isinstance(kind.sql, CIDR | INET):
        # An address compares with blocks as inet; a field of blocks is compared as cidr, so that its index is used.
        return cast(literal(read, Text), INET if wanted.op in _BLOCKY else kind.sql)
    return literal(read)


_AGO = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(value: str, *, end: bool = False) -> datetime:
    """Read a time: ISO 8601 (UTC unless it says otherwise), a date, or how long ago as in 7d, 12h, 30m.

    A date alone is its first moment, or with `end` its last. Raises UsageError.
    """
    ago = re.fullmatch(r"([0-9]+)([mhdw])", value.strip())
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{_AGO[ago[2]]: int(ago[1])})
        read = datetime.fromisoformat(value.strip())
    except (ValueError, OverflowError):
        raise UsageError(
            f"'{value}' is not a time: write 2026-11-24, 2026-11-24T08:30Z, or 7d for a week ago.", value=value
        ) from None
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    return aware + timedelta(days=1, microseconds=-1) if end and len(value.strip()) <= 10 else aware
