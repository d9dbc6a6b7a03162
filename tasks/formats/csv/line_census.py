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
from schemas.issues import ISSUE_SCHEMA, Issue, Severity, issues_frame
from schemas.sources import NOTE, ROW
from tasks.formats.base import Source
from tasks.formats.csv.chunks import scan_pieces
from tasks.formats.encoding import Text

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
    """The file to scan, the lines to skip there, its records and their faults, and what to report of all."""

    path: Path
    skip: int
    records: int
    faults: pl.DataFrame
    notices: tuple[Issue, ...] = ()


def census(source: Source, text: Text, shape: Shape) -> Census:
    """Count the records and find those that can't be read rightly, in one vectorised pass where that is possible."""
    if len(shape.cells) > _MOST_FIELDS:
        return _slow(source, text, shape, hashes=False)
    lines = _lines(text, shape)
    odd = _odd(lines, shape, text.quotes, source.max_cell).filter(~pl.col("blank"))
    records = int(lines.drop(ROW).select(pl.len()).collect().item())
    # Where every record begins with "#", it is data.
    hashes = odd["comment"].sum() == records > 0
    if odd["strange"].any():
        return _slow(source, text, shape, hashes=hashes)
    comments = odd.clear() if hashes else odd.filter("comment")
    odd = odd if hashes else odd.filter(~pl.col("comment"))
    found = [_comments(comments, shape), _repeated(odd), _ragged(odd, shape), _long(source, text, shape, odd)]
    faults = pl.concat(found).unique("row", keep="first", maintain_order=True).sort("row")
    return Census(text.path, shape.lines, records, faults, tuple(_spare_notice(_with_spare(odd, shape))))


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
    """The lines that are no record of the header's width, repeat the header, begin with "#" or are very long.

    `strange` are those whose quotes don't pair up, or stand inside a field; `spare` counts the empty fields at the end.
    """
    line, sign = pl.col("line"), re.escape(shape.delimiter)
    field = f'(?:[^"{sign}]*|"[^"]*"(?:"[^"]*")*)'
    space = r"[^\S\t]*" if shape.delimiter == "\t" else r"\s*"
    extra = f"(?:(?:{sign}{space}){{{shape.spare}}})?" if shape.spare else ""
    sound = line.str.contains(f"^{field}(?:{sign}{field}){{{len(shape.cells) - 1}}}{extra}$")
    count = line.str.count_matches(shape.delimiter, literal=True)
    fitting = count == len(shape.cells) - 1
    if shape.spare:
        fitting |= (count == len(shape.cells) - 1 + shape.spare) & line.str.contains(
            f"(?:{sign}{space}){{{shape.spare}}}$"
        )
    header = pl.lit(value=False)
    if shape.header is not None:
        header = (line == shape.header) | (line == shape.delimiter.join(shape.cells))
    size = line.str.len_bytes()
    comment = line.str.starts_with(NOTE)
    # One filter: Polars makes one of two, and would ask the dear question of every line.
    found = lines.filter((~sound if quotes else ~fitting) | header | comment | (size > longest))
    empty = r'(?:\s*|"\s*")'
    quoted = line.str.contains('"', literal=True)
    bare = pl.when(quoted).then(line.str.replace_all('"[^"]*"', "")).otherwise(line)
    fields = bare.str.count_matches(shape.delimiter, literal=True) + 1
    # Pairs of quotes at the end hold nothing, so that the delimiters between them are outside of quotes.
    spare = line.str.extract(f'((?:{sign}{space}(?:"{space}"{space})?)*)$').str.count_matches(
        shape.delimiter, literal=True
    )
    harmless = (fields != len(shape.cells)) & _is_spare(fields, spare, shape) & ~header & ~comment & (size <= longest)
    return found.select(
        ROW,
        fields=fields,
        spare=spare,
        strange=quoted & ~line.str.contains(f"^{field}(?:{sign}{field})*$"),
        blank=line.str.contains(f"^{empty}(?:{sign}{empty})*$"),
        header=header,
        comment=comment,
        long=size > longest,
        text=pl.when(~harmless).then(line.str.slice(0, _SHOWN)),
    ).collect()


def _is_spare(fields: pl.Expr, spare: pl.Expr, shape: Shape) -> pl.Expr:
    """Whether a line of another width than the header's lacks nothing, or has nothing more."""
    return (
        pl.when(fields > len(shape.cells)).then(fields - spare <= len(shape.cells)).otherwise(fields >= _named(shape))
    )


def _named(shape: Shape) -> int:
    """How many columns there are up to the last that has a name."""
    return max((n for n, cell in enumerate(shape.cells, start=1) if cell.strip()), default=len(shape.cells))


def _with_spare(odd: pl.DataFrame, shape: Shape) -> pl.Series:
    """The rows that have more fields than the header, all of them empty."""
    more = pl.col("fields") > len(shape.cells) + shape.spare
    return odd.filter(more & _is_spare(pl.col("fields"), pl.col("spare"), shape))[ROW]


def _spare_notice(rows: pl.Series | list[int]) -> list[Issue]:
    if not len(rows):
        return []
    told = f"{len(rows):,} rows end in empty fields beyond the last column, which are left out: {_some_rows(rows)}"
    return [Issue("trailing_delimiter", told, Severity.REPAIR)]


def _some_rows(rows: pl.Series | list[int]) -> str:
    shown = ", ".join(str(row) for row in rows[:3])
    return f"rows {shown} and {len(rows) - 3:,} more" if len(rows) > 3 else f"row{'s' * (len(rows) > 1)} {shown}"


