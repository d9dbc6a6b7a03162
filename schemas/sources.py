"""A source that a format has opened: its records, its sheets, its columns of notes and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import polars as pl

from schemas.issues import Issue, issues_frame

ROW = "__row__"
"""The column of a record's row number, as a spreadsheet shows it (JSON and Parquet: the record's number from 1)."""

NOTE = "#"
"""What the name of a column begins with that holds notes and no data."""

ABOUT_NOTE = "# about"
"""A column of notes that an import heeds: what the file says of itself, as a JSON object in any of its cells."""

UNTOUCHED = "# untouched"
"""A column of notes that an import heeds: the fields, separated by commas, that a row leaves as they are stored.

A view that cannot know a field writes it, such as a Terraform state whose routes are resources of their own.
"""

MERGED = "# merged"
"""A column of notes that an import heeds: the fields, separated by commas, that a row knows in part, and how.

`routes=add`: its items are added to those stored. `routes=whole`: they take the place of those stored, but for what
such a source cannot know; `rules=whole:ingress` of one direction. `name=fill`: its value counts where none is stored;
`vpc_id=fill:subnet_id`, and where it has none, that of the stored record that `subnet_id` names.
A new record has what the row holds.
"""

EXAMPLE = "example"
"""What a template's example rows hold in their column of notes; an import leaves such rows out."""


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook: its type, None where that is the type of the whole source, "" where it is not read.

    `number` is its place in the workbook. Each column has the field that it fills, "" for none, and None where that is
    what the mapping of its type says.
    """

    name: str
    number: int
    type: str | None = ""
    columns: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A source that a format has opened: its records as lazy text columns, and what was found on the way.

    `frame` has `ROW` (UInt32) and then `columns`, all String; an absent value is null or "". It may be collected many
    times. `faults` (`ISSUE_SCHEMA`) are records that can't be read rightly: an error rejects its row, a warning
    leaves it out (a repeated header). `notices` concern the whole source. `resource_type` is known where the source
    declares it, as an AWS document does. `metadata` is what an exported file says of itself. `gaps` say why
    records of its type may be missing from it, such as a page that has a next one: they are reported as warnings, and
    a sync retires nothing of that type. `given` is the caller's mapping for this part, column → field, where it is
    not that of all parts. `failed` says why a part of a document could not be read: it has no columns then. `sheets`
    has the sheets of a workbook that are read as this part and, in the first part, those that are not read. `cuts` are
    the numbers of the rows from which on the source can be read by itself, in order; None where it is read as a whole
    only.
    """

    frame: pl.LazyFrame
    columns: tuple[str, ...]
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    document: str | None = None
    records: int | None = None
    resource_type: str | None = None
    faults: pl.DataFrame = field(default_factory=issues_frame)
    notices: tuple[Issue, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    gaps: tuple[Issue, ...] = ()
    given: dict[str, str] | None = None
    failed: str | None = None
    sheets: dict[str, Sheet] = field(default_factory=dict)
    cuts: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Extracted(Opened):
    """An opened source and the file that it is."""

    path: Path
    name: str
    format: str
    size: int
    sha256: str

    @property
    def origin(self) -> Origin:
        """What the report says of the source."""
        found = {item.name: getattr(self, item.name) for item in fields(Origin) if item.name != "samples"}
        return Origin(**found | {"sheets": tuple(sorted(self.sheets.values(), key=lambda sheet: sheet.number))})

    def rows(self, numbers: pl.Series) -> pl.LazyFrame:
        """Return the rows of these numbers as they stand in the source."""
        return self.frame.filter(pl.col(ROW).is_in(numbers.implode()))

    def between(self, first: int, last: int | None) -> Extracted:
        """Return the source with the rows from `first` to `last` alone, or to its end."""
        row, of_fault = pl.col(ROW) >= first, pl.col("row") >= first
        if last is not None:
            row, of_fault = pl.col(ROW).is_between(first, last), pl.col("row").is_between(first, last)
        return replace(self, frame=self.frame.filter(row), faults=self.faults.filter(of_fault))


@dataclass(frozen=True)
class Origin:
    """What was found out about a source: how it was read, its columns and, where known beforehand, its records.

    `samples` has a few values of each column, of a dry run; `sheets` are those of a workbook, in its order.
    """

    format: str
    columns: tuple[str, ...]
    size: int
    sha256: str
    records: int | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    document: str | None = None
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sheets: tuple[Sheet, ...] = ()
