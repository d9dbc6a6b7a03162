"""Requests for exports."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from api.rest.models.job_request import JobRequest, derived, field_of
from api.rest.models.records import RecordSelection
from schemas.jobs import ExportJob


@derived
class ExportRequest(RecordSelection, JobRequest):
    """Which records and fields of a type, of several or of all, and how the file is to be."""

    declared_by: ClassVar[type[BaseModel]] = ExportJob

    resource_type: str | None = field_of(ExportJob, "resource_type")
    types: tuple[str, ...] = field_of(ExportJob, "types")
    all: bool = field_of(ExportJob, "all")
    format: Literal["csv", "json", "ndjson", "excel", "xlsx", "parquet"] = Field(
        "csv", description="The format of the file; xlsx is excel."
    )
    compress: bool = Field(False, description="Compress the file as .gz.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.resource_type is not None) + bool(self.types) + self.all != 1:
            raise ValueError("give one of resourceType, types and all")
        return self

    def job(self, path: str, owner: str) -> ExportJob:
        """Return the job that this asks for."""
        return ExportJob.model_validate(self.values() | {"where": self.filter, "path": path, "requested_by": owner})
