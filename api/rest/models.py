"""The contract: what the API takes and gives, in camelCase; names here are promises to programs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from flows.runs import EXPORT, IMPORT, Standing
from schemas.choices import Empty, Missing, Mode, Moved, OnError, Overlap, Stale, Unknown
from schemas.filters import MAX_TEXT, Filter, Filters, both, of_fields, parse
from schemas.issues import Severity
from schemas.jobs import ExportJob, ImportJob, LoadOptions, ReadOptions, SyncJob, Threshold, WriteOptions
from schemas.permissions import Authority
from schemas.texts import Encoding, Options, ReadSeparator, WrittenSeparator


class Model(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class SheetOptions(Model):
    """How one sheet of a workbook is read, where that is not to be inferred from it."""

    type: str | None = Field(None, description="The resource type of the sheet.")
    skip: bool = Field(False, description="Leave the sheet out.")
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="The row that holds the column names.")
    mapping: dict[str, str] = Field(
        default_factory=dict, description="Source column → field; an empty field leaves the column out."
    )


_READING = {*ReadOptions.model_fields}
"""The options of an import that say how its source is read."""


class Asked(Model, Options):
    """What requests have in common."""


class ImportOptions(Asked):
    """What an import is to do; a form has the same fields as parts, `mapping` and `constants` as JSON."""

    resource_type: str | None = Field(None, description="Found out from the columns unless given.", examples=["vpc"])
    mode: Mode = Field(
        Mode.UPSERT, description="Create new records, update known ones, both, or sync: also take away, see missing."
    )
    mapping: dict[str, str] = Field(
        default_factory=dict,
        description="Source column → field, beside what is found out; an empty field leaves the column out.",
        examples=[{"VPC": "vpc_id"}],
    )
    constants: dict[str, str] = Field(
        default_factory=dict,
        description="Field → the value of rows that have none; with ! at its end, of every row.",
        examples=[{"region": "us-east-1"}],
    )
    saved_mapping: str | None = Field(None, description="The saved mapping to use.", max_length=255)
    save_mapping: str | None = Field(
        None,
        description="Save the mapping that was used under this name; a preview or dry run saves nothing.",
        max_length=255,
    )
    on_error: OnError = Field(OnError.CONTINUE, description="Leave rejected rows out, or load nothing.")
    max_errors: Threshold | None = Field(
        None, description="Load nothing when more rows are rejected.", examples=["100", "5%"]
    )
    unknown: Unknown = Field(Unknown.WARN, description="What to do about columns that fit no field.")
    empty: Empty = Field(Empty.CLEAR, description="Whether an empty cell clears a stored value.")
    stale: Stale = Field(Stale.REFUSE, description="What to do about records that were changed since the export.")
    create_missing: list[str] = Field(
        default_factory=list,
        max_length=20,
        description="Resource types: records that do not exist are created where rows refer to them.",
        examples=[["site"]],
    )
    without_rules: list[str] = Field(
        default_factory=list, max_length=20, description="Rules of your own that are not asked this time."
    )
    missing: Missing = Field(
        Missing.RETIRE,
        description="What mode sync does about records that the source no longer has, within the constants.",
    )
    max_delete: Threshold | None = Field(
        "20%",
        description="Hold a sync back that would take away more records: a count, or a share of those there.",
        examples=["100", "5%"],
    )
    max_update: Threshold | None = Field(
        None, description="Hold a sync back that would update more records.", examples=["1000", "50%"]
    )
    dry_run: bool = Field(False, description="Find out what would be done, and do nothing.")
    batch_size: int | None = Field(None, ge=1_000, le=1_000_000, description="Rows that are validated at once.")
    format: str | None = Field(
        None, description="csv, json, ndjson, yaml, excel, parquet or terraform, where the content does not say."
    )
    encoding: Encoding | None = Field(None, description="Such as cp1252, where it is not found out.", max_length=40)
    delimiter: ReadSeparator | None = Field(
        None, min_length=1, max_length=1, description="Field separator, one character."
    )
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="The row that holds the column names.")
    no_header: bool = Field(False, description="The first row is a record: the columns are called column 1, column 2 …")
    columns: list[str] = Field(
        default_factory=list, max_length=1_000, description="The names of the columns of a file without a header."
    )
    sheet: str | None = Field(None, description="The sheet of a workbook.", max_length=255)
    sheets: dict[str, SheetOptions] = Field(
        default_factory=dict,
        description="What is known of sheets of a workbook: type, header row and mapping, or to skip them.",
        examples=[{"VLAN list": {"type": "vlan"}, "Notes": {"skip": True}}],
    )
    records: str | None = Field(None, description="The member of a JSON document that holds the list.", max_length=255)

    null: list[str] = Field(
        default_factory=list, max_length=20, description="Words that stand for an empty cell, also in text."
    )
    decimal_comma: bool = Field(False, description="Whether decimals begin with a comma, and points group thousands.")
    thousands: str | None = Field(
        None, pattern=r"^[.,' ]$", description="What groups thousands: a point, a comma, an apostrophe or a space."
    )

    def job(self, path: str, name: str, owner: str, authority: Authority, **changed: Any) -> ImportJob:
        """Return the job that this asks for."""
        known = {"path": path, "name": name, "authority": authority}
        return ImportJob.model_validate(self._asked(owner) | known | changed)

    def _asked(self, owner: str) -> dict[str, Any]:
        """What is asked for, by the names that a job has for it."""
        asked = self.model_dump(exclude={*_READING, "mapping", "saved_mapping", "upload_id"})
        read = ReadOptions(**self.model_dump(include=_READING))
        return asked | {"columns": self.mapping, "mapping": self.saved_mapping, "read": read, "requested_by": owner}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            ReadOptions(**self.model_dump(include=_READING))
            LoadOptions(mode=self.mode, create_missing=tuple(self.create_missing))
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self


class ImportRequest(ImportOptions):
    """An import of a file that was sent before."""

    upload_id: UUID = Field(description="What a preview gave.")


class ApproveRequest(Asked):
    """How a frozen plan is applied."""

    hash: str | None = Field(None, description="The plan's hash, to be sure that it is that one.", max_length=64)
    moved: Moved = Field(
        Moved.REFUSE,
        description="When records were changed since: refuse, skip (leave them out), or rebase (plan them again).",
    )


class PlanRequest(ApproveRequest):
    """An import that does exactly what a preview said."""

    plan_id: UUID = Field(description="What a preview gave.")


class SyncRequest(ImportOptions):
    """A source whose records are brought in now; what it no longer has is taken away."""

    url: str = Field(
        min_length=1,
        max_length=2_000,
        description="Where the records are. What is no plain http(s) address takes the scope admin.",
        examples=["https://ipam.example.com/export/prefixes.csv"],
    )
    name: str | None = Field(
        None, min_length=1, max_length=255, description="What the sync is called; its address unless given."
    )
    mode: Mode = Field(Mode.SYNC, description="Create, update, both, or sync: also take away, see missing.")
    types: list[str] = Field(
        default_factory=list, max_length=100, description="Which types, where the source has several; all unless given."
    )
    credentials: str | None = Field(
        None, max_length=63, description="The name of a secret of the server; takes the scope admin."
    )
    always: bool = Field(False, description="Read and plan also where the source says that it is as it was.")
    overlap: Overlap = Field(
        Overlap.REFUSE, description="What to do while another run of the same sync is under way: nothing, or wait."
    )
    notify: str | None = Field(
        None, max_length=63, description="The name of a secret with a webhook's address to tell; takes the scope admin."
    )

    def sync(self, owner: str, authority: Authority) -> SyncJob:
        """Return the job that this asks for."""
        return SyncJob.model_validate(self._asked(owner) | {"authority": authority})


class Accepted(Model):
    """A run that was asked for."""

    import_id: UUID = Field(description="The run's id, here, in Prefect and in the ledger.")
    status: str = Field("initializing", description="As in the answer about its progress.")
    links: dict[str, str] = Field(description="Where to read on.")
    upload_id: UUID | None = Field(None, description="Of a preview: the file that was sent, to execute it later.")


class UndoRequest(Asked):
    """How an import is taken back."""

    force: bool = Field(False, description="Take back what was edited since or is referred to, too.")
    dry_run: bool = Field(False, description="Find out what would be done, and do nothing.")


class ExportAccepted(Model):
    """An export that was asked for."""

    export_id: UUID = Field(description="The run's id, here and in Prefect.")
    status: str = Field("initializing", description="As in the answer about its progress.")
    links: dict[str, str] = Field(description="Where to read on.")


State = Literal["initializing", "processing", "completed", "failed", "cancelled"]


class Progress(Model):
    """Where a run stands, as Prefect holds it."""

    status: State = Field(description="initializing while it waits for a worker; the last three are final.")
    phase: str = Field(
        description="fetch, extract, waiting (for another run of the type), validate, check, plan, apply; "
        "query, write; done.",
        examples=["validate"],
    )
    processed_records: int = Field(0, description="Records that were read and validated, or written.")
    total_records: int | None = Field(None, description="Records in all, once that is known.")
    rejected_records: int = Field(0, description="Records that are rejected so far.")
    percent: float = Field(0.0, ge=0, le=100, description="How far the whole run is; 100 only when it is completed.")
    records_per_second: int = Field(0, description="Since it began.")
    eta_seconds: float | None = Field(None, description="Seconds that are left, by the pace so far.")
    started_at: datetime | None = Field(None, description="When its process began.")
    updated_at: datetime | None = Field(None, description="When it last told something.")
    message: str | None = Field(None, description="Why it failed, or what it waits for.")
    prefect_url: str = Field(description="The run in Prefect's page.")

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self.status in ("completed", "failed", "cancelled")

    @classmethod
    def id_name(cls) -> str:
        """The name that the run's id goes by."""
        return "export_id" if "export_id" in cls.model_fields else "import_id"

    @classmethod
    def of(cls, standing: Standing, prefect_page: str) -> Self:
        """Return where a run stands as the API tells it."""
        return cls(
            **{cls.id_name(): standing.run_id},
            status=standing.status,
            phase=standing.phase,
            processed_records=standing.processed,
            total_records=standing.total,
            rejected_records=standing.rejected,
            percent=standing.percent,
            records_per_second=standing.per_second,
            eta_seconds=standing.eta,
            started_at=standing.started,
            updated_at=standing.updated,
            message=standing.message or _waits_for(standing),
            prefect_url=f"{prefect_page}/runs/flow-run/{standing.run_id}",
        )