def _comments(odd: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """Comments among the records; what may be a record as well, is rejected with both readings."""
    fits = (pl.col("fields") == len(shape.cells)) | _is_spare(pl.col("fields"), pl.col("spare"), shape)
    clear = ~fits | pl.col("text").str.contains(_COMMENT)
    left_out = _faults(odd.filter(clear), "comment", pl.format(_LEFT_OUT, ROW), Severity.WARNING)
    return pl.concat([left_out, _faults(odd.filter(~clear), "comment", pl.format(_UNCLEAR, ROW))])


_COMMENT = r"^#+(?:\s|$)"
_LEFT_OUT = "row {} is a comment and is left out"
_UNCLEAR = "row {} begins with '#': take it out if it is a comment, or put its first field in quotes if it is a record"


def _repeated(odd: pl.DataFrame) -> pl.DataFrame:
    message = pl.format("row {} repeats the header and is left out", ROW)
    return _faults(odd.filter("header"), "repeated_header", message, Severity.WARNING)


def _ragged(odd: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    wanted = len(shape.cells)
    hint = pl.when(pl.col("fields") > wanted).then(pl.lit(_TOO_MANY)).otherwise(pl.lit(_TOO_FEW))
    # A line of the file is a row here; only "sep=", which a spreadsheet hides, is one more.
    line = pl.col(ROW) + (shape.lines - shape.header_row)
    message = pl.format("line {} has {} fields where the header has {}: {}", line, "fields", pl.lit(wanted), hint)
    sound = (pl.col("fields") == wanted) | _is_spare(pl.col("fields"), pl.col("spare"), shape)
    return _faults(odd.filter(~sound), "ragged", message)


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


def _slow(source: Source, text: Text, shape: Shape, *, hashes: bool) -> Census:
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
                faults += [fault] if (fault := _fault(source, shape, record, row, first)) else []
                spare += (
                    [row] if len(record) > wanted + shape.spare and not any(map(str.strip, record[wanted:])) else []
                )
                writer.writerow(record or [""] * wanted)
    notices = (*_spare_notice(spare), *_spaced_notice([line - shape.lines + shape.header_row for line in spaced]))
    return Census(copy, 0, row - shape.header_row, issues_frame(faults), notices)


def _spaced_notice(lines: list[int]) -> list[Issue]:
    if not lines:
        return []
    told = f"{len(lines):,} rows have spaces around a quoted field, which are left out: {_some_rows(lines)}"
    return [Issue("space_around_quotes", told, Severity.REPAIR)]


def _records(
    source: Source, shape: Shape, file: TextIO, spaced: list[int], *, hashes: bool
) -> Iterator[tuple[int, list[str] | Issue]]:
    """Yield each record with its first line, and an issue in the place of a comment or one whose quotes are wrong.

    `spaced` are told the first lines of records that have spaces around a quoted field. With `hashes`, what begins with
    "#" is a record.
    """
    for _ in range(shape.lines):
        file.readline()
    lines = _Kept(file, None if hashes else NOTE)
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
                    f"{source.name}: a quote that is opened in line {first} is never closed. Close it."
                ) from error
            text = "".join(lines.kept).rstrip("\r\n")
            if fields := _spaced_fields(text, shape.delimiter):
                spaced.append(first)
                yield first, fields
            else:
                yield first, Issue("quote", _misquoted(str(error), first, last), value=text)
            continue
        if lines.comment is not None:
            yield first, _comment(lines.comment, shape)
            lines.comment = None
            continue
        if spaces.search(lines.kept[0]) and _has_spaces(lines.kept, shape.delimiter):
            spaced.append(first)
        yield first, record


def _comment(line: str, shape: Shape) -> Issue:
    """The issue of a line that begins with "#"."""
    cells = next(csv.reader([line], delimiter=shape.delimiter), [])
    fits = len(cells) == len(shape.cells)
    value = line.rstrip("\r\n")
    if fits and not re.match(_COMMENT, line):
        return Issue("comment", _UNCLEAR.replace("{}", "{row}"), value=value)
    return Issue("comment", _LEFT_OUT.replace("{}", "{row}"), Severity.WARNING, value=value)


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


class _Kept:
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


def _misquoted(error: str, first: int, last: int) -> str:
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    if "new-line" in error:
        return f"{where}: a carriage return stands in a field without quotes: take it out, or quote the field"
    return f"{where}: text follows a closing quote: write a quote inside of a quoted field twice, and close each one"


def quoted_reader(lines: Iterator[str], delimiter: str, max_cell: int) -> Reader:
    """Return a csv reader that says what is wrong with quotes, and does not take the rest of a file for one field.

    Spaces before a quote that opens a field are no part of it: people write `"a", "b"`.
    """
    csv.field_size_limit(max(_LONGEST, 2 * max_cell))
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _fault(source: Source, shape: Shape, record: list[str], row: int, line: int) -> Issue | None:
    if shape.header is not None and _without_spare(record, shape) == shape.cells:
        return Issue("repeated_header", f"row {row} repeats the header and is left out", Severity.WARNING, row)
    wanted = len(shape.cells)
    sound = len(record) >= _named(shape) and not any(cell.strip() for cell in record[wanted:])
    if not sound and any(cell.strip() for cell in record):
        hint = _TOO_MANY if len(record) > wanted else _TOO_FEW
        message = f"line {line} has {len(record)} fields where the header has {wanted}: {hint}"
        return Issue("ragged", message, row=row, value=shape.delimiter.join(record)[:_SHOWN])
    longest = max(map(len, record), default=0)
    return too_long(row, longest, source.max_cell) if longest > source.max_cell else None


def _without_spare(record: list[str], shape: Shape) -> list[str]:
    """A record without the empty fields at its end that the header has too."""
    wanted = len(shape.cells)
    return record if any(cell.strip() for cell in record[wanted:]) else record[:wanted]
