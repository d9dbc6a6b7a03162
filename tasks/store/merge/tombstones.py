"""Which records are tombstones: those in a dead state of their type (`Resource.dead`), which no rule looks at."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select
from sqlalchemy import true as sql_true

from schemas.job_options.choices import Empty
from schemas.model.resource import Resource
from schemas.model.rules import STATE
from tasks.store.merge.target import Target


def alive(resource: Resource, state: ColumnElement[str]) -> ColumnElement[bool]:
    """Say whether a record is in none of its type's dead states; one without a state is alive."""
    return or_(state.is_(None), state.not_in(resource.dead))


def staged_alive(target: Target) -> ColumnElement[bool]:
    """Say whether a staged row's record will be alive: by the row's state, or by the stored one where it has none."""
    if not target.resource.dead:
        return sql_true()
    dead = target.resource.dead
    same = target.stored_key == target.match_key
    stays_dead = exists(select(literal(1)).select_from(target.t).where(same, target.t.c[STATE].in_(dead)))
    if STATE not in target.s.c:
        return ~stays_dead
    state = target.s.c[STATE]
    unsaid = and_(state.is_(None), ~stays_dead) if target.empty is Empty.KEEP else state.is_(None)
    return or_(unsaid, state.not_in(dead))
