"""The census of delimited text: how many records it has, and which of them can't be read rightly.

Polars pads a short line, cuts a long one and stops at text after a closing quote, without a word. So every line is held
against one regular expression first: exactly as many fields as the header, each without a quote or quoted throughout.
Only where quotes do not pair up within a line is the file read with the csv module, into a copy without doubts.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import polars as pl

from schemas.errors import SourceError
from schemas.reports import ISSUE_SCHEMA, ROW, Issue, Severity, issues_frame
from tasks.formats.base import Source
from tasks.formats.pieces import scan_pieces
from tasks.formats.text import Text

if TYPE_CHECKING:
    from _csv import Reader

# A text holds no NUL, which `as_text` sees to: it lets a line be scanned as one column.
_NO_SEPARATOR = "\0"

# A regular expression of more fields is too large to compile.
_MOST_FIELDS = 500

# An issue keeps this many characters of its line.
_SHOWN = 200


# A quoted field that is longer is one whose closing quote is missing, whatever the limit for a cell.
_LONGEST = 16 << 20


@dataclass(frozen=True)
class Shape:
    """Where the header stands and what divides the fields.

    `lines` come before the first record; `header` is the last of them as it stands. `header_row` is the header's row
    in a spreadsheet.
    """

    delimiter: str
    cells: list[str]
    header: str
    header_row: int
    lines: int


@dataclass(frozen=True)
class Census:
    """The file to scan, the lines to skip there, its records and their faults."""

    path: Path
    skip: int
    records: int
    faults: pl.DataFrame


def census(source: Source, text: Text, shape: Shape) -> Census:
    """Count the records and find those that can't be read rightly, in one vectorised pass where that is possible."""
    if len(shape.cells) > _MOST_FIELDS:
        return _slow(source, text, shape)
    lines = _lines(text, shape)
    odd = _odd(lines, shape, text.quotes, source.max_cell).filter(~pl.col("blank"))
    if odd["strange"].any():
        return _slow(source, text, shape)
    faults = pl.concat([_repeated(odd), _ragged(odd, shape), _long(source, text, shape, odd)])
    faults = faults.unique("row", keep="first", maintain_order=True).sort("row")
    return Census(text.path, shape.lines, int(lines.drop(ROW).select(pl.len()).collect().item()), faults)


def scan(path: Path, shape: Shape, skip: int, names: tuple[str, ...]) -> pl.LazyFrame:
    """Return the records of a file after `skip` lines, as text columns with their rows."""
    return scan_pieces(
        path,
        skip,
        shape.header_row + 1,
        names,
        separator=shape.delimiter,
        missing_columns="insert",
        extra_columns="ignore",
    )


# By lines -------------------------------------------------------------------------------------------------------------


def _lines(text: Text, shape: Shape) -> pl.LazyFrame:
    return scan_pieces(
        text.path, shape.lines, shape.header_row + 1, ("line",), separator=_NO_SEPARATOR, quote_char=None
    )


def _odd(lines: pl.LazyFrame, shape: Shape, quotes: bool, longest: int) -> pl.DataFrame:
    """The lines that are no record of the header's width, repeat the header or are very long.

    `strange` are those whose quotes don't pair up, or stand inside a field.
    """
    line, sign = pl.col("line"), re.escape(shape.delimiter)
    field = f'(?:[^"{sign}]*|"[^"]*"(?:"[^"]*")*)'
    sound = line.str.contains(f"^{field}(?:{sign}{field}){{{len(shape.cells) - 1}}}$")
    count = line.str.count_matches(shape.delimiter, literal=True)
    header = (line == shape.header) | (line == shape.delimiter.join(shape.cells))
    size = line.str.len_bytes()
    # One filter: Polars makes one of two, and would ask the dear question of every line.
    found = lines.filter((~sound if quotes else count != len(shape.cells) - 1) | header | (size > longest))
    empty = r'(?:\s*|"\s*")'
    quoted = line.str.contains('"', literal=True)
    bare = pl.when(quoted).then(line.str.replace_all('"[^"]*"', "")).otherwise(line)
    return found.select(
        ROW,
        fields=bare.str.count_matches(shape.delimiter, literal=True) + 1,
        strange=quoted & ~line.str.contains(f"^{field}(?:{sign}{field})*$"),
        blank=line.str.contains(f"^{empty}(?:{sign}{empty})*$"),
        header=header,
        long=size > longest,
        text=line.str.slice(0, _SHOWN),
    ).collect()


def _repeated(odd: pl.DataFrame) -> pl.DataFrame:
    message = pl.format("row {} repeats the header and is left out", ROW)
    return _faults(odd.filter("header"), "repeated_header", message, Severity.WARNING)


