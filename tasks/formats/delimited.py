"""Delimited text: CSV and its relatives, with any common delimiter and encoding (RFC 4180 and what people write)."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from schemas.errors import SourceError
from schemas.reports import ISSUE_SCHEMA, ROW, Issue, Opened, Severity, issues_frame
from tasks.formats.base import Format, Source, column_names

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}

_CHUNK = 8 << 20

# Control characters that a short text may hold all the same.
_STRAY = 40
_SAMPLE = 256 << 10
_SAMPLE_RECORDS = 100

# No text holds these: they let a line be scanned as one column.
_NO_SEPARATOR = "\x1f"

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


# Encoding -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A file of UTF-8 text, after any transcoding, and what one pass over it found."""

    path: Path
    encoding: str
    newlines: int
    quotes: int
    ends_in_newline: bool
    has_separator: bool
    notices: tuple[Issue, ...] = ()


@dataclass
class _Pass:
    """One pass over the bytes of a file: is it UTF-8, and what does it hold."""

    newlines: int = 0
    returns: int = 0
    quotes: int = 0
    nul_line: int | None = None
    bad_line: int | None = None
    bad_byte: int = 0
    last: bytes = b""
    has_separator: bool = False
    beyond_ascii: bool = False


def as_text(source: Source) -> Text:
    """Find the encoding of a file and make sure that it is UTF-8 with line feeds, in a copy where it is not."""
    encoding = source.options.encoding or marked_encoding(source.path)
    notices: tuple[Issue, ...] = ()
    found = _look(source.path) if encoding is None or _is_utf8(encoding) else None
    if found and found.nul_line:
        raise SourceError(
            f"{source.name} holds a NUL byte in line {found.nul_line}: it is no text file, or a damaged one. "
            "Save it again as CSV."
        )
    if found and found.bad_line and encoding is None:
        encoding, notices = _older_encoding(source, found)
    if found is None or found.bad_line or (found.newlines == 0 and found.returns):
        path = transcoded(source, encoding or "utf-8")
        found = _look(path)
        if found.nul_line:
            raise SourceError(f"{source.name} is no text in {encoding}: it holds NUL characters. Check --encoding.")
    else:
        path = source.path
    name = (encoding or "utf-8").lower()
    return Text(path, name, found.newlines, found.quotes, found.last == b"\n", found.has_separator, notices)


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")
    except LookupError:
        raise SourceError(f"There is no encoding '{encoding}': try utf-8, utf-16, cp1252 or latin-1.") from None


