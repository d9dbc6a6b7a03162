"""What an import or an export is asked to do: the parameters that the command line, the facade and Prefect share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.choices import Empty, Missing, Mode, Moved, OnError, Overlap, Stale, Unknown
from schemas.filters import Filter
from schemas.permissions import Authority
from schemas.texts import Encoding, Options, ReadSeparator, WrittenSeparator


def _threshold(text: str) -> str:
    if not re.fullmatch(r"\d{1,18}|\d{1,2}(\.\d{1,9})?%|100%", text):
        raise ValueError("write a count, such as 100, or a percentage, such as 2.5%")
    return text


Threshold = Annotated[str, AfterValidator(_threshold)]
"""A count, such as 100, or a percentage, such as 2.5%."""


class SheetOptions(Options):
    """How one sheet of a workbook is read, where that is not to be inferred from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str | None = Field(None, description="The resource type of the sheet.")
    skip: bool = Field(False, description="Leave the sheet out.")
    header_row: int | None = Field(None, ge=1, description="The row that holds the column names.")
    mapping: dict[str, str] = Field(
        default_factory=dict, description="Source column → field; an empty field leaves the column out."
    )


class ReadOptions(Options):
    """How to read a source where that can't be told, or is told wrongly, from its content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str | None = Field(None, description="csv, json, ndjson, yaml, excel, parquet or terraform")
    encoding: Encoding | None = Field(None, description="such as utf-8, utf-16, cp1252")
    delimiter: ReadSeparator | None = Field(
        None, min_length=1, max_length=1, description="field separator, one character"
    )
    header_row: int | None = Field(None, ge=1, description="the row that holds the column names")
    no_header: bool = Field(False, description="there is no header: the columns are called column 1, column 2 …")
    columns: tuple[str, ...] = Field((), description="the names of the columns of a file without a header, in order")
    sheet: str | None = Field(None, description="the sheet of a workbook")
    sheets: dict[str, SheetOptions] = Field(
        default_factory=dict, description="what is known of sheets of a workbook; the others are inferred"
    )
    records: str | None = Field(None, description="the member of a JSON document that holds the list of records")
    null: tuple[str, ...] = Field((), description="words that stand for an empty cell, also in text")
    decimal_comma: bool = Field(False, description="whether decimals begin with a comma, and points group thousands")
    thousands: str | None = Field(None, pattern=r"^[.,' ]$", description="what groups thousands: one of . , ' or space")

    @model_validator(mode="after")
    def _one_header(self) -> Self:
        if self.header_row and self.without_header:
            raise ValueError("give header_row, or say that there is no header; not both")
        if self.sheet and self.sheets:
            raise ValueError("name the one sheet to read, or say what is known of several; not both")
        return self

    @property
    def without_header(self) -> bool:
        """Whether the first row is a record."""
        return self.no_header or bool(self.columns)


class LoadOptions(Options):
    """How records go into the CMDB, and what is done about what is wrong with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource_type: str | None = Field(
        None, description="Such as vpc or transit-gateway; found out from the source when it leaves no doubt."
    )
    mode: Mode = Field(Mode.UPSERT, description="Create new records, update known ones, both, or sync: see missing.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Source column → field; an empty field leaves the column out."
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="Field → the value of rows that have none; with ! at its end, of every row."
    )
    mapping: str | None = Field(None, description="The saved mapping to use.")
    save_mapping: str | None = Field(None, description="Save the mapping that was used under this name.")
    unknown: Unknown = Field(Unknown.WARN, description="What to do about columns that fit no field.")
    on_error: OnError = Field(
        OnError.CONTINUE, description="Load the sound rows and leave out the others, or load nothing."
    )
    max_errors: Threshold | None = Field(
        None, description="Load nothing when more rows than this are rejected: a count, or a percentage such as 2.5%."
    )
    empty: Empty = Field(Empty.CLEAR, description="Whether an empty cell clears a stored value or keeps it.")
    stale: Stale = Field(
        Stale.REFUSE,
        description="Whether records that were changed since the file was exported with its lineage are written over.",
    )
    missing: Missing = Field(
        Missing.RETIRE,
        description="What mode sync does about records that the source no longer has, within the constants.",
    )
    max_delete: Threshold | None = Field(
        "20%",
        description="Hold a sync back that would take away more records than this: a count, or a share of those there.",
    )
    max_update: Threshold | None = Field(
        None,
        description="Hold a sync back that would update more than this: a count, or a share of the records there.",
    )
    create_missing: tuple[str, ...] = Field(
        (), description="Resource types: records that do not exist are created where rows refer to them."
    )
    without_rules: tuple[str, ...] = Field((), description="Rules of your own that are not asked this time.")
    dry_run: bool = Field(False, description="Find out what would be done, and do nothing.")
    keep_plan: bool = Field(False, description="Keep the plan of a dry run, so that exactly it can be applied.")
    read: ReadOptions = Field(default_factory=ReadOptions, description="How to read the source.")
    batch_size: int | None = Field(None, ge=1_000, le=1_000_000, description="Rows that are validated at once.")
    requested_by: str | None = Field(None, max_length=255, description="Who asks, for the ledger.")
    authority: Authority = Field(default_factory=Authority, description="What whoever asks may do.")

    @model_validator(mode="after")
    def _may_create(self) -> Self:
        if self.create_missing and self.mode is Mode.UPDATE:
            raise ValueError("mode update creates no records: leave create_missing out, or use mode upsert")
        return self

    def too_many(self, rejected: int, read: int) -> str | None:
        """Say why nothing may be loaded, when too many rows are rejected."""
        if not rejected:
            return None
        if self.on_error is OnError.ABORT:
            return f"{rejected:,} of {read:,} rows are rejected, and the import was to load all or nothing."
        if self.max_errors is None or within(self.max_errors, rejected, read):
            return None
        return f"{rejected:,} of {read:,} rows are rejected, more than the {self.max_errors} that are allowed."

    def held_back(self, updated: int, taken: int, there: int) -> str | None:
        """Say why a sync must wait for a yes: it would update, or take away, too many of the records in its scope."""
        if self.mode is not Mode.SYNC:
            return None
        for what, most, count in (("take away", self.max_delete, taken), ("update", self.max_update, updated)):
            if most is not None and not (within(most, count, there) or _is_one_of_few(most, count, there)):
                return f"It would {what} {count:,} of {there:,} records, more than the {most} that are allowed."
        return None


