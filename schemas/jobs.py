"""What an import or an export is asked to do: the parameters that the command line, the facade and Prefect share."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.access.permissions import Authority
from schemas.formats import WRITTEN_NAMES
from schemas.job_options.choices import Drift, Empty, Missing, Mode, OnError, Overlap, Stale, Unknown
from schemas.job_options.filters import Filter
from schemas.job_options.options import Group, Internal, Option
from schemas.job_options.read_options import ReadOptions
from schemas.language.texts import FilePath, Options, WrittenSeparator


def _threshold(text: str) -> str:
    if not re.fullmatch(r"\d{1,18}|\d{1,2}(\.\d{1,9})?%|100%", text):
        raise ValueError("write a count, such as 100, or a percentage, such as 2.5%")
    return text


Threshold = Annotated[str, AfterValidator(_threshold)]
"""A count, such as 100, or a percentage, such as 2.5%."""


class LoadOptions(Options):
    """How records go into the CMDB, and what is done about what is wrong with them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource_type: Annotated[str | None, Option(Group.LOADING, flag="type", short="t")] = Field(
        None, title="Type of the records", description="Resource type. Default: detected.", examples=["vpc"]
    )
    mode: Annotated[Mode, Option(Group.LOADING)] = Field(
        Mode.UPSERT,
        title="Import mode",
        description="Create, update, both (upsert), or sync: also retire or delete records missing from the source.",
    )
    columns: Annotated[
        dict[str, str], Option(Group.MAPPING, flag="map", short="m", value="COLUMN=FIELD", member="mapping")
    ] = Field(
        default_factory=dict,
        title="Mapping",
        description="Map a column to a field; an empty field skips the column.",
        examples=[{"VPC": "vpc_id"}],
    )
    constants: Annotated[dict[str, str], Option(Group.MAPPING, flag="set", short="s", value="FIELD=VALUE")] = Field(
        default_factory=dict,
        title="Constants",
        description="Value for empty cells of a field; VALUE! for all rows.",
        examples=[{"region": "us-east-1"}],
    )
    mapping: Annotated[str | None, Option(Group.MAPPING, value="NAME", member="saved_mapping")] = Field(
        None, title="Saved mapping", max_length=255, description="Use a saved mapping."
    )
    save_mapping: Annotated[str | None, Option(Group.MAPPING, value="NAME")] = Field(
        None,
        title="Save the mapping",
        max_length=255,
        description="Save the mapping under a name; a dry run saves nothing.",
    )
    unknown: Annotated[Unknown, Option(Group.MAPPING)] = Field(
        Unknown.WARN, title="Unknown columns", description="How to treat columns that match no field."
    )
    on_error: Annotated[OnError, Option(Group.LOADING)] = Field(
        OnError.CONTINUE, title="Rejected rows", description="Skip rejected rows, or load nothing."
    )
    max_errors: Annotated[Threshold | None, Option(Group.LOADING, value="N|P%")] = Field(
        None,
        title="Limit of rejected rows",
        description="Abort if more rows than this are rejected.",
        examples=["100", "5%"],
    )
    empty: Annotated[Empty, Option(Group.LOADING)] = Field(
        Empty.CLEAR, title="Empty cells", description="Whether an empty cell clears the stored value."
    )
    stale: Annotated[Stale, Option(Group.LOADING)] = Field(
        Stale.REFUSE,
        title="Records changed since the export",
        description="Refuse or overwrite records that changed since the export.",
    )
    missing: Annotated[Missing, Option(Group.SYNCING)] = Field(
        Missing.RETIRE,
        title="Missing records",
        description="What sync does with records missing from the source, among those that have the constants.",
    )
    max_delete: Annotated[Threshold | None, Option(Group.SYNCING, value="N|P%")] = Field(
        "20%",
        title="Limit of deletions",
        description="Hold a sync that would retire or delete more records.",
        examples=["100", "5%"],
    )
    max_update: Annotated[Threshold | None, Option(Group.SYNCING, value="N|P%")] = Field(
        None,
        title="Limit of updates",
        description="Hold a sync that would update more records.",
        examples=["1000", "50%"],
    )
    without_rules: Annotated[tuple[str, ...], Option(Group.LOADING, flag="without-rule", value="NAME")] = Field(
        (), title="Rules to skip", max_length=20, description="Skip a custom rule."
    )
    create_missing: Annotated[tuple[str, ...], Option(Group.LOADING, value="TYPE")] = Field(
        (),
        title="Create missing records",
        max_length=20,
        description="Create missing records of this type that rows refer to.",
        examples=[["site"]],
    )
    dry_run: Annotated[bool, Option(Group.RUNNING)] = Field(
        False, title="Dry run", description="Show the plan; change nothing."
    )
    keep_plan: Annotated[bool, Internal("true of previews and plans, and of nothing else")] = Field(
        False, description="Keep the plan of a dry run, so that exactly it can be applied."
    )
    read: ReadOptions = Field(default_factory=ReadOptions, description="How to read the source.")
    batch_size: Annotated[int | None, Option(Group.RUNNING)] = Field(
        None, title="Batch size", ge=1_000, le=1_000_000, description="Rows that are validated at once."
    )
    requested_by: Annotated[str | None, Internal("the caller's key or account")] = Field(
        None, max_length=255, description="The caller, for the ledger."
    )
    authority: Annotated[Authority, Internal("the permissions of the caller's key")] = Field(
        default_factory=Authority, description="What the caller may do."
    )

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
            return f"{rejected:,} of {read:,} rows are rejected, and the import loads all rows or none."
        if self.max_errors is None or within(self.max_errors, rejected, read):
            return None
        return f"{rejected:,} of {read:,} rows are rejected; the limit is {self.max_errors}."

    def held_back(self, updated: int, taken: int, there: int) -> str | None:
        """Say why a sync must wait for a yes: it would update, or take away, too many of the records in its scope."""
        if self.mode is not Mode.SYNC:
            return None
        for what, most, count in (("retire or delete", self.max_delete, taken), ("update", self.max_update, updated)):
            if most is not None and not (within(most, count, there) or _is_one_of_few(most, count, there)):
                return f"It would {what} {count:,} of {there:,} records; the limit is {most}."
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

    path: Annotated[FilePath, Internal("the file that is given")] = Field(
        description="The file to import, on a disk that the run can read."
    )
    name: Annotated[str | None, Internal("the name of the file that is given")] = Field(
        None, description="Name of the source in reports. Default: the name of the file."
    )
    more: Annotated[tuple[FilePath, ...], Internal("the files that are given")] = Field(
        (), description="Further files to import in the same run."
    )

    @property
    def source(self) -> str:
        """What the source is called."""
        return self.name or self.path.name

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(
            mode="json", exclude={"path", "name", "more", "requested_by", "authority"}, exclude_defaults=True
        )


