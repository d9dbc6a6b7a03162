"""The temporary table of what checks found, and how it becomes issues of the ledger and rejected rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
)

from schemas.issues import Severity
from schemas.job_options.choices import Mode
from schemas.mapping import Mapping
from schemas.model.tables import IMPORT_ISSUE
from tasks.store.merge.target import Target, source_row
from tasks.store.resolve.references import clarify, suggestion
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


@dataclass(frozen=True)
class CheckOptions:
    """What holds for the checks of one type of a run.

    `keep` is how many warnings the ledger may still take one by one. With `whole`, no row may be taken out.
    """

    run_id: UUID
    mapping: Mapping
    mode: Mode
    keep: int = 0
    whole: bool = False


def count_found(connection: Connection) -> Counter[tuple[str, str]]:
    """Return how often each (rule, severity) was found."""
    clarify(connection, FOUND)
    query = select(FOUND.c.rule, FOUND.c.severity, func.count()).group_by(FOUND.c.rule, FOUND.c.severity)
    return Counter({(rule, severity): count for rule, severity, count in connection.execute(query)})


def store_issues(connection: Connection, staging: Staging, options: CheckOptions, keep: int) -> None:
    """Store what was found as issues of the run, of warnings at most `keep`."""
    columns = {match.field: match.column for match in options.mapping.matches}
    column = case(columns, value=FOUND.c.field) if columns else literal(None)
    issue: dict[str, ColumnElement[Any]] = {
        "run_id": literal(options.run_id),
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


def remove_rejected(connection: Connection, staging: Staging, target: Target, mode: Mode) -> int:
    """Remove the rejected rows from staging; a sync keeps them in a table of their own."""
    broken = select(FOUND.c.row).where(FOUND.c.severity == Severity.ERROR)
    taken = delete(target.s).where(target.s.c.row_number.in_(broken))
    if mode is not Mode.SYNC:
        return connection.execute(taken).rowcount
    staging.flawed.create(connection, checkfirst=True)
    removed = taken.returning(*target.s.columns).cte("taken")
    return connection.execute(insert(staging.flawed).from_select(removed.c.keys(), select(removed))).rowcount
