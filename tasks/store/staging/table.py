"""The staging tables of a run: where valid batches wait for the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import UUID

import polars as pl
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, func, insert, inspect, select, text

from schemas.errors import Transient
from schemas.model.resource import NATURAL_KEY, Resource
from schemas.model.tables import ROW_NUMBER, SEEN_AT, STAGING_SCHEMA, UNTOUCHED_FIELDS, staged_columns, staging_table
from schemas.sources import ROW
from tasks.store.connection.copy import copy_frame
from tasks.store.connection.session import name_lock, set_local
from tasks.store.resolve.ambiguous_values import AmbiguousValue
from tasks.store.staging.names import FLAWED, SHARDS, staging_name
from tasks.store.staging.prefilter import Prefilter
from tasks.store.staging.spool import Spool

# Batches of the prefilter that are fetched at once: a few megabytes each.
_AT_ONCE = 4


_STATISTICS = "25"
"""The statistics target of each column of staged rows; the default of PostgreSQL is 100."""


@dataclass(frozen=True)
class Staging:
    """The staging tables of one of a run's types, unlogged, and what they hold; nothing changes it.

    `run_id` is the run that staged the rows; a run that applies a frozen plan reads those of another. `rows` are valid.
    The table `flawed` has `rejected_rows`, whose records are present in the source: those with wrong cells, and in a
    sync also those that rules over many records reject. `any_flawed` is whether it has rows that such rules have still
    to check. `rekeyed` is whether keys of rows were completed. `ambiguous_values` are references that name no record.

    `spooled` is how many valid rows are in `spools`, which are staged once it is known which of them differ from their
    record; `unchanged` rows turned out not to, and are not staged.
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
    spools: tuple[Spool, ...] = ()
    spooled: int = 0
    unchanged: int = 0

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

    @cached_property
    def shards(self) -> Table:
        """The table of the shards that are staged, with the prefilter's numbers of each of their batches."""
        return Table(
            f"{staging_name(self.run_id, self.part)}{SHARDS}",
            MetaData(),
            Column("shard", Integer, nullable=False),
            Column("numbers", LargeBinary, nullable=False),
            schema=STAGING_SCHEMA,
            prefixes=["UNLOGGED"],
        )

    def create(self, connection: Connection) -> None:
        """Create the tables of the valid rows and of the shards, where no other shard has created them."""
        if not inspect(connection).has_schema(STAGING_SCHEMA):
            # Two first runs at once: IF NOT EXISTS does not see what another transaction is about to create.
            connection.execute(select(func.pg_advisory_xact_lock(name_lock("schema", STAGING_SCHEMA))))
            # Checked by a query: a pooled connection may still remember that the schema was not there.
            if not inspect(connection).has_schema(STAGING_SCHEMA):
                connection.execute(text(f'create schema "{STAGING_SCHEMA}"'))
        _create(connection, self.table)
        _create(connection, self.shards)

    def is_staged(self, connection: Connection, shard: int) -> bool:
        """Say whether a shard is staged already; until the transaction ends, nobody else stages it."""
        key = name_lock("shard", f"{self.shards.name} {shard}")
        connection.execute(select(func.pg_advisory_xact_lock(key)))
        found = select(self.shards.c.shard).where(self.shards.c.shard == shard).limit(1)
        return connection.execute(found).first() is not None

    def add(
        self,
        connection: Connection,
        valid: pl.DataFrame,
        flawed: pl.DataFrame,
        shard: int = 0,
        spool: Spool | None = None,
    ) -> Staging:
        """COPY typed rows (`ROW` and fields) of a shard into the tables, valid ones into its `spool` if it has one."""
        if len(flawed) and not self.any_flawed:
            # In a transaction of its own: other shards must not wait for the end of this one.
            with connection.engine.begin() as other:
                _create(other, self.flawed)
        if spool:
            spool.add(valid)
        else:
            copy_frame(connection, self.table, self.stored(valid))
        copy_frame(connection, self.flawed, self.stored(flawed))
        connection.execute(insert(self.shards).values(shard=shard, numbers=self.prefilter.numbers(valid)))
        return self.with_rows(len(valid), len(flawed), spool)

    def add_stored(self, connection: Connection, rows: pl.DataFrame) -> Staging:
        """COPY rows that have been spooled, as `stored` returns them; returns what the table holds then."""
        copy_frame(connection, self.table, rows)
        return replace(self, rows=self.rows + len(rows))

    def with_rows(self, valid: int, flawed: int, spool: Spool | None = None) -> Staging:
        """Return what the tables hold with so many rows more; the valid ones are in the spool if there is one."""
        return replace(
            self,
            spools=tuple(dict.fromkeys((*self.spools, *([spool] if spool else [])))),
            spooled=self.spooled + (valid if spool else 0),
            rows=self.rows + (0 if spool else valid),
            rejected_rows=self.rejected_rows + flawed,
            any_flawed=self.any_flawed or flawed > 0,
        )

    def joined(self, other: Staging) -> Staging:
        """Return what the tables and spools hold with what another shard has put there."""
        more = self.with_rows(other.rows, other.rejected_rows)
        return replace(more, spools=(*self.spools, *other.spools), spooled=self.spooled + other.spooled)

    def take_prefilter(self, connection: Connection) -> Staging:
        """Fetch the prefilter of all shards into files of the run's folder, and drop the table that it was kept in."""
        prefilter = self.prefilter
        query = connection.execute(select(self.shards.c.numbers), execution_options={"yield_per": _AT_ONCE})
        for numbers in query.scalars():
            prefilter = prefilter.add(bytes(numbers), 0)
        self.shards.drop(connection, checkfirst=False)
        return replace(self, prefilter=replace(prefilter, rows=self.rows + self.spooled))

    def add_referred(self, connection: Connection, batch: pl.DataFrame) -> Staging:
        """COPY records that no row of the source holds; returns what the table holds then."""
        notes = {SEEN_AT: pl.Datetime(time_zone="UTC"), UNTOUCHED_FIELDS: pl.List(pl.String)}
        absent = [pl.lit(None, dtype).alias(name) for name, dtype in notes.items() if name in self.table.c]
        copy_frame(connection, self.table, self.stored(batch.with_columns(absent)))
        prefilter = self.prefilter.add(self.prefilter.numbers(batch), len(batch))
        return replace(self, prefilter=prefilter, rows=self.rows + len(batch))

    def stored(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return typed rows with the columns of the staging table."""
        columns = staged_columns(self.resource, self.fields)
        key = [self.resource.natural_key(self.fields).alias(NATURAL_KEY)] if NATURAL_KEY in columns else []
        seen = [name for name in (SEEN_AT, UNTOUCHED_FIELDS) if name in self.table.c]
        return batch.with_columns(key).select(pl.col(ROW).alias(ROW_NUMBER), *seen, *columns)

    def analyze(self, connection: Connection) -> None:
        """Give the planner statistics of the tables, once all rows are there.

        They are used once: a quarter of the usual sample takes a quarter of the time.
        """
        set_local(connection, "default_statistics_target", _STATISTICS)
        for table in (self.table, *([self.flawed] if self.rejected_rows else [])):
            connection.execute(text(f'analyze "{STAGING_SCHEMA}"."{table.name}"'))

    def copy_for(self, connection: Connection, run_id: UUID, folder: Path) -> Staging:
        """Copy the rows into tables of another run; returns those."""
        prefilter = Prefilter(folder, self.resource, self.fields, self.part)
        own = replace(self, run_id=run_id, prefilter=prefilter)
        own.table.create(connection, checkfirst=False)
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


def _create(connection: Connection, table: Table) -> None:
    """Create a table where no other process has."""
    connection.execute(select(func.pg_advisory_xact_lock(name_lock("table", table.name))))
    table.create(connection, checkfirst=True)


def _count(connection: Connection, table: Table) -> int | None:
    """Return how many rows a staging table has; None if it does not exist."""
    if not inspect(connection).has_table(table.name, schema=STAGING_SCHEMA):
        return None
    return connection.scalar(select(func.count()).select_from(table))
