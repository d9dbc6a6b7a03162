"""What a check of many records reads and gives: queries whose rows are findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import INET

from schemas.model.rules import RecordRule
from tasks.store.merge.diff import Diff
from tasks.store.merge.projected import Records, projected_records
from tasks.store.merge.target import Target
from tasks.store.staging.prefilter import Prefilter


@dataclass(frozen=True)
class CheckContext:
    """What a check reads: `rows` staged rows and their prefilter, what they change, the records of other types."""

    connection: Connection
    target: Target
    diff: Diff
    prefilter: Prefilter
    rows: int
    records: Records

    def projected_records(self, names: tuple[str, ...]) -> Subquery:
        """Return fields of the records of the import's own type as it will leave them."""
        return projected_records(self.target, self.diff, names)


Check = Callable[[CheckContext, Any], Iterator[Select[Any]]]
"""Gives the queries that find what breaks a rule."""


def finding(
    rule: RecordRule,
    row: ColumnElement[Any],
    value: ColumnElement[Any],
    says: str,
    *names: ColumnElement[Any],
    severity: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """Return a query of findings: the message is `says` with the value and `names` in the places of %s.

    The severity is the rule's where none is given.
    """
    severity = literal(str(rule.severity)) if severity is None else severity
    return select(row, literal(rule.field), value, literal(rule.name), severity, func.format(says, value, *names))


def shown(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a value as text; PostgreSQL alone would write an address with /32."""
    return func.host(column) if isinstance(column.type, INET) else cast(column, Text)
