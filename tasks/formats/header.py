"""Which row of a table holds the names of its columns, and whether a first row is a record instead.

A table of people begins with a title, an empty row, a comment; one of a program may have no header at all. A header is
known by names that some type has for its fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import polars as pl

from schemas.errors import SourceError
from schemas.issues import Issue, Severity
from schemas.language.remedies import option
from schemas.language.spelling import plain
from schemas.language.wording import some_of
from schemas.resources import RESOURCES
from schemas.sources import NOTE

TOP = 50
"""A header is looked for in so many rows."""

OUR_NOTES = ("", "row", "reason", "note", "resource", "untouched")
"""What follows `#` in the names of columns that are notes of our own files."""

# What stands in a record and is no column's name: an address or a block, a MAC address, an id of AWS, an ARN, a UUID.
_VALUE = re.compile(
    r"(?:\d{1,3}(?:\.\d{1,3}){3}|(?=.*[0-9a-f])(?=.*:.*:)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7})(?:/\d{1,3})?"
    r"|[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}"
    r"|[a-z]{1,12}(?:-[a-z]{1,12}){0,3}-(?=[a-f]*\d)(?:[0-9a-f]{8}|[0-9a-f]{17})"
    r"|arn:aws[\w-]*:.*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
# What may stand in a header too, such as years: a number, a date, a time, a region or a zone.
_MAYBE_VALUE = re.compile(
    r"[-+]?\d+(?:[.,]\d+)*%?|\d{4}-\d\d-\d\d.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}|[a-z]{2}(?:-[a-z]+){1,2}-\d[a-z]?",
    re.IGNORECASE,
)

_SHOWN = 40


def header_at(rows: Sequence[Sequence[str]]) -> int:
    """Return the index of the header: the first row, but for titles before one that names fields and is wider.

    Rows that are empty, or begin with `#`, are passed over.
    """
    top = rows[:TOP]
    filled = [_filled_cell_count(row) for row in top]
    widest = max(filled, default=0)
    first = next((index for index, count in enumerate(filled) if count), 0)
    if not top or filled[first] > widest / 2:
        return first
    named = names_fields(top[first])
    later = (index for index in range(first + 1, len(top)) if filled[index] > widest / 2)
    return next((index for index in later if filled[index] > 1 and names_fields(top[index]) > named), first)


def widest_at(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the index of the first row about as wide as the widest, or of one before it that names more fields."""
    top = rows[:TOP]
    filled = [_filled_cell_count(row) for row in top]
    widest = max(filled, default=0)
    if not widest:
        return None
    wide = next(index for index, count in enumerate(filled) if count > widest / 2)
    before = max(range(wide + 1), key=lambda index: names_fields(top[index]) if filled[index] > 1 else 0)
    return before if names_fields(top[before]) > names_fields(top[wide]) else wide


def _filled_cell_count(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row) if row and not row[0].startswith(NOTE) else 0


def names_fields(cells: Sequence[str]) -> int:
    """Return how many cells are names that some type has for a field."""
    return sum(is_field_name(cell) for cell in cells)


def is_field_name(cell: str) -> bool:
    """Say whether a cell is the name of a field of some type, or that of a member of one, such as `site.name`."""
    parts = [cell, *re.split(r"[.:]", cell)]
    return any(plain(part) in _field_spellings() for part in parts if len(part) <= 80)


def is_number_name(cell: str) -> bool:
    """Say whether a cell is the name of a field that holds a number, in every type that has one of this name."""
    return plain(cell) in _number_names()


@cache
def _number_names() -> frozenset[str]:
    numbers: set[str] = set()
    others: set[str] = set()
    for resource in RESOURCES.values():
        for name, spellings in resource.spellings.items():
            dtype = resource.fields[name].kind.dtype
            (numbers if dtype in (pl.Int64, pl.Float64) else others).update(*spellings)
    return frozenset(numbers - others)


@cache
def _field_spellings() -> frozenset[str]:
    names: set[str] = set()
    for resource in RESOURCES.values():
        own = set().union(*(spelt for pair in resource.spellings.values() for spelt in pair))
        names |= own | {plain(resource.type) + name for name in own}
    return frozenset(names - {""})


def looks_like_a_record(cells: Sequence[str], *, surely: bool = False) -> bool:
    """Say whether a row is no header: it holds an address or an id, or a number where no name of a field is.

    With `surely`, a number is not enough: a sheet of notes may hold one.
    """
    texts = [cell.strip() for cell in cells if cell.strip()]
    if any(_VALUE.fullmatch(text) for text in texts):
        return True
    return not surely and not names_fields(texts) and any(_MAYBE_VALUE.fullmatch(text) for text in texts)


def refuse_a_record(name: str, where: str, row: int, cells: Sequence[str], *, surely: bool = False) -> None:
    """Raise SourceError where the row that should hold the header looks like a record."""
    if not looks_like_a_record(cells, surely=surely):
        return
    shown = ", ".join(f"'{cell.strip()[:_SHOWN]}'" for cell in cells[:4])
    raise SourceError(
        f"{name}: {where} {row} looks like a record, not a header: {shown}. If the file has no header, use "
        f"{option('read.no_header')}, or name the columns with {option('read.columns')}. "
        f"If {where} {row} is the header, use {option('read.header_row', str(row))}.",
        row=row,
    )


def titles_notice(where: str, rows: Sequence[tuple[int, str]], sheet: str | None = None) -> list[Issue]:
    """Return what to report of rows before the header; `rows` are their numbers and texts."""
    if not rows:
        return []
    shown = some_of([f"{where} {number}: '{text[:_SHOWN]}'" for number, text in rows], separator="; ")
    of = f"sheet '{sheet}': " if sheet else ""
    return [Issue("title", f"{of}titles before the header are left out: {shown}", Severity.WARNING)]


def numbered(count: int) -> tuple[str, ...]:
    """Return the names of the columns of a table without a header: `column 1` and so on."""
    return tuple(f"column {number}" for number in range(1, count + 1))


def column_list(name: str, columns: Sequence[str], width: int) -> tuple[str, ...]:
    """Return the names of the columns of a table without a header, as given or numbered; raises SourceError."""
    if columns and len(columns) != width:
        given = f"{option('read.columns')} names {len(columns)}"
        raise SourceError(f"{name} has {width} columns, and {given}: name each of them.", count=width)
    return tuple(columns) or numbered(width)
