"""The check that blocks of one scope do not overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from schemas.model.rules import STATE, NoOverlap
from schemas.model.tables import RETIRED_AT, ROW_NUMBER
from tasks.store.checks.cidr_sweep import islands
from tasks.store.checks.findings import CheckContext
from tasks.store.connection.copy import row_number_table
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.diff import Diff, planned_updates
from tasks.store.merge.projected import CHANGED, KEY, projected_records
from tasks.store.merge.target import Target
from tasks.store.merge.tombstones import alive, staged_alive


def block_overlaps(check: CheckContext, rule: NoOverlap) -> Iterator[Select[Any]]:
    """Find the overlaps of the rows that are new or have moved, where there may be any."""
    connection, target, diff = check.connection, check.target, check.diff
    has_all_fields = set(rule.checked_fields) <= set(target.fields)
    if diff.known and not (target.whole and has_all_fields):
        yield _overlap_findings(target, rule, _projected_blocks(target, rule, diff))
        return
    if not has_all_fields:
        return
    number = target.resource.set_rules.index(rule)
    near = check.prefilter.overlapping(rule)
    stored = _stored_blocks(connection, target, rule, diff, number)
    others = connection.scalar(select(literal(1)).select_from(stored).limit(1)) is not None
    if others or not near.is_empty():
        listed_near = row_number_table(connection, f"near_{number}", near)
        query = _suspects(target, rule, diff, stored, listed_near)
        suspects = temporary(connection, f"suspects_{number}", query)
        # Without records, and rows that have one, the suspects overlap nothing but each other.
        alone = not others and not diff.known
        yield _overlap_findings(target, rule, _blocks_to_compare(target, rule, suspects, stored, alone=alone))


def _stored_blocks(connection: Connection, target: Target, rule: NoOverlap, diff: Diff, number: int) -> Table:
    """List the stored blocks in the scopes of the rows that are new or have moved: in a new account there are none."""
    s, t = target.s, target.t
    fresh = select(*(s.c[name] for name in rule.within)).where(*_is_new_or_moved(target, diff)).distinct().subquery()
    columns = (cast(target.stored_key, Text).label("key"), t.c[rule.field].label("block"))
    query = select(*columns, *(t.c[name] for name in rule.within)).join_from(t, fresh, _same_scope(fresh, t, rule))
    query = query.where(t.c[rule.field].is_not(None), t.c[RETIRED_AT].is_(None), target.stays())
    if target.resource.dead:
        query = query.where(alive(target.resource, t.c[STATE]))
    if diff.known:
        is_staged = exists(select(literal(1)).select_from(s).where(target.match_key == target.stored_key))
        query = query.where(~is_staged)
    return temporary(connection, f"stored_{number}", query)


def _is_new_or_moved(target: Target, diff: Diff) -> list[ColumnElement[bool]]:
    """What is so of the staged rows that are new or have moved."""
    if not diff.known:
        return []
    planned = planned_updates(target.part)
    moved = select(planned.c.row_number).where(planned.c.moved)
    return [or_(target.s.c.row_number.in_(moved), ~target.stored())]


def _same_scope(one: FromClause, other: FromClause, rule: NoOverlap) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in rule.within))


def _suspects(target: Target, rule: NoOverlap, diff: Diff, stored: Table, near: Table) -> Select[Any]:
    """The rows that are new or have moved, and are near another of the file or share their scope with a record."""
    s = target.s
    in_shared = exists(select(literal(1)).select_from(stored).where(_same_scope(stored, s, rule)))
    is_near = s.c.row_number.in_(select(near.c.row_number))
    columns = (s.c.row_number, *(s.c[name] for name in rule.within))
    return select(*columns).where(or_(in_shared, is_near), *_is_new_or_moved(target, diff), staged_alive(target))


def _projected_blocks(target: Target, rule: NoOverlap, diff: Diff) -> Subquery:
    """The blocks of all records in the scopes of those that are new or have moved, where rows do not say all of it."""
    everything = projected_records(target, diff, rule.checked_fields)
    touched = select(*(everything.c[name] for name in rule.within)).where(everything.c[CHANGED]).distinct().subquery()
    columns = (everything.c[ROW_NUMBER], everything.c[KEY], everything.c[rule.field].label("block"))
    within = (everything.c[name] for name in rule.within)
    query = select(*columns, *within, everything.c[CHANGED].label("changed"))
    query = query.join_from(everything, touched, _same_scope(everything, touched, rule))
    return query.where(*(everything.c[name].is_not(None) for name in rule.checked_fields)).subquery()


def _overlap_findings(target: Target, rule: NoOverlap, blocks: Subquery) -> Select[Any]:
    """Find the blocks that share an island, each with another of it: the first block covers all the others."""
    numbered = islands(blocks, rule.within, "key")
    island = [*(numbered.c[name] for name in rule.within), numbered.c.island]
    order = [numbered.c.block, numbered.c.key]
    seen = select(
        *numbered.c,
        func.count().over(partition_by=island).label("size"),
        func.first_value(numbered.c.key).over(partition_by=island, order_by=order).label("first_key"),
        func.first_value(numbered.c.block).over(partition_by=island, order_by=order).label("first_block"),
        func.lead(numbered.c.key).over(partition_by=island, order_by=order).label("next_key"),
        func.lead(numbered.c.block).over(partition_by=island, order_by=order).label("next_block"),
    ).subquery()
    is_first = seen.c.first_key == seen.c.key
    other_key = case((is_first, seen.c.next_key), else_=seen.c.first_key)
    other_block = case((is_first, seen.c.next_block), else_=seen.c.first_block)
    within = " and ".join(target.resource.fields[name].title for name in rule.within)
    return select(
        seen.c.row_number,
        literal(rule.field),
        cast(seen.c.block, Text),
        literal(rule.name),
        literal(str(rule.severity)),
        func.format(
            "'%s' overlaps %s of %s in the same %s",
            cast(seen.c.block, Text),
            cast(other_block, Text),
            other_key,
            within,
        ),
    ).where(seen.c.changed, seen.c.size > 1)


def _blocks_to_compare(target: Target, rule: NoOverlap, suspects: Table, stored: Table, *, alone: bool) -> Subquery:
    """The blocks of the suspects, which are `fresh`, and those of all rows and records that they may overlap."""
    s = target.s
    names = (rule.field, *rule.within)
    is_suspect = suspects.c.row_number == s.c.row_number
    scopes = select(*(suspects.c[name] for name in rule.within)).distinct().subquery()
    staged = (
        select(
            s.c.row_number,
            cast(target.staged_key, Text).label("key"),
            s.c[rule.field].label("block"),
            *(s.c[name] for name in rule.within),
            suspects.c.row_number.is_not(None).label("changed"),
        )
        .select_from(s.join(scopes, _same_scope(scopes, s, rule)).join(suspects, is_suspect, isouter=not alone))
        .where(*(s.c[name].is_not(None) for name in names), staged_alive(target))
    )
    if alone:
        return staged.subquery()
    there = select(literal(None), *stored.c, literal(value=False))
    return union_all(staged, there.join_from(stored, scopes, _same_scope(scopes, stored, rule))).subquery()
