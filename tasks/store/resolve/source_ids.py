"""Lasting ids: a record that its source calls otherwise now is found by its id there, and gets another key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, Text, and_, cast, exists, func, literal, select, update

from schemas.issues import Severity
from schemas.model.resource import SOURCE_ID
from schemas.model.tables import KNOWN_AS, ROW_NUMBER
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.target import Target

RULE = "replaced"
"""The rule of a record whose id in its source is another now."""


def find_renamed(connection: Connection, target: Target) -> None:
    """Write into each staged row the key under which its record is stored, where its source has renamed it.

    The id has to be that of one row and one record. A record takes no key that another one is stored under, and gives
    its own to no other row of the same source: then the keys decide, as if there were no ids.
    """
    if KNOWN_AS not in target.s.c:
        return
    s, t, own = target.s, target.t, target.staged_key
    connection.execute(update(s).where(s.c[KNOWN_AS].is_not(None)).values({KNOWN_AS: None}))
    alike = and_(t.c[SOURCE_ID] == s.c[SOURCE_ID], target.stored_key != own)
    moved = select(s.c[ROW_NUMBER], own.label("new"), target.stored_key.label("old"), s.c[SOURCE_ID].label("id"))
    found = temporary(connection, "renamed_row", moved.join_from(s, t, alike))
    if connection.scalar(select(literal(1)).select_from(found).limit(1)) is None:
        return
    other, stored = s.alias("other"), t.alias("other_record")
    staged = other.c[own.name]
    twice = exists(
        select(literal(1)).where(other.c[ROW_NUMBER] != found.c[ROW_NUMBER], other.c[SOURCE_ID] == found.c.id)
    )
    several = select(found.c.id).group_by(found.c.id).having(func.count() > 1)
    another = select(literal(1)).where(other.c[ROW_NUMBER] != found.c[ROW_NUMBER])
    claimed = exists(another.where(staged.in_([found.c.old, found.c.new])))
    taken = exists(select(literal(1)).where(stored.c[own.name] == found.c.new))
    clear = select(found).where(~twice, found.c.id.not_in(several), ~claimed, ~taken).subquery()
    connection.execute(update(s).where(s.c[ROW_NUMBER] == clear.c[ROW_NUMBER]).values({KNOWN_AS: clear.c.old}))


def replaced(target: Target) -> list[Select[Any]]:
    """Return the queries that find records whose id in the same source is another now."""
    if KNOWN_AS not in target.s.c:
        return []
    s, t = target.s, target.t
    before, now = t.c[SOURCE_ID], s.c[SOURCE_ID]
    system = [func.regexp_replace(each, ":[^:]*$", "") for each in (before, now)]
    title = target.resource.title
    message = func.format(
        f"'%s' was {title} '%s' of its source and is '%s' now: another record has its name",
        target.staged_key,
        before,
        now,
    )
    value = cast(target.staged_key, Text)
    query = select(s.c[ROW_NUMBER], literal(SOURCE_ID), value, literal(RULE), literal(str(Severity.WARNING)), message)
    same = and_(target.match_key == target.stored_key, before != now, system[0] == system[1])
    return [query.select_from(s.join(t, same))]
