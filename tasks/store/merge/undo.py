"""Undo of one type of a run: what taking it back would do to each record, and its application, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    FromClause,
    Select,
    Text,
    cast,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from schemas.job_options.choices import Empty
from schemas.model.resource import Resource
from schemas.model.tables import TABLES
from schemas.reports import Change
from tasks.store.connection.session import without_joins
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.before_images import written_fields
from tasks.store.merge.deletions import naming
from tasks.store.merge.plan import differing
from tasks.store.merge.target import Target
from tasks.store.merge.undo_statements import UndoStatements


@dataclass(frozen=True)
class UndoCounts:
    """How many records would be deleted, restored and created again.

    `moved` is how many somebody has edited since, `kept` how many stay as others refer to them.
    """

    delete: int
    update: int
    create: int
    moved: int
    kept: int


class TypeUndo:
    """The undo of what one run did with one type, inside the transaction that does it.

    `part` tells the types of a run apart. `before` has those that are planned already, which refer to this one: what
    of them goes too keeps nothing, and what of them is restored refers to what it did.
    """

    def __init__(
        self,
        connection: Connection,
        resource: Resource,
        run: UUID,
        undo: UUID,
        *,
        force: bool,
        part: int,
        before: Sequence[TypeUndo] = (),
    ) -> None:
        self.connection = connection
        self.resource = resource
        self.ids = {"run": run, "undo": undo}
        self.force = force
        self.part = part
        self.before = {undo.resource.type: undo for undo in before}
        written = written_fields(connection, run, resource)
        self.statements = UndoStatements(resource, run, undo, part, written=written, force=force)
        self.spared = self.statements.spared

    def plan(self) -> UndoCounts:
        """Find out what would be done; it holds until the transaction ends."""
        statements, execute = self.statements, self.connection.execute
        temporary(self.connection, statements.plan_name, statements.plan())
        execute(text(f'analyze "{statements.plan_name}"'))
        self.spared.create(self.connection, checkfirst=False)
        kept = 0 if self.force else self._spare()
        counts = {action: int(count) for action, count in execute(statements.counts())}
        updated = int(self.connection.scalar(statements.updates.count()) or 0)
        deleted, moved = execute(statements.count_created()).one()
        return UndoCounts(
            counts.get("delete", 0) + deleted,
            counts.get("update", 0) + updated,
            counts.get("create", 0),
            counts.get("moved", 0) + moved,
            kept,
        )

    def _spare(self) -> int:
        """Keep the records that others refer to which stay; returns how many those are."""
        if self.connection.execute(self.statements.going().limit(1)).first() is None:
            return 0
        own = self.resource.type
        targets = {name: undo.projected for name, undo in self.before.items() if own in undo.resource.related}
        for other, left in naming(self.resource, self.going(), targets, self._also_going):
            rows = select(cast(left.c.named, Text), literal(other.title), left.c.key)
            columns = self.spared.columns.keys()
            self.connection.execute(insert(self.spared).from_select(columns, rows).on_conflict_do_nothing())
        self.connection.execute(self.statements.spare())
        return int(self.connection.scalar(select(func.count()).select_from(self.spared)) or 0)

    def going(self) -> FromClause:
        """The keys of the records that would be deleted."""
        return self.statements.going().subquery()

    def _also_going(self, other: str) -> FromClause | None:
        return self.before[other].going() if other in self.before else None

    @cached_property
    def projected(self) -> Target:
        """The records as the undo leaves them, without those that it deletes; made on first use."""
        restored = temporary(self.connection, self.statements.projected_name, self.statements.projected())
        stored = TABLES[self.resource.type]
        return Target(self.resource, restored, stored, (), Empty.CLEAR, self.part)

    def apply(self) -> None:
        """Keep what was there, so that this can be undone in its turn, and take the run back."""
        statements, execute = self.statements, self.connection.execute
        execute(statements.keep_images())
        execute(statements.updates.keep_written_fields())
        execute(statements.updates.keep_images())
        execute(statements.keep_deleted())
        # A table that is empty when this is planned, and grows by it, would be gone through for each record.
        with without_joins(self.connection, "nestloop"):
            execute(statements.keep_created())
        execute(statements.delete())
        execute(statements.delete_created())
        execute(statements.update())
        execute(statements.updates.update())
        execute(statements.create())

    def moved(self, most: int) -> list[tuple[str, int | None]]:
        """Return the key and the row of records that somebody has edited since."""
        found = self._rows(self.statements.moved(most), self.statements.created_moved(most))
        return [(key, row) for key, row in found][:most]

    def kept(self, most: int) -> list[tuple[str, str, str]]:
        """Return the key of records that stay as others refer to them, with the title and the key of one of those."""
        query = select(*self.spared.c).order_by(self.spared.c.key).limit(most)
        return [(key, kind, by) for key, kind, by in self.connection.execute(query)]

    def changes(self, most: int) -> list[Change]:
        """Return the first records with what would be done to them, as fields before → after."""
        changed = self._rows(self.statements.changes(most), self.statements.updates.changes(most))
        changed.sort(key=lambda row: (row[1] is None, row[1], row[0]))
        rows = [*changed, *self._rows(self.statements.created_changes(most))]
        return [
            Change(key, action, row, self._fields(now, before, after), self.resource.type)
            for key, row, action, now, before, after in rows[:most]
        ]

    def _fields(self, now: object, before: object, after: object) -> dict[str, tuple[object, object]]:
        current = now if isinstance(now, dict) else {}
        wanted = before if isinstance(before, dict) else {}
        names = after if isinstance(after, dict) else self.resource.fields
        return differing(current, {name: wanted.get(name) for name in names if name in self.resource.fields})

    def _rows(self, *queries: Select[Any]) -> list[Any]:
        return [row for query in queries for row in self.connection.execute(query)]