class SyncJob(LoadOptions):
    """One sync: a source that is read each time, and what is done about what it no longer has."""

    url: Annotated[str, Option(Group.SYNCING)] = Field(
        title="URL",
        min_length=1,
        max_length=2_000,
        description="Address of the source: file, https, s3, aws, postgresql, netbox …, or block:NAME.",
        examples=["https://ipam.example.com/export/prefixes.csv"],
    )
    name: Annotated[str | None, Option(Group.SYNCING)] = Field(
        None, title="Name", min_length=1, max_length=255, description="Name of the sync. Default: its address."
    )
    types: Annotated[tuple[str, ...], Option(Group.LOADING, flag="type", short="t")] = Field(
        (), title="Types", max_length=100, description="Only this resource type."
    )
    credentials: Annotated[str | None, Option(Group.SYNCING, value="NAME")] = Field(
        None, title="Credentials", max_length=63, description="The secret CMDB_SECRET_NAME, or a Prefect block."
    )
    overlap: Annotated[Overlap, Option(Group.SYNCING)] = Field(
        Overlap.REFUSE,
        title="Overlap",
        description="If a run of this sync is running: skip this one, or queue it.",
    )
    notify: Annotated[str | None, Option(Group.SYNCING, value="NAME")] = Field(
        None, title="Notify", max_length=63, description="Secret with the address of a webhook to notify."
    )
    always: Annotated[bool, Option(Group.SYNCING)] = Field(
        False, title="Always", description="Read the source even if it has not changed."
    )
    mode: Annotated[Mode, Option(Group.LOADING)] = Field(
        Mode.SYNC,
        title="Mode",
        description="Create, update, both (upsert), or sync: also retire or delete records missing from the source.",
    )

    @property
    def source(self) -> str:
        """What the sync is called."""
        return self.name or self.url.partition("?")[0].removeprefix("block:")

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(mode="json", exclude={"name", "requested_by", "authority"}, exclude_defaults=True)


