"""The staging table of a run: where valid batches wait for the plan."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from sqlalchemy import Table, func, inspect, select, text

from schemas.errors import Transient
from schemas.reports import ROW
from schemas.resource import NATURAL_KEY, Resource
from schemas.tables import STAGING_SCHEMA, staged_columns, staging_table
from tasks.store.copy import copy_frame
from tasks.store.ledger import drop_staging, staging_name
from tasks.store.session import Session
from tasks.store.sketch import Sketch


class Staging:
    """One run's staging table, unlogged: what it holds is worth nothing after the run."""

    def __init__(self, session: Session, resource: Resource, fields: tuple[str, ...], folder: Path) -> None:
        self.session = session
        self.resource = resource
        self.fields = fields
        self.table: Table = staging_table(staging_name(session.run_id), resource, fields)
        self.rows = 0
        self._folder = folder
        self.sketch = Sketch(folder, resource, fields)

    def create(self) -> None:
        """Make the table, empty."""
        with self.session.transaction() as connection:
            connection.execute(text(f'create schema if not exists "{STAGING_SCHEMA}"'))
            drop_staging(connection, self.session.run_id)
            self.table.create(connection)
        self.rows = 0
        self.sketch = Sketch(self._folder, self.resource, self.fields)

    def add(self, batch: pl.DataFrame) -> None:
        """COPY a typed batch (`ROW` and fields) into the table."""
        columns = staged_columns(self.resource, self.fields)
        key = [self.resource.natural_key(self.fields).alias(NATURAL_KEY)] if NATURAL_KEY in columns else []
        frame = batch.with_columns(key).select(pl.col(ROW).alias("row_number"), *columns)
        self.sketch.add(batch)
        with self.session.transaction() as connection:
            copy_frame(connection, self.table, frame)
        self.rows += len(frame)

    def finish(self) -> None:
        """Tell the planner what the table holds, once all of it is there."""
        with self.session.transaction() as connection:
            connection.execute(text(f'analyze "{STAGING_SCHEMA}"."{self.table.name}"'))

    def check_whole(self) -> None:
        """Raise Transient when rows are missing: a server that crashes empties its unlogged tables."""
        with self.session.transaction() as connection:
            there = inspect(connection).has_table(self.table.name, schema=STAGING_SCHEMA)
            if not there or connection.scalar(select(func.count()).select_from(self.table)) != self.rows:
                raise Transient("The database restarted and lost the staged rows: run the import again.")

    def drop(self) -> None:
        """Drop the table."""
        with self.session.transaction() as connection:
            drop_staging(connection, self.session.run_id)
