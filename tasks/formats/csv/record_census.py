"""The census of delimited text record by record, where quotes do not pair up within a line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from schemas.errors import SourceError
from schemas.issues import Issue, Severity, issues_frame
from schemas.sources import NOTE
from tasks.formats.base import Source
from tasks.formats.chunked import Start
from tasks.formats.encoding import Text

if TYPE_CHECKING:
    from _csv import Reader
from tasks.formats.csv.shape import (
    COMMENT,
    COMMENT_LEFT_OUT,
    MAX_SHOWN,
    TOO_FEW_FIELDS,
    TOO_MANY_FIELDS,
    UNCLEAR_COMMENT,
    Census,
    Shape,
    named_columns,
    some_rows,
    spare_notice,
    too_long,
)

# A quoted field that is longer is one whose closing quote is missing, whatever the limit for a cell.
_MAX_QUOTED = 16 << 20


def census_by_record(source: Source, text: Text, shape: Shape, *, hashes: bool) -> Census:
    """Read record by record, and write a copy whose quoting leaves no doubt."""
    copy, row = source.workdir / "records.csv", shape.header_row
    wanted = len(shape.cells)
    faults: list[Issue] = []
    spaced: list[int] = []
    spare: list[int] = []
    with text.path.open(encoding="utf-8-sig", newline="\n") as old, copy.open("w", encoding="utf-8", newline="") as new:
        writer = csv.writer(new, delimiter=shape.delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        records = _records(source, shape, old, spaced, hashes=hashes)
        for row, (first, record) in enumerate(records, start=shape.header_row + 1):
            if isinstance(record, Issue):
                faults.append(replace(record, row=row, message=record.message.format(row=row)))
                # The lines as they stand, so that they can be fixed.
                writer.writerow([record.value])
            else:
                faults += [fault] if (fault := _record_fault(source, shape, record, row, first)) else []
                spare += (
                    [row] if len(record) > wanted + shape.spare and not any(map(str.strip, record[wanted:])) else []
                )
                writer.writerow(record or [""] * wanted)
    notices = (*spare_notice(spare), *_spaced_notice([line - shape.lines + shape.header_row for line in spaced]))
    starts = (Start(0, shape.header_row + 1),)
    return Census(copy, starts, row - shape.header_row, issues_frame(faults), notices)


def _spaced_notice(lines: list[int]) -> list[Issue]:
    if not lines:
        return []
    message = f"{len(lines):,} rows have spaces around a quoted field, which are left out: {some_rows(lines)}"
    return [Issue("space_around_quotes", message, Severity.REPAIR)]


def _records(
    source: Source, shape: Shape, file: TextIO, spaced: list[int], *, hashes: bool
) -> Iterator[tuple[int, list[str] | Issue]]:
    """Yield each record with its first line, and an issue in the place of a comment or one whose quotes are wrong.

    `spaced` receives the first lines of records that have spaces around a quoted field. With `hashes`, what begins with
    "#" is a record.
    """
    for _ in range(shape.lines):
        file.readline()
    lines = _KeptLines(file, None if hashes else NOTE)
    reader = quoted_reader(lines, shape.delimiter, source.max_cell)
    spaces = re.compile(rf'(?:^|{re.escape(shape.delimiter)}) +"')
    while True:
        first = shape.lines + reader.line_num + 1
        lines.kept.clear()
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = shape.lines + reader.line_num
            if "end of data" in str(error) or "limit" in str(error):
                raise SourceError(
                    f"{source.name}: a quote that is opened in line {first} is never closed. Close it.", line=first
                ) from error
            text = "".join(lines.kept).rstrip("\r\n")
            if fields := _spaced_fields(text, shape.delimiter):
                spaced.append(first)
                yield first, fields
            else:
                yield first, Issue("quote", _quote_message(str(error), first, last), value=text)
            continue
        if lines.comment is not None:
            yield first, _comment_issue(lines.comment, shape)
            lines.comment = None
            continue
        if spaces.search(lines.kept[0]) and _has_spaces(lines.kept, shape.delimiter):
            spaced.append(first)
        yield first, record


def _comment_issue(line: str, shape: Shape) -> Issue:
    """The issue of a line that begins with "#"."""
    cells = next(csv.reader([line], delimiter=shape.delimiter), [])
    fits = len(cells) == len(shape.cells)
    value = line.rstrip("\r\n")
    if fits and not re.match(COMMENT, line):
        return Issue("comment", UNCLEAR_COMMENT.replace("{}", "{row}"), value=value)
    return Issue("comment", COMMENT_LEFT_OUT.replace("{}", "{row}"), Severity.WARNING, value=value)


def _has_spaces(lines: list[str], delimiter: str) -> bool:
    """Say whether a field begins with spaces and a quote."""
    return any(re.match(' +"', cell) for record in csv.reader(lines, delimiter=delimiter) for cell in record)


def _spaced_fields(text: str, delimiter: str) -> list[str] | None:
    """The fields of a record with spaces after closing quotes; None where anything else is wrong with it."""
    sign = re.escape(delimiter)
    field = rf' *"(?:[^"]|"")*" *|[^"{sign}\r\n]*'
    if not re.fullmatch(rf"(?:{field})(?:{sign}(?:{field}))*", text):
        return None
    fields = re.findall(rf"(?:^|{sign})({field})(?={sign}|$)", text)
    return [
        found.strip(" ")[1:-1].replace('""', '"') if found.lstrip(" ").startswith('"') else found for found in fields
    ]


class _KeptLines:
    """Lines that are kept until they are a record; one that begins a record with a mark is a `comment`."""

    def __init__(self, file: TextIO, mark: str | None) -> None:
        self.file = file
        self.kept: list[str] = []
        self.comment: str | None = None
        self._mark = mark

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next line, and keep it."""
        line = next(self.file)
        if self._mark and not self.kept and line.startswith(self._mark):
            self.comment = line
            line = "\n"  # a quote in a comment opens no field
        self.kept.append(line)
        return line


