"""Files of rows that can be read from several places, a chunk at a time, for Polars to scan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from schemas.sources import ROW


@dataclass(frozen=True)
class Start:
    """Where a record begins: its offset in the file, in bytes, and its row number."""

    offset: int
    row: int


Starts = tuple[Start, ...]
"""Where a file may be read from, in order; the first is that of its first record."""


@dataclass(frozen=True)
class Chunked(ABC):
    """The records of a file as text columns, a chunk at a time, for Polars to scan; it can be pickled."""

    path: Path
    starts: Starts
    columns: tuple[str, ...]

    @property
    def frame(self) -> pl.LazyFrame:
        """The records, with their row numbers."""
        return register_io_source(self, schema={ROW: pl.UInt32, **self.text_schema}, explain_name="chunks")

    @property
    def text_schema(self) -> dict[str, type[pl.String]]:
        """The columns and their type."""
        return dict.fromkeys(self.columns, pl.String)

    @abstractmethod
    def frames_between(self, start: Start, after: Start | None) -> Iterator[pl.DataFrame]:
        """Read the records from one start up to another, or to the end of the file."""

    def __call__(
        self, wanted: list[str] | None, predicate: pl.Expr | None, most: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        """Yield the records as Polars asks for them; stretches that hold none of the wanted rows are not read."""
        left = most
        for records in self._frames(predicate):
            frame = records if left is None else records.head(left)
            left = left and left - len(frame)
            frame = frame if wanted is None else frame.select(wanted)
            yield frame if predicate is None else frame.filter(predicate)
            if left == 0:
                return

    def _frames(self, predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
        """Read one stretch after the other."""
        of_rows = predicate if predicate is not None and predicate.meta.root_names() == [ROW] else None
        for start, after in pairwise([*self.starts, None]):
            assert start  # noqa: S101  # for the type checker
            if of_rows is None or after is None or _has_rows(of_rows, start.row, after.row):
                yield from self.frames_between(start, after)


def _has_rows(predicate: pl.Expr, first: int, after: int) -> bool:
    """Say whether a predicate of row numbers holds for any from the first on, and before the one after."""
    rows = pl.select(pl.int_range(first, after, dtype=pl.UInt32).alias(ROW))
    return not rows.filter(predicate).is_empty()