class ImportProgress(Progress):
    """Where an import stands."""

    import_id: UUID


class ExportProgress(Progress):
    """Where an export stands."""

    export_id: UUID


PROGRESS: dict[str, type[ImportProgress] | type[ExportProgress]] = {IMPORT: ImportProgress, EXPORT: ExportProgress}
"""How the runs of each flow are told."""


def _waits_for(standing: Standing) -> str | None:
    if standing.status == "initializing":
        return "It waits for a worker with a free place."
    if standing.phase == "waiting":
        return "It waits for another run of this type to end."
    return None


class CancelAnswer(Model):
    """What came of cancelling."""

    status: State = Field(description="Where the run stands now.")
    in_time: bool = Field(description="Whether it was in time: nothing of the run stays.")
    message: str = Field(description="The same in words.")


class ImportCancelled(CancelAnswer):
    """What came of cancelling an import."""

    import_id: UUID


class ExportCancelled(CancelAnswer):
    """What came of cancelling an export."""

    export_id: UUID


class Issue(Model):
    """One thing to tell about a cell, a row or the whole source."""

    rule: str
    severity: str
    message: str
    row: int | None = None
    column: str | None = None
    field: str | None = None
    value: str | None = None
    suggestion: str | None = None
    resource_type: str | None = Field(None, description="The type that it concerns, where a run has several.")


