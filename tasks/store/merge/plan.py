"""The plan: what the staged rows would do to the stored records; and its application, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.schema import AddConstraint, DropConstraint

from schemas.model.tables import BEFORE, FIRST_REFERRED, KNOWN_AS, NOTES, RETIRED_AT, UNTOUCHED_FIELDS
from schemas.reports import Change
from tasks.store.connection.session import set_local, try_lock_table
from tasks.store.merge.before_images import EMPTY_OBJECT, IMAGE_COLUMNS, keep_written_fields, merged
from tasks.store.merge.deletions import RemovalCounts
from tasks.store.merge.diff import SORTING, Diff, planned_updates
from tasks.store.merge.target import Target, source_row
from tasks.store.staging.table import Staging


@dataclass(frozen=True)
class Plan:
    """How many records would be created, updated and left as they are; deleted or retired, of those `there`."""

    create: int
    update: int
    unchanged: int
    delete: int = 0
    retire: int = 0
    there: int = 0


# Rows from which on rebuilding the index is worth a lock.
_MANY = 10_000


class Planner:
    """The plan of one part of a run, inside the transaction that makes it and may apply it."""

    def __init__(self, connection: Connection, run_id: UUID, staging: Staging, target: Target, diff: Diff) -> None:
        self.connection = connection
        self.run_id = run_id
        self.staging = staging
        self.diff = diff
        self.target = target
        self.written_columns = self.target.written_columns
        self.updates = planned_updates(target.part)

    def make(self, missing: RemovalCounts | None = None) -> Plan:
        """Say what the diff, and what the source no longer has, mean for the records."""
        known, changed = self.diff.known, self.diff.changed
        plan = Plan(self.staging.rows - known, changed, known - changed + self.staging.unchanged)
        return replace(plan, delete=missing.delete, retire=missing.retire, there=missing.there) if missing else plan

    def _planned_rows(self, *columns: ColumnElement[Any]) -> Select[Any]:
        s, t = self.target.s, self.target.t
        planned = s.join(self.updates, self.updates.c.row_number == s.c.row_number)
        return select(*columns).select_from(planned.join(t, self.target.stored_key == self.target.match_key))

    def _after_image(self) -> ColumnElement[Any]:
        pairs = [part for name in self.written_columns for part in (literal(name), self.target.value(name))]
        image: ColumnElement[Any] = func.jsonb_build_object(*pairs)
        if UNTOUCHED_FIELDS in self.target.s.c:
            image = image.op("-")(func.coalesce(self.target.s.c[UNTOUCHED_FIELDS], cast(array([]), ARRAY(Text))))
        if KNOWN_AS in self.target.s.c:
            key = func.jsonb_build_object(literal(self.target.staged_key.name), self.target.staged_key)
            image = case((self.target.renamed, image.op("||")(key)), else_=image)
        restored = func.jsonb_build_object(literal(RETIRED_AT), null())
        return case((self.target.t.c[RETIRED_AT].is_not(None), image.op("||")(restored)), else_=image)

    def changes(self, most: int) -> list[Change]:
        """Return the first changes, updates before new records, with the fields that differ before → after."""
        return [*self._updates(most), *self._creates(most)][:most]

    def _updates(self, most: int) -> list[Change]:
        s, key = self.target.s, cast(self.target.staged_key, Text)
        first = select(self.updates.c.row_number).order_by(self.updates.c.row_number).limit(most)
        before = func.to_jsonb(text(f'"{self.target.t.name}".*'))
        query = self._planned_rows(source_row(s.c.row_number), key, before, self._after_image()).where(
            s.c.row_number.in_(first)
        )
        rows = self.connection.execute(query.order_by(s.c.row_number))
        kind = self.target.resource.type
        return [Change(key, "update", row, differing(before, after), kind) for row, key, before, after in rows]

    def _creates(self, most: int) -> list[Change]:
        s, key = self.target.s, cast(self.target.staged_key, Text)
        first = select(s.c.row_number).where(~self.target.stored()).order_by(s.c.row_number).limit(most)
        record: ColumnElement[Any] = func.to_jsonb(text(f'"{s.name}".*'))
        for note in NOTES:
            record = record.op("-")(note)
        query = (
            select(source_row(s.c.row_number), key, record).where(s.c.row_number.in_(first)).order_by(s.c.row_number)
        )
        rows, kind = self.connection.execute(query), self.target.resource.type
        return [Change(key, "create", row, differing({}, new), kind) for row, key, new in rows]

    def staged(self, samples: int) -> list[dict[str, Any]]:
        """The first staged rows as they would be stored."""
        shown = [column for column in self.target.s.c if column.name not in NOTES[1:]]
        number = self.target.s.c.row_number
        query = select(*shown).where(number < FIRST_REFERRED).order_by(number).limit(samples)
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def apply(self, plan: Plan) -> None:
        """Carry the plan out: before-images, updates, inserts."""
        if plan.update:
            self._keep_images()
            self._update()
        if plan.create:
            self._insert(some_known=plan.update + plan.unchanged > 0)

    def _keep_images(self) -> None:
        """Copy the records that are updated, with what will differ; a tenth of the work of images as JSON."""
        s, t = self.target.s, self.target.t
        keep_written_fields(self.connection, self.run_id, self.target.resource, self.written_columns)
        untouched = s.c[UNTOUCHED_FIELDS] if UNTOUCHED_FIELDS in s.c else cast(null(), ARRAY(Text))
        image = (literal(self.run_id), source_row(s.c.row_number), untouched, self._differing_fields())
        rows = self._planned_rows(*t.columns, *image)
        copies = insert(BEFORE[self.target.resource.type])
        self.connection.execute(copies.from_select([*t.columns.keys(), *IMAGE_COLUMNS], rows, include_defaults=False))

    def _differing_fields(self) -> ColumnElement[Any]:
        """What a record will have where it differs, as JSON."""
        fields = [(self.target.differs(name), name, self.target.value(name)) for name in self.written_columns]
        if KNOWN_AS in self.target.s.c:
            fields.append((self.target.renamed, self.target.staged_key.name, self.target.staged_key))
        fields.append((self.target.t.c[RETIRED_AT].is_not(None), RETIRED_AT, null()))
        return merged(
            case((differs, func.jsonb_build_object(literal(name), value)), else_=EMPTY_OBJECT)
            for differs, name, value in fields
        )

    def _update(self) -> None:
        s = self.target.s
        values = {name: self.target.value(name) for name in self.written_columns}
        if KNOWN_AS in s.c:
            values[self.target.staged_key.name] = self.target.staged_key
        change = (
            update(self.target.t)
            .where(self.target.stored_key == self.target.match_key, s.c.row_number == self.updates.c.row_number)
            .values(values)
            .values(updated_at=func.now(), updated_by_run=self.run_id, **{RETIRED_AT: None})
        )
        self.connection.execute(change)

    def _insert(self, *, some_known: bool) -> None:
        names = [self.target.resource.key_column, *self.written_columns]
        run = literal(self.run_id)
        rows = select(*(self.target.s.c[name] for name in names), run, run)
        if some_known:
            # A record that has another key by now is no new one.
            rows = rows.where(~self.target.renamed, ~self.target.stored())
        columns = [*names, "created_by_run", "updated_by_run"]
        with self._index_rebuilt() as rebuilt:
            # Into an index that is there, in its order: ids in no order would visit every page of a large one.
            ordered = rows if rebuilt else rows.order_by(self.target.staged_key)
            set_local(self.connection, "work_mem", SORTING)
            self.connection.execute(insert(self.target.t).from_select(columns, ordered))

    @contextmanager
    def _index_rebuilt(self) -> Iterator[bool]:
        """Take the key's index of an empty table away, and rebuild it from what was inserted: half the time.

        All of it is in the transaction, so that nobody ever sees the table without its key. Where somebody reads the
        table just now, the index stays.
        """
        key = self.target.t.primary_key
        rebuild = self.staging.rows >= _MANY and not self.target.any_stored(self.connection) and self._lock_table()
        if rebuild:
            self.connection.execute(DropConstraint(key))
        yield rebuild
        if rebuild:
            set_local(self.connection, "maintenance_work_mem", SORTING)
            self.connection.execute(AddConstraint(key))

    def _lock_table(self) -> bool:
        """Lock the table for this transaction alone, if it is ours to alter and that takes no waiting."""
        table = self.connection.dialect.identifier_preparer.format_table(self.target.t)
        owned = text("select pg_has_role(relowner, 'usage') from pg_class where oid = cast(:name as regclass)")
        if not self.connection.scalar(owned, {"name": table}):
            return False
        return try_lock_table(self.connection, self.target.t, "access exclusive")


def differing(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields of `after` that differ from `before`, as (before, after)."""
    return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}
