"""Runs: accepted, in progress, cancelled, undone."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.rest.models.base import Model
from api.rest.models.job_request import JobRequest, derived
from api.rest.wording import Message
from flows.registry import EXPORT, IMPORT, BulkFlow
from flows.server.standing import Standing
from schemas.jobs import UndoJob
from schemas.phases import Phase


class Accepted(Model):
    """A run that was requested."""

    import_id: UUID = Field(description="The run's id, here, in Prefect and in the ledger.")
    status: str = Field("initializing", description="Its status, as in its progress.")
    links: dict[str, str] = Field(description="Where to read on.")
    upload_id: UUID | None = Field(None, description="Of a preview: the file that was sent, to execute it later.")


@derived
class UndoRequest(JobRequest):
    """How an import is undone."""

    declared_by: ClassVar[type[BaseModel]] = UndoJob

    def job(self, run: UUID, owner: str) -> UndoJob:
        """Return the job that undoes a run in this way."""
        return UndoJob.model_validate(self.values() | {"run": run, "requested_by": owner})


class ExportAccepted(Model):
    """An export that was requested."""

    export_id: UUID = Field(description="The run's id, here and in Prefect.")
    status: str = Field("initializing", description="Its status, as in its progress.")
    links: dict[str, str] = Field(description="Where to read on.")


State = Literal["initializing", "processing", "completed", "failed", "cancelled"]


class Progress(Model):
    """Where a run stands, as Prefect holds it."""

    status: State = Field(description="initializing while it waits for a worker; the last three are final.")
    phase: str = Field(
        description=f"What it does: {', '.join(Phase)}; waiting is for another run of the type.",
        examples=[Phase.VALIDATE],
    )
    phase_label: str = Field(description="The phase in words.", examples=[Phase.VALIDATE.label])
    processed_records: int = Field(0, description="Records that were read and validated, or written.")
    total_records: int | None = Field(None, description="Records in all, once that is known.")
    rejected_records: int = Field(0, description="Records that are rejected so far.")
    percent: float = Field(0.0, ge=0, le=100, description="How far the whole run is; 100 only when it is completed.")
    records_per_second: int = Field(0, description="Since it began.")
    eta_seconds: float | None = Field(None, description="Seconds that are left, by the pace so far.")
    started_at: datetime | None = Field(None, description="When its process began.")
    updated_at: datetime | None = Field(None, description="When it last reported progress.")
    message: Message | None = Field(None, description="Why it failed, or what it waits for.")
    code: str | None = Field(None, description="The kind of error that it failed with.", examples=["run-failed"])
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
            phase_label=standing.phase.label,
            processed_records=standing.processed,
            total_records=standing.total,
            rejected_records=standing.rejected,
            percent=standing.percent,
            records_per_second=standing.per_second,
            eta_seconds=standing.eta,
            started_at=standing.started,
            updated_at=standing.updated,
            message=standing.message or _waits_for(standing),
            code=standing.code,
            prefect_url=f"{prefect_page}/runs/flow-run/{standing.run_id}",
        )


class ImportProgress(Progress):
    """Show the progress of an import."""

    import_id: UUID


class ExportProgress(Progress):
    """Show the progress of an export."""

    export_id: UUID


PROGRESS: dict[BulkFlow, type[ImportProgress] | type[ExportProgress]] = {IMPORT: ImportProgress, EXPORT: ExportProgress}
"""How the runs of each flow are told."""


def _waits_for(standing: Standing) -> str | None:
    if standing.status == "initializing":
        return "It waits for a worker with a free place."
    if standing.phase is Phase.WAITING:
        return "It waits for another run of this type to end."
    return None


class CancelAnswer(Model):
    """What came of cancelling."""

    status: State = Field(description="Where the run stands now.")
    in_time: bool = Field(description="Whether it was in time: nothing of the run stays.")
    message: Message = Field(description="The same in words.")


class ImportCancelled(CancelAnswer):
    """What came of cancelling an import."""

    import_id: UUID


class ExportCancelled(CancelAnswer):
    """What came of cancelling an export."""

    export_id: UUID
