"""The staged rows as the records that they would be: what the file says, and of the rest what is stored."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.dialects.postgresql import JSONB

from schemas.custom import NUMBER
from schemas.model.tables import ROW_NUMBER
from tasks.store.connection.session import set_local
from tasks.store.merge.diff import SORTING
from tasks.store.merge.target import Target
from tasks.store.read.query import frames_of, text_of


def projected_rows(
    connection: Connection, target: Target, names: tuple[str, ...], size: int
) -> Generator[pl.DataFrame, None, None]:
    """Read these fields of all staged rows, with the row's number, in typed frames of up to `size`, in any order."""
    s, t = target.s, target.t
    columns: dict[str, ColumnElement[Any]] = {NUMBER: s.c[ROW_NUMBER]}
    columns |= {name: text_of(target.value(name)) for name in names}
    query = select(*(column.label(name) for name, column in columns.items()))
    alone = target.whole and all(name in s.c for name in names)
    both = s if alone else s.join(t, target.stored_key == target.match_key, isouter=True)
    types: dict[str, pl.DataType] = {NUMBER: pl.Int64()}
    types |= {name: target.resource.fields[name].kind.dtype for name in names}
    set_local(connection, "work_mem", SORTING)
    # JSON comes back in PostgreSQL's spelling, and is to look as a file's cells do.
    spelt = [name for name in names if isinstance(t.c[name].type, JSONB)]
    for frame in frames_of(connection, query.select_from(both), types, size):
        yield frame.with_columns(target.resource.fields[name].kind.read(frame[name]).alias(name) for name in spelt)
