"""What a field kind is: how the text of a cell is read into a typed value, and how PostgreSQL stores it.

A kind reads a whole column at once: a Series of stripped text (null where the cell is empty) becomes a Series of
`dtype`, null where the text can't be read. Common spellings are read vectorised; the rest is read value by value, each
distinct value once.

"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy.types import TypeEngine

Read = Callable[[pl.Series], pl.Series]

HIDDEN = "***"
"""What stands for a secret."""


@dataclass(frozen=True)
class Kind:
    """How a field's text is read and stored.

    `wants` completes "… is not"; `hints` are (pattern, explanation) pairs, the first whose pattern is found in an
    unreadable text explaining it better; `repair` says what reading may alter, and makes an alteration an entry in
    the report; `blanks` are texts that mean an empty cell. `hide` takes the secrets out of a column's text,
    readable or not, before it is shown or kept anywhere. `choices` are the values of an enum.
    """

    name: str
    dtype: pl.DataType
    sql: TypeEngine[Any]
    read: Read
    wants: str
    repair: str | None = None
    hide: Read | None = None
    hints: tuple[tuple[str, str], ...] = ()
    blanks: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def each(values: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
    """Read text value by value, each distinct one once."""
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return values
    read_values = pl.Series([read(value) for value in distinct], dtype=pl.String)
    return values.replace_strict(distinct, read_values, default=None, return_dtype=pl.String)


def fall_back(values: pl.Series, fast: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
    """Keep what the fast way read; read value by value what it left null."""
    left = values.is_not_null() & fast.is_null()
    if not left.any():
        return fast
    rest = each(values.filter(left), read)
    return fast.scatter(left.arg_true(), rest)
