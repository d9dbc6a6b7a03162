"""How the columns of a run's sources were mapped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from schemas.mapping import Mapping
from schemas.model.tables import IMPORT_RUN
from tasks.store.ledger.codec import mapping_from_json


def source_parts(parts: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the parts of a run that have rows in its source, not those of records that its rows only refer to."""
    return [part for part in parts or [] if part["origin"]]


def mappings_of(connection: Connection, run_id: UUID) -> dict[str, Mapping]:
    """Return how the columns of each type of a run were mapped."""
    run = IMPORT_RUN.c
    query = select(run.resource_type, run.mapping, run.parts).where(run.run_id == run_id)
    resource_type, mapping, parts = connection.execute(query).one()
    each = [(part["resource_type"], part["mapping"]) for part in source_parts(parts)] or [(resource_type, mapping)]
    return {name: mapping_from_json(data) for name, data in each if name and data}
