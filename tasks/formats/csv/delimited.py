"""Delimited text: CSV and its relatives, with any common delimiter and encoding (RFC 4180 and what people write)."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from schemas import formats
from schemas.errors import SourceError
from schemas.issues import Issue, Severity
from schemas.language.texts import SEPARATOR
from schemas.sources import NOTE, Opened
from tasks.formats.base import Format, Source, column_names
from tasks.formats.csv.line_census import census
from tasks.formats.csv.record_census import quoted_reader
from tasks.formats.csv.shape import Shape
from tasks.formats.encoding import BOMS, Text, as_text, marked_encoding
from tasks.formats.header import (
    OUR_NOTES,
    column_list,
    header_at,
    is_field_name,
    names_fields,
    refuse_a_record,
    titles_notice,
)
from tasks.formats.writers import write_csv

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}

# Control characters that a short text may hold all the same.
_STRAY = 40
_SAMPLE = 256 << 10
_SAMPLE_RECORDS = 100


def open_delimited(source: Source) -> Opened:
    """Open delimited text: find encoding, delimiter and header, and count the fields of every record.

    It can be cut between lines, but where records go over several lines or quotes do not pair up within one: that is
    read as a whole, from a copy.
    """
    text = as_text(source)
    shape = shape_of(source, text)
    names, header_issues = column_names(source, shape.cells, shape.header_row)
    counted = census(source, text, shape)
    if counted.records <= 0 and not source.emptied:
        raise SourceError(f"{source.name} has a header and no records: nothing to import.")
    frame = counted.scan(shape, names)
    frame, formulas = without_text_formulas(frame, names) if text.formulas else (frame, [])
    return Opened(
        frame=frame,
        columns=names,
        encoding=text.encoding,
        delimiter=shape.delimiter,
        header_row=shape.header_row if shape.header is not None else None,
        records=counted.records,
        faults=counted.faults,
        notices=(*text.notices, *shape.notices, *header_issues, *counted.notices, *formulas),
        metadata=_metadata(text, shape.lines),
        cuts=counted.cuts,
    )


def _metadata(text: Text, lines: int) -> dict[str, str]:
    """What the comment lines before the first record say, where they are of the form `# name: value`."""
    if lines == 1:
        return {}
    with text.path.open(encoding="utf-8-sig", newline="\n") as file:
        head = itertools.islice(file, lines)
        return {match[1]: match[2].strip() for line in head if (match := re.match(r"# (\w+): (.*)", line))}


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file may be delimited text: whatever is no other format, and not plainly binary."""
    if head.startswith(tuple(BOMS)) or marked_encoding(path):
        return True
    control = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1b")
    return control <= max(len(head) // 50, _STRAY)


# Shape ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Record:
    """A record near the top: the lines before it, the line that it ends in, and its fields."""

    before: int
    end: int
    cells: list[str]


def shape_of(source: Source, text: Text) -> Shape:
    """Find the delimiter and the header; comment lines, blank ones and titles before it are passed over."""
    with text.path.open(encoding="utf-8-sig", newline="\n") as file:
        sample = file.read(_SAMPLE)
    lines = _lines(sample)
    whole = lines if len(sample) < _SAMPLE or len(lines) == 1 else lines[:-1]
    # Only the first line that is no comment names the separator.
    first = next((n for n, line in enumerate(whole) if line.strip() and not line.startswith(NOTE)), len(whole))
    named = re.fullmatch(r'"?sep=(.)"?\s*', whole[first]) if first < len(whole) else None
    hidden = first + 1 if named else 0
    given = source.options.header_row
    # A row that was named is the first that counts; a spreadsheet does not show the line of the separator.
    skip = hidden + given - 1 if given else hidden
    if skip >= len(whole):
        raise SourceError(f"{source.name} has no header line: it holds blank lines and comments only.")
    delimiter = source.options.delimiter or (_named(source, named[1]) if named else _delimiter(whole[skip:]))
    records = _records(whole, skip, delimiter)
    if source.options.without_header:
        return _shape_without_header(source, records, delimiter, hidden)
    at = 0 if given else _header(records)
    if at >= len(records) or not any(cell.strip() for cell in records[at].cells):
        raise SourceError(f"{source.name} has no header line: it holds blank lines and comments only.")
    return _with_header(source, whole, records, at, delimiter, hidden)


def _named(source: Source, sign: str) -> str:
    """The separator that the file names; raises SourceError for one that can't be."""
    if not SEPARATOR.fullmatch(sign):
        raise SourceError(
            f"{source.name} names {sign!r} as its separator: name one such as , ; | or a tab.", value=sign
        )
    return sign


def _with_header(
    source: Source, lines: list[str], records: list[_Record], at: int, delimiter: str, hidden: int
) -> Shape:
    head = records[at]
    cells = [text_of_formula(cell) for cell in _header_fields(source, lines, head, delimiter)]
    notices: list[Issue] = []
    row = head.before + 1 - bool(hidden)
    if not source.options.header_row:
        titles = [(r.before + 1 - bool(hidden), " ".join(" ".join(r.cells).split())) for r in records[:at]]
        notices += titles_notice("line", [title for title in titles if title[1] and not title[1].startswith(NOTE)])
        if cells[0].startswith(NOTE) and (bare := cells[0].removeprefix(NOTE).strip()).lower() not in OUR_NOTES:
            message = f"line {row} is taken as the header, without the '#' that it begins with"
            notices += [Issue("header", message, Severity.REPAIR, row=row)] if is_field_name(bare) else []
            cells[0] = bare if is_field_name(bare) else cells[0]
        refuse_a_record(source.name, "line", row, cells)
    spare = _unused_columns(cells, records[at + 1 :])
    cells = cells[: len(cells) - spare]
    header = lines[head.end - 1].rstrip("\r\n")
    return Shape(delimiter, cells, header, row, head.end, spare, tuple(notices))


def _shape_without_header(source: Source, records: list[_Record], delimiter: str, hidden: int) -> Shape:
    """The shape of a table without a header: as wide as most of its records, or as the columns that are named."""
    found = [record for record in records if any(record.cells) and not record.cells[0].startswith(NOTE)]
    if not found:
        raise SourceError(f"{source.name} holds blank lines and comments only: nothing to import.")
    width = Counter(len(_without_blanks(record.cells)) or 1 for record in found).most_common(1)[0][0]
    columns = source.options.columns
    if columns and width < len(columns) <= max(len(record.cells) for record in found):
        width = len(columns)
    names = list(column_list(source.name, columns, width))
    before = found[0].before
    return Shape(delimiter, names, None, before - bool(hidden), before)


def _without_blanks(cells: list[str]) -> list[str]:
    """The fields up to the last that holds something."""
    return cells[: max((n for n, cell in enumerate(cells, start=1) if cell.strip()), default=0)]


def _unused_columns(cells: list[str], records: list[_Record]) -> int:
    """How many columns at the right have neither a name nor a value: lines may end in a delimiter."""
    rows = [record.cells for record in records if record.cells and not record.cells[0].startswith(NOTE)]
    wide = max((len(_without_blanks(row)) for row in rows), default=len(cells))
    return len(cells) - max(len(_without_blanks(cells)), min(wide, len(cells)), 1)


def _header_fields(source: Source, lines: list[str], head: _Record, delimiter: str) -> list[str]:
    """The fields of the header; raises SourceError where its quotes are wrong."""
    reader = quoted_reader(iter(lines[head.before :]), delimiter, source.max_cell)
    try:
        return next(reader, [])
    except csv.Error as error:
        line = head.before + reader.line_num
        raise SourceError(
            f"{source.name}, line {line}: the header cannot be read ({error}). Close each quote that opens a field.",
            line=line,
        ) from error


def _lines(sample: str) -> list[str]:
    """Lines end in line feeds here, and in nothing else that Unicode takes for a line's end."""
    return [line for line in re.split(r"(?<=\n)", sample) if line]


def _header(records: list[_Record]) -> int:
    """Which record is the header; a line that begins with "#" may be, where it is as wide as the records."""
    at = header_at([record.cells for record in records])
    if at >= len(records):
        return at
    below = records[at].cells
    noted = [number for number in range(at) if records[number].cells and records[number].cells[0].startswith(NOTE)]
    fitting = [number for number in noted if len(records[number].cells) == len(below) > 1]
    # "# ours, by hand" above a header is a comment.
    return next((number for number in reversed(fitting) if _is_header(records[number].cells, below)), at)


def _is_header(cells: list[str], below: list[str]) -> bool:
    """Say whether a line that begins with "#" is a header rather than the one below it."""
    bare = [cells[0].removeprefix(NOTE).strip(), *cells[1:]]
    return bare[0].lower() in OUR_NOTES or names_fields(bare) > names_fields(below)


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts the most records into as many fields as the header, and that into the most."""

    def score(delimiter: str) -> tuple[float, int]:
        records = [record.cells for record in _records(lines, 0, delimiter) if record.cells]
        records = [cells for cells in records if not cells[0].startswith(NOTE)] or records
        at = header_at(records)
        width = len(records[at]) if records else 0
        alike = sum(len(cells) == width or len(_without_blanks(cells)) == width for cells in records[at:])
        return (round(alike / max(len(records) - at, 1), 1) if width > 1 else 0.0, width)

    return max(DELIMITERS, key=score)


def _records(lines: list[str], skip: int, delimiter: str) -> list[_Record]:
    """The first records after `skip` lines, however their quotes are."""
    reader = csv.reader(iter(lines[skip:]), delimiter=delimiter, skipinitialspace=True)
    records: list[_Record] = []
    before = skip
    try:
        for cells in itertools.islice(reader, _SAMPLE_RECORDS):
            records.append(_Record(before, skip + reader.line_num, cells))
            before = skip + reader.line_num
    except csv.Error:
        if not records:
            return [_Record(skip, skip + 1, lines[skip].split(delimiter))]
    return records


# Formulas of text -----------------------------------------------------------------------------------------------------

_TEXT_FORMULA = r'^\s*="((?:[^"]|"")*)"\s*$'


def text_of_formula(cell: str) -> str:
    """Return the text of a cell such as `="00045"`, by which spreadsheets keep zeros; any other cell as it is."""
    match = re.match(_TEXT_FORMULA, cell)
    return match[1].replace('""', '"') if match else cell


def without_text_formulas(frame: pl.LazyFrame, names: tuple[str, ...]) -> tuple[pl.LazyFrame, list[Issue]]:
    """Read cells such as `="00045"` as the text that a spreadsheet shows; returns what to report, too."""
    cells = pl.col(names)
    counts = frame.select(cells.str.contains(_TEXT_FORMULA).sum()).collect().row(0, named=True)
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return frame, []
    shown = ", ".join(f"'{name}' ({count:,})" for name, count in list(found.items())[:5])
    message = f'cells such as ="00045" are read as the text 00045: {shown}'
    text = cells.str.extract(_TEXT_FORMULA).str.replace_all('""', '"', literal=True)
    return frame.with_columns(text.fill_null(cells)), [Issue("text_formula", message, Severity.REPAIR)]


CSV = Format(formats.CSV, matches, open_delimited, write_csv)