class Page(Model):
    """Some of the issues, and where to go on."""

    items: list[Issue]
    total: int = Field(description="How many there are in all.")
    next: str | None = Field(None, description="The address of the next page.")


class PlanDetail(Model):
    """A frozen plan: what was staged for it is kept, so that exactly it can be applied."""

    plan_id: UUID = Field(description="The run that made it.")
    hash: str = Field(description="By which it is known to be the same.")
    until: datetime | None = Field(None, description="Until when it is kept; none once it is applied.")
    applied: UUID | None = Field(None, description="The import that applied it.")


class PartSummary(Model):
    """What an import of several types did with one of them."""

    resource_type: str
    source: str = Field(description="The sheet, the list or the file that holds it.")
    counts: dict[str, int]


class Part(PartSummary):
    """The same, with how its columns were read."""

    mapping: dict[str, JsonValue] | None = None
    columns: list[str] = Field(description="The columns of its source; none of records that its rows only refer to.")
    sheets: list[str] = Field(description="The sheets of a workbook that hold it.")


class Result(Model):
    """What an import did, or would do; `counts` add up: read = create + update + unchanged + rejected.

    A sync takes away records besides that its source no longer has: `delete` and `retire`.
    """

    import_id: UUID
    status: State
    resource_type: str | None = Field(None, description="None where the source has several: see parts.")
    source: str
    mode: Mode
    dry_run: bool
    counts: dict[str, int]
    duration_seconds: float
    started_at: datetime | None = None
    message: str | None = None
    repeats: UUID | None = Field(None, description="The completed run that imported the same bytes before.")
    undoes: UUID | None = Field(None, description="The import that this run took back.")
    applies: UUID | None = Field(None, description="The run whose plan this run applied.")
    sync: str | None = Field(None, description="The sync that this run is one of.")
    source_version: str | None = Field(None, description="What the source of a sync said of its state.")
    plan: PlanDetail | None = Field(
        None, description="The plan of a preview, or of a sync that is held back until it is approved."
    )
    parts: list[Part] = Field(description="Of several types: what became of each.")
    origin: dict[str, JsonValue] | None = Field(None, description="How the source was read.")
    mapping: dict[str, JsonValue] | None = Field(
        None, description="Which column fills which field, how surely, and how."
    )
    rules: list[dict[str, JsonValue]] = Field(description="How often each rule failed.")
    notices: list[Issue] = Field(description="What there is to tell about the source as a whole.")
    issues: Page = Field(description="Errors, then warnings, then repairs, each in the order of the rows.")
    samples: list[JsonValue] | None = Field(
        None, description="Of a plan of one type: the first records as they would be stored."
    )
    changes: list[JsonValue] | None = Field(None, description="Of a plan: the first changes, before and after.")
    links: dict[str, str] = Field(
        description="The rejected rows as a file, the run in Prefect's page, and where a sync that is held is approved."
    )


