"""Syncs, requests for them, and the difference between two of their runs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import (
    Field,
    JsonValue,
)

from api.rest.models.base import Model
from api.rest.models.imports import ImportOptions
from schemas.choices import Mode, Overlap
from schemas.jobs import SyncJob
from schemas.permissions import Authority


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