class ApplyJob(Options):
    """One frozen plan to apply: that of a preview, or of a sync that was held back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Annotated[UUID, Internal("the plan that is named")] = Field(description="The run that made the plan.")
    hash: Annotated[str | None, Option(Group.RUNNING)] = Field(
        None, title="Hash", max_length=64, description="Hash of the plan; a plan with another hash is refused."
    )
    moved: Annotated[Drift, Option(Group.RUNNING)] = Field(
        Drift.REFUSE, title="Changed records", description="What to do with records changed since the plan was made."
    )
    reason: Annotated[str | None, Option(Group.RUNNING)] = Field(
        None, title="Reason", max_length=1000, description="Why the plan is applied, for the ledger."
    )
    requested_by: Annotated[str | None, Internal("the caller's key or account")] = Field(
        None, max_length=255, description="The caller, for the ledger."
    )

    @property
    def source(self) -> str:
        """What the run is called in reports."""
        return f"plan {str(self.plan)[:8]}"

    def options(self) -> dict[str, Any]:
        """Return what the ledger keeps of the request."""
        return self.model_dump(mode="json", exclude={"plan", "requested_by"}, exclude_defaults=True)


class UndoJob(Options):
    """One undo: the run to undo, and what to do about records that were edited since or are referred to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Annotated[UUID, Internal("the run that is named")] = Field(description="The run to undo.")
    dry_run: Annotated[bool, Option(Group.RUNNING)] = Field(
        False, title="Dry run", description="Show what would be undone; change nothing."
    )
    force: Annotated[bool, Option(Group.RUNNING)] = Field(
        False, title="Force", description="Also undo records that were edited since or are referred to."
    )
    requested_by: Annotated[str | None, Internal("the caller's key or account")] = Field(
        None, max_length=255, description="The caller, for the ledger."
    )

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

    delimiter: Annotated[WrittenSeparator, Option(Group.WRITING)] = Field(
        ",",
        title="Delimiter",
        json_schema_extra={"minLength": 1, "maxLength": 1},
        description="Field separator of a CSV file.",
    )
    bom: Annotated[bool, Option(Group.WRITING)] = Field(
        False, title="Byte order mark", description="Start a CSV file with a byte order mark, for Excel."
    )
    guard: Annotated[bool, Option(Group.WRITING, flag="guard/no-guard")] = Field(
        True, title="Formula guard", description="Put an apostrophe before text that looks like a formula."
    )


class ExportJob(Options):
    """One export: which records and fields of a type, of several or of all, and the file they go to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource_type: Annotated[str | None, Option(Group.SELECTING)] = Field(
        None, title="Type", description="Resource type, such as vpc.", examples=["vpc"]
    )
    resource_types: Annotated[tuple[str, ...], Option(Group.SELECTING, member="types")] = Field(
        (),
        title="Types",
        max_length=100,
        description="Several types: a sheet of a workbook, or a list of a JSON document, for each that has records.",
    )
    all_types: Annotated[bool, Option(Group.SELECTING, flag="all", member="all")] = Field(
        False, title="All types", description="Export every type into one file."
    )
    path: Annotated[FilePath, Internal("the file that is named, or that is downloaded")] = Field(
        description="The file to write, on a disk that the run can write to."
    )
    format: Annotated[str | None, Option(Group.WRITING)] = Field(
        None, title="Format", description=f"{WRITTEN_NAMES}. Default: by the name of the file."
    )
    where: Annotated[Filter | None, Option(Group.SELECTING, short="w", value="FILTER")] = Field(
        None, title="Filter", description="Which records: FIELD OPERATOR VALUE, and, or, ( )."
    )
    fields: Annotated[tuple[str, ...], Option(Group.SELECTING, short="f", value="A,B", commas=True)] = Field(
        (), title="Fields", max_length=1_000, description="Which fields, in order."
    )
    sort: Annotated[tuple[str, ...], Option(Group.SELECTING, value="A,-B", commas=True)] = Field(
        (), title="Sort", max_length=100, description="Sort by fields; - reverses."
    )
    since: Annotated[str | None, Option(Group.SELECTING)] = Field(
        None, title="Changed since", max_length=40, description="Changed since 2026-11-24, or 7d, 12h, 30m ago."
    )
    until: Annotated[str | None, Option(Group.SELECTING)] = Field(
        None, title="Changed until", max_length=40, description="Last changed until then."
    )
    as_of: Annotated[str | None, Option(Group.SELECTING, value="TIME")] = Field(
        None,
        title="As of",
        max_length=40,
        description="Records as they were then: 2026-11-24T08:30Z, or 7d.",
    )
    limit: Annotated[int | None, Option(Group.SELECTING, short="n")] = Field(
        None, title="Limit", ge=1, description="At most so many records."
    )
    titles: Annotated[bool | None, Option(Group.WRITING, flag="titles/names")] = Field(
        None, title="Column titles", description="Column headers: titles (Excel) or field names (the rest)."
    )
    mapping: Annotated[str | None, Option(Group.WRITING, value="NAME", member="saved_mapping")] = Field(
        None, title="Saved mapping", max_length=255, description="Name the columns as a saved mapping does."
    )
    metadata: Annotated[bool, Option(Group.WRITING, also=("include-metadata",))] = Field(
        False, title="Metadata", description="Add who exported what, and when."
    )
    lineage: Annotated[bool, Option(Group.WRITING)] = Field(
        False, title="Lineage", description="Add when and by which run each record was created and changed."
    )
    retired: Annotated[bool, Option(Group.SELECTING)] = Field(
        False, title="Retired records", description="Include retired records."
    )
    write: WriteOptions = Field(default_factory=WriteOptions, description="How to write the file.")
    requested_by: Annotated[str | None, Internal("the caller's key or account")] = Field(
        None, max_length=255, description="The caller."
    )

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
