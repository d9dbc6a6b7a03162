"""What a format is, what it is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from schemas.errors import SourceError
from schemas.formats import FileFormat
from schemas.issues import Issue, Severity
from schemas.job_options.read_options import ReadOptions
from schemas.jobs import WriteOptions
from schemas.model.fields import Spec
from schemas.model.resource import Resource
from schemas.sources import NOTE, ROW, Opened

NOTHING = pl.LazyFrame(schema={ROW: pl.UInt32})
"""The frame of a source without records and columns."""

ABSENT = f"{NOTE} absent"
"""A column of the names, a line each, of the columns that a row does not have, as an object lacks a member.

An absent member leaves its field as it is stored, where an empty one empties it. Members of one that is absent are
not named.
"""

MOST_CELLS = 32_000_000
"""The most cells that one chunk of records makes; records that have few members of very many would fill the memory."""

MOST_NAMED = 1 << 30
"""The most bytes that the names of the members that each record of a chunk lacks may take."""

LONGEST_NAME = 1_000
"""The most characters of a column's name: names are compared with each other and with those of fields."""

Flatten = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Described:
    """The list of AWS that the records of a file are of, and the account that listed them."""

    key: str
    account: str


@dataclass(frozen=True)
class Source:
    """A file to open: where it is, what people call it, and what holds for it.

    `workdir` is a folder of the run's own for copies; `resource` is the type that the caller named. `emptied` says that
    a list, a sheet or a header without records is to be opened, where its type is known; it is refused otherwise.
    `constants` are those that the caller gave, by the field's name in plain spelling. `described` is known of a file
    that holds records of one list of AWS without the document around them.
    """

    path: Path
    name: str
    workdir: Path
    options: ReadOptions
    resource: Resource | None = None
    max_bytes: int = 10 << 30
    max_columns: int = 1_000
    max_cell: int = 100_000
    emptied: bool = False
    constants: Mapping[str, str] = field(default_factory=dict)
    described: Described | None = None

    @property
    def account(self) -> str | None:
        """The account whose view of AWS the file is, where the caller says it."""
        return self.described.account if self.described else self.constants.get("accountid")


@dataclass(frozen=True)
class Target:
    """A file to write: where it is, its columns by their header with the field each holds, and what to say of it.

    `name` and `title` are what a list and a sheet of its records are called. `columns` has None for the columns of
    lineage, which are text. `metadata` is empty unless the caller wants it. `workdir` is a folder of the run's own;
    `compress` writes gzip.
    """

    path: Path
    workdir: Path
    name: str
    title: str
    columns: dict[str, Spec | None]
    options: WriteOptions
    metadata: dict[str, Any]
    compress: bool = False


Frames = Iterator[pl.DataFrame]


@dataclass(frozen=True)
class Format:
    """How a format is recognised, read and written.

    `matches` takes the path and the first bytes of a file. `write` takes frames of typed columns, named as those of the
    target, and writes them as they come. A document may hold records of several types: `open_all` opens each of its
    parts, and `write_all` writes them, its targets having one path, metadata and options.
    """

    facts: FileFormat
    matches: Callable[[Path, bytes], bool]
    open: Callable[[Source], Opened]
    write: Callable[[Target, Frames], None] | None = None
    open_all: Callable[[Source], tuple[Opened, ...]] | None = None
    write_all: Callable[[Sequence[tuple[Target, Frames]]], None] | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.facts.name

    @property
    def title(self) -> str:
        """What it is called in sentences."""
        return self.facts.title

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Its suffixes of file names."""
        return self.facts.suffixes


def column_name(cell: str, number: int) -> str:
    """Return the name of a column; one that has none, or one that Polars takes for a pattern, bears its number."""
    name = " ".join(cell.split())
    if not name:
        return f"column {number}"
    is_pattern = name == "*" or (name.startswith("^") and name.endswith("$"))
    return f"{name} (column {number})" if is_pattern or name == ROW else name


def column_names(source: Source, cells: Sequence[str], row: int) -> tuple[tuple[str, ...], tuple[Issue, ...]]:
    """Return a distinct name for each header cell, and issues for those that had none or repeat another.

    Raises SourceError where there are more than are read.
    """
    refuse_width(source, len(cells))
    refuse_long_names(source, cells)
    names: dict[str, None] = {}
    copies: dict[str, int] = {}
    issues: list[Issue] = []
    for number, cell in enumerate(cells, start=1):
        name = wanted = column_name(cell, number)
        while name in names:
            copies[wanted] = copies.get(wanted, 1) + 1
            name = f"{wanted} ({copies[wanted]})"
        if name != wanted:
            message = f"row {row}: column {number} has the name '{wanted}' of an earlier one and is called '{name}'"
            issues.append(Issue("duplicate_header", message, Severity.WARNING, row=row, column=name))
        names[name] = None
    return tuple(names), tuple(issues)


def refuse_long_names(source: Source, names: Iterable[str]) -> None:
    """Refuse a source with a column whose name is no name; raises SourceError."""
    longest = max(map(len, names), default=0)
    if longest > LONGEST_NAME:
        raise SourceError(
            f"{source.name} has a column with a name of {longest:,} characters; names have at most "
            f"{LONGEST_NAME:,}. Is that the header?",
            length=longest,
            limit=LONGEST_NAME,
        )


def refuse_width(source: Source, columns: int) -> None:
    """Refuse a source of more columns than are read; raises SourceError."""
    if columns > source.max_columns:
        raise SourceError(
            f"{source.name} has {columns:,} columns; at most {source.max_columns:,} are read.",
            count=columns,
            limit=source.max_columns,
        )
