"""How sources are read: the options of files, of their text, and of the sheets of a workbook."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.formats import READ_NAMES
from schemas.job_options.options import Group, Option
from schemas.language.texts import Encoding, Options, ReadSeparator


class SheetOptions(Options):
    """How one sheet of a workbook is read, where that is not to be inferred from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str | None = Field(None, description="Resource type of the sheet.")
    skip: bool = Field(False, description="Skip the sheet.")
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="Row with the column names.")
    mapping: dict[str, str] = Field(
        default_factory=dict, description="Source column → field; an empty field skips the column."
    )


class ReadOptions(Options):
    """How to read a source, where its content leaves that open or would be read in another way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[str | None, Option(Group.READING)] = Field(
        None, title="Format", description=f"{READ_NAMES}. Default: detected."
    )
    encoding: Annotated[Encoding | None, Option(Group.READING)] = Field(
        None, title="Encoding", max_length=40, description="Encoding, such as utf-8 or cp1252. Default: detected."
    )
    delimiter: Annotated[ReadSeparator | None, Option(Group.READING)] = Field(
        None,
        title="Delimiter",
        json_schema_extra={"minLength": 1, "maxLength": 1},
        description="Field separator. Default: detected.",
    )
    header_row: Annotated[int | None, Option(Group.READING)] = Field(
        None, title="Header row", ge=1, le=1_048_576, description="Row with the column names. Default: detected."
    )
    no_header: Annotated[bool, Option(Group.READING)] = Field(
        False, title="No header", description="The first row is a record; columns are called column 1, column 2 …"
    )
    columns: Annotated[tuple[str, ...], Option(Group.READING, value="A,B", commas=True)] = Field(
        (), title="Names of the columns", max_length=1_000, description="Column names of a file without a header."
    )
    sheet: Annotated[str | None, Option(Group.READING, value="NAME[=TYPE]")] = Field(
        None, title="Sheet", max_length=255, description="Sheet of a workbook to read."
    )
    sheets: Annotated[dict[str, SheetOptions], Option(Group.READING)] = Field(
        default_factory=dict,
        title="Sheets",
        description="Sheet → its type, header row and mapping, or whether to skip it. Default: inferred.",
        examples=[{"VLAN list": {"type": "vlan"}, "Notes": {"skip": True}}],
    )
    records: Annotated[str | None, Option(Group.READING)] = Field(
        None, title="List in JSON", max_length=255, description="Member of a JSON document that holds the records."
    )
    null: Annotated[tuple[str, ...], Option(Group.READING, value="WORD")] = Field(
        (),
        title="Words for an empty cell",
        max_length=20,
        description="Word that means an empty cell, also in text fields.",
    )
    decimal_comma: Annotated[bool, Option(Group.READING)] = Field(
        False, title="Decimal comma", description="Read 1.000,5 as 1000.5: the comma is the decimal sign."
    )
    thousands: Annotated[str | None, Option(Group.READING, value="CHAR")] = Field(
        None,
        title="Thousands separator",
        pattern=r"^[.,' ]$",
        description="Thousands separator: . , ' or a space.",
    )

    @model_validator(mode="after")
    def _one_header(self) -> Self:
        if self.header_row and self.without_header:
            raise ValueError("set header_row or no_header, not both")
        if self.sheet and self.sheets:
            raise ValueError("set sheet or sheets, not both")
        return self

    @property
    def without_header(self) -> bool:
        """Whether the first row is a record."""
        return self.no_header or bool(self.columns)
