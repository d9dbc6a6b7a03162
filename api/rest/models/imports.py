"""Requests for imports."""

from __future__ import annotations

from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from api.rest.models.job_request import JobRequest, consistent, derived
from schemas.jobs import ImportJob, LoadOptions


@derived
class ImportOptions(JobRequest):
    """What an import is to do; a form has the same fields as parts, objects as JSON."""

    declared_by: ClassVar[type[BaseModel]] = LoadOptions

    def job(self, path: str, name: str, owner: str) -> ImportJob:
        """Return the job that this asks for."""
        return ImportJob.model_validate(self.values() | {"path": path, "name": name, "requested_by": owner})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        return consistent(self)


class ImportRequest(ImportOptions):
    """An import of a file that was sent before."""

    upload_id: UUID = Field(description="The id of an uploaded file, in place of a file.")
