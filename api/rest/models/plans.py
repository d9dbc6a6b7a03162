"""Frozen plans, and requests to apply them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, Field

from api.rest.models.base import Model
from api.rest.models.job_request import JobRequest, derived
from schemas.jobs import ApplyJob


@derived
class ApproveRequest(JobRequest):
    """How a frozen plan is applied."""

    declared_by: ClassVar[type[BaseModel]] = ApplyJob

    def job(self, plan: UUID, owner: str) -> ApplyJob:
        """Return the job that applies a plan in this way."""
        return ApplyJob.model_validate(self.values() | {"plan": plan, "requested_by": owner})


class PlanRequest(ApproveRequest):
    """An import that does exactly what a preview said."""

    plan_id: UUID = Field(description="The id of the plan of a preview, in place of a file.")


class PlanDetail(Model):
    """A frozen plan: what was staged for it is kept, so that exactly it can be applied."""

    plan_id: UUID = Field(description="The run that made it.")
    hash: str = Field(description="By which it is known to be the same.")
    until: datetime | None = Field(None, description="Until when it is kept; none once it is applied.")
    applied: UUID | None = Field(None, description="The import that applied it.")
