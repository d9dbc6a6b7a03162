"""The check of each kind of rule over many records: what finds its breaches, by the rule's class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select

from schemas.model.rules import (
    Contained,
    Inside,
    NoConnectedOverlap,
    NoOverlap,
    RecordRule,
    Reference,
    ReferenceRule,
    SetRule,
    Unique,
)
from tasks.store.checks.block_overlap import block_overlaps
from tasks.store.checks.connected_overlap import connected_overlaps
from tasks.store.checks.containers import contained
from tasks.store.checks.findings import Check, CheckContext
from tasks.store.checks.references import blocks_outside_referenced, unknown_references
from tasks.store.checks.unique import unique
from tasks.store.connection.session import set_local
from tasks.store.merge.diff import SORTING

CHECKS: dict[type[SetRule], Check] = {
    Reference: unknown_references,
    Inside: blocks_outside_referenced,
    NoOverlap: block_overlaps,
    Unique: unique,
    Contained: contained,
    NoConnectedOverlap: connected_overlaps,
}
"""The check of each rule."""


def reference_checks(check: CheckContext) -> Iterator[Select[Any]]:
    """Give the queries that find the broken references of the staged rows."""
    for rule in check.target.resource.rules(ReferenceRule):
        if set(rule.checked_fields) & set(check.target.fields):
            yield from CHECKS[type(rule)](check, rule)


def network_checks(check: CheckContext) -> Iterator[Select[Any]]:
    """Give the queries that find what the import breaks among all records, where it creates or moves any."""
    target, diff = check.target, check.diff
    if not check.rows - diff.known + diff.moved:
        return
    set_local(check.connection, "work_mem", SORTING)
    for rule in target.resource.rules(RecordRule):
        if set(target.resource.checked_fields(rule)) & set(target.fields):
            yield from CHECKS[type(rule)](check, rule)
