"""The staging tables of a run: where valid batches wait for the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Table, func, insert, inspect, select, text
from sqlalchemy.schema import DropTable

from schemas.errors import Transient
from schemas.model.resource import NATURAL_KEY, Resource
from schemas.model.tables import ROW_NUMBER, SEEN_AT, STAGING_SCHEMA, UNTOUCHED_FIELDS, staged_columns, staging_table
from schemas.sources import ROW
from tasks.store.connection.copy import copy_frame
from tasks.store.connection.session import name_lock
from tasks.store.resolve.ambiguous_values import AmbiguousValue
from tasks.store.staging.names import FLAWED, staging_name
from tasks.store.staging.prefilter import Prefilter


@dataclass(frozen=True)
class Staging:
    """The staging tables of one of a run's types, unlogged, and what they hold; nothing changes it.

    `run_id` is the run that staged the rows; a run that applies a frozen plan reads those of another. `rows` are valid.
    The table `flawed` has `rejected_rows`, whose records are present in the source: those with wrong cells, and in a
    sync also those that rules over many records reject. `any_flawed` is whether it has rows that such rules have still
    to check. `rekeyed` is whether keys of rows were completed. `ambiguous_values` are references that name no record.
    """

    run_id: UUID
    resource: Resource
    fields: tuple[str, ...]
    prefilter: Prefilter
    part: int = 0
    seen: bool = False
    untouched: bool = False
    rows: int = 0
    rejected_rows: int = 0
    any_flawed: bool = False
    rekeyed: bool = False
    ambiguous_values: tuple[AmbiguousValue, ...] = ()

    @cached_property
    def table(self) -> Table:
        """The table of the valid rows."""
        return self._table("")

    @cached_property
    def flawed(self) -> Table:
        """The table of the rejected rows; it exists once there are any."""
        return self._table(FLAWED)

    def _table(self, suffix: str) -> Table:
        name = f"{staging_name(self.run_id, self.part)}{suffix}"
        return staging_table(name, self.resource, self.fields, seen=self.seen, untouched=self.untouched)

    def create(self, connection: Connection) -> None:
        """Create the table of the valid rows, empty."""
        if not inspect(connection).has_schema(STAGING_SCHEMA):
            # Two first runs at once: IF NOT EXISTS does not see what another transaction is about to create.
            connection.execute(select(func.pg_advisory_xact_lock(name_lock("schema", STAGING_SCHEMA))))
            # Checked by a query: a pooled connection may still remember that the schema was not there.
            if not inspect(connection).has_schema(STAGING_SCHEMA):
                connection.execute(text(f'create schema "{STAGING_SCHEMA}"'))
        for table in (self.flawed, self.table):
            connection.execute(DropTable(table, if_exists=True))
        self.table.create(connection, checkfirst=False)

    def add(self, connection: Connection, valid: pl.DataFrame, flawed: pl.DataFrame) -> Staging:
        """COPY typed rows (`ROW` and fields) into the tables; returns what these hold then."""
        if len(flawed) and not self.any_flawed:
            self.flawed.create(connection, checkfirst=False)
        copy_frame(connection, self.table, self._stored(valid))
        copy_frame(connection, self.flawed, self._stored(flawed))
        return replace(
            self,
            prefilter=self.prefilter.add(valid),
            rows=self.rows + len(valid),
            rejected_rows=self.rejected_rows + len(flawed),
            any_flawed=self.any_flawed or len(flawed) > 0,
        )

    def add_referred(self, connection: Connection, batch: pl.DataFrame) -> Staging:
        """COPY records that no row of the source holds; returns what the table holds then."""
        notes = {SEEN_AT: pl.Datetime(time_zone="UTC"), UNTOUCHED_FIELDS: pl.List(pl.String)}
        absent = [pl.lit(None, dtype).alias(name) for name, dtype in notes.items() if name in self.table.c]
        copy_frame(connection, self.table, self._stored(batch.with_columns(absent)))
        return replace(self, prefilter=self.prefilter.add(batch), rows=self.rows + len(batch))

    def _stored(self, batch: pl.DataFrame) -> pl.DataFrame:
        columns = staged_columns(self.resource, self.fields)
        key = [self.resource.natural_key(self.fields).alias(NATURAL_KEY)] if NATURAL_KEY in columns else []
        seen = [name for name in (SEEN_AT, UNTOUCHED_FIELDS) if name in self.table.c]
        return batch.with_columns(key).select(pl.col(ROW).alias(ROW_NUMBER), *seen, *columns)

    def analyze(self, connection: Connection) -> None:
        """Give the planner statistics of the tables, once all rows are there."""
        for table in (self.table, *([self.flawed] if self.rejected_rows else [])):
            connection.execute(text(f'analyze "{STAGING_SCHEMA}"."{table.name}"'))

    def copy_for(self, connection: Connection, run_id: UUID, folder: Path) -> Staging:
        """Copy the rows into tables of another run; returns those."""
        prefilter = Prefilter(folder, self.resource, self.fields, self.part)
        own = replace(self, run_id=run_id, prefilter=prefilter)
        own.create(connection)
        pairs = [(own.table, self.table)]
        if self.rejected_rows:
            own.flawed.create(connection, checkfirst=False)
            pairs.append((own.flawed, self.flawed))
        for new, old in pairs:
            connection.execute(insert(new).from_select(new.c.keys(), select(old)))
        own.analyze(connection)
        return own

    def check_complete(self, connection: Connection) -> None:
        """Raise Transient when rows are missing: a server that crashes empties its unlogged tables."""
        tables = [(self.table, self.rows), *([(self.flawed, self.rejected_rows)] if self.rejected_rows else [])]
        if any(_count(connection, table) != rows for table, rows in tables):
            raise Transient("The database restarted and lost the staged rows: run the import again.")


def _count(connection: Connection, table: Table) -> int | None:
    """Return how many rows a staging table has; None if it does not exist."""
    if not inspect(connection).has_table(table.name, schema=STAGING_SCHEMA):
        return None
    return connection.scalar(select(func.count()).select_from(table))
