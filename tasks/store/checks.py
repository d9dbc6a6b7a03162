"""Rules over many records, asked in SQL of the staged rows and the database together.

Each check gives rows of (row, field, value, rule, severity, message) into a temporary table `found`; `run_checks` moves
them to the ledger and takes the rows that an error rejects out of staging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    any_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy import true as sql_true
from sqlalchemy.dialects.postgresql import CIDR, INET

from schemas.reports import Empty, Mapping, Mode, Severity
from schemas.resource import Resource
from schemas.resources import RESOURCES
from schemas.rules import Inside, NoOverlap, Reference
from schemas.tables import IMPORT_ISSUE, TABLES
from tasks.store.staging import Staging

DUPLICATE = "duplicate_key"

FOUND = Table(
    "found",
    MetaData(),
    Column("row", Integer, nullable=False),
    Column("field", Text),
    Column("value", Text),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("message", Text, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@dataclass(frozen=True)
class Checked:
    """What the checks found: how often each (rule, severity) was broken, and how many rows were taken out."""

    rules: dict[tuple[str, str], int]
    rejected: int


@dataclass(frozen=True)
class Target:
    """The staged rows `s`, the stored records `t`, and their keys."""

    resource: Resource
    s: Table
    t: Table
    fields: tuple[str, ...]

    @property
    def staged_key(self) -> Column[Any]:
        """The natural key of a staged row."""
        return self.s.c[self.resource.key_column]

    @property
    def stored_key(self) -> Column[Any]:
        """The natural key of a stored record."""
        return self.t.c[self.resource.key_column]

    def stored(self) -> ColumnElement[bool]:
        """Say whether a staged row's record is already there."""
        return exists(select(literal(1)).select_from(self.t).where(self.stored_key == self.staged_key))

    @property
    def key_title(self) -> str:
        """What people call the key."""
        return " and ".join(self.resource.fields[name].title for name in self.resource.key)


def target_of(staging: Staging) -> Target:
    """Return the two tables that a run's checks and plan compare."""
    return Target(staging.resource, staging.table, TABLES[staging.resource.type], staging.fields)


def run_checks(staging: Staging, mapping: Mapping, mode: Mode, empty: Empty, keep: int) -> Checked:
    """Ask every rule over many records; `keep` is how many warnings the ledger may still take one by one."""
    target = target_of(staging)
    with staging.session.transaction() as connection:
        FOUND.create(connection)
        for query in _queries(target, mode, empty):
            connection.execute(insert(FOUND).from_select(FOUND.c.keys(), query))
        counts = _count(connection)
        if not counts:
            return Checked({}, 0)
        _keep_issues(connection, staging, mapping, keep)
        rejected = _take_out(connection, target)
    staging.rows -= rejected
    return Checked(counts, rejected)


def _count(connection: Connection) -> dict[tuple[str, str], int]:
    query = select(FOUND.c.rule, FOUND.c.severity, func.count()).group_by(FOUND.c.rule, FOUND.c.severity)
    return {(rule, severity): count for rule, severity, count in connection.execute(query)}


def _keep_issues(connection: Connection, staging: Staging, mapping: Mapping, keep: int) -> None:
    columns = {match.field: match.column for match in mapping.matches}
    column = case(columns, value=FOUND.c.field) if columns else literal(None)
    issue = {
        "run_id": literal(staging.session.run_id),
        "row": FOUND.c.row,
        "column": cast(column, Text),
        "field": FOUND.c.field,
        "value": FOUND.c.value,
        "rule": FOUND.c.rule,
        "severity": FOUND.c.severity,
        "message": FOUND.c.message,
    }
    errors = select(*(value.label(name) for name, value in issue.items())).where(FOUND.c.severity == Severity.ERROR)
    others = select(*(value.label(name) for name, value in issue.items())).where(FOUND.c.severity != Severity.ERROR)
    for query in (errors, others.order_by(FOUND.c.row).limit(keep)):
        connection.execute(insert(IMPORT_ISSUE).from_select(list(issue), query))