def _ragged(odd: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    wanted = len(shape.cells)
    hint = pl.when(pl.col("fields") > wanted).then(pl.lit(_TOO_MANY)).otherwise(pl.lit(_TOO_FEW))
    # A line of the file is a row here; only "sep=", which a spreadsheet hides, is one more.
    line = pl.col(ROW) + (shape.lines - shape.header_row)
    message = pl.format("line {} has {} fields where the header has {}: {}", line, "fields", pl.lit(wanted), hint)
    return _faults(odd.filter(pl.col("fields") != wanted), "ragged", message)


_TOO_MANY = "quote a field that holds the delimiter"
_TOO_FEW = "fill the missing ones, if only with nothing"


def _long(source: Source, text: Text, shape: Shape, odd: pl.DataFrame) -> pl.DataFrame:
    rows = odd.filter("long")[ROW]
    if rows.is_empty():
        return issues_frame()
    names = tuple(str(number) for number in range(len(shape.cells)))
    size = pl.max_horizontal(pl.col(name).str.len_chars() for name in names)
    records = scan(text.path, shape, shape.lines, names).filter(pl.col(ROW).is_in(rows.implode()))
    found = records.select(ROW, size=size).filter(pl.col("size") > source.max_cell).collect()
    return issues_frame([too_long(row, size, source.max_cell) for row, size in found.iter_rows()])


def _faults(odd: pl.DataFrame, rule: str, message: pl.Expr, severity: Severity = Severity.ERROR) -> pl.DataFrame:
    told = {"rule": pl.lit(rule), "severity": pl.lit(str(severity)), "message": message}
    frame = odd.select(row=pl.col(ROW), value=pl.col("text"), **told)
    missing = {name: pl.lit(None, dtype) for name, dtype in ISSUE_SCHEMA.items() if name not in frame.columns}
    return frame.with_columns(**missing).select(*(pl.col(name).cast(dtype) for name, dtype in ISSUE_SCHEMA.items()))


def too_long(row: int, size: int, most: int) -> Issue:
    """Return the fault of a row with a cell that is too long."""
    return Issue("cell_too_long", f"row {row} has a cell of {size:,} characters; at most {most:,} are read", row=row)


# By records -----------------------------------------------------------------------------------------------------------


def _slow(source: Source, text: Text, shape: Shape) -> Census:
    """Read record by record, and write a copy whose quoting leaves no doubt."""
    copy, row = source.workdir / "records.csv", shape.header_row
    faults: list[Issue] = []
    with text.path.open(encoding="utf-8-sig", newline="\n") as old, copy.open("w", encoding="utf-8", newline="") as new:
        writer = csv.writer(new, delimiter=shape.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row, (first, record) in enumerate(_records(source, shape, old), start=shape.header_row + 1):
            if isinstance(record, Issue):
                faults.append(replace(record, row=row))
                # The lines as they stand, so that they can be mended.
                writer.writerow([record.value])
            else:
                faults += [fault] if (fault := _fault(source, shape, record, row, first)) else []
                writer.writerow(record or [""] * len(shape.cells))
    return Census(copy, 0, row - shape.header_row, issues_frame(faults))


def _records(source: Source, shape: Shape, file: TextIO) -> Iterator[tuple[int, list[str] | Issue]]:
    """Yield each record with its first line, and an issue in the place of one whose quotes are wrong."""
    for _ in range(shape.lines):
        file.readline()
    lines = _Kept(file)
    reader = quoted_reader(lines, shape.delimiter, source.max_cell)
    while True:
        first = shape.lines + reader.line_num + 1
        lines.kept.clear()
        try:
            yield first, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = shape.lines + reader.line_num
            if "end of data" in str(error) or "limit" in str(error):
                raise SourceError(
                    f"{source.name}: a quote that is opened in line {first} is never closed. Close it."
                ) from error
            yield first, Issue("quote", _misquoted(str(error), first, last), value="".join(lines.kept).rstrip("\r\n"))


class _Kept:
    """Lines that are kept until they are a record."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next line, and keep it."""
        line = next(self.file)
        self.kept.append(line)
        return line


def _misquoted(error: str, first: int, last: int) -> str:
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    if "new-line" in error:
        return f"{where}: a carriage return stands in a field without quotes: take it out, or quote the field"
    return f"{where}: text follows a closing quote: write a quote inside of a quoted field twice, and close each one"


def quoted_reader(lines: Iterator[str], delimiter: str, max_cell: int) -> Reader:
    """Return a csv reader that says what is wrong with quotes, and does not take the rest of a file for one field."""
    csv.field_size_limit(max(_LONGEST, 2 * max_cell))
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _fault(source: Source, shape: Shape, record: list[str], row: int, line: int) -> Issue | None:
    if record == shape.cells:
        return Issue("repeated_header", f"row {row} repeats the header and is left out", Severity.WARNING, row)
    wanted = len(shape.cells)
    if len(record) != wanted and any(cell.strip() for cell in record):
        hint = _TOO_MANY if len(record) > wanted else _TOO_FEW
        message = f"line {line} has {len(record)} fields where the header has {wanted}: {hint}"
        return Issue("ragged", message, row=row, value=shape.delimiter.join(record)[:_SHOWN])
    longest = max(map(len, record), default=0)
    return too_long(row, longest, source.max_cell) if longest > source.max_cell else None
