"""What the steps of a run hand on, and what a person reads at its end: frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import polars as pl

ROW = "__row__"
"""The column of a record's row number, as a spreadsheet shows it (JSON and Parquet: the record's number from 1)."""


LEFT_OUT = "left_out"
"""The rule of a notice that names what of a document is not read."""


NOT_WHOLE = "not_whole"
"""The rule of a warning that a sync takes nothing of a type away, since its source may lack records of it."""


class Severity(StrEnum):
    """How much an issue matters: an error rejects its row, a warning and a repair do not."""

    ERROR = "error"
    WARNING = "warning"
    REPAIR = "repair"


class Mode(StrEnum):
    """What an import may do with a record: create new ones, update known ones, both, or also take away missing ones."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"
    SYNC = "sync"


class OnError(StrEnum):
    """What rejected rows do to the others: they are left out, or nothing is loaded."""

    CONTINUE = "continue"
    ABORT = "abort"


class Empty(StrEnum):
    """What an empty cell does to a stored value: clears it, or keeps it."""

    CLEAR = "clear"
    KEEP = "keep"


class Stale(StrEnum):
    """What is done about a record that was changed since the file was exported: it is left alone, or written over."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"


class Missing(StrEnum):
    """What a sync does about a record that its source no longer has: nothing, set it aside, or delete it."""

    IGNORE = "ignore"
    RETIRE = "retire"
    DELETE = "delete"


class Overlap(StrEnum):
    """What a sync does that begins while another run of it is under way: it does nothing, or waits for its turn."""

    REFUSE = "refuse"
    QUEUE = "queue"


class Moved(StrEnum):
    """What applying a plan does about records that moved since: nothing at all, leave them out, or plan again."""

    REFUSE = "refuse"
    SKIP = "skip"
    REBASE = "rebase"


class Unknown(StrEnum):
    """What is done about a source column that fits no field."""

    IGNORE = "ignore"
    WARN = "warn"
    REFUSE = "refuse"


class Status(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ISSUE_SCHEMA: dict[str, pl.DataType] = {
    "row": pl.UInt32(),
    "column": pl.String(),
    "field": pl.String(),
    "value": pl.String(),
    "rule": pl.String(),
    "severity": pl.String(),
    "message": pl.String(),
    "suggestion": pl.String(),
}
"""The shape of a frame of issues: one per failed rule and cell; `row` is null for what concerns the whole source."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to tell about a cell, a row or the whole source; the fields are those of `ISSUE_SCHEMA`.

    `part` says which of the types of a run it concerns, from 0.
    """

    rule: str
    message: str
    severity: Severity = Severity.ERROR
    row: int | None = None
    column: str | None = None
    field: str | None = None
    value: str | None = None
    suggestion: str | None = None
    part: int = 0


def issues_frame(issues: list[Issue] | tuple[Issue, ...] = ()) -> pl.DataFrame:
    """A frame of `ISSUE_SCHEMA` from issues."""
    return pl.DataFrame(
        {name: [getattr(issue, name) for issue in issues] for name in ISSUE_SCHEMA}, schema=ISSUE_SCHEMA
    )


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
    tells it by itself, as an AWS document does. `metadata` is what an exported file says of itself. `gaps` say why
    records of its type may be missing from it, such as a page that has a next one: they are reported as warnings, and
    a sync retires nothing of that type. `given` is the caller's mapping for this part, column → field, where it is
    not that of all parts. `failed` says why a part of a document could not be read: it has no columns then. `sheets`
    has the sheets of a workbook that are read as this part and, in the first part, those that are not read.
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
        """What the report tells of the source."""
        found = {item.name: getattr(self, item.name) for item in fields(Origin) if item.name != "samples"}
        return Origin(**found | {"sheets": tuple(sorted(self.sheets.values(), key=lambda sheet: sheet.number))})

    def rows(self, numbers: pl.Series) -> pl.LazyFrame:
        """Return the rows of these numbers as they stand in the source."""
        return self.frame.filter(pl.col(ROW).is_in(numbers.implode()))


@dataclass(frozen=True, slots=True)
class Match:
    """One source column and the field that it fills.

    `how` is exact, title, alias, spelling or values (what its cells look like), or else saved or given.
    """

    column: str
    field: str
    confidence: float
    how: str


class Measure(StrEnum):
    """What a second column says of the block that begins at the address in a first one."""

    MASK = "mask"
    END = "end"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Join:
    """A column that is read together with the one that fills `field`: what it says of the block."""

    field: str
    column: str
    measure: Measure


def constant(text: str) -> tuple[str, bool]:
    """Return the value of a constant as a caller writes it, and whether it overrides the source's own: `value!` does.

    A value that ends in exclamation marks is written with each of them twice.
    """
    bare = text.rstrip("!")
    signs = len(text) - len(bare)
    return bare + "!" * (signs // 2), signs % 2 == 1


@dataclass(frozen=True)
class Mapping:
    """How the columns of a source fill the fields of a type; `secret` columns are never read nor kept.

    A constant fills the empty cells of a field; where the field is among `overrides`, every cell. `joins` are columns
    that are read together with another. `seen` is the column that tells when each record had been changed last as the
    file was exported.
    """

    matches: tuple[Match, ...]
    constants: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    seen: str | None = None
    overrides: tuple[str, ...] = ()
    joins: tuple[Join, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that this import fills, from a column, a constant or both."""
        return tuple(dict.fromkeys((*(match.field for match in self.matches), *self.constants)))

    @property
    def given_constants(self) -> dict[str, str]:
        """The constants as a caller writes them: see `constant`."""
        signs = {name: value[len(value.rstrip("!")) :] for name, value in self.constants.items()}
        return {name: f"{value}{signs[name]}{'!' * (name in self.overrides)}" for name, value in self.constants.items()}

    def column_of(self, name: str) -> str | None:
        """The source column that fills field `name`; None for a constant."""
        return next((match.column for match in self.matches if match.field == name), None)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records were read, and what became of them: `read` = create + update + unchanged + rejected.

    A sync takes away records besides that its source no longer has: `delete` and `retire`; an undo reads what it
    deletes.
    """

    read: int = 0
    create: int = 0
    update: int = 0
    unchanged: int = 0
    rejected: int = 0
    warnings: int = 0
    repairs: int = 0
    delete: int = 0
    retire: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Those of two types together."""
        return Counts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(Counts)))


