"""Requests for imports."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from api.rest.models.base import Model, RequestModel
from schemas.choices import Empty, Missing, Mode, OnError, Stale, Unknown
from schemas.jobs import ImportJob, LoadOptions, ReadOptions, Threshold
from schemas.permissions import Authority
from schemas.texts import Encoding, ReadSeparator


class SheetOptions(Model):
    """How one sheet of a workbook is read, where that is not to be inferred from it."""

    type: str | None = Field(None, description="The resource type of the sheet.")
    skip: bool = Field(False, description="Leave the sheet out.")
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="The row that holds the column names.")
    mapping: dict[str, str] = Field(
        default_factory=dict, description="Source column → field; an empty field leaves the column out."
    )


_READING = {*ReadOptions.model_fields}
"""The options of an import that say how its source is read."""


class ImportOptions(RequestModel):
    """What an import is to do; a form has the same fields as parts, `mapping` and `constants` as JSON."""

    resource_type: str | None = Field(None, description="Found out from the columns unless given.", examples=["vpc"])
    mode: Mode = Field(
        Mode.UPSERT, description="Create new records, update known ones, both, or sync: also take away, see missing."
    )
    mapping: dict[str, str] = Field(
        default_factory=dict,
        description="Source column → field, beside what is found out; an empty field leaves the column out.",
        examples=[{"VPC": "vpc_id"}],
    )
    constants: dict[str, str] = Field(
        default_factory=dict,
        description="Field → the value of rows that have none; with ! at its end, of every row.",
        examples=[{"region": "us-east-1"}],
    )
    saved_mapping: str | None = Field(None, description="The saved mapping to use.", max_length=255)
    save_mapping: str | None = Field(
        None,
        description="Save the mapping that was used under this name; a preview or dry run saves nothing.",
        max_length=255,
    )
    on_error: OnError = Field(OnError.CONTINUE, description="Leave rejected rows out, or load nothing.")
    max_errors: Threshold | None = Field(
        None, description="Load nothing when more rows are rejected.", examples=["100", "5%"]
    )
    unknown: Unknown = Field(Unknown.WARN, description="What to do about columns that fit no field.")
    empty: Empty = Field(Empty.CLEAR, description="Whether an empty cell clears a stored value.")
    stale: Stale = Field(Stale.REFUSE, description="What to do about records that were changed since the export.")
    create_missing: list[str] = Field(
        default_factory=list,
        max_length=20,
        description="Resource types: records that do not exist are created where rows refer to them.",
        examples=[["site"]],
    )
    without_rules: list[str] = Field(
        default_factory=list, max_length=20, description="Rules of your own that are not asked this time."
    )
    missing: Missing = Field(
        Missing.RETIRE,
        description="What mode sync does about records that the source no longer has, within the constants.",
    )
    max_delete: Threshold | None = Field(
        "20%",
        description="Hold a sync back that would take away more records: a count, or a share of those there.",
        examples=["100", "5%"],
    )
    max_update: Threshold | None = Field(
        None, description="Hold a sync back that would update more records.", examples=["1000", "50%"]
    )
    dry_run: bool = Field(False, description="Find out what would be done, and do nothing.")
    batch_size: int | None = Field(None, ge=1_000, le=1_000_000, description="Rows that are validated at once.")
    format: str | None = Field(
        None, description="csv, json, ndjson, yaml, excel, parquet or terraform, where the content does not say."
    )
    encoding: Encoding | None = Field(None, description="Such as cp1252, where it is not found out.", max_length=40)
    delimiter: ReadSeparator | None = Field(
        None, min_length=1, max_length=1, description="Field separator, one character."
    )
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="The row that holds the column names.")
    no_header: bool = Field(False, description="The first row is a record: the columns are called column 1, column 2 …")
    columns: list[str] = Field(
        default_factory=list, max_length=1_000, description="The names of the columns of a file without a header."
    )
    sheet: str | None = Field(None, description="The sheet of a workbook.", max_length=255)
    sheets: dict[str, SheetOptions] = Field(
        default_factory=dict,
        description="What is known of sheets of a workbook: type, header row and mapping, or to skip them.",
        examples=[{"VLAN list": {"type": "vlan"}, "Notes": {"skip": True}}],
    )
    records: str | None = Field(None, description="The member of a JSON document that holds the list.", max_length=255)

    null: list[str] = Field(
        default_factory=list, max_length=20, description="Words that stand for an empty cell, also in text."
    )
    decimal_comma: bool = Field(False, description="Whether decimals begin with a comma, and points group thousands.")
    thousands: str | None = Field(
        None, pattern=r"^[.,' ]$", description="What groups thousands: a point, a comma, an apostrophe or a space."
    )

    def job(self, path: str, name: str, owner: str, authority: Authority, **changed: Any) -> ImportJob:
        """Return the job that this asks for."""
        known = {"path": path, "name": name, "authority": authority}
        return ImportJob.model_validate(self._asked(owner) | known | changed)

    def _asked(self, owner: str) -> dict[str, Any]:
        """What is asked for, by the names that a job has for it."""
        asked = self.model_dump(exclude={*_READING, "mapping", "saved_mapping", "upload_id"})
        read = ReadOptions(**self.model_dump(include=_READING))
        return asked | {"columns": self.mapping, "mapping": self.saved_mapping, "read": read, "requested_by": owner}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            ReadOptions(**self.model_dump(include=_READING))
            LoadOptions(mode=self.mode, create_missing=tuple(self.create_missing))
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        return self


class ImportRequest(ImportOptions):
    """An import of a file that was sent before."""

    upload_id: UUID = Field(description="What a preview gave.")
