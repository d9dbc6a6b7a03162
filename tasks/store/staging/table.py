"""The staging table of a run: where valid batches wait for the plan."""

from __future__ import annotations

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
from tasks.store.connection.session import Session, name_lock
from tasks.store.resolve.doubts import AmbiguousValue
from tasks.store.staging.names import FLAWED, staging_name
from tasks.store.staging.prefilter import Sketch


class Staging:
    """The staging table of one of a run's types, unlogged: what it holds is worth little after the run.

    `run_id` names the run that staged the rows, where that is another one, whose frozen plan is applied. The rejected
    rows are in the table `flawed`, `aside` of them: their records are present in the source. It has those that rules
    over many records reject in a sync alone. `any_flawed` says that such rules have to be asked of some, too.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        fields: tuple[str, ...],
        folder: Path,
        *,
        seen: bool = False,
        untouched: bool = False,
        part: int = 0,
        run_id: UUID | None = None,
    ) -> None:
        self.session = session
        self.resource = resource
        self.fields = fields
        self.part = part
        name = staging_name(run_id or session.run_id, part)
        self.untouched = untouched
        self.table: Table = staging_table(name, resource, fields, seen=seen, untouched=untouched)
        self.flawed: Table = staging_table(f"{name}{FLAWED}", resource, fields, seen=seen, untouched=untouched)
        self.any_flawed = False
        self.checked = False
        # Whether keys of rows were completed, and what can be said of references that name no record.
        self.rekeyed = False
        self.doubts: list[AmbiguousValue] = []
        self.rows = 0
        self.aside = 0
        self.sketch = Sketch(folder, resource, fields, part)

    def create(self) -> None:
        """Make the table, empty."""
        with self.session.transaction() as connection:
            if not inspect(connection).has_schema(STAGING_SCHEMA):
                # Two first runs at once: IF NOT EXISTS does not see what another transaction is about to create.
                connection.execute(select(func.pg_advisory_xact_lock(name_lock("schema", STAGING_SCHEMA))))
                # Asked by a query: a pooled connection may still remember that the schema was not there.
                if not inspect(connection).has_schema(STAGING_SCHEMA):
                    connection.execute(text(f'create schema "{STAGING_SCHEMA}"'))
            for table in (self.flawed, self.table):
                connection.execute(DropTable(table, if_exists=True))
            self.table.create(connection, checkfirst=False)

    def copy(self, other: Staging) -> None:
        """Take the rows that another run has staged, which stay as they are."""
        self.create()
        with self.session.transaction() as connection:
            rows = insert(self.table).from_select(self.table.c.keys(), select(other.table))
            self.rows = connection.execute(rows).rowcount
            if other.aside:
                self.flawed.create(connection, checkfirst=False)
                rows = insert(self.flawed).from_select(self.flawed.c.keys(), select(other.flawed))
                self.aside = connection.execute(rows).rowcount
        self.finish()

    def add(self, batch: pl.DataFrame, flawed: pl.DataFrame) -> None:
        """COPY typed rows (`ROW` and fields) into the table; rejected ones into a table beside it."""
        self.sketch.add(batch)
        with self.session.transaction() as connection:
            if len(flawed) and not self.any_flawed:
                self.flawed.create(connection, checkfirst=False)
            copy_frame(connection, self.table, self._stored(batch))
            copy_frame(connection, self.flawed, self._stored(flawed))
        self.any_flawed = self.any_flawed or len(flawed) > 0
        self.aside += len(flawed)
        self.rows += len(batch)

    def add_referred(self, connection: Connection, batch: pl.DataFrame) -> None:
        """COPY records that no row of the source holds; they count once the transaction has ended."""
        self.sketch.add(batch)
        notes = {SEEN_AT: pl.Datetime(time_zone="UTC"), UNTOUCHED_FIELDS: pl.List(pl.String)}
        absent = [pl.lit(None, dtype).alias(name) for name, dtype in notes.items() if name in self.table.c]
        copy_frame(connection, self.table, self._stored(batch.with_columns(absent)))

    def _stored(self, batch: pl.DataFrame) -> pl.DataFrame:
        columns = staged_columns(self.resource, self.fields)
        key = [self.resource.natural_key(self.fields).alias(NATURAL_KEY)] if NATURAL_KEY in columns else []
        seen = [name for name in (SEEN_AT, UNTOUCHED_FIELDS) if name in self.table.c]
        return batch.with_columns(key).select(pl.col(ROW).alias(ROW_NUMBER), *seen, *columns)

    def finish(self) -> None:
        """Tell the planner what the table holds, once all of it is there."""
        with self.session.transaction() as connection:
            for table in (self.table, *([self.flawed] if self.aside else [])):
                connection.execute(text(f'analyze "{STAGING_SCHEMA}"."{table.name}"'))

    def check_whole(self) -> None:
        """Raise Transient when rows are missing: a server that crashes empties its unlogged tables."""
        with self.session.transaction() as connection:
            tables = [(self.table, self.rows), *([(self.flawed, self.aside)] if self.aside else [])]
            if any(_count(connection, table) != rows for table, rows in tables):
                raise Transient("The database restarted and lost the staged rows: run the import again.")


def _count(connection: Connection, table: Table) -> int | None:
    """Return how many rows a staging table has; None where it is not there."""
    if not inspect(connection).has_table(table.name, schema=STAGING_SCHEMA):
        return None
    return connection.scalar(select(func.count()).select_from(table))