class UploadDetail(Model):
    """A file that was sent, and what it was found to be."""

    upload_id: UUID
    file_name: str
    size: int
    sha256: str
    format: str


class Preview(UploadDetail):
    """What a file holds and what importing it would do: execute exactly that by its plan id."""

    plan_id: UUID = Field(description="The run of the preview, whose plan is kept.")
    hash: str = Field(description="The plan's hash.")
    until: datetime = Field(description="Until when the plan is kept.")
    result: Result


class RejectedRow(Model):
    """One rejected row as it stood in the source, and what is wrong with it."""

    row: int
    resource_type: str | None = Field(None, description="Its type, where a run has several.")
    data: dict[str, str | None]
    issues: list[Issue]


class RejectedPage(Model):
    """Some of the rejected rows, and where to go on."""

    items: list[RejectedRow]
    total: int
    next: str | None = None


class SavedMapping(Model):
    """A mapping under a name."""

    name: str
    owner: str | None = Field(None, description="Who saved it: only they, and the scope admin, may change it.")
    resource_type: str
    columns: dict[str, str] = Field(description="Source column → field.")
    constants: dict[str, str]


class Day(Model):
    """What became of the records of one day's imports."""

    day: date
    created: int
    updated: int
    unchanged: int
    rejected: int


_MOST_FILTERS = 100


