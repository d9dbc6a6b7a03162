"""Rules of networks, asked of what an import makes or moves, beside all other records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
)

from schemas.rules import Apart, Contained, Unique
from tasks.store.after import records_beside
from tasks.store.apart import apart
from tasks.store.compare import SORTING, Comparison
from tasks.store.containers import contained
from tasks.store.findings import Check
from tasks.store.session import set_local
from tasks.store.target import Target
from tasks.store.unique import unique


def network_checks(connection: Connection, target: Target, rows: int, comparison: Comparison) -> Iterator[Select[Any]]:
    """Give the findings of the rules of a type, where the import makes or moves any of its records.

    `rows` is how many are staged.
    """
    if not rows - comparison.known + comparison.moved:
        return
    set_local(connection, "work_mem", SORTING)
    for rule in target.resource.set_rules:
        if isinstance(rule, Unique | Contained | Apart) and set(rule.watched) & set(target.fields):
            yield from _CHECKS[type(rule)](connection, target, rule, comparison, records_beside(target))


_CHECKS: dict[type, Check] = {Unique: unique, Contained: contained, Apart: apart}
