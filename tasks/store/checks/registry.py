"""Rules of networks, asked of what an import makes or moves, beside all other records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Select,
)

from schemas.model.rules import Apart, Contained, Unique
from tasks.store.checks.connected_overlap import apart
from tasks.store.checks.containers import contained
from tasks.store.checks.findings import Check, Inquiry
from tasks.store.checks.unique import unique
from tasks.store.connection.session import set_local
from tasks.store.merge.diff import SORTING


def network_checks(asked: Inquiry) -> Iterator[Select[Any]]:
    """Give what finds the breaches of a type's rules, where the import makes or moves any record."""
    target, comparison = asked.target, asked.comparison
    if not asked.rows - comparison.known + comparison.moved:
        return
    set_local(asked.connection, "work_mem", SORTING)
    for rule in target.resource.set_rules:
        if isinstance(rule, Unique | Contained | Apart) and set(target.resource.watched(rule)) & set(target.fields):
            yield from _CHECKS[type(rule)](asked, rule)


_CHECKS: dict[type, Check] = {Unique: unique, Contained: contained, Apart: apart}
