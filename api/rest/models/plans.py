"""Frozen plans, and requests to apply them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, Field

from api.rest.models.base import Model, RequestModel
from api.rest.models.job_request import JobRequest, derived
from schemas.job_options.choices import Verdict
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


class RejectRequest(RequestModel):
    """Why the plan of a held sync is rejected."""

    reason: str = Field(
        min_length=1, max_length=1000, description="Why nothing is to be changed.", examples=["Wrong account."]
    )


class PlanDecision(Model):
    """Who approved or rejected a plan. A plan whose approval was not applied can be decided about again."""

    verdict: Verdict
    by: str = Field(description="The key, account or person.")
    at: datetime
    reason: str | None = None
    run: UUID | None = Field(None, description="The import that applies the approved plan.")


class PlanDetail(Model):
    """A frozen plan: what was staged for it is kept, so that exactly it can be applied."""

    plan_id: UUID = Field(description="The run that made it.")
    hash: str = Field(description="By which it is known to be the same.")
    until: datetime | None = Field(None, description="Until when it is kept; none once it is applied or rejected.")
    applied: UUID | None = Field(None, description="The import that applied it.")
    decision: PlanDecision | None = Field(None, description="Who approved or rejected it, when and why.")
