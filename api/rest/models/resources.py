"""Resource types and rules."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    JsonValue,
)

from api.rest.models.base import Model
from schemas.issues import Severity


class RuleSummary(Model):
    """One rule of rows or records."""

    name: str
    types: list[str] = Field(description="The resource types that it applies to.")
    fields: list[str] = Field(description="The fields that it reads, the one to fix first.")
    severity: Severity
    message: str
    scope: Literal["row", "records"]
    source: str = Field(description="built in; of a rule of your own, its file and line.")


class ResourceSummary(Model):
    """One resource type."""

    type: str
    title: str
    key: list[str] = Field(description="The fields of the natural key.")
    aliases: list[str]
    fields: int = Field(description="How many fields it has.")


class ResourceDetail(Model):
    """One resource type with its fields, and the JSON Schema (2020-12) of a record."""

    type: str
    title: str
    key: list[str]
    aliases: list[str]
    required: list[str]
    create_missing: list[str] = Field(description="The types of which an import of it may create missing records.")
    fields: list[dict[str, JsonValue]]
    record_schema: dict[str, JsonValue] = Field(description="The JSON Schema of a record.")
