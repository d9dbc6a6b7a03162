"""A frozen plan: the version of each record that it was made from, kept with the staged rows to detect drift."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    CompoundSelect,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.schema import DropTable

from schemas.issues import Issue
from schemas.model.tables import STAGING_SCHEMA
from tasks.store.merge.deletions import version_of
from tasks.store.merge.target import Target, missing_records, source_row
from tasks.store.staging.names import PLANNED, staging_name

_CHECKSUM = "select coalesce(bit_xor(hash_record_extended(r, 0)), 0) from {table} r"


def _plan_table(run_id: UUID, part: int) -> Table:
    return Table(
        f"{staging_name(run_id, part)}{PLANNED}",
        MetaData(),
        Column("row_number", Integer, comment="the staged row; null for a record to be retired or deleted"),
        Column("key", Text(collation="C"), nullable=False),
        Column("version", BigInteger, nullable=False),
        schema=STAGING_SCHEMA,
        prefixes=["UNLOGGED"],
    )


class Frozen:
    """The frozen plan of one part of a run."""

    def __init__(self, connection: Connection, target: Target, run_id: UUID) -> None:
        self.connection = connection
        self.target = target
        self.table = _plan_table(run_id, target.part)

    def freeze(self, *, missing: bool) -> str:
        """Note the version of each record that the plan was made from; returns a checksum of the whole plan."""
        target = self.target
        self.connection.execute(DropTable(self.table, if_exists=True))
        self.table.create(self.connection, checkfirst=False)
        seen = target.joined(target.s.c.row_number, cast(target.stored_key, Text), version_of(target.t))
        self.connection.execute(insert(self.table).from_select(self.table.c.keys(), seen))
        if missing:
            removed = missing_records(target.part)
            removals = select(null(), removed.c.key, removed.c.version).where(~removed.c.retired)
            self.connection.execute(insert(self.table).from_select(self.table.c.keys(), removals))
        return self.checksum()

    def is_there(self) -> bool:
        """Say whether there are the tables that the plan is kept in, which a crash of the database empties."""
        has_table = self.connection.dialect.has_table
        return all(has_table(self.connection, it.name, schema=STAGING_SCHEMA) for it in self._tables)

    @property
    def _tables(self) -> list[Table]:
        rejected = self.target.rejected
        return [self.target.s, self.table, *([] if rejected is None else [rejected])]

    def copy(self, run_id: UUID) -> None:
        """Give another run the plan, so that it may take records out of it."""
        copied = _plan_table(run_id, self.target.part)
        self.connection.execute(DropTable(copied, if_exists=True))
        copied.create(self.connection, checkfirst=False)
        self.connection.execute(insert(copied).from_select(copied.c.keys(), select(self.table)))

    def lock_records(self) -> None:
        """Keep everybody from writing records of the type, until the transaction ends; they may be read."""
        table = self._quoted(self.target.t)
        self.connection.execute(text(f"lock table {table} in share row exclusive mode"))

    def checksum(self) -> str:
        """Return a number that another plan would not have."""
        sums = [self.connection.scalar(text(_CHECKSUM.format(table=self._quoted(table)))) for table in self._tables]
        return ".".join(f"{number % 2**64:016x}" for number in sums)

    def _quoted(self, table: Table) -> str:
        return self.connection.dialect.identifier_preparer.format_table(table)

    def moved(self) -> CompoundSelect[Any]:
        """Return (row, key, what) of the records that are no longer as they were when the plan was made."""
        s, t, p = self.target.s, self.target.t, self.table
        is_it = p.c.key == cast(self.target.stored_key, Text)
        is_removed = self.target.stored_key.is_(None)
        what = case((is_removed, "was deleted"), else_="was changed")
        changed = (
            select(p.c.row_number, p.c.key, what.label("what"))
            .select_from(p.join(t, is_it, isouter=True))
            # A record that was to be deleted or retired, and is gone, is as the plan would have it.
            .where(or_(and_(is_removed, p.c.row_number.is_not(None)), version_of(t) != p.c.version))
        )
        known = exists(select(literal(1)).select_from(p).where(p.c.row_number == s.c.row_number))
        created = self.target.joined(s.c.row_number, cast(self.target.staged_key, Text), literal("was created"))
        taken = select(s.c.row_number, cast(self.target.staged_key, Text), literal("was created"))
        taken = taken.join_from(s, t, self.target.staged_key == self.target.stored_key).where(self.target.renamed)
        return union_all(changed, created.where(~known), taken)

    def conflicts(self, most: int) -> tuple[int, list[Issue]]:
        """Return how many records moved, and the first of them."""
        moved = self.moved().subquery()
        count = int(self.connection.scalar(select(func.count()).select_from(moved)) or 0)
        if not count:
            return 0, []
        conflicts = select(source_row(moved.c.row_number), moved.c.key, moved.c.what)
        rows = self.connection.execute(conflicts.order_by(moved.c.row_number, moved.c.key).limit(most))
        message = "'{}' {} since the plan was made"
        return count, [
            Issue("moved", message.format(key, what), row=row, value=key, part=self.target.part)
            for row, key, what in rows
        ]

    def leave_out(self) -> int:
        """Take what moved out of the plan; returns how many staged rows that were."""
        moved = self.moved().cte("moved")
        self.connection.execute(text("drop table if exists moved_records"))
        excluded = Table(
            "moved_records",
            MetaData(),
            Column("row_number", Integer),
            Column("key", Text(collation="C")),
            Column("what", Text),
            prefixes=["TEMPORARY"],
        )
        excluded.create(self.connection, checkfirst=False)
        self.connection.execute(insert(excluded).from_select(excluded.c.keys(), select(moved)))
        rows = delete(self.target.s).where(self.target.s.c.row_number.in_(select(excluded.c.row_number)))
        taken = self.connection.execute(rows).rowcount
        self.connection.execute(delete(self.table).where(self.table.c.key.in_(select(excluded.c.key))))
        excluded.drop(self.connection)
        return taken

    def list_missing(self) -> None:
        """List again the records that the plan deletes or retires."""
        removed = missing_records(self.target.part)
        self.connection.execute(DropTable(removed, if_exists=True))
        removed.create(self.connection, checkfirst=False)
        columns = (self.table.c.key, self.table.c.version, literal(value=False))
        planned = select(*columns).where(self.table.c.row_number.is_(None))
        still = self.target.t
        there = planned.where(
            exists(select(literal(1)).select_from(still).where(cast(self.target.stored_key, Text) == self.table.c.key))
        )
        self.connection.execute(insert(removed).from_select(removed.c.keys(), there))