class Chosen(Asked):
    """Which records: all for which `where` and `filters` hold."""

    # Text is parsed where the filter is used, in a thread: here it would hold up every other request.
    where: Filter | Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = Field(
        None,
        description="Which records: a filter as JSON, or as text such as `region eq us-east-1 and name contains core`.",
        examples=[{"field": "region", "op": "eq", "value": "us-east-1"}],
    )
    filters: Filters = Field(
        default_factory=dict,
        max_length=_MOST_FILTERS,
        description="The short form: field → a value, several values, null for empty, or a range from … to.",
        examples=[{"region": "us-east-1", "updatedAt": {"from": "2026-11-01", "to": "2026-11-30"}}],
    )

    @field_validator("filters", mode="before")
    @classmethod
    def _are_few(cls, value: Any) -> Any:
        # Pydantic counts them last, and each that is wrong has an error for every form that it may have.
        if isinstance(value, dict) and len(value) > _MOST_FILTERS:
            raise ValueError(f"{len(value):,} fields are given, and at most {_MOST_FILTERS} are read")
        return value

    @property
    def filter(self) -> Filter | None:
        """Both as one filter; None for all records. Raises UsageError for text that is no filter."""
        where = parse(self.where) if isinstance(self.where, str) else self.where
        return both([each for each in (where, of_fields(self.filters)) if each])


class CountRequest(Chosen):
    """Which records of a type."""

    resource_type: str = Field(examples=["vpc"])


class Count(Model):
    """How many records there are."""

    records: int


class RecordPage(Model):
    """Some records of a type, each with its `key`, its fields, and when it was made and changed."""

    fields: list[str]
    items: list[dict[str, JsonValue]]
    total: int
    next: str | None = None


class FreeBlocks(Model):
    """The lowest free blocks of a size."""

    size: int
    within: list[str] = Field(description="The blocks that were looked through.")
    blocks: list[str]
    total: int = Field(description="How many blocks of the size are free in all.")


class Event(Model):
    """One thing that happened to a record."""

    run_id: UUID
    at: datetime | None
    source: str
    requested_by: str | None = None
    action: Literal["created", "updated", "deleted", "retired", "restored"]
    fields: dict[str, dict[str, JsonValue]] = Field(description="Field → its value before and after.")


class RecordDetail(Model):
    """One record, and what happened to it, the newest first."""

    key: str
    record: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime
    history: list[Event]


class Login(Asked):
    """A key, to be kept in a cookie."""

    key: str = Field(max_length=200)


class Session(Model):
    """Who asks, and what that may do."""

    name: str
    scopes: list[str]
    permissions: list[str] | None = Field(
        None, description="Of a key without a scope: ACTION:TYPE,… of each action; * stands for all types."
    )
    key_needed: bool = Field(description="Whether there are keys here at all.")


class ImportSummary(Model):
    """One import of the history."""

    import_id: UUID
    status: State
    resource_type: str | None = None
    source: str
    mode: Mode
    dry_run: bool
    counts: dict[str, int]
    duration_seconds: float
    started_at: datetime | None = None
    requested_by: str | None = None
    undoes: UUID | None = Field(None, description="The import that this run took back.")
    applies: UUID | None = Field(None, description="The run whose plan this run applied.")
    sync: str | None = Field(None, description="The sync that this run is one of.")
    plan: PlanDetail | None = Field(None, description="Its plan, applied or still to be.")
    parts: list[PartSummary] = Field(description="Of several types: what became of each.")
    message: str | None = None


class History(Model):
    """Imports, the newest first."""

    items: list[ImportSummary]
    next: str | None = Field(None, description="The address of the next page.")


class Sync(Model):
    """Where a sync stands: when it ran last and will run next, and when it last changed anything."""

    name: str
    url: str
    owner: str | None = Field(None, description="Who defined it: only they, and the scope admin, may change it.")
    options: dict[str, JsonValue] = Field(description="Its address and options, as it runs by its name.")
    changed_by: str | None = Field(None, description="Who changed its definition last.")
    changed_at: datetime | None = None
    last_run: datetime | None = None
    last_run_id: UUID | None = None
    status: str | None = Field(None, description="How that run ended.")
    last_change: datetime | None = None
    next_run: datetime | None = None
    schedules: list[str] = Field(description="Its schedules in Prefect: cron, or an interval.")
    active: bool = Field(description="Whether any of them is on.")


class RunSeen(Model):
    """One of two runs that are compared, and what it saw of its source."""

    run_id: UUID
    started_at: datetime | None = None
    source: str
    source_version: str | None = None
    counts: dict[str, int]


class RecordChange(Model):
    """What became of one record: its fields before and after."""

    key: str
    action: str = Field(description="created, updated, deleted or retired.", examples=["updated"])
    resource_type: str
    fields: dict[str, dict[str, JsonValue]]


