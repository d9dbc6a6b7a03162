"""Delimited text: CSV and its relatives, with any common delimiter and encoding (RFC 4180 and what people write)."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import SourceError
from schemas.reports import Opened
from tasks.formats.base import Format, Source, column_names
from tasks.formats.census import Shape, census, quoted_reader, scan
from tasks.formats.text import BOMS, Text, as_text, marked_encoding
from tasks.formats.written import write_csv

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}

# Control characters that a short text may hold all the same.
_STRAY = 40
_SAMPLE = 256 << 10
_SAMPLE_RECORDS = 100

# What a file of rejected rows has in its header, wherever a person moved it; "# by hand" is a comment.
_NOTE = re.compile(r"#(?:[^\s#]|\s*(?:row|reason)\b)")


def open_delimited(source: Source) -> Opened:
    """Open delimited text: find encoding, delimiter and header, and count the fields of every record."""
    text = as_text(source)
    shape = shape_of(source, text)
    names, told = column_names(shape.cells, shape.header_row)
    if len(names) > source.max_columns:
        raise SourceError(f"{source.name} has {len(names):,} columns; at most {source.max_columns:,} are read.")
    counted = census(source, text, shape)
    if counted.records <= 0 and not source.emptied:
        raise SourceError(f"{source.name} has a header and no records: nothing to import.")
    return Opened(
        frame=scan(counted.path, shape, counted.skip, names),
        columns=names,
        encoding=text.encoding,
        delimiter=shape.delimiter,
        header_row=shape.header_row,
        records=counted.records,
        faults=counted.faults,
        notices=(*text.notices, *told),
        metadata=_metadata(text, shape.header_row),
    )


def _metadata(text: Text, header: int) -> dict[str, str]:
    """What the comment lines before the header say, where they are of the form `# name: value`."""
    if header == 1:
        return {}
    with text.path.open(encoding="utf-8-sig", newline="\n") as file:
        lines = itertools.islice(file, header - 1)
        return {match[1]: match[2].strip() for line in lines if (match := re.match(r"# (\w+): (.*)", line))}


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file may be delimited text: whatever is no other format, and not plainly binary."""
    if head.startswith(tuple(BOMS)) or marked_encoding(path):
        return True
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1b")
    return control <= max(len(head) // 50, _STRAY)


# Shape ----------------------------------------------------------------------------------------------------------------


def shape_of(source: Source, text: Text) -> Shape:
    """Find the delimiter and the header; comment lines and blank ones before it are passed over."""
    with text.path.open(encoding="utf-8-sig", newline="\n") as file:
        sample = file.read(_SAMPLE)
    lines = _lines(sample)
    before = source.options.header_row - 1 if source.options.header_row else _before_header(lines)
    if before >= len(lines):
        raise SourceError(f"{source.name} has no header line: it holds blank lines and comments only.")
    named = re.fullmatch(r"sep=(.)\s*", lines[before])
    before += 1 if named else 0
    rest = lines[before:]
    whole = rest if len(sample) < _SAMPLE or len(rest) == 1 else rest[:-1]
    delimiter = source.options.delimiter or (named[1] if named else _delimiter(whole))
    reader = quoted_reader(iter(whole), delimiter, source.max_cell)
    try:
        cells: list[str] = next(reader, [])
    except csv.Error as error:
        line = before + reader.line_num
        raise SourceError(
            f"{source.name}, line {line}: the header can't be read ({error}). A quote that opens a field must close it."
        ) from error
    header = whole[reader.line_num - 1].rstrip("\r\n") if whole else ""
    return Shape(delimiter, cells, header, before + 1, before + reader.line_num)


def _lines(sample: str) -> list[str]:
    """Lines end in line feeds here, and in nothing else that Unicode takes for a line's end."""
    return [line for line in re.split(r"(?<=\n)", sample) if line]


def _before_header(lines: list[str]) -> int:
    """How many lines come before the header; a header may begin with "#" too, when it is as wide as its records."""
    before = len(list(itertools.takewhile(lambda line: line.startswith("#") or not line.strip(), lines)))
    if before and before < len(lines) and _NOTE.match(lines[before - 1]):
        pair = lines[before - 1 : before + 1]
        widths = [len(record) for record in _tolerant(pair, _delimiter(pair))]
        if len(widths) == 2 and widths[0] == widths[1] > 1:
            return before - 1
    return before


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


CSV = Format(
    "csv",
    "delimited text",
    (".csv", ".tsv", ".txt", ".tab", ".psv"),
    matches,
    open_delimited,
    write_csv,
    "text/csv",
    guarded=True,
)
