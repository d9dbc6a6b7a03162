"""The diff: which staged rows have a record already, and which of those differ from it, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.schema import DropTable

from schemas.model.rules import RecordRule
from schemas.model.tables import RETIRED_AT
from tasks.store.connection.session import set_local, without_joins
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.target import Target

# Rows from which on it is worth a sample, and the rows of one.
_MANY, _SAMPLE = 10_000, 1_000

SORTING = "256MB"
"""The memory that PostgreSQL may use to sort or join a run's rows: a million of them fit in it."""


@cache
def planned_updates(part: int) -> Table:
    """The staged rows of a part whose records are there and differ.

    `moved` is where a block, or its scope, differs, or where the record comes back into service with it.
    """
    return Table(
        f"planned_update_{part}",
        MetaData(),
        Column("row_number", Integer, nullable=False),
        Column("moved", Boolean, nullable=False),
        prefixes=["TEMPORARY"],
    )


@dataclass(frozen=True)
class Diff:
    """How many staged rows have a record, how many of these differ, and how many of those have moved a block."""

    known: int = 0
    changed: int = 0
    moved: int = 0


def diff_of(connection: Connection, target: Target) -> Diff:
    """Compare the staged rows with the stored records, and list the updates in `planned_updates`."""
    planned = planned_updates(target.part)
    connection.execute(DropTable(planned, if_exists=True))
    planned.create(connection, checkfirst=False)
    if not target.any_stored(connection):
        return Diff()
    set_local(connection, "work_mem", SORTING)
    known = _staged_with_record(connection, target)
    # A retired record that is in the source again is restored.
    back = target.t.c[RETIRED_AT].is_not(None)
    differs = _any([back, target.renamed, *(target.differs(name) for name in target.written_columns)])
    moved = _any([back, *(target.differs(name) for name in target.written_columns if name in _checked_fields(target))])
    row = target.s.c.row_number
    pairs = target.joined(row, differs.label("differs"), moved.label("moved"))
    both = (pairs if known is None else pairs.where(row.in_(select(known.c.row_number)))).cte("both")
    changed = select(both.c.row_number, both.c.moved).where(both.c.differs)
    insert_updates = insert(planned).from_select(["row_number", "moved"], changed).cte("listed")
    counts = select(func.count(), func.count().filter(both.c.differs), func.count().filter(both.c.moved))
    return Diff(*connection.execute(counts.select_from(both).add_cte(insert_updates)).one())


def _staged_with_record(connection: Connection, target: Target) -> Table | None:
    """List the staged rows that have a record, where a sample says that few have one; None where it says otherwise.

    To look each key up in the index of keys, in its order, takes as long as the rows are many; to join all rows with
    all records takes as long as the records are.
    """
    rows, records = (_estimate(connection, table) for table in (target.s, target.t))
    if rows < _MANY or records < rows:
        return None
    sample = target.s.tablesample(func.system(100 * _SAMPLE / rows), seed=literal(0))
    there = exists(select(literal(1)).select_from(target.t).where(target.stored_key == target.match_of(sample)))
    seen, found = connection.execute(select(func.count(), func.count().filter(there)).select_from(sample)).one()
    if found > seen / 10:
        return None
    match = target.match_key.label("match")
    ordered = select(target.s.c.row_number, match).order_by(match).subquery()
    is_known = exists(select(literal(1)).select_from(target.t).where(target.stored_key == ordered.c.match))
    with without_joins(connection, "hashjoin", "mergejoin"):
        return temporary(connection, f"known_{target.part}", select(ordered.c.row_number).where(is_known))


def _estimate(connection: Connection, table: Table) -> int:
    """How many rows a table had when it was last looked at."""
    name = connection.dialect.identifier_preparer.format_table(table)
    query = text("select greatest(reltuples, 0)::bigint from pg_class where oid = cast(:name as regclass)")
    return int(connection.scalar(query, {"name": name}) or 0)


def _checked_fields(target: Target) -> set[str]:
    return {name for rule in target.resource.rules(RecordRule) for name in target.resource.checked_fields(rule)}


def _any(conditions: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(*conditions) if conditions else literal(value=False)
