"""Syncs, requests for them, and the difference between two of their runs."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue, model_validator

from api.rest.models.base import Model
from api.rest.models.job_request import JobRequest, consistent, derived
from schemas.jobs import SyncJob


@derived
class SyncRequest(JobRequest):
    """A source whose records are brought in now; records that it no longer has are deleted or retired."""

    declared_by: ClassVar[type[BaseModel]] = SyncJob

    def job(self, owner: str) -> SyncJob:
        """Return the job that this asks for."""
        return SyncJob.model_validate(self.values() | {"requested_by": owner})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        return consistent(self)


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
    """Two runs compared: what each read, and the records that changed between them."""

    before: RunSeen
    after: RunSeen
    counts: dict[str, int] = Field(description="Records created, updated, deleted and retired.")
    changes: list[RecordChange] = Field(description="The first of them.")
