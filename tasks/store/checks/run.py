"""Rules over many records, asked in SQL of the staged rows and the database together.

Each check gives rows of (row, field, value, rule, severity, message) into a temporary table `found`; `run_checks` moves
them to the ledger and takes the rows that an error rejects out of staging.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
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
    null,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR

from schemas.choices import Mode
from schemas.issues import Issue, Severity
from schemas.mapping import Mapping
from schemas.model.resource import SOURCE_ID
from schemas.model.rules import STATE, Inside, NoOverlap, Reference
from schemas.model.tables import IMPORT_ISSUE, KNOWN_AS, RETIRED_AT, ROW_NUMBER, SEEN_AT
from schemas.resources import RESOURCES
from tasks.store.checks.cidr_sweep import islands
from tasks.store.checks.findings import Inquiry
from tasks.store.checks.registry import network_checks
from tasks.store.checks.scopes import out_of_scope
from tasks.store.connection.copy import copy_frame, listed
from tasks.store.connection.temp_tables import temporary
from tasks.store.ledger import read_issues
from tasks.store.merge.diff import Comparison, compare, planned_updates
from tasks.store.merge.projected import FRESH, KEY, after, records_beside
from tasks.store.merge.sides import Target, records_of, source_row
from tasks.store.merge.tombstones import alive, staged_alive
from tasks.store.resolve import partial_keys
from tasks.store.resolve.missing_references import is_unknown
from tasks.store.resolve.references import clarify, keep_doubts, suggestion
from tasks.store.resolve.source_ids import replaced
from tasks.store.staging.prefilter import Sketch
from tasks.store.staging.table import Staging

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


# Rows of a frozen plan that break rules are told one by one up to this many.
_MOST_BROKEN = 10_000

# Rounds of checks in which rejected rows leave their records in the way of others.
_MOST_ROUNDS = 10


@dataclass(frozen=True)
class Checked:
    """What the checks found: how often each (rule, severity) was broken, and how many rows were taken out."""

    rules: dict[tuple[str, str], int]
    rejected: int
    comparison: Comparison


Own = Callable[[Connection, Target], Iterator[pl.DataFrame]]
"""The user's own rules: frames of issues, asked for once the rows are staged."""


class Broken(Exception):
    """Rows of a frozen plan break rules now: how often each, how many rows, and the first of what is wrong."""

    def __init__(self, rules: dict[tuple[str, str], int], rejected: int, issues: list[Issue]) -> None:
        super().__init__(f"{rejected} rows break rules")
        self.rules = rules
        self.rejected = rejected
        self.issues = issues


def run_checks(
    staging: Staging, target: Target, mapping: Mapping, mode: Mode, keep: int, own: Own, *, whole: bool = False
) -> Checked:
    """Ask every rule over many records; `keep` is how many warnings the ledger may still take one by one.

    With `whole`, no row may be taken out: raises Broken, and everything is as it was, where one would be.

    Overlaps are asked last, of the rows alone that the comparison with the stored records leaves: a block that is
    where it was has been asked of before.
    """
    with staging.session.transaction() as connection:
        FOUND.create(connection, checkfirst=False)
        flawed = replace(target, s=staging.flawed)
        keep_doubts(connection, [target, *([flawed] if staging.any_flawed else [])], staging.doubts)
        for issues in own(connection, target):
            copy_frame(connection, FOUND, issues.select(FOUND.c.keys()))
        queries = [*_duplicates(connection, target, staging), *_queries(target, mode)]
        queries += [*partial_keys.ambiguous(connection, target), *replaced(target)]
        if staging.any_flawed:
            # A row that is rejected already is asked of all the same, so that it is fixed once.
            queries += _queries(flawed, mode)
        asking = _Asking(connection, staging, target, mapping, mode, keep)
        asking.ask(queries)
        asking.compare()
        if asking.ask([*_stale(target)]):
            asking.compare()
        asking.ask_of_places()
        checked = asking.checked(whole=whole)
    _taken_out(staging, checked, mode)
    return checked


def check_again(staging: Staging, target: Target, mapping: Mapping, mode: Mode, *, whole: bool = False) -> Checked:
    """Ask the rules again after other records turned out to stay as they are stored; only errors are new."""
    with staging.session.transaction() as connection:
        FOUND.create(connection, checkfirst=False)
        asking = _Asking(connection, staging, target, mapping, mode, 0, errors_only=True)
        asking.ask([*_references(target)])
        asking.compare()
        asking.ask_of_places()
        checked = asking.checked(whole=whole)
    _taken_out(staging, checked, mode)
    return checked