def marked_encoding(path: Path) -> str | None:
    """The encoding that a byte order mark tells, or the zero bytes of UTF-16 without one."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, encoding in _BOMS.items():
        if head.startswith(mark):
            return encoding
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and max(even, odd) > half * 0.6 and min(even, odd) < half * 0.1:
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _look(path: Path) -> _Pass:
    found = _Pass()
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if found.nul_line is None and b"\0" in chunk:
                found.nul_line = found.newlines + chunk[: chunk.index(0)].count(b"\n") + 1
            if found.bad_line is None:
                _decode(decoder, chunk, found)
            found.newlines += chunk.count(b"\n")
            found.returns += chunk.count(b"\r")
            found.quotes += chunk.count(b'"')
            found.has_separator = found.has_separator or _NO_SEPARATOR.encode() in chunk
            found.last = chunk[-1:]
    if found.bad_line is None and decoder.getstate()[0]:
        found.bad_line, found.bad_byte = found.newlines + 1, decoder.getstate()[0][0]
    return found


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, found: _Pass) -> None:
    held = len(decoder.getstate()[0])
    try:
        text = decoder.decode(chunk)
    except UnicodeDecodeError as error:
        found.bad_line = found.newlines + chunk[: max(error.start - held, 0)].count(b"\n") + 1
        found.bad_byte = error.object[error.start]
        found.beyond_ascii = found.beyond_ascii or not error.object[: error.start].isascii()
    else:
        found.beyond_ascii = found.beyond_ascii or not text.isascii()


def _older_encoding(source: Source, found: _Pass) -> tuple[str, tuple[Issue, ...]]:
    """Read as cp1252 what is no UTF-8, but refuse a file that is UTF-8 up to one line: it would be garbled."""
    if found.beyond_ascii:
        raise SourceError(
            f"{source.name} is UTF-8 up to line {found.bad_line}, which holds the byte 0x{found.bad_byte:02X}: two "
            "encodings are mixed. Save the file as UTF-8, or say which it is with --encoding cp1252."
        )
    encoding = "cp1252" if _decodes(source.path, "cp1252") else "latin-1"
    message = f"the file is no UTF-8 (line {found.bad_line}) and was read as {encoding}; --encoding names another"
    return encoding, (Issue("encoding", message, Severity.WARNING, row=found.bad_line),)


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(_CHUNK):
                pass
    except UnicodeDecodeError:
        return False
    return True


def transcoded(source: Source, encoding: str) -> Path:
    """Copy a file as UTF-8 with line feeds, in bounded memory."""
    copy = source.workdir / "utf-8.txt"
    line = 1
    try:
        with (
            source.path.open(encoding=encoding, newline=None) as old,
            copy.open("w", encoding="utf-8", newline="") as new,
        ):
            while chunk := old.read(_CHUNK):
                new.write(chunk)
                line += chunk.count("\n")
    except (UnicodeDecodeError, UnicodeError) as error:
        raise SourceError(
            f"{source.name} is not text in {encoding}: near line {line} it holds bytes that are none. "
            "Leave --encoding out, or name the right one."
        ) from error
    return copy


# Shape ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """Where the header stands and what divides the fields; `lines` is how many lines come before the first record."""

    delimiter: str
    cells: list[str]
    header_row: int
    lines: int


def shape_of(source: Source, text: Text) -> Shape:
    """Find the delimiter and the header; comment lines and blank ones before it are passed over."""
    with text.path.open(encoding="utf-8-sig", newline="") as file:
        sample = file.read(_SAMPLE)
    lines = sample.splitlines(keepends=True)
    before = source.options.header_row - 1 if source.options.header_row else _before_header(lines)
    if before >= len(lines):
        raise SourceError(f"{source.name} has no header line: it holds blank lines and comments only.")
    named = re.fullmatch(r"sep=(.)\s*", lines[before])
    before += 1 if named else 0
    rest = lines[before:]
    whole = rest if len(sample) < _SAMPLE or len(rest) == 1 else rest[:-1]
    delimiter = source.options.delimiter or (named[1] if named else _delimiter(whole))
    reader = csv.reader(iter(whole), delimiter=delimiter)
    cells = next(_records(source, reader, before), [])
    return Shape(delimiter, cells, before + 1, before + reader.line_num)


def _before_header(lines: list[str]) -> int:
    return len(list(itertools.takewhile(lambda line: line.startswith("#") or not line.strip(), lines)))


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts the most records into as many fields as the header, and that into the most."""

    def score(delimiter: str) -> tuple[float, int]:
        records = list(itertools.islice(_tolerant(lines, delimiter), _SAMPLE_RECORDS))
        width = len(records[0]) if records else 0
        alike = sum(len(record) == width for record in records) / max(len(records), 1)
        return (round(alike, 1) if width > 1 else 0.0, width)

    return max(DELIMITERS, key=score)


