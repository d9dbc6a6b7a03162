"""Frozen plans, and requests to apply them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import (
    Field,
)

from api.rest.models.base import Model, RequestModel
from schemas.choices import Moved


class ApproveRequest(RequestModel):
    """How a frozen plan is applied."""

    hash: str | None = Field(None, description="The plan's hash, to be sure that it is that one.", max_length=64)
    moved: Moved = Field(
        Moved.REFUSE,
        description="When records were changed since: refuse, skip (leave them out), or rebase (plan them again).",
    )


class PlanRequest(ApproveRequest):
    """An import that does exactly what a preview said."""

    plan_id: UUID = Field(description="What a preview gave.")


class PlanDetail(Model):
    """A frozen plan: what was staged for it is kept, so that exactly it can be applied."""

    plan_id: UUID = Field(description="The run that made it.")
    hash: str = Field(description="By which it is known to be the same.")
    until: datetime | None = Field(None, description="Until when it is kept; none once it is applied.")
    applied: UUID | None = Field(None, description="The import that applied it.")