def compare_again(staging: Staging, target: Target) -> Comparison:
    """Compare again after a lost connection, which takes the list of updates with it; the rules have been asked."""
    with staging.session.transaction() as connection:
        return compare(connection, target)


def _taken_out(staging: Staging, checked: Checked, mode: Mode) -> None:
    """Count the rows that were taken out, now that it is so: a transaction that fails takes nothing out."""
    staging.rows -= checked.rejected
    staging.aside += checked.rejected if mode is Mode.SYNC else 0


class _Asking:
    """The checks of one type's staged rows, inside a transaction: what was found, and what is left."""

    def __init__(
        self,
        connection: Connection,
        staging: Staging,
        target: Target,
        mapping: Mapping,
        mode: Mode,
        keep: int,
        *,
        errors_only: bool = False,
    ) -> None:
        self.connection = connection
        self.staging = staging
        self.target = target
        self.mapping = mapping
        self.mode = mode
        self.keep = keep
        self.errors_only = errors_only
        self.counts: Counter[tuple[str, str]] = Counter()
        self.rejected = 0
        self.comparison = Comparison()

    def compare(self) -> None:
        """Compare the rows that are left with the stored records."""
        self.comparison = compare(self.connection, self.target)

    def checked(self, *, whole: bool) -> Checked:
        """Return what was found; raises Broken where no row may be rejected, and one is."""
        if whole and self.rejected:
            run_id, part = self.staging.session.run_id, self.staging.part
            told = read_issues(self.connection, run_id, limit=_MOST_BROKEN, part=part)
            raise Broken(dict(self.counts), self.rejected, told)
        return Checked(dict(self.counts), self.rejected, self.comparison)

    def ask(self, queries: list[Select[Any]]) -> int:
        """Move what the queries find to the ledger, and take the rows that are rejected out; returns how many."""
        for query in queries:
            self.connection.execute(insert(FOUND).from_select(FOUND.c.keys(), query))
        if self.errors_only:
            self.connection.execute(delete(FOUND).where(FOUND.c.severity != Severity.ERROR))
        counts = _count(self.connection)
        if not counts:
            return 0
        self.counts += counts
        _keep_issues(self.connection, self.staging, self.mapping, max(self.keep, 0))
        self.keep -= sum(count for (_, severity), count in counts.items() if severity != Severity.ERROR)
        rejected = _take_out(self.connection, self.staging, self.target, self.mode)
        self.rejected += rejected
        self.connection.execute(delete(FOUND))
        return rejected

    def ask_of_places(self) -> None:
        """Ask about overlaps and networks until each row that is left goes with the records as they will be.

        A record whose row is rejected stays where it is stored, where another row may have taken its place.
        """
        rounds = 0
        while self._ask_once():
            known = self.comparison.known
            self.compare()
            if self.comparison.known == known:
                return
            self.errors_only = True
            rounds += 1
            if rounds == _MOST_ROUNDS:
                self.ask([_waiting(self.target)])
                self.compare()

    def _ask_once(self) -> int:
        target, sketch = self.target, self.staging.sketch
        left = self.staging.rows - self.rejected
        queries = [*_overlaps(self.connection, target, sketch, left, self.comparison)]
        beside = records_beside(target)
        queries += network_checks(Inquiry(self.connection, target, self.comparison, sketch, left, beside))
        return self.ask(queries)


def _waiting(target: Target) -> Select[Any]:
    """Reject what moves after many rounds, of which each found a record that stays in the way of another."""
    moved = select(planned_updates(target.part).c.row_number).where(planned_updates(target.part).c.moved)
    message = "can't be moved while rows of other records are rejected: correct those first"
    return _finding(target, target.s.c.row_number.in_(moved), "overlap", message)


def _count(connection: Connection) -> Counter[tuple[str, str]]:
    clarify(connection, FOUND)
    query = select(FOUND.c.rule, FOUND.c.severity, func.count()).group_by(FOUND.c.rule, FOUND.c.severity)
    return Counter({(rule, severity): count for rule, severity, count in connection.execute(query)})


def _keep_issues(connection: Connection, staging: Staging, mapping: Mapping, keep: int) -> None:
    columns = {match.field: match.column for match in mapping.matches}
    column = case(columns, value=FOUND.c.field) if columns else literal(None)
    issue: dict[str, ColumnElement[Any]] = {
        "run_id": literal(staging.session.run_id),
        "part": literal(staging.part),
        "row": source_row(FOUND.c.row),
        "column": cast(column, Text),
        "field": FOUND.c.field,
        "value": FOUND.c.value,
        "rule": FOUND.c.rule,
        "severity": FOUND.c.severity,
        "message": FOUND.c.message,
        "suggestion": suggestion(connection, FOUND),
    }
    errors = select(*(value.label(name) for name, value in issue.items())).where(FOUND.c.severity == Severity.ERROR)
    others = select(*(value.label(name) for name, value in issue.items())).where(FOUND.c.severity != Severity.ERROR)
    for query in (errors, others.order_by(FOUND.c.row).limit(keep)):
        connection.execute(insert(IMPORT_ISSUE).from_select(list(issue), query))