@dataclass(frozen=True, slots=True)
class Change:
    """One record of a plan: its key, what would be done, and the fields that differ, before → after."""

    key: str
    action: str
    row: int | None
    fields: dict[str, tuple[Any, Any]]
    resource_type: str = ""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule failed."""

    rule: str
    severity: Severity
    count: int


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


@dataclass(frozen=True)
class PartReport:
    """What a run of several types did with one of them."""

    resource_type: str
    source: str
    counts: Counts
    mapping: Mapping | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class FrozenPlan:
    """A frozen plan: what is staged, kept until `until`, and the hash by which it is known to be the same.

    `applied` is the run that applied it, after which it is kept no longer.
    """

    hash: str
    until: datetime | None
    applied: str | None = None


@dataclass(frozen=True)
class Report:
    """What a run did, for people and for scripts; a dry run's tells what it would have done, with sample records."""

    run_id: str
    status: Status
    resource_type: str
    source: str
    mode: Mode
    dry_run: bool
    counts: Counts
    duration: float
    message: str | None = None
    mapping: Mapping | None = None
    rules: tuple[RuleCount, ...] = ()
    issues: tuple[Issue, ...] = ()
    changes: tuple[Change, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    notices: tuple[Issue, ...] = ()
    origin: Origin | None = None
    repeats: str | None = None
    started: datetime | None = None
    requested_by: str | None = None
    undoes: str | None = None
    applies: str | None = None
    parts: tuple[PartReport, ...] = ()
    plan: FrozenPlan | None = None
    sync: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Exported:
    """What an export wrote; `unfit` counts the stored values that the type's rules of today would reject.

    A document of several types has no `resource_type` and no `columns` of one, but `types`: the records of each.
    """

    run_id: str
    resource_type: str | None
    path: Path
    format: str
    columns: tuple[str, ...]
    records: int
    size: int
    duration: float
    unfit: tuple[tuple[str, str, int], ...] = ()
    types: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What was exported, in a few words."""
        return self.resource_type or f"{len(self.types)} types"


class Progress(Protocol):
    """Whoever is told how far a run is."""

    def __call__(self, phase: str, done: int, total: int | None, rejected: int = 0) -> None:
        """Take the phase, the records done, those in all where that is known, and how many are rejected so far."""


def silent(phase: str, done: int, total: int | None, rejected: int = 0) -> None:
    """Progress that nobody watches."""
