"""The rejected rows of a run, as they are in its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, and_, delete, func, select, tuple_

from schemas.issues import ISSUE_SCHEMA, Issue, Severity
from schemas.model.tables import IMPORT_ISSUE, IMPORT_RUN, REJECTED_ROW
from schemas.ordering import in_order
from schemas.sources import ROW
from tasks.store.connection.copy import copy_frame
from tasks.store.ledger.codec import issue_from_row
from tasks.store.ledger.mappings import source_parts


def add_rejected_rows(connection: Connection, run_id: UUID, rows: pl.DataFrame, part: int = 0) -> None:
    """Keep rejected rows as in the source: `ROW` and text columns; a NUL becomes U+FFFD."""
    cells = pl.exclude(ROW).str.replace_all("\0", "\ufffd", literal=True)  # PostgreSQL's JSON holds no NUL
    data = pl.struct(cells).struct.json_encode().alias("data")
    run = pl.lit(str(run_id)).alias("run_id")
    frame = rows.select(run, pl.lit(part).alias("part"), pl.col(ROW).alias("row"), data)
    copy_frame(connection, REJECTED_ROW, frame)


def forget_rejected_rows(connection: Connection, run_id: UUID, part: int | None = None) -> None:
    """Delete the rejected rows of a run, or of one of its types, before they are kept again."""
    deletion = delete(REJECTED_ROW).where(REJECTED_ROW.c.run_id == run_id)
    connection.execute(deletion if part is None else deletion.where(REJECTED_ROW.c.part == part))


def rejected_columns(connection: Connection, run_id: UUID) -> list[tuple[str, list[str]]]:
    """Return each type of a run, and the columns of its source in their order, without those that hold secrets."""
    run = IMPORT_RUN.c
    query = select(run.resource_type, run.origin, run.mapping, run.parts).where(run.run_id == run_id)
    resource_type, origin, mapping, parts = connection.execute(query).one()
    only = {"resource_type": resource_type or "", "origin": origin, "mapping": mapping}
    each = source_parts(parts) or [only]
    return [(part["resource_type"], _columns_without_secrets(part["origin"], part["mapping"])) for part in each]


def _columns_without_secrets(origin: dict[str, Any] | None, mapping: dict[str, Any] | None) -> list[str]:
    secret = mapping["secret"] if mapping else []
    return [name for name in origin["columns"] if name not in secret] if origin else []


def rejected_rows(
    connection: Connection, run_id: UUID, part: int = 0
) -> Iterator[tuple[int, dict[str, str | None], Issue | None]]:
    """Yield (row, source column → text, one of its errors) in the order of the source, from a server-side cursor."""
    row, issue = REJECTED_ROW.c, IMPORT_ISSUE.c
    of_row = and_(issue.run_id == run_id, issue.part == part, issue.row == row.row)
    is_error = and_(of_row, issue.severity == Severity.ERROR)
    query = (
        select(row.row, row.data, *(issue[name].label(f"issue_{name}") for name in ISSUE_SCHEMA))
        .join_from(REJECTED_ROW, IMPORT_ISSUE, is_error, isouter=True)
        .where(row.run_id == run_id, row.part == part)
        .order_by(row.row, issue.id)
    )
    streamed = connection.execution_options(yield_per=2_000).execute(query)
    for number, data, *values in streamed:
        error = dict(zip(ISSUE_SCHEMA, values, strict=True))
        yield number, data, issue_from_row(error) if error["rule"] else None


def rejected_page(connection: Connection, run_id: UUID, *, limit: int, offset: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many rows a run rejected, and some of them: `row`, `data` (source column → text) and `issues`.

    For a run of several types, each row also has its `part`.
    """
    row, issue = REJECTED_ROW.c, IMPORT_ISSUE.c
    total = int(connection.scalar(select(func.count()).where(row.run_id == run_id)) or 0)
    query = select(row.part, row.row, row.data).where(row.run_id == run_id).order_by(row.part, row.row)
    found = connection.execute(query.limit(limit).offset(offset)).all()
    columns = [names for _, names in rejected_columns(connection, run_id)] if found else []
    page = {
        (each.part, each.row): {
            "part": each.part,
            "row": each.row,
            "data": in_order(each.data, columns[each.part]),
            "issues": [],
        }
        for each in found
    }
    errors = select(*(issue[name] for name in ISSUE_SCHEMA), issue.part).where(issue.run_id == run_id)
    errors = errors.where(tuple_(issue.part, issue.row).in_(list(page)), issue.severity == Severity.ERROR)
    for each in connection.execute(errors.order_by(issue.row, issue.id)).mappings():
        page[each["part"], each["row"]]["issues"].append(issue_from_row(dict(each)))
    return total, list(page.values())


def rejected_numbers(connection: Connection, run_id: UUID, part: int = 0) -> pl.Series:
    """Return the numbers of the rows that a run rejected of one of its types, in order."""
    issue = IMPORT_ISSUE.c
    query = select(issue.row).where(issue.run_id == run_id, issue.part == part, issue.row.is_not(None))
    rows = connection.scalars(query.where(IMPORT_ISSUE.c.severity == Severity.ERROR).distinct())
    return pl.Series("row", list(rows), dtype=pl.UInt32).sort()