def _take_out(connection: Connection, staging: Staging, target: Target, mode: Mode) -> int:
    """Take the rejected rows out of staging; a sync keeps them aside, since their records are in its source."""
    broken = select(FOUND.c.row).where(FOUND.c.severity == Severity.ERROR)
    taken = delete(target.s).where(target.s.c.row_number.in_(broken))
    if mode is not Mode.SYNC:
        return connection.execute(taken).rowcount
    staging.flawed.create(connection, checkfirst=True)
    gone = taken.returning(*target.s.columns).cte("taken")
    return connection.execute(insert(staging.flawed).from_select(gone.c.keys(), select(gone))).rowcount


def _queries(target: Target, mode: Mode) -> Iterator[Select[Any]]:
    if mode is Mode.CREATE:
        yield _finding(target, target.stored(), "exists", "is already there, and this import only creates")
    if mode is Mode.UPDATE:
        absent = and_(target.staged_key.is_not(None), ~target.stored())
        yield _finding(target, absent, "absent", "is not there, and this import only updates")
    elif not target.whole:
        for name in target.resource.required:
            if name in target.fields:
                broken = and_(target.s.c[name].is_(None), ~target.stored())
                yield _finding(target, broken, "required", "is required for a new record", name)
    yield from _references(target)


def _references(target: Target) -> Iterator[Select[Any]]:
    for rule in target.resource.set_rules:
        if isinstance(rule, Reference) and rule.field in target.fields:
            yield from _reference(target, rule)
        if isinstance(rule, Inside) and {rule.field, rule.reference} & set(target.fields):
            yield from _inside(target, rule)