def _quote_message(error: str, first: int, last: int) -> str:
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    if "new-line" in error:
        return f"{where}: a carriage return stands in a field without quotes: take it out, or quote the field"
    return f"{where}: text follows a closing quote: write a quote inside of a quoted field twice, and close each one"


def quoted_reader(lines: Iterator[str], delimiter: str, max_cell: int) -> Reader:
    """Return a csv reader that says what is wrong with quotes, and does not take the rest of a file for one field.

    Spaces before a quote that opens a field are no part of it: people write `"a", "b"`.
    """
    csv.field_size_limit(max(_MAX_QUOTED, 2 * max_cell))
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _record_fault(source: Source, shape: Shape, record: list[str], row: int, line: int) -> Issue | None:
    if shape.header is not None and _without_spare(record, shape) == shape.cells:
        return Issue("repeated_header", f"row {row} repeats the header and is left out", Severity.WARNING, row)
    wanted = len(shape.cells)
    sound = len(record) >= named_columns(shape) and not any(cell.strip() for cell in record[wanted:])
    if not sound and any(cell.strip() for cell in record):
        hint = TOO_MANY_FIELDS if len(record) > wanted else TOO_FEW_FIELDS
        message = f"line {line} has {len(record)} fields where the header has {wanted}: {hint}"
        return Issue("ragged", message, row=row, value=shape.delimiter.join(record)[:MAX_SHOWN])
    longest = max(map(len, record), default=0)
    return too_long(row, longest, source.max_cell) if longest > source.max_cell else None


def _without_spare(record: list[str], shape: Shape) -> list[str]:
    """A record without the empty fields at its end that the header has too."""
    wanted = len(shape.cells)
    return record if any(cell.strip() for cell in record[wanted:]) else record[:wanted]
