"""Parquet: typed columns, read as text."""

from __future__ import annotations

from itertools import count as count_from
from pathlib import Path

import orjson
import polars as pl

from schemas import formats
from schemas.errors import SourceError
from schemas.issues import Issue, issues_frame
from schemas.sources import ROW, Opened
from tasks.formats.base import Format, Source, column_names
from tasks.formats.json.spool import odd_cells
from tasks.formats.parquet.bounds import refuse_expansion
from tasks.formats.writers import write_parquet

# Every whole number up to here is one number as a float.
_EXACT = 2**53

# Rows that are read at once, and between which a file can be cut.
_BATCH = 50_000


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is Parquet, by its first bytes."""
    return path.is_file() and head.startswith(b"PAR1")


def open_parquet(source: Source) -> Opened:
    """Open a Parquet file; dates are written as ISO 8601, lists between commas, objects as JSON.

    All of it is read once, so that damage shows here and not in the middle of the run. It can be cut between any two
    rows: Polars reads the pages that hold the rows that it is asked for.
    """
    faults: list[Issue] = []
    count = 0
    try:
        refuse_expansion(source)
        schema = pl.scan_parquet(source.path, glob=False).collect_schema()
        names, header_issues = column_names(source, list(schema), 1)
        records = _text_columns(source.path, schema, names)
        for batch in records.collect_batches(chunk_size=_BATCH):
            faults += odd_cells(batch, source.max_cell)
            count += len(batch)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError(f"{source.name} is a damaged Parquet file: write it again. ({_first_line(error)})") from error
    if not count and not source.emptied:
        raise SourceError(f"{source.name} has columns and no records: nothing to import.")
    metadata = pl.read_parquet_metadata(source.path)
    return Opened(
        frame=records,
        columns=names,
        records=count,
        notices=header_issues,
        faults=issues_frame(faults).sort("row", maintain_order=True),
        metadata=metadata,
        cuts=tuple(range(1 + _BATCH, count + 1, _BATCH)),
    )


def _text_columns(path: Path, schema: pl.Schema, names: tuple[str, ...]) -> pl.LazyFrame:
    """The columns as text under these names, and the row numbers."""
    taken = {*schema, *names}
    number = next(name for each in count_from(1) if (name := f"row {each}") not in taken)
    frame = pl.scan_parquet(path, glob=False, row_index_name=number, row_index_offset=1)
    texts = [_as_text(name, dtype) for name, dtype in zip(names, schema.values(), strict=True)]
    row = pl.col(number).cast(pl.UInt32).alias(ROW)
    return frame.rename(dict(zip(schema, names, strict=True))).select(row, *texts)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:200]


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.List) and not dtype.inner.is_nested():
        return column.cast(pl.List(pl.String)).list.join(",")
    if dtype.is_nested() or isinstance(dtype, pl.Binary | pl.Object):
        return column.map_batches(_as_json, return_dtype=pl.String, is_elementwise=True)
    if isinstance(dtype, pl.Datetime):
        return column.dt.to_string("iso:strict")
    if isinstance(dtype, pl.Duration):
        return column.dt.to_string("iso")
    if dtype.is_float():
        # A column of whole numbers with gaps is one of floats in pandas: 65000, not 65000.0.
        whole = (column == column.round(0)) & (column.abs() < _EXACT)
        number = pl.when(whole).then(column).cast(pl.Int64)
        return pl.when(whole).then(number.cast(pl.String)).otherwise(column.cast(pl.String))
    return column.cast(pl.String, strict=False)


def _as_json(values: pl.Series) -> pl.Series:
    """Write nested values as JSON, which Polars does for structs only; bytes are text where they can be."""
    texts = [None if value is None else _json(value) for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


def _json(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return orjson.dumps(value, default=_decoded_text).decode()


def _decoded_text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


PARQUET = Format(formats.PARQUET, matches, open_parquet, write_parquet)
