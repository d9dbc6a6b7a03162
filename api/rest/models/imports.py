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

    name: str | None = Field(
        None,
        max_length=255,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="What reports call the source; the name of the file unless given.",
    )

    def job(self, path: str, name: str, owner: str) -> ImportJob:
        """Return the job that this asks for."""
        own = {"path": path, "name": self.name or name, "requested_by": owner}
        return ImportJob.model_validate(self.values() | own)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        return consistent(self)


class ImportRequest(ImportOptions):
    """An import of a file that was sent before."""

    upload_id: UUID = Field(description="The id of an uploaded file, in place of a file.")
