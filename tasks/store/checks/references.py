"""The checks of references: that the record exists, stays, and holds the block of the row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    cast,
    exists,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import CIDR

from schemas.issues import Severity
from schemas.model.rules import Inside, Reference
from schemas.resources import RESOURCES
from tasks.store.checks.findings import CheckContext
from tasks.store.checks.scopes import out_of_scope
from tasks.store.checks.staged_findings import staged_finding
from tasks.store.merge.target import Target, records_of
from tasks.store.merge.tombstones import staged_alive
from tasks.store.resolve.missing_references import is_unknown


def unknown_references(check: CheckContext, rule: Reference) -> Iterator[Select[Any]]:
    """Find the references to records that are not known, or that the run removes."""
    target = check.target
    to = RESOURCES[rule.to]
    leaving = target.leaving.get(rule.to)
    if leaving is not None:
        stays = select(literal(1)).where(leaving.c.key == cast(target.s.c[rule.field], Text))
        yield from _removed_records(target, rule, and_(exists(stays), staged_alive(target)))
    broken = is_unknown(target, rule)
    if broken is None:
        return
    outside = out_of_scope(target, rule)
    text = f"is not a known {to.title}"
    yield staged_finding(
        target, and_(broken, ~outside), rule.name, f"{text}: import it first", rule.field, rule.severity
    )
    kept = f"{text}, and no {to.title} of its account and region is stored: the reference is kept unchecked"
    yield staged_finding(target, and_(broken, outside), rule.name, kept, rule.field, Severity.WARNING)


def _removed_records(target: Target, rule: Reference, is_leaving: ColumnElement[bool]) -> Iterator[Select[Any]]:
    """Rows that refer to a record of the run's own that its source no longer has."""
    broken = is_leaving
    if rule.when:
        field, value = rule.when
        if field not in target.fields:
            return
        broken = and_(target.s.c[field] == value, broken)
    title = RESOURCES[rule.to].title
    message = f"is a {title} that the source no longer has: add it to the source, or correct this value"
    yield staged_finding(target, broken, rule.name, message, rule.field, rule.severity)


def blocks_outside_referenced(check: CheckContext, rule: Inside) -> Iterator[Select[Any]]:
    """Find the blocks that lie outside those of the record that the row names."""
    target = check.target
    to = RESOURCES[rule.to]
    named = records_of(to, rule.blocks, target.earlier, leaving=target.leaving)
    own, reference = target.projected_value(rule.field), target.projected_value(rule.reference)
    is_the_one = named.c.key == reference
    within = [_is_within(own, named.c[block]) for block in rule.blocks]
    known = exists(select(literal(1)).select_from(named).where(is_the_one))
    covered = exists(select(literal(1)).select_from(named).where(is_the_one, or_(*within)))
    broken = and_(own.is_not(None), known, ~covered, staged_alive(target))
    if rule.field in target.fields:
        text = f"lies outside the blocks of its {to.title}"
        yield staged_finding(target, broken, rule.name, text, rule.field, rule.severity)
    else:
        text = f"is a {to.title} whose blocks do not hold the stored {target.resource.fields[rule.field].title}"
        yield staged_finding(target, broken, rule.name, text, rule.reference, rule.severity)


def _is_within(block: ColumnElement[Any], blocks: ColumnElement[Any]) -> ColumnElement[bool]:
    inside = block.op("<<=", is_comparison=True)
    return inside(blocks) if isinstance(blocks.type, CIDR) else inside(any_(blocks))