class Difference(Model):
    """What lies between two runs: what each saw, and what became of records after the earlier one."""

    before: RunSeen
    after: RunSeen
    counts: dict[str, int] = Field(description="Records created, updated, deleted and retired.")
    changes: list[RecordChange] = Field(description="The first of them.")


class ExportRequest(Chosen):
    """Which records and fields of a type, of several or of all, and how the file is to be."""

    resource_type: str | None = Field(None, description="Such as vpc or transitGateway.", examples=["vpc"])
    types: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Several types, for a workbook with a sheet of each or a JSON document with a list of each.",
    )
    all: bool = Field(False, description="All types, in the same way.")
    format: Literal["csv", "json", "ndjson", "excel", "xlsx", "parquet"] = Field(
        "csv", description="The format of the file; xlsx is excel."
    )
    fields: list[str] = Field(
        default_factory=list, max_length=1000, description="Which fields, in order; all unless given."
    )
    titles: bool | None = Field(None, description="Name the columns by titles or by fields; titles in a workbook only.")
    sort: list[str] = Field(
        default_factory=list, max_length=100, description="Fields, each with - before it for the reverse."
    )
    limit: int | None = Field(None, ge=1, description="At most so many records.")
    since: str | None = Field(None, description="Changed since: a date, a time, or 7d.", max_length=40)
    until: str | None = Field(None, description="Last changed until.", max_length=40)
    as_of: str | None = Field(
        None, description="The records as they were at that time: a date, a time, or 7d.", max_length=40
    )
    saved_mapping: str | None = Field(None, description="A saved mapping, in reverse.", max_length=255)
    metadata: bool = Field(
        False,
        validation_alias=AliasChoices("metadata", "includeMetadata", "include_metadata"),
        description="Say in the file who exported what, when, and by which filter; also as includeMetadata.",
    )
    lineage: bool = Field(False, description="Add when and by which run each record was made and changed.")
    compress: bool = Field(False, description="Pack the file as .gz.")
    delimiter: WrittenSeparator = Field(
        ",", min_length=1, max_length=1, description="What stands between the fields of a CSV file."
    )
    bom: bool = Field(False, description="Begin a CSV file with a byte order mark, for Excel.")
    guard: bool = Field(
        True, description="Write what a spreadsheet would run as a formula with an apostrophe before it."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.resource_type is not None) + bool(self.types) + self.all != 1:
            raise ValueError("give one of resourceType, types and all")
        return self

    def job(self, path: str, owner: str) -> ExportJob:
        """Return the job that this asks for."""
        writing = {"delimiter", "bom", "guard"}
        asked = self.model_dump(exclude={*writing, "saved_mapping", "compress", "where", "filters", "types", "all"})
        asked |= {"resource_types": self.types, "all_types": self.all}
        asked |= {"mapping": self.saved_mapping, "where": self.filter, "path": path, "requested_by": owner}
        return ExportJob.model_validate(asked | {"write": WriteOptions(**self.model_dump(include=writing))})


class RuleSummary(Model):
    """One rule of rows or records."""

    name: str
    types: list[str] = Field(description="The resource types that it is asked of.")
    fields: list[str] = Field(description="The fields that it reads, the one to fix first.")
    severity: Severity
    message: str
    scope: Literal["row", "records"]
    source: str = Field(description="built in; of a rule of your own, its file and line.")


class ResourceSummary(Model):
    """One resource type."""

    type: str
    title: str
    key: list[str] = Field(description="The fields of the natural key.")
    aliases: list[str]
    fields: int = Field(description="How many fields it has.")


class ResourceDetail(Model):
    """One resource type with its fields, and the JSON Schema (2020-12) of a record."""

    type: str
    title: str
    key: list[str]
    aliases: list[str]
    required: list[str]
    create_missing: list[str] = Field(description="The types of which an import of it may create missing records.")
    fields: list[dict[str, JsonValue]]
    record_schema: dict[str, JsonValue] = Field(description="The JSON Schema of a record.")


class Health(Model):
    """What answers, and what does not."""

    status: Literal["ok", "failing"]
    checks: dict[str, str] = Field(default_factory=dict, description="Each part: ok, or what is wrong.")
