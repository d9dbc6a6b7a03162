"""The names of staging tables, and dropping all those of a run."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from schemas.model.tables import STAGING_SCHEMA

FLAWED, PLANNED, SHARDS = "_flawed", "_plan", "_shards"
"""Suffixes of a staging table's name: the tables of its rejected rows, of its frozen plan and of its shards."""


def staging_name(run_id: UUID, part: int = 0) -> str:
    """Return the name of the staging table of one of a run's types."""
    return f"run_{run_id.hex}_{part}"


def drop_staging(connection: Connection, run_id: UUID) -> int:
    """Drop the staging tables of a run; returns how many there were."""
    named = text("select tablename from pg_tables where schemaname = :schema and starts_with(tablename, :name)")
    parameters = {"schema": STAGING_SCHEMA, "name": f"run_{run_id.hex}_"}
    names = list(connection.scalars(named, parameters))
    for name in names:
        connection.execute(text(f'drop table if exists "{STAGING_SCHEMA}"."{name}"'))
    return len(names)
