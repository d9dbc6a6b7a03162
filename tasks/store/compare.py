"""The comparison: which staged rows have a record already, and which of those differ from it, in one pass."""

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
    func,
    insert,
    literal,
    or_,
    select,
)

from schemas.rules import WatchedRule
from schemas.tables import RETIRED_AT
from tasks.store.session import set_local
from tasks.store.target import Target

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
class Comparison:
    """How many staged rows have a record, how many of these differ, and how many of those have moved a block."""

    known: int = 0
    changed: int = 0
    moved: int = 0


def compare(connection: Connection, target: Target) -> Comparison:
    """Compare the staged rows with the stored records, and list the updates in `planned_updates`."""
    planned = planned_updates(target.part)
    planned.drop(connection, checkfirst=True)
    planned.create(connection)
    if not target.any_stored(connection):
        return Comparison()
    set_local(connection, "work_mem", SORTING)
    # A record that was set aside, and is seen again, comes back.
    back = target.t.c[RETIRED_AT].is_not(None)
    differs = _any([back, *(target.differs(name) for name in target.written)])
    moved = _any([back, *(target.differs(name) for name in target.written if name in _watched(target))])
    row = target.s.c.row_number
    both = target.joined(row, differs.label("differs"), moved.label("moved")).cte("both")
    changed = select(both.c.row_number, both.c.moved).where(both.c.differs)
    listed = insert(planned).from_select(["row_number", "moved"], changed).cte("listed")
    counts = select(func.count(), func.count().filter(both.c.differs), func.count().filter(both.c.moved))
    return Comparison(*connection.execute(counts.select_from(both).add_cte(listed)).one())


def _watched(target: Target) -> set[str]:
    rules = [rule for rule in target.resource.set_rules if isinstance(rule, WatchedRule)]
    return {name for rule in rules for name in rule.watched}


def _any(conditions: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(*conditions) if conditions else literal(value=False)
