"""COPY: the way that frames go into PostgreSQL, and records out of it."""

from __future__ import annotations

import io
from typing import Any, Protocol

import polars as pl
from sqlalchemy import Column, Connection, Integer, MetaData, Select, Table, text

# Rows of one COPY's text in memory: 100,000 rows of 150 bytes are 15 MB.
_SLICE = 100_000


def copy_frame(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    r"""COPY a frame of two or more columns into the columns of those names; null is null, "" is the empty text.

    With one column alone, a row of `\.` would end the COPY with no error on PostgreSQL 17 and older.
    """
    if frame.is_empty():
        return
    quoted = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quoted(name) for name in frame.columns)
    target = connection.dialect.identifier_preparer.format_table(table)
    statement = f"copy {target} ({columns}) from stdin with (format csv)"
    cursor = connection.connection.cursor()
    for start in range(0, len(frame), _SLICE):
        rows = io.BytesIO()
        flat(frame.slice(start, _SLICE)).write_csv(rows, include_header=False, quote_style="necessary")
        rows.seek(0)
        cursor.copy_expert(statement, rows)


class _Written(Protocol):
    def write(self, record: bytes, /) -> Any: ...


def copy_out(connection: Connection, chosen: Select[Any], file: _Written, options: str) -> None:
    """COPY what a query chooses to a file, a record at a time, with these options of COPY."""
    compiled = chosen.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    cursor = connection.connection.cursor()
    query = cursor.mogrify(str(compiled), compiled.params).decode()
    cursor.copy_expert(f"copy ({query}) to stdout ({options})", file)


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Write list columns as PostgreSQL array literals; their items are ids and blocks, which need no quoting."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(("{" + pl.col(name).list.join(",") + "}").alias(name) for name in lists)


def copy_rows(connection: Connection, table: Table, rows: pl.Series) -> None:
    """COPY row numbers into a table of one column; a number needs no quoting."""
    connection.connection.cursor().copy_expert(
        f"copy {connection.dialect.identifier_preparer.format_table(table)} from stdin",
        io.BytesIO(b"".join(b"%d\n" % row for row in rows)),
    )


def row_number_table(connection: Connection, name: str, rows: pl.Series) -> Table:
    """Put row numbers into a temporary table, in place of one of the same name."""
    connection.execute(text(f'drop table if exists pg_temp."{name}"'))
    table = Table(name, MetaData(), Column("row_number", Integer), prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    table.create(connection, checkfirst=False)
    copy_rows(connection, table, rows)
    return table