def _tolerant(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from (record for record in csv.reader(iter(lines), delimiter=delimiter) if record)
    except csv.Error:
        return


def _records(source: Source, reader: Iterator[list[str]], before: int) -> Iterator[list[str]]:
    """Read records, telling the line of what is no CSV."""
    try:
        yield from reader
    except csv.Error as error:
        line = before + getattr(reader, "line_num", 0)
        raise SourceError(f"{source.name}, line {line}: {error}. A quote that opens a field must close it.") from error


# Census ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Census:
    """What the lines of a file say of its records: how many there are, and which can't be read rightly."""

    path: Path
    skip: int
    records: int
    faults: pl.DataFrame


def census(source: Source, text: Text, shape: Shape) -> Census:
    """Count the fields of every line; only where a field spans lines is the file read record by record."""
    lines = text.newlines + (not text.ends_in_newline) - shape.lines
    if text.has_separator:
        return _slow_census(source, text, shape)
    odd = _odd_lines(text, shape)
    if odd is None:
        return _slow_census(source, text, shape)
    faults = [fault for row in odd.iter_rows(named=True) if (fault := _fault(shape, row))]
    long_rows = odd.filter(pl.col("bytes") > source.max_cell)[ROW]
    faults += _long_cells(source, text, shape, long_rows)
    return Census(text.path, shape.lines, lines, _faults_frame(faults))


def _odd_lines(text: Text, shape: Shape) -> pl.DataFrame | None:
    """Lines with another number of fields than the header, repeated headers and very long lines.

    None where quotes don't pair up within a line, or stand inside a field.
    """
    line = pl.col("line")
    lines = pl.scan_csv(
        text.path,
        has_header=False,
        skip_lines=shape.lines,
        separator=_NO_SEPARATOR,
        quote_char=None,
        schema={"line": pl.String},
        row_index_name=ROW,
        row_index_offset=shape.header_row + 1,
    )
    bare, strange = line, pl.lit(False)  # a column of it
    if text.quotes:
        sign = re.escape(shape.delimiter)
        quoted = line.str.contains('"', literal=True)
        bare = pl.when(quoted).then(line.str.replace_all(r'"[^"]*"', "")).otherwise(line)
        loose = line.str.contains(rf'[^{sign}"]"[^{sign}"\r]')
        strange = quoted & (bare.str.contains('"', literal=True) | loose)
    fields = bare.str.count_matches(shape.delimiter, literal=True) + 1
    header = shape.delimiter.join(shape.cells)
    size = line.str.len_bytes()
    is_header = line.str.strip_chars_end("\r") == header
    blank = line.str.strip_chars() == ""
    odd = ((fields != len(shape.cells)) & ~blank) | is_header | (size > _LONG_LINE) | strange
    found = (
        lines.filter(odd)
        .select(
            ROW,
            fields.alias("fields"),
            is_header.alias("header"),
            size.alias("bytes"),
            strange.alias("strange"),
            line.str.slice(0, 500).alias("text"),
        )
        .collect()
    )
    return None if found["strange"].any() else found


# A line of fewer bytes than this holds no cell that is too long, whatever the setting.
_LONG_LINE = 30_000


def _fault(shape: Shape, row: dict[str, object]) -> Issue | None:
    number = int(str(row[ROW]))
    if row["header"]:
        return Issue("repeated_header", f"row {number} repeats the header and is left out", Severity.WARNING, number)
    if row["fields"] == len(shape.cells):
        return None
    return _ragged(number, number, int(str(row["fields"])), len(shape.cells), str(row["text"]))


def _ragged(row: int, line: int, fields: int, wanted: int, text: str) -> Issue:
    hint = (
        "quote a field that holds the delimiter" if fields > wanted else "fill the missing ones, if only with nothing"
    )
    message = f"line {line} has {fields} fields where the header has {wanted}: {hint}"
    return Issue("ragged", message, row=row, value=text)


def _long_cells(source: Source, text: Text, shape: Shape, rows: pl.Series) -> list[Issue]:
    if rows.is_empty():
        return []
    names = [str(number) for number in range(len(shape.cells))]
    frame = _scan(text.path, shape, shape.lines, names).filter(pl.col(ROW).is_in(rows.implode()))
    longest = pl.max_horizontal(pl.col(name).str.len_chars() for name in names).alias("longest")
    too_long = frame.select(ROW, longest).filter(pl.col("longest") > source.max_cell).collect()
    return [_too_long(row, size, source.max_cell) for row, size in too_long.iter_rows()]


def _too_long(row: int, size: int, most: int) -> Issue:
    return Issue("cell_too_long", f"row {row} has a cell of {size:,} characters; at most {most:,} are read", row=row)


def _faults_frame(faults: list[Issue]) -> pl.DataFrame:
    return issues_frame(faults).unique(["row", "rule"], keep="first", maintain_order=True).select(*ISSUE_SCHEMA)


def _slow_census(source: Source, text: Text, shape: Shape) -> Census:
    """Read record by record, and write a copy whose quoting leaves no doubt."""
    csv.field_size_limit(2**31 - 1)
    copy = source.workdir / "records.csv"
    faults, row, line = [], shape.header_row, shape.lines
    record: list[str] = []
    with text.path.open(encoding="utf-8-sig", newline="") as old, copy.open("w", encoding="utf-8", newline="") as new:
        for _ in range(shape.lines):
            old.readline()
        reader = csv.reader(old, delimiter=shape.delimiter)
        writer = csv.writer(new, delimiter=shape.delimiter, lineterminator="\n")
        for record in _records(source, reader, shape.lines):
            row += 1
            first, line = line + 1, shape.lines + reader.line_num
            fault = _record_fault(source, shape, record, row, first)
            faults += [fault] if fault else []
            writer.writerow(record or [""] * len(shape.cells))
        if text.quotes % 2 and any("\n" in cell for cell in record):
            raise SourceError(f"{source.name}: a quote that is opened in line {first} is never closed. Close it.")
    return Census(copy, 0, row - shape.header_row, _faults_frame(faults))


def _record_fault(source: Source, shape: Shape, record: list[str], row: int, line: int) -> Issue | None:
    if record == shape.cells:
        return Issue("repeated_header", f"row {row} repeats the header and is left out", Severity.WARNING, row)
    if record and len(record) != len(shape.cells):
        return _ragged(row, line, len(record), len(shape.cells), shape.delimiter.join(record)[:500])
    longest = max((len(cell) for cell in record), default=0)
    return _too_long(row, longest, source.max_cell) if longest > source.max_cell else None


# The format -----------------------------------------------------------------------------------------------------------


def _scan(path: Path, shape: Shape, skip: int, names: list[str] | tuple[str, ...]) -> pl.LazyFrame:
    return pl.scan_csv(
        path,
        has_header=False,
        skip_lines=skip,
        separator=shape.delimiter,
        schema=dict.fromkeys(names, pl.String),
        empty_string_is_null=False,
        missing_columns="insert",
        extra_columns="ignore",
        row_index_name=ROW,
        row_index_offset=shape.header_row + 1,
        glob=False,
    )


def open_delimited(source: Source) -> Opened:
    """Open delimited text: find encoding, delimiter and header, and count the fields of every record."""
    text = as_text(source)
    shape = shape_of(source, text)
    names, told = column_names(shape.cells, shape.header_row)
    if len(names) > source.max_columns:
        raise SourceError(f"{source.name} has {len(names):,} columns; at most {source.max_columns:,} are read.")
    counted = census(source, text, shape)
    if counted.records <= 0:
        raise SourceError(f"{source.name} has a header and no records: nothing to import.")
    return Opened(
        frame=_scan(counted.path, shape, counted.skip, names),
        columns=names,
        encoding=text.encoding,
        delimiter=shape.delimiter,
        header_row=shape.header_row,
        records=counted.records,
        faults=counted.faults,
        notices=(*text.notices, *told),
    )


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file may be delimited text: whatever is no other format, and not plainly binary."""
    if head.startswith(tuple(_BOMS)) or marked_encoding(path):
        return True
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1b")
    return control <= max(len(head) // 50, _STRAY)


CSV = Format("csv", "delimited text", (".csv", ".tsv", ".txt", ".tab", ".psv"), matches, open_delimited)
