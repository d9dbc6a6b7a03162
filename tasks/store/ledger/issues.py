"""The issues of a run: add, delete, count and read them."""

from __future__ import annotations

from uuid import UUID

import polars as pl
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql

from schemas.issues import ISSUE_SCHEMA, Issue, Severity
from schemas.model.tables import IMPORT_ISSUE, IMPORT_RUN
from tasks.store.connection.copy import copy_frame
from tasks.store.ledger.codec import issue_from_row


def add_issues(connection: Connection, run_id: UUID, issues: pl.DataFrame, part: int = 0) -> None:
    """Add issues of `ISSUE_SCHEMA` to one of the types of a run."""
    frame = issues.select(pl.lit(str(run_id)).alias("run_id"), pl.lit(part).alias("part"), *ISSUE_SCHEMA)
    copy_frame(connection, IMPORT_ISSUE, frame)


def forget_issues(connection: Connection, run_id: UUID) -> None:
    """Delete the issues of a run before its source is validated again."""
    connection.execute(delete(IMPORT_ISSUE).where(IMPORT_ISSUE.c.run_id == run_id))


def limit_issues(connection: Connection, run_id: UUID, most: int) -> None:
    """Delete the warnings and repairs of a run beyond the first of them; errors stay."""
    issue = IMPORT_ISSUE.c
    others = select(issue.id).where(issue.run_id == run_id, issue.severity != Severity.ERROR)
    beyond = others.order_by(issue.part, issue.row, issue.id).offset(most)
    connection.execute(delete(IMPORT_ISSUE).where(issue.id.in_(beyond)))


def plan_run(connection: Connection, run_id: UUID) -> UUID:
    """Return the run that read the source of this one: the one whose plan it applied, else itself."""
    applied = connection.scalar(select(IMPORT_RUN.c.applies).where(IMPORT_RUN.c.run_id == run_id))
    return applied or run_id


def _issues_of(
    connection: Connection, run_id: UUID, severity: Severity | None, rule: str | None
) -> ColumnElement[bool]:
    """Return the condition for the issues of a run, including those of the plan that it applied.

    An issue that both runs found is selected once.
    """
    issue, again = IMPORT_ISSUE.c, IMPORT_ISSUE.alias().c
    selected = issue.run_id == run_id
    if (made := plan_run(connection, run_id)) != run_id:
        found_again = exists().where(
            again.run_id == run_id, again.part == issue.part, again.row == issue.row, again.rule == issue.rule
        )
        selected = or_(selected, and_(issue.run_id == made, ~found_again))
    wanted = [column == value for column, value in ((issue.severity, severity), (issue.rule, rule)) if value]
    return and_(selected, *wanted)


def count_issues(
    connection: Connection, run_id: UUID, severity: Severity | None = None, rule: str | None = None
) -> int:
    """Return how many issues of a run are kept."""
    selected = _issues_of(connection, run_id, severity, rule)
    return int(connection.scalar(select(func.count()).select_from(IMPORT_ISSUE).where(selected)) or 0)


def read_issues(
    connection: Connection,
    run_id: UUID,
    *,
    limit: int | None = None,
    offset: int = 0,
    severity: Severity | None = None,
    rule: str | None = None,
    part: int | None = None,
) -> list[Issue]:
    """Return the issues of a run, or of one of its types, errors first, in the order of its rows."""
    rank = func.array_position(postgresql.array(list(Severity)), IMPORT_ISSUE.c.severity)
    columns = (*(IMPORT_ISSUE.c[name] for name in ISSUE_SCHEMA), IMPORT_ISSUE.c.part)
    query = select(*columns).where(_issues_of(connection, run_id, severity, rule))
    query = query if part is None else query.where(IMPORT_ISSUE.c.part == part)
    query = query.order_by(rank, IMPORT_ISSUE.c.part, IMPORT_ISSUE.c.row, IMPORT_ISSUE.c.id).limit(limit).offset(offset)
    return [issue_from_row(dict(row)) for row in connection.execute(query).mappings()]
