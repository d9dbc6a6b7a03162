"""The checks of network rules, for the records that an import creates or moves among all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Select,
)

from schemas.model.rules import Apart, Contained, Unique
from tasks.store.checks.connected_overlap import connected_overlaps
from tasks.store.checks.containers import contained
from tasks.store.checks.findings import Check, Inquiry
from tasks.store.checks.unique import unique
from tasks.store.connection.session import set_local
from tasks.store.merge.diff import SORTING


def network_checks(context: Inquiry) -> Iterator[Select[Any]]:
    """Give the queries that find broken rules of a type, where the import creates or moves any record."""
    target, comparison = context.target, context.comparison
    if not context.rows - comparison.known + comparison.moved:
        return
    set_local(context.connection, "work_mem", SORTING)
    for rule in target.resource.set_rules:
        if isinstance(rule, Unique | Contained | Apart) and set(target.resource.watched(rule)) & set(target.fields):
            yield from _CHECKS[type(rule)](context, rule)


_CHECKS: dict[type, Check] = {Unique: unique, Contained: contained, Apart: connected_overlaps}
