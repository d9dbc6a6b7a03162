"""Requests for exports, and what they wrote."""

from __future__ import annotations

from typing import ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from api.rest.models.base import Model
from api.rest.models.job_request import JobRequest, derived, field_of
from api.rest.models.records import RecordSelection
from schemas.jobs import ExportJob


class UnfitValues(Model):
    """Stored values of a field that the rules of today would reject."""

    field: str
    rule: str
    count: int


class ExportResult(Model):
    """What an export wrote."""

    export_id: UUID
    resource_type: str | None = Field(None, description="None of a document of several types.")
    file_name: str
    format: str
    columns: list[str]
    records: int
    types: dict[str, int] = Field(description="How many records there are of each type.")
    size_bytes: int
    duration_seconds: float
    unfit: list[UnfitValues]
    notices: list[str]


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