def _finding(
    target: Target,
    broken: ColumnElement[bool],
    rule: str,
    message: str,
    field: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Select[Any]:
    """Return the findings of a rule over the staged rows that break it; the message continues after the value."""
    name = field or target.resource.known_by[0]
    shown = target.s.c[name] if field else target.staged_key
    value = cast(shown, Text)
    title = literal(target.resource.fields[name].title)
    said = func.coalesce(literal("'") + value + literal("'"), title) + literal(f" {message}")
    return select(target.s.c.row_number, literal(name), value, literal(rule), literal(str(severity)), said).where(
        broken
    )


def _stale(target: Target) -> Iterator[Select[Any]]:
    """Rows of an exported file that would write over what was changed, or recreate what was deleted, since then."""
    if SEEN_AT not in target.s.c:
        return
    s, then = target.s, "since this file was exported: export again, or import with --stale overwrite"
    differs = select(planned_updates(target.part).c.row_number)
    later = select(literal(1)).select_from(target.t)
    moved = later.where(target.stored_key == target.match_key, _to_its_precision(target) != s.c[SEEN_AT])
    changed = and_(s.c.row_number.in_(differs), exists(moved))
    yield _finding(target, changed, "stale", f"was changed {then}")
    yield _finding(target, and_(s.c[SEEN_AT].is_not(None), ~target.stored()), "stale", f"was deleted {then}")


def _to_its_precision(target: Target) -> ColumnElement[Any]:
    """When a record was changed last, as exactly as the file says it: a spreadsheet keeps minutes, or milliseconds."""
    seen = target.s.c[SEEN_AT]
    units = ("minute", "second", "milliseconds")
    unit = case(*((func.date_trunc(unit, seen) == seen, unit) for unit in units), else_="microseconds")
    return func.date_trunc(unit, target.t.c.updated_at)


def _duplicates(connection: Connection, target: Target, staging: Staging) -> Iterator[Select[Any]]:
    """Rows of one key: copies of a row are rejected but for the first, rows that differ are all rejected."""
    repeated = staging.sketch.repeated()
    if repeated.is_empty() and not staging.rekeyed:
        return
    # The sketch knows the keys as they were before some were completed.
    suspects = target.s.alias("repeated") if staging.rekeyed else listed(connection, "repeated", repeated)
    s, key = target.s, target.staged_key
    of_suspects = select(key.label("key")).join_from(s, suspects, suspects.c.row_number == s.c.row_number)
    several = of_suspects.group_by(key).having(func.count() > 1).subquery()
    noted = literal([ROW_NUMBER, SEEN_AT, KNOWN_AS], ARRAY(Text))
    content = func.md5(cast(func.to_jsonb(text(f'"{s.name}".*')).op("-")(noted), Text))
    source_id: ColumnElement[Any] = s.c[SOURCE_ID] if SOURCE_ID in s.c else cast(null(), Text)
    rows = (
        select(
            s.c.row_number,
            cast(key, Text).label("key"),
            content.label("content"),
            func.min(s.c.row_number).over(partition_by=key).label("first"),
            func.max(s.c.row_number).over(partition_by=key).label("last"),
            func.min(source_id).over(partition_by=key).label("first_id"),
            func.max(source_id).over(partition_by=key).label("last_id"),
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
        (
            group.c.first_id != group.c.last_id,
            # Such as VLANs of two groups that have one name in different scopes.
            func.format(
                "rows %s and %s are different records of their source (%s, %s) and have the same %s '%s': rename one "
                "of them there, or what it belongs to",
                group.c.row_number,
                other,
                group.c.first_id,
                group.c.last_id,
                target.resource.key_title,
                group.c.key,
            ),
        ),
        else_=func.format(
            "rows %s and %s have the same %s '%s' and differ elsewhere: keep one",
            group.c.row_number,
            other,
            target.resource.key_title,
            group.c.key,
        ),
    )
    broken = or_(~group.c.same, group.c.row_number != group.c.first)
    yield select(
        group.c.row_number,
        literal(target.resource.known_by[0]),
        group.c.key,
        literal("duplicate_key"),
        literal(str(Severity.ERROR)),
        message,
    ).where(broken)


def _reference(target: Target, rule: Reference) -> Iterator[Select[Any]]:
    to = RESOURCES[rule.to]
    leaving = target.leaving.get(rule.to)
    if leaving is not None:
        stays = select(literal(1)).where(leaving.c.key == cast(target.s.c[rule.field], Text))
        yield from _leaving(target, rule, and_(exists(stays), staged_alive(target)))
    broken = is_unknown(target, rule)
    if broken is None:
        return
    outside = out_of_scope(target, rule)
    said = f"is not a known {to.title}"
    yield _finding(target, and_(broken, ~outside), rule.name, f"{said}: import it first", rule.field, rule.severity)
    kept = f"{said}, and no {to.title} of its account and region is stored: the reference is kept unchecked"
    yield _finding(target, and_(broken, outside), rule.name, kept, rule.field, Severity.WARNING)


def _leaving(target: Target, rule: Reference, is_leaving: ColumnElement[bool]) -> Iterator[Select[Any]]:
    """Rows that refer to a record of the run's own that its source no longer has."""
    broken = is_leaving
    if rule.when:
        field, value = rule.when
        if field not in target.fields:
            return
        broken = and_(target.s.c[field] == value, broken)
    title = RESOURCES[rule.to].title
    message = f"is a {title} that the source no longer has: add it to the source, or correct this value"
    yield _finding(target, broken, rule.name, message, rule.field, rule.severity)


def _inside(target: Target, rule: Inside) -> Iterator[Select[Any]]:
    to = RESOURCES[rule.to]
    named = records_of(to, rule.blocks, target.beside, leaving=target.leaving)
    own, reference = target.held(rule.field), target.held(rule.reference)
    is_the_one = named.c.key == reference
    within = [_within(own, named.c[block]) for block in rule.blocks]
    known = exists(select(literal(1)).select_from(named).where(is_the_one))
    covered = exists(select(literal(1)).select_from(named).where(is_the_one, or_(*within)))
    broken = and_(own.is_not(None), known, ~covered, staged_alive(target))
    if rule.field in target.fields:
        said = f"lies outside the blocks of its {to.title}"
        yield _finding(target, broken, rule.name, said, rule.field, rule.severity)
    else:
        said = f"is a {to.title} whose blocks do not hold the stored {target.resource.fields[rule.field].title}"
        yield _finding(target, broken, rule.name, said, rule.reference, rule.severity)


def _within(block: ColumnElement[Any], blocks: ColumnElement[Any]) -> ColumnElement[bool]:
    inside = block.op("<<=", is_comparison=True)
    return inside(blocks) if isinstance(blocks.type, CIDR) else inside(any_(blocks))


def _overlaps(
    connection: Connection, target: Target, sketch: Sketch, rows: int, comparison: Comparison
) -> Iterator[Select[Any]]:
    """Ask about overlaps of the rows that are new or have moved, where there may be any."""
    rules = [rule for rule in target.resource.set_rules if isinstance(rule, NoOverlap)]
    if not rows - comparison.known + comparison.moved:
        return
    for number, rule in enumerate(rule for rule in rules if set(rule.watched) & set(target.fields)):
        if comparison.known and not (target.whole and set(rule.watched) <= set(target.fields)):
            yield _overlapping(target, rule, _blocks_after(target, rule, comparison))
            continue
        if not set(rule.watched) <= set(target.fields):
            continue
        near = sketch.overlapping(rule)
        stored = _stored_blocks(connection, target, rule, comparison, number)
        others = connection.scalar(select(literal(1)).select_from(stored).limit(1)) is not None
        if others or not near.is_empty():
            listed_near = listed(connection, f"near_{number}", near)
            query = _suspects(target, rule, comparison, stored, listed_near)
            suspects = temporary(connection, f"suspects_{number}", query)
            # Without records, and rows that have one, the suspects overlap nothing but each other.
            alone = not others and not comparison.known
            yield _overlapping(target, rule, _all_blocks(target, rule, suspects, stored, alone=alone))


def _stored_blocks(
    connection: Connection, target: Target, rule: NoOverlap, comparison: Comparison, number: int
) -> Table:
    """List the stored blocks in the scopes of the rows that are new or have moved: in a new account there are none."""
    s, t = target.s, target.t
    fresh = select(*(s.c[name] for name in rule.within)).where(*_fresh(target, comparison)).distinct().subquery()
    columns = (cast(target.stored_key, Text).label("key"), t.c[rule.field].label("block"))
    query = select(*columns, *(t.c[name] for name in rule.within)).join_from(t, fresh, _same(fresh, t, rule))
    query = query.where(t.c[rule.field].is_not(None), t.c[RETIRED_AT].is_(None), target.stays())
    if target.resource.dead:
        query = query.where(alive(target.resource, t.c[STATE]))
    if comparison.known:
        is_staged = exists(select(literal(1)).select_from(s).where(target.match_key == target.stored_key))
        query = query.where(~is_staged)
    return temporary(connection, f"stored_{number}", query)


def _fresh(target: Target, comparison: Comparison) -> list[ColumnElement[bool]]:
    """What is so of the staged rows that are new or have moved."""
    if not comparison.known:
        return []
    planned = planned_updates(target.part)
    moved = select(planned.c.row_number).where(planned.c.moved)
    return [or_(target.s.c.row_number.in_(moved), ~target.stored())]


def _same(one: FromClause, other: FromClause, rule: NoOverlap) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in rule.within))