def within(limit: str, count: int, whole: int) -> bool:
    """Say whether a count keeps to a limit, which is a count or a percentage of the whole."""
    return count <= (whole * float(limit[:-1]) / 100 if limit.endswith("%") else int(limit))


def _is_one_of_few(limit: str, count: int, whole: int) -> bool:
    """Say whether a count is one record of several, of which a percentage would allow less than one.

    Otherwise every change of a small scope would have to be approved. The last record is not one of several.
    """
    return count == 1 < whole and limit.endswith("%") and float(limit[:-1]) > 0


class ImportJob(LoadOptions):
    """One import: a file, where its records go, and what to do about what is wrong with it."""

    path: Path = Field(description="The file to import, on a disk that the run can read.")
    name: str | None = Field(None, description="What the source is called in reports; the file's name unless given.")

    @property
    def source(self) -> str:
        """What the source is called."""
        return self.name or self.path.name

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(
            mode="json", exclude={"path", "name", "requested_by", "authority"}, exclude_defaults=True
        )


class SyncJob(LoadOptions):
    """One sync: a source that is read each time, and what is done about what it no longer has."""

    url: str = Field(description="Where the records are: file, https, s3, aws, postgresql, netbox and others.")
    name: str | None = Field(None, max_length=255, description="What the sync is called; its source unless given.")
    types: tuple[str, ...] = Field(
        (), description="Which resource types, where the source has several; all unless given."
    )
    credentials: str | None = Field(
        None, description="The name of a secret: CMDB_SECRET_NAME in the environment, or a block of Prefect."
    )
    always: bool = Field(False, description="Read and plan also where the source says that it is as it was.")
    notify: str | None = Field(None, description="The name of a secret that holds the address of a webhook to tell.")
    overlap: Overlap = Field(
        Overlap.REFUSE,
        description="What to do when another run of this sync is under way: do nothing, or wait for its end (queue).",
    )
    mode: Mode = Field(Mode.SYNC, description="Create new records, update known ones, both, or sync: see missing.")

    @property
    def source(self) -> str:
        """What the sync is called."""
        return self.name or self.url.partition("?")[0]

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(mode="json", exclude={"name", "requested_by", "authority"}, exclude_defaults=True)


