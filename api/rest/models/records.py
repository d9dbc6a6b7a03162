"""Records, their history, and requests that select them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
)

from api.rest.models.base import Model, QueryModel, RequestModel
from schemas.job_options.filters import MAX_TEXT, Filter, Filters, both, of_fields, parse

_MOST_FILTERS = 100


class RecordQuery(QueryModel):
    """Which records of a type, in which order, and which page of them."""

    search: str | None = Field(None, description="A text that the record contains.", max_length=200)
    where: str | None = Field(None, description="A filter as text.", max_length=10_000)
    sort: str | None = Field(None, description="Fields to sort by; - reverses.", max_length=500)
    limit: int = Field(50, ge=1, le=1000, description="How many.")
    offset: int = Field(0, ge=0, le=2**31, description="How many to skip.")
    retired: bool = Field(False, description="Include retired records.")


class RecordSelection(RequestModel):
    """Which records: all for which `where` and `filters` hold."""

    # Text is parsed where the filter is used, in a thread: here it would hold up every other request.
    where: Filter | Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = Field(
        None,
        description="Which records: a filter as JSON, or as text such as `region eq us-east-1 and name contains core`.",
        examples=[{"field": "region", "op": "eq", "value": "us-east-1"}],
    )
    filters: Filters = Field(
        default_factory=dict,
        max_length=_MOST_FILTERS,
        description="The short form: field → a value, several values, null for empty, or a range from … to.",
        examples=[{"region": "us-east-1", "updatedAt": {"from": "2026-11-01", "to": "2026-11-30"}}],
    )

    @field_validator("filters", mode="before")
    @classmethod
    def _are_few(cls, value: Any) -> Any:
        # Pydantic counts them last, and each that is wrong has an error for every form that it may have.
        if isinstance(value, dict) and len(value) > _MOST_FILTERS:
            raise ValueError(f"{len(value):,} fields are given, and at most {_MOST_FILTERS} are read")
        return value

    @property
    def filter(self) -> Filter | None:
        """Both as one filter; None for all records. Raises UsageError for text that is no filter."""
        where = parse(self.where) if isinstance(self.where, str) else self.where
        return both([each for each in (where, of_fields(self.filters)) if each])


class CountRequest(RecordSelection):
    """Which records of a type."""

    resource_type: str = Field(examples=["vpc"])


class Count(Model):
    """How many records there are."""

    records: int


class RecordPage(Model):
    """Some records of a type, each with its `key`, its fields, and when it was made and changed."""

    fields: list[str]
    items: list[dict[str, JsonValue]]
    total: int
    next: str | None = None


class FreeBlocks(Model):
    """The lowest free blocks of a size."""

    size: int
    within: list[str] = Field(description="The blocks that were looked through.")
    blocks: list[str]
    total: int = Field(description="How many blocks of the size are free in all.")


class Event(Model):
    """One change of a record."""

    run_id: UUID
    at: datetime | None
    source: str
    requested_by: str | None = None
    action: Literal["created", "updated", "deleted", "retired", "restored"]
    fields: dict[str, dict[str, JsonValue]] = Field(description="Field → its value before and after.")


class RecordDetail(Model):
    """One record and its history, the newest change first."""

    key: str
    record: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime
    history: list[Event]