def _suspects(target: Target, rule: NoOverlap, comparison: Comparison, stored: Table, near: Table) -> Select[Any]:
    """The rows that are new or have moved, and are near another of the file or share their scope with a record."""
    s = target.s
    in_shared = exists(select(literal(1)).select_from(stored).where(_same(stored, s, rule)))
    is_near = s.c.row_number.in_(select(near.c.row_number))
    columns = (s.c.row_number, *(s.c[name] for name in rule.within))
    return select(*columns).where(or_(in_shared, is_near), *_fresh(target, comparison), staged_alive(target))


def _blocks_after(target: Target, rule: NoOverlap, comparison: Comparison) -> Subquery:
    """The blocks of all records in the scopes of those that are new or have moved, where rows do not say all of it."""
    everything = after(target, comparison, rule.watched)
    touched = select(*(everything.c[name] for name in rule.within)).where(everything.c[FRESH]).distinct().subquery()
    columns = (everything.c[ROW_NUMBER], everything.c[KEY], everything.c[rule.field].label("block"))
    within = (everything.c[name] for name in rule.within)
    query = select(*columns, *within, everything.c[FRESH].label("fresh"))
    query = query.join_from(everything, touched, _same(everything, touched, rule))
    return query.where(*(everything.c[name].is_not(None) for name in rule.watched)).subquery()


def _overlapping(target: Target, rule: NoOverlap, blocks: Subquery) -> Select[Any]:
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
    ).where(seen.c.fresh, seen.c.size > 1)


def _all_blocks(target: Target, rule: NoOverlap, suspects: Table, stored: Table, *, alone: bool) -> Subquery:
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
            suspects.c.row_number.is_not(None).label("fresh"),
        )
        .select_from(s.join(scopes, _same(scopes, s, rule)).join(suspects, is_suspect, isouter=not alone))
        .where(*(s.c[name].is_not(None) for name in names), staged_alive(target))
    )
    if alone:
        return staged.subquery()
    there = select(literal(None), *stored.c, literal(value=False))
    return union_all(staged, there.join_from(stored, scopes, _same(scopes, stored, rule))).subquery()
