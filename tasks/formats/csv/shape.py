"""The shape of delimited text, and the issues that both of its readings report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from schemas.issues import Issue, Severity
from schemas.language.wording import some_of
from tasks.formats.chunked import Starts
from tasks.formats.csv.chunks import Chunks

# An issue keeps this many characters of its line.
MAX_SHOWN = 200


@dataclass(frozen=True)
class Shape:
    """Where the header stands and what divides the fields.

    `lines` come before the first record; `header` is the last of them as it stands, None where there is no header.
    `header_row` is the header's row in a spreadsheet, and the row before the first record where there is none. `spare`
    columns at the right have neither a name nor a value, and are not among the `cells`. `notices` say how the header
    was found.
    """

    delimiter: str
    cells: list[str]
    header: str | None
    header_row: int
    lines: int
    spare: int = 0
    notices: tuple[Issue, ...] = ()


@dataclass(frozen=True)
class Census:
    """The file to scan, where it may be read from, its records and their faults, and what to report of all.

    `each_line` says that no record goes over several lines, so that each start is that of a record.
    """

    path: Path
    starts: Starts
    records: int
    faults: pl.DataFrame
    notices: tuple[Issue, ...] = ()
    each_line: bool = False

    def scan(self, shape: Shape, names: tuple[str, ...]) -> pl.LazyFrame:
        """Return the records as text columns with their rows."""
        return scan(self.path, shape, self.starts, names)

    @property
    def cuts(self) -> tuple[int, ...] | None:
        """The rows at which the file can be cut: between lines, where each is a record."""
        return tuple(start.row for start in self.starts[1:]) if self.each_line else None


def scan(path: Path, shape: Shape, starts: Starts, names: tuple[str, ...]) -> pl.LazyFrame:
    """Return the records of a file as text columns with their rows."""
    options = {"separator": shape.delimiter, "missing_columns": "insert", "extra_columns": "ignore"}
    return Chunks(path, starts, names, options).frame


def named_columns(shape: Shape) -> int:
    """How many columns there are up to the last that has a name."""
    return max((n for n, cell in enumerate(shape.cells, start=1) if cell.strip()), default=len(shape.cells))


def spare_notice(rows: pl.Series | list[int]) -> list[Issue]:
    """Return the repair that reports empty fields beyond the last column; none without rows."""
    if not len(rows):
        return []
    message = f"{len(rows):,} rows end in empty fields beyond the last column, which are left out: {some_rows(rows)}"
    return [Issue("trailing_delimiter", message, Severity.REPAIR)]


def some_rows(rows: pl.Series | list[int]) -> str:
    """Return the first three of these rows in words."""
    return f"row{'s' * (len(rows) > 1)} {some_of([str(row) for row in rows[:3]], total=len(rows))}"


COMMENT = r"^#+(?:\s|$)"
COMMENT_LEFT_OUT = "row {} is a comment and is left out"
UNCLEAR_COMMENT = (
    "row {} begins with '#': take it out if it is a comment, or put its first field in quotes if it is a record"
)

TOO_MANY_FIELDS = "quote a field that holds the delimiter"
TOO_FEW_FIELDS = "fill the missing ones, if only with nothing"


def too_long(row: int, size: int, most: int) -> Issue:
    """Return the fault of a row with a cell that is too long."""
    return Issue("cell_too_long", f"row {row} has a cell of {size:,} characters; at most {most:,} are read", row=row)
