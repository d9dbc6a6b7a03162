"""The records of a type as an import will leave them: the staged rows and the other stored records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    cast,
    exists,
    literal,
    null,
    or_,
    select,
    union_all,
)

from schemas.model.tables import RETIRED_AT, ROW_NUMBER
from schemas.resources import RESOURCES
from tasks.store.merge.diff import Diff, planned_updates
from tasks.store.merge.target import Target, known_records, records_of

KEY, CHANGED = "key", "changed"
"""Columns in addition to the fields: the natural key, and whether the record is new or a field of a rule changes."""

Records = Callable[[str], FromClause]
"""Gives the records of a type that is not the import's own."""


def other_records(target: Target) -> Records:
    """Return what gives the records of another type that are in service, as the same run will leave them."""

    def records(resource_type: str) -> FromClause:
        resource = RESOURCES[resource_type]
        if later := target.later.get(resource_type):
            return known_records(later, resource.stored, target.leaving)
        return records_of(resource, resource.stored, target.earlier, leaving=target.leaving, in_service=True)

    return records


def projected_records(target: Target, diff: Diff, names: tuple[str, ...]) -> Subquery:
    """Return `names` of each record as it will be, with its row (null for one not imported), `KEY` and `CHANGED`.

    A condition on it is evaluated for the staged rows and the stored records separately.
    """
    staged = _staged_alone(target, names) if not diff.known else _staged_over_stored(target, names)
    t = target.t
    columns: list[ColumnElement[Any]] = [
        cast(null(), Integer),
        cast(target.stored_key, Text),
        *(t.c[name] for name in names),
    ]
    others = select(*columns, literal(value=False)).select_from(t).where(t.c[RETIRED_AT].is_(None), target.stays())
    if diff.known:
        is_staged = exists(select(literal(1)).select_from(target.s).where(target.match_key == target.stored_key))
        others = others.where(~is_staged)
    return union_all(staged, others).subquery()


def _staged_alone(target: Target, names: tuple[str, ...]) -> Select[Any]:
    fields = [_staged(target, name).label(name) for name in names]
    key = cast(target.staged_key, Text).label(KEY)
    return select(target.s.c[ROW_NUMBER], key, *fields, literal(value=True).label(CHANGED))


def _staged_over_stored(target: Target, names: tuple[str, ...]) -> Select[Any]:
    s, t, moved = target.s, target.t, planned_updates(target.part).alias("moved")
    fields = [target.value(name).label(name) for name in names]
    fresh = or_(target.stored_key.is_(None), moved.c[ROW_NUMBER].is_not(None)).label(CHANGED)
    known = s.outerjoin(t, target.stored_key == target.match_key)
    joined = known.outerjoin(moved, (moved.c[ROW_NUMBER] == s.c[ROW_NUMBER]) & moved.c.moved)
    return select(s.c[ROW_NUMBER], cast(target.staged_key, Text).label(KEY), *fields, fresh).select_from(joined)


def _staged(target: Target, name: str) -> ColumnElement[Any]:
    return target.s.c[name] if name in target.s.c else cast(null(), target.t.c[name].type)