def _take_out(connection: Connection, target: Target) -> int:
    broken = select(FOUND.c.row).where(FOUND.c.severity == Severity.ERROR)
    return connection.execute(delete(target.s).where(target.s.c.row_number.in_(broken))).rowcount


def _queries(target: Target, mode: Mode, empty: Empty) -> Iterator[Select[Any]]:
    yield _duplicates(target)
    if mode is Mode.CREATE:
        yield _finding(target, target.stored(), "exists", "is already there, and this import only creates")
    if mode is Mode.UPDATE:
        yield _finding(target, ~target.stored(), "absent", "is not there, and this import only updates")
    elif empty is Empty.KEEP:
        for name in target.resource.required:
            broken = and_(target.s.c[name].is_(None), ~target.stored())
            yield _finding(target, broken, "required", "is required for a new record", name)
    for rule in target.resource.set_rules:
        if rule.field in target.fields:
            yield from _CHECKS[type(rule)](target, rule)


def _finding(
    target: Target,
    broken: ColumnElement[bool],
    rule: str,
    message: str,
    field: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Select[Any]:
    """Return the findings of a rule over the staged rows that break it; the message continues after the value."""
    name = field or target.resource.key[0]
    shown = target.s.c[name] if field else target.staged_key
    value = cast(shown, Text)
    title = literal(target.resource.fields[name].title)
    said = func.coalesce(literal("'") + value + literal("'"), title) + literal(f" {message}")
    return select(target.s.c.row_number, literal(name), value, literal(rule), literal(str(severity)), said).where(
        broken
    )


def _duplicates(target: Target) -> Select[Any]:
    """Rows of one key: copies of a row are rejected but for the first, rows that differ are all rejected."""
    s, key = target.s, target.staged_key
    several = select(key.label("key")).group_by(key).having(func.count() > 1).subquery()
    content = func.md5(cast(func.to_jsonb(text(f'"{s.name}".*')).op("-")("row_number"), Text))
    rows = (
        select(
            s.c.row_number,
            cast(key, Text).label("key"),
            content.label("content"),
            func.min(s.c.row_number).over(partition_by=key).label("first"),
            func.max(s.c.row_number).over(partition_by=key).label("last"),
        )
        .join_from(s, several, several.c.key == key)
        .subquery()
    )
    staged, of_key = rows.c.content, rows.c.key
    least = func.min(staged).over(partition_by=of_key)
    same = least == func.max(staged).over(partition_by=of_key)
    group = select(*rows.c, same.label("same")).subquery()
    other = case((group.c.row_number == group.c.first, group.c.last), else_=group.c.first)
    message = case(
        (group.c.same, func.format("row %s repeats row %s: leave one out", group.c.row_number, group.c.first)),
        else_=func.format(
            "rows %s and %s have the same %s '%s' and differ elsewhere: keep one",
            group.c.row_number,
            other,
            target.key_title,
            group.c.key,
        ),
    )
    broken = or_(~group.c.same, group.c.row_number != group.c.first)
    return select(
        group.c.row_number,
        literal(target.resource.key[0]),
        group.c.key,
        literal(DUPLICATE),
        literal(str(Severity.ERROR)),
        message,
    ).where(broken)


def _reference(target: Target, rule: Reference) -> Iterator[Select[Any]]:
    to = RESOURCES[rule.to]
    named = TABLES[rule.to]
    there = exists(select(literal(1)).select_from(named).where(named.c[to.key_column] == target.s.c[rule.field]))
    broken = and_(target.s.c[rule.field].is_not(None), ~there)
    if rule.when:
        field, value = rule.when
        if field not in target.fields:
            return
        broken = and_(target.s.c[field] == value, broken)
    yield _finding(target, broken, rule.name, f"is not a known {to.title}: import it first", rule.field, rule.severity)


def _inside(target: Target, rule: Inside) -> Iterator[Select[Any]]:
    if rule.reference not in target.fields:
        return
    to, named = RESOURCES[rule.to], TABLES[rule.to]
    is_the_one = named.c[to.key_column] == target.s.c[rule.reference]
    within = [_within(target.s.c[rule.field], named.c[block]) for block in rule.blocks]
    known = exists(select(literal(1)).select_from(named).where(is_the_one))
    covered = exists(select(literal(1)).select_from(named).where(is_the_one, or_(*within)))
    broken = and_(target.s.c[rule.field].is_not(None), known, ~covered)
    yield _finding(target, broken, rule.name, f"lies outside the blocks of its {to.title}", rule.field, rule.severity)


def _within(block: ColumnElement[Any], blocks: Column[Any]) -> ColumnElement[bool]:
    inside = block.op("<<=", is_comparison=True)
    return inside(blocks) if isinstance(blocks.type, CIDR) else inside(any_(blocks))


def _no_overlap(target: Target, rule: NoOverlap) -> Iterator[Select[Any]]:
    """Blocks nest or are disjoint: sorted, a block that starts inside the widest so far overlaps it.

    Such runs of overlapping blocks are "islands", and the first block of an island covers all the others.
    """
    if not set(rule.within) <= set(target.fields):
        return
    blocks = _all_blocks(target, rule)
    scope = [blocks.c[name] for name in rule.within]
    in_order = [blocks.c.block, blocks.c.key]
    furthest = func.max(_last_address(blocks.c.block)).over(partition_by=scope, order_by=in_order, rows=(None, -1))
    starts = func.coalesce(furthest < _first_address(blocks.c.block), sql_true())
    marked = select(*blocks.c, cast(starts, Integer).label("starts")).subquery()
    scope = [marked.c[name] for name in rule.within]
    number = func.sum(marked.c.starts).over(partition_by=scope, order_by=[marked.c.block, marked.c.key])
    numbered = select(*marked.c, number.label("island")).subquery()
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
    yield select(
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
    ).where(seen.c.fresh, seen.c.size > 1)


def _all_blocks(target: Target, rule: NoOverlap) -> Subquery:
    """The blocks of staged rows, `fresh` where they are new or moved, and of the other stored records.

    Rows of one key are found already, and would overlap themselves.
    """
    s, t = target.s, target.t
    names = (rule.field, *rule.within)
    duplicates = select(FOUND.c.row).where(FOUND.c.rule == DUPLICATE)
    moved = or_(target.stored_key.is_(None), *(t.c[name].is_distinct_from(s.c[name]) for name in names))
    staged = (
        select(
            s.c.row_number,
            cast(target.staged_key, Text).label("key"),
            s.c[rule.field].label("block"),
            *(s.c[name] for name in rule.within),
            moved.label("fresh"),
        )
        .join_from(s, t, target.stored_key == target.staged_key, isouter=True)
        .where(*(s.c[name].is_not(None) for name in names), s.c.row_number.not_in(duplicates))
    )
    is_staged = exists(select(literal(1)).select_from(s).where(target.staged_key == target.stored_key))
    others = select(
        literal(None),
        cast(target.stored_key, Text),
        t.c[rule.field],
        *(t.c[name] for name in rule.within),
        literal(False),
    ).where(*(t.c[name].is_not(None) for name in names), ~is_staged)
    return union_all(staged, others).subquery()


def _first_address(block: ColumnElement[Any]) -> ColumnElement[Any]:
    return _host(cast(func.network(block), INET), block)


def _last_address(block: ColumnElement[Any]) -> ColumnElement[Any]:
    return _host(func.broadcast(block), block)


def _host(address: ColumnElement[Any], block: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.set_masklen(address, case((func.family(block) == 4, 32), else_=128), type_=INET)


_CHECKS: dict[type, Callable[[Target, Any], Iterator[Select[Any]]]] = {
    Reference: _reference,
    Inside: _inside,
    NoOverlap: _no_overlap,
}
