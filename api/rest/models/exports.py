"""Requests for exports."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import (
    AliasChoices,
    Field,
    model_validator,
)

from api.rest.models.records import RecordSelection
from schemas.jobs import ExportJob, WriteOptions
from schemas.texts import WrittenSeparator


class ExportRequest(RecordSelection):
    """Which records and fields of a type, of several or of all, and how the file is to be."""

    resource_type: str | None = Field(None, description="Such as vpc or transitGateway.", examples=["vpc"])
    types: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Several types, for a workbook with a sheet of each or a JSON document with a list of each.",
    )
    all: bool = Field(False, description="All types, in the same way.")
    format: Literal["csv", "json", "ndjson", "excel", "xlsx", "parquet"] = Field(
        "csv", description="The format of the file; xlsx is excel."
    )
    fields: list[str] = Field(
        default_factory=list, max_length=1000, description="Which fields, in order; all unless given."
    )
    titles: bool | None = Field(None, description="Name the columns by titles or by fields; titles in a workbook only.")
    sort: list[str] = Field(
        default_factory=list, max_length=100, description="Fields, each with - before it for the reverse."
    )
    limit: int | None = Field(None, ge=1, description="At most so many records.")
    since: str | None = Field(None, description="Changed since: a date, a time, or 7d.", max_length=40)
    until: str | None = Field(None, description="Last changed until.", max_length=40)
    as_of: str | None = Field(
        None, description="The records as they were at that time: a date, a time, or 7d.", max_length=40
    )
    saved_mapping: str | None = Field(None, description="A saved mapping, in reverse.", max_length=255)
    metadata: bool = Field(
        False,
        validation_alias=AliasChoices("metadata", "includeMetadata", "include_metadata"),
        description="Say in the file who exported what, when, and by which filter; also as includeMetadata.",
    )
    lineage: bool = Field(False, description="Add when and by which run each record was made and changed.")
    compress: bool = Field(False, description="Pack the file as .gz.")
    delimiter: WrittenSeparator = Field(
        ",", min_length=1, max_length=1, description="What stands between the fields of a CSV file."
    )
    bom: bool = Field(False, description="Begin a CSV file with a byte order mark, for Excel.")
    guard: bool = Field(
        True, description="Write what a spreadsheet would run as a formula with an apostrophe before it."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.resource_type is not None) + bool(self.types) + self.all != 1:
            raise ValueError("give one of resourceType, types and all")
        return self

    def job(self, path: str, owner: str) -> ExportJob:
        """Return the job that this asks for."""
        writing = {"delimiter", "bom", "guard"}
        asked = self.model_dump(exclude={*writing, "saved_mapping", "compress", "where", "filters", "types", "all"})
        asked |= {"resource_types": self.types, "all_types": self.all}
        asked |= {"mapping": self.saved_mapping, "where": self.filter, "path": path, "requested_by": owner}
        return ExportJob.model_validate(asked | {"write": WriteOptions(**self.model_dump(include=writing))})
