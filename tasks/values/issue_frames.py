"""Frames of issues: one issue for each of many rows or cells."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from schemas.issues import ISSUE_SCHEMA, Severity, issues_frame
from schemas.mapping import Mapping
from schemas.sources import ROW

# A message shows this many characters of a value.
_MAX_SHOWN = 80


def row_issues(
    rows: pl.Series,
    *,
    rule: str,
    message: pl.Expr,
    severity: Severity = Severity.ERROR,
    field: str | None = None,
    column: str | None = None,
    value: pl.Series | None = None,
) -> pl.DataFrame:
    """A frame of `ISSUE_SCHEMA` for these rows; `message` may use `row` and `value`."""
    if rows.is_empty():
        return issues_frame()
    values = value if value is not None else pl.Series([None] * len(rows), dtype=pl.String)
    frame = pl.DataFrame({"row": rows.cast(pl.UInt32), "value": values})
    return frame.with_columns(
        column=pl.lit(column, pl.String),
        field=pl.lit(field, pl.String),
        rule=pl.lit(rule),
        severity=pl.lit(str(severity)),
        message=message,
        suggestion=pl.lit(None, pl.String),
    ).select(*(pl.col(name).cast(dtype) for name, dtype in ISSUE_SCHEMA.items()))


def cell_issues(
    mapping: Mapping,
    rows: pl.DataFrame,
    name: str,
    rule: str,
    text: pl.Expr | pl.Series,
    severity: Severity = Severity.ERROR,
) -> pl.DataFrame:
    """Issues for one cell of each of these rows of text; `text` continues after the quoted value."""
    values = rows[name] if name in rows.columns else pl.Series([None] * len(rows), dtype=pl.String)
    shown = pl.col("value").str.slice(0, _MAX_SHOWN) + pl.when(pl.col("value").str.len_chars() > _MAX_SHOWN).then(
        pl.lit("…")
    ).otherwise(pl.lit(""))
    message = pl.coalesce(pl.format("'{}' {}", shown, text), text)
    return row_issues(
        rows[ROW],
        rule=rule,
        severity=severity,
        field=name,
        column=mapping.column_of(name),
        value=values,
        message=message,
    )


def without_unread(issues: pl.DataFrame, unread: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return issues without those of rows in which one of these fields could not be read, and so looks empty."""
    if issues.is_empty() or unread.is_empty():
        return issues
    return issues.join(unread.filter(pl.col("field").is_in(list(fields))), on="row", how="anti")
