"""Reports of runs under the names that `cmdb … --json` prints."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from api.rest.models.base import Model
from api.rest.models.plans import PlanDecision, PlanDetail
from schemas.job_options.choices import Mode
from schemas.reports import Outcome, Status

Details = dict[str, JsonValue]
"""An object whose members are described where it is made: `api.json_output`."""


class KeptPlan(Model):
    """The frozen plan of a run."""

    id: UUID
    hash: str
    until: datetime | None = Field(description=PlanDetail.model_fields["until"].description)
    applied: UUID | None = Field(description=PlanDetail.model_fields["applied"].description)
    decision: PlanDecision | None = Field(None, description=PlanDetail.model_fields["decision"].description)


class RunReport(Model):
    """The report of a run, as `cmdb show RUN --json` prints it; what is not known of a source is left out."""

    run_id: UUID
    status: Status
    outcome: Outcome | None = Field(description="How it ended, and why; null while it runs.")
    resource_type: str | None = Field(description="Of several types, their names between commas: see parts.")
    source: str
    mode: Mode
    dry_run: bool
    counts: dict[str, int]
    duration_seconds: float
    message: str | None
    remedy: Details | None = Field(None, description="The options and operations that the message proposes.")
    started_at: datetime | None
    repeats: UUID | None = Field(description="The completed run that imported the same bytes before.")
    undoes: UUID | None = Field(description="The run that this run undid.")
    applies: UUID | None = Field(description="The run whose plan this run applied.")
    sync: str | None = Field(description="The sync that this run is one of.")
    source_version: str | None = Field(description="The version that the source of a sync had.")
    requested_by: str | None = Field(description="The key or user that requested it.")
    plan: KeptPlan | None = Field(description="The plan of a preview, or of a held sync.")
    parts: list[Details] = Field(
        description="Of several types: type, source, counts and mapping of each, and the columns that were read."
    )
    notices: list[Details] = Field(description="Issues of the source as a whole.")
    rules: list[Details] = Field(description="How often each rule failed.")
    issues: list[Details] = Field(description="The first issues: errors, then warnings, then repairs.")
    format: str | None = Field(None, description="Of a source that was read: its format, and so on.")
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    document: str | None = None
    columns: list[str] | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    records: int | None = None
    sheets: list[Details] | None = Field(None, description="The sheets of a workbook.")
    mapping: Details | None = Field(None, description="Which column fills which field, how surely, and how.")
    samples: JsonValue = Field(
        None,
        description="Of a plan: the first records as they would be stored. Of a source that could not be read further: "
        "values of each column.",
    )
    changes: list[Details] | None = Field(None, description="Of a plan: the first changes, before and after.")
