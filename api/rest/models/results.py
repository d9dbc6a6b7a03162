"""Results of imports and previews, and their history."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import (
    Field,
    JsonValue,
)

from api.rest.models.base import Model, QueryModel
from api.rest.models.plans import PlanDetail
from api.rest.models.runs import State
from api.rest.wording import Message, Remedy
from schemas.job_options.choices import Mode
from schemas.reports import Outcome, Status


class Issue(Model):
    """A finding about a cell, a row or the source."""

    rule: str
    severity: str
    message: Message
    remedy: Remedy | None = Field(None, description="The options and operations that the message proposes.")
    row: int | None = None
    column: str | None = None
    field: str | None = None
    value: str | None = None
    suggestion: str | None = None
    resource_type: str | None = Field(None, description="The type that it concerns, where a run has several.")


class Page(Model):
    """A page of issues, and the address of the next page."""

    items: list[Issue]
    total: int = Field(description="How many there are in all.")
    next: str | None = Field(None, description="The address of the next page.")


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

    A sync also deletes or retires records that its source no longer has: `delete` and `retire`.
    """

    import_id: UUID
    status: State
    outcome: Outcome | None = Field(None, description="How it ended, and why; null while it runs.")
    resource_type: str | None = Field(None, description="None where the source has several: see parts.")
    source: str
    mode: Mode
    dry_run: bool
    counts: dict[str, int]
    duration_seconds: float
    started_at: datetime | None = None
    message: Message | None = None
    remedy: Remedy | None = Field(None, description="The options and operations that the message proposes.")
    repeats: UUID | None = Field(None, description="The completed run that imported the same bytes before.")
    undoes: UUID | None = Field(None, description="The import that this run undid.")
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
    notices: list[Issue] = Field(description="Issues of the source as a whole.")
    issues: Page = Field(description="Errors, then warnings, then repairs, each in the order of the rows.")
    samples: list[JsonValue] | None = Field(
        None, description="Of a plan of one type: the first records as they would be stored."
    )
    changes: list[JsonValue] | None = Field(None, description="Of a plan: the first changes, before and after.")
    links: dict[str, str] = Field(
        description="The rejected rows as a file, the run in Prefect's page, and where a sync that is held is approved."
    )


class UploadDetail(Model):
    """An uploaded file and its detected format."""

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
    """A page of rejected rows, and the address of the next page."""

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


class ImportSummary(Model):
    """One import of the history."""

    import_id: UUID
    status: State
    outcome: Outcome | None = Field(None, description="How it ended, and why; null while it runs.")
    resource_type: str | None = None
    source: str
    mode: Mode
    dry_run: bool
    counts: dict[str, int]
    duration_seconds: float
    started_at: datetime | None = None
    requested_by: str | None = None
    undoes: UUID | None = Field(None, description="The import that this run undid.")
    applies: UUID | None = Field(None, description="The run whose plan this run applied.")
    sync: str | None = Field(None, description="The sync that this run is one of.")
    plan: PlanDetail | None = Field(None, description="Its plan, applied or still to be.")
    parts: list[PartSummary] = Field(description="Of several types: what became of each.")
    message: Message | None = None
    remedy: Remedy | None = Field(None, description="The options and operations that the message proposes.")


class HistoryQuery(QueryModel):
    """Which imports, and which page of them."""

    type: str | None = Field(None, description="Only imports of this type.", max_length=100)
    status: Status | None = Field(None, description="Only runs of this status.")
    sync: str | None = Field(None, description="Only runs of this sync.", max_length=255)
    dry_run: bool | None = Field(None, description="Only dry runs, or only others.")
    limit: int = Field(50, ge=1, le=1000, description="How many.")
    after: UUID | None = Field(None, description="Only runs that began before this one.")


class History(Model):
    """Imports, the newest first."""

    items: list[ImportSummary]
    next: str | None = Field(None, description="The address of the next page.")
