"""The census of delimited text: how many records it has, and which of them can't be read rightly.

Polars pads a short line, cuts a long one and stops at text after a closing quote, without a word. So every line is held
against one regular expression first: exactly as many fields as the header, each without a quote or quoted throughout.
Only where quotes do not pair up within a line is the file read with the csv module, into a copy without doubts.
"""

from __future__ import annotations

import re

import polars as pl

from schemas.issues import ISSUE_SCHEMA, Severity, issues_frame
from schemas.sources import NOTE, ROW
from tasks.formats.base import Source
from tasks.formats.chunked import Starts
from tasks.formats.csv.chunks import Chunks, start_after
from tasks.formats.csv.record_census import census_by_record
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
    scan,
    spare_notice,
    too_long,
)
from tasks.formats.encoding import Text

# A text holds no NUL, which `as_text` sees to: it lets a line be scanned as one column.
_NO_SEPARATOR = "\0"

# A regular expression of more fields is too large to compile.
_MAX_FIELDS = 500


def census(source: Source, text: Text, shape: Shape) -> Census:
    """Count the records and find those that can't be read rightly, in one vectorised pass where that is possible."""
    if len(shape.cells) > _MAX_FIELDS:
        return census_by_record(source, text, shape, hashes=False)
    lines = Chunks(
        text.path,
        (start_after(text.path, shape.lines, shape.header_row + 1),),
        ("line",),
        {"separator": _NO_SEPARATOR, "quote_char": None},
    )
    odd = _odd_lines(lines.frame, shape, text.quotes, source.max_cell).filter(~pl.col("blank"))
    starts, records = lines.counted
    # Where every record begins with "#", it is data.
    hashes = odd["comment"].sum() == records > 0
    if odd["strange"].any():
        return census_by_record(source, text, shape, hashes=hashes)
    comments = odd.clear() if hashes else odd.filter("comment")
    odd = odd if hashes else odd.filter(~pl.col("comment"))
    found = [
        _comment_faults(comments, shape),
        _repeated_headers(odd),
        _ragged_lines(odd, shape),
        _long_cells(source, text, shape, starts, odd),
    ]
    faults = pl.concat(found).unique("row", keep="first", maintain_order=True).sort("row")
    return Census(text.path, starts, records, faults, tuple(spare_notice(_with_spare(odd, shape))), each_line=True)


def _odd_lines(lines: pl.LazyFrame, shape: Shape, quotes: bool, longest: int) -> pl.DataFrame:
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
        text=pl.when(~harmless).then(line.str.slice(0, MAX_SHOWN)),
    ).collect()


def _is_spare(fields: pl.Expr, spare: pl.Expr, shape: Shape) -> pl.Expr:
    """Whether a line of another width than the header's lacks nothing, or has nothing more."""
    return (
        pl.when(fields > len(shape.cells))
        .then(fields - spare <= len(shape.cells))
        .otherwise(fields >= named_columns(shape))
    )


def _with_spare(odd: pl.DataFrame, shape: Shape) -> pl.Series:
    """The rows that have more fields than the header, all of them empty."""
    more = pl.col("fields") > len(shape.cells) + shape.spare
    return odd.filter(more & _is_spare(pl.col("fields"), pl.col("spare"), shape))[ROW]


def _comment_faults(odd: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """Comments among the records; what may be a record as well, is rejected with both readings."""
    fits = (pl.col("fields") == len(shape.cells)) | _is_spare(pl.col("fields"), pl.col("spare"), shape)
    clear = ~fits | pl.col("text").str.contains(COMMENT)
    left_out = _line_faults(odd.filter(clear), "comment", pl.format(COMMENT_LEFT_OUT, ROW), Severity.WARNING)
    return pl.concat([left_out, _line_faults(odd.filter(~clear), "comment", pl.format(UNCLEAR_COMMENT, ROW))])


def _repeated_headers(odd: pl.DataFrame) -> pl.DataFrame:
    message = pl.format("row {} repeats the header and is left out", ROW)
    return _line_faults(odd.filter("header"), "repeated_header", message, Severity.WARNING)


def _ragged_lines(odd: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    wanted = len(shape.cells)
    hint = pl.when(pl.col("fields") > wanted).then(pl.lit(TOO_MANY_FIELDS)).otherwise(pl.lit(TOO_FEW_FIELDS))
    # A line of the file is a row here; only "sep=", which a spreadsheet hides, is one more.
    line = pl.col(ROW) + (shape.lines - shape.header_row)
    message = pl.format("line {} has {} fields where the header has {}: {}", line, "fields", pl.lit(wanted), hint)
    sound = (pl.col("fields") == wanted) | _is_spare(pl.col("fields"), pl.col("spare"), shape)
    return _line_faults(odd.filter(~sound), "ragged", message)


def _long_cells(source: Source, text: Text, shape: Shape, starts: Starts, odd: pl.DataFrame) -> pl.DataFrame:
    rows = odd.filter("long")[ROW]
    if rows.is_empty():
        return issues_frame()
    names = tuple(str(number) for number in range(len(shape.cells)))
    size = pl.max_horizontal(pl.col(name).str.len_chars() for name in names)
    records = scan(text.path, shape, starts, names).filter(pl.col(ROW).is_in(rows.implode()))
    found = records.select(ROW, size=size).filter(pl.col("size") > source.max_cell).collect()
    return issues_frame([too_long(row, size, source.max_cell) for row, size in found.iter_rows()])


def _line_faults(odd: pl.DataFrame, rule: str, message: pl.Expr, severity: Severity = Severity.ERROR) -> pl.DataFrame:
    columns = {"rule": pl.lit(rule), "severity": pl.lit(str(severity)), "message": message}
    frame = odd.select(row=pl.col(ROW), value=pl.col("text"), **columns)
    missing = {name: pl.lit(None, dtype) for name, dtype in ISSUE_SCHEMA.items() if name not in frame.columns}
    return frame.with_columns(**missing).select(*(pl.col(name).cast(dtype) for name, dtype in ISSUE_SCHEMA.items()))
