"""Parquet: typed columns, read as text."""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl

from schemas.errors import SourceError
from schemas.reports import ROW, Opened
from tasks.formats.base import Format, Source


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is Parquet, by its first bytes."""
    return path.is_file() and head.startswith(b"PAR1")


def open_parquet(source: Source) -> Opened:
    """Open a Parquet file; dates are written as ISO 8601, lists and structs as JSON."""
    try:
        frame = pl.scan_parquet(source.path, glob=False)
        schema = frame.collect_schema()
        records = int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{source.name} is a damaged Parquet file: write it again. ({_first(error)})") from error
    columns = [_as_text(name, dtype) for name, dtype in schema.items()]
    numbered = frame.select(*columns).with_row_index(ROW, offset=1)
    return Opened(frame=numbered, columns=tuple(schema), records=records)


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List) and not dtype.inner.is_nested():
        return column.cast(pl.List(pl.String)).list.join(",")
    if dtype.is_nested():
        return column.map_batches(_as_json, return_dtype=pl.String)
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("iso:strict")
    return column.cast(pl.String, strict=False)


def _as_json(values: pl.Series) -> pl.Series:
    """Write nested values as JSON, which Polars does for structs only."""
    texts = [None if value is None else orjson.dumps(value, default=str).decode() for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


PARQUET = Format("parquet", "a Parquet file", (".parquet", ".pq"), matches, open_parquet)