class ApplyJob(Options):
    """One frozen plan to apply: that of a preview, or of a sync that was held back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: UUID = Field(description="The run whose plan it is.")
    hash: str | None = Field(None, description="The plan's hash; another one is refused.")
    moved: Moved = Field(
        Moved.REFUSE, description="What to do when records moved since: refuse, skip them, or plan them again (rebase)."
    )
    requested_by: str | None = Field(None, max_length=255, description="Who asks, for the ledger.")

    @property
    def source(self) -> str:
        """What the run is called in reports."""
        return f"plan {str(self.plan)[:8]}"

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(mode="json", exclude={"plan", "requested_by"}, exclude_defaults=True)


class UndoJob(Options):
    """One undo: the run to take back, and what to do about what was edited since or is referred to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: UUID = Field(description="The run to take back.")
    force: bool = Field(False, description="Take back what was edited since or is referred to, too.")
    dry_run: bool = Field(False, description="Find out what would be done, and do nothing.")
    requested_by: str | None = Field(None, max_length=255, description="Who asks, for the ledger.")

    @property
    def source(self) -> str:
        """What the run is called in reports."""
        return f"undo of {str(self.run)[:8]}"

    @property
    def mode(self) -> Mode:
        """An undo may create, update and delete."""
        return Mode.UPSERT

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(mode="json", exclude={"run", "requested_by"}, exclude_defaults=True)


class WriteOptions(BaseModel):
    """How to write a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: WrittenSeparator = Field(",", description="What stands between the fields of a CSV file.")
    bom: bool = Field(False, description="Begin a CSV file with a byte order mark, by which Excel knows UTF-8.")
    guard: bool = Field(
        True, description="Write text that a spreadsheet would run as a formula with an apostrophe before it."
    )


class ExportJob(Options):
    """One export: which records and fields of a type, of several or of all, and the file they go to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource_type: str | None = Field(None, description="Such as vpc or transit-gateway.")
    resource_types: tuple[str, ...] = Field(
        (), description="Several types: a sheet of a workbook, or a list of a JSON document, for each that has records."
    )
    all_types: bool = Field(False, description="All types, in the same way.")
    path: Path = Field(description="The file to write, on a disk that the run can write to.")
    format: str | None = Field(None, description="csv, json, ndjson, excel or parquet; told by the file's name.")
    where: Filter | None = Field(None, description="Which records; all unless given.")
    fields: tuple[str, ...] = Field((), description="Which fields, in which order; all unless given.")
    titles: bool | None = Field(
        None, description="Name the columns by the fields' titles, or by their names; titles in a workbook only."
    )
    mapping: str | None = Field(None, description="A saved mapping, in reverse: its columns, for the fields they fill.")
    sort: tuple[str, ...] = Field((), description="Fields to sort by, each with - before it for the reverse.")
    limit: int | None = Field(None, ge=1, description="At most so many records.")
    since: str | None = Field(None, description="Records that were changed at that time or later: 2026-11-24, or 7d.")
    until: str | None = Field(None, description="Records that were last changed at that time or before.")
    as_of: str | None = Field(
        None, description="The records as they were at that time: 2026-11-24T08:30Z, or 7d; of a day, at its beginning."
    )
    metadata: bool = Field(False, description="Say in the file who exported what, when, and by which filter.")
    lineage: bool = Field(False, description="Add when and by which run each record was created and last changed.")
    retired: bool = Field(False, description="Retired records, too: those that their source no longer has.")
    write: WriteOptions = Field(default_factory=WriteOptions, description="How to write the file.")
    requested_by: str | None = Field(None, max_length=255, description="Who asks.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.resource_type is not None) + bool(self.resource_types) + self.all_types != 1:
            raise ValueError("name one type, or several, or ask for all of them")
        return self

    @property
    def several(self) -> bool:
        """Whether the file is a document of several types."""
        return self.all_types or len(self.resource_types) > 1

    @property
    def what(self) -> str:
        """What is exported, in a few words."""
        return "all types" if self.all_types else self.resource_type or ", ".join(self.resource_types)
