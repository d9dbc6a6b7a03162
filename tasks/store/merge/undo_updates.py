"""The statements of an undo for the records that a run updated, of which a table of their type has the images.

There may be a million of them, which are neither listed nor turned into JSON: the plan lists the exceptions, such as a
record that somebody has edited since, and all others get back what they had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import cast as typed
from uuid import UUID

from sqlalchemy import (
    Alias,
    ColumnElement,
    DateTime,
    Insert,
    Select,
    Table,
    Text,
    Update,
    and_,
    any_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import true as sql_true
from sqlalchemy.dialects.postgresql import JSONB

from schemas.model.resource import Resource
from schemas.model.tables import (
    BEFORE,
    CHANGED_BY,
    CHANGED_ROW,
    CHANGED_TO,
    CHANGED_UNTOUCHED,
    RETIRED_AT,
    TABLES,
    WRITTEN_FIELDS,
    has_lasting_ids,
)
from tasks.store.merge.before_images import EMPTY_OBJECT, IMAGE_COLUMNS, has_member, merged


class UndoUpdates:
    """The statements about the images `b` of one type of a run and the records `t`; `p` lists the exceptions.

    `written` are the fields that the run wrote, and `references` those by which records refer to others.
    """

    def __init__(
        self,
        resource: Resource,
        run: UUID,
        undo: UUID,
        plan: Table,
        *,
        written: Sequence[str],
        references: Sequence[str],
        force: bool,
    ) -> None:
        self._resource = resource
        self._run = run
        self._undo = undo
        self._force = force
        self._written = frozenset(written)
        self._references = references
        self._stored = TABLES[resource.type]
        self._t = typed("Alias", self._stored.alias("t"))
        self._b = typed("Alias", BEFORE[resource.type].alias("b"))
        self._p = plan
        self._lasting = has_lasting_ids(resource, resource.fields)
        self._key = self._t.c[resource.key_column]
        self._old_key = self._b.c[resource.key_column]
        names = {*written, *references, RETIRED_AT} - {resource.key_column}
        self._fields = [name for name in self._t.c.keys() if name in names]  # noqa: SIM118  # of columns

    # What is planned --------------------------------------------------------------------------------------------------

    def exceptions(self) -> Select[Any]:
        """Return what is planned for the records that do not just get back what they had, as the plan lists it."""
        absent = self._key.is_(None)
        action = case((absent, "create" if self._force else "moved"), else_="moved")
        old_key = cast(self._old_key, Text)
        query = select(func.coalesce(cast(self._key, Text), old_key), old_key, self._b.c[CHANGED_ROW], action)
        found = query.select_from(self._b.outerjoin(self._t, self._is_record))
        return found.where(self._of_run, or_(absent, self._is_key_taken, ~self._is_as_written))

    def count(self) -> Select[Any]:
        """Return how many records get back what they had."""
        return select(func.count()).select_from(self._b).where(self._of_run, ~self._is_exception)

    def changes(self, most: int) -> Select[Any]:
        """Return the first of them as `UndoStatements.changes` does."""
        b = self._b.c
        # Which are the first is found before any of them is turned into JSON.
        first = select(self._old_key).where(self._of_run, ~self._is_exception)
        first = first.order_by(b[CHANGED_ROW], cast(self._old_key, Text)).limit(most)
        now = func.to_jsonb(self._t.table_valued(), type_=JSONB())
        image = func.to_jsonb(self._b.table_valued(), type_=JSONB())
        written = [
            case((self._is_untouched(name), EMPTY_OBJECT), else_=self._image_field(name)) for name in self._written
        ]
        after = merged([EMPTY_OBJECT, *written, b[CHANGED_TO]])
        query = select(cast(self._key, Text), b[CHANGED_ROW], literal("update"), now, image, after)
        query = query.select_from(self._b.join(self._t, self._is_record))
        return query.where(self._of_run, ~self._is_exception, self._old_key.in_(first))

    def projected(self) -> Select[Any]:
        """Return the records as they would be: key and references."""
        fields = [self._restored(name).label(name) for name in self._references]
        query = select(self._key, *fields).select_from(self._b.join(self._t, self._is_record))
        return query.where(self._of_run, ~self._is_exception)

    # What is done -----------------------------------------------------------------------------------------------------

    def keep_images(self) -> Insert:
        """Copy what is there now, so that this can be undone in its turn."""
        t, b = self._t, self._b
        back = [
            # Most fields are as they were, which takes no look into JSON.
            case(
                (and_(t.c[name].is_distinct_from(b.c[name]), self._is_restored(name)), self._image_field(name)),
                else_=EMPTY_OBJECT,
            )
            for name in self._fields
        ]
        if self._lasting:
            key = self._resource.key_column
            back.append(case((has_member(b.c[CHANGED_TO], key), self._image_field(key)), else_=EMPTY_OBJECT))
        image = (literal(self._undo), b.c[CHANGED_ROW], b.c[CHANGED_UNTOUCHED], merged(back))
        query = select(*t.c, *image).select_from(b.join(t, self._is_record))
        rows = query.where(self._of_run, ~self._is_exception)
        names = [*t.c.keys(), *IMAGE_COLUMNS]
        return insert(BEFORE[self._resource.type]).from_select(names, rows, include_defaults=False)

    def keep_written_fields(self) -> Insert:
        """Keep which fields the undo writes back: those that the run wrote."""
        c = WRITTEN_FIELDS.c
        names = select(literal(self._undo), c.resource_type, c.names)
        names = names.where(c.run_id == self._run, c.resource_type == self._resource.type)
        return insert(WRITTEN_FIELDS).from_select(["run_id", "resource_type", "names"], names)

    def update(self) -> Update:
        """Give back to the records what they had before the run."""
        values: dict[str, Any] = {name: self._restored(name) for name in self._fields}
        if self._lasting:
            values[self._resource.key_column] = self._old_key
        values |= {"updated_at": func.now(), "updated_by_run": self._b.c.updated_by_run}
        return update(self._t).values(values).where(self._of_run, self._is_record, ~self._is_exception)

    # What they are made of --------------------------------------------------------------------------------------------

    @property
    def _of_run(self) -> ColumnElement[bool]:
        return self._b.c[CHANGED_BY] == self._run

    @property
    def _is_exception(self) -> ColumnElement[bool]:
        return exists(select(literal(1)).select_from(self._p).where(self._p.c.was == cast(self._old_key, Text)))

    @property
    def _is_record(self) -> ColumnElement[bool]:
        """Whether a record is the one of an image; the run may have given it another key."""
        if not self._lasting:
            return self._key == self._old_key
        new_key = self._b.c[CHANGED_TO][self._resource.key_column].astext
        return self._key == func.coalesce(new_key, self._old_key, type_=self._key.type)

    @property
    def _is_key_taken(self) -> ColumnElement[bool]:
        """Whether another record has the key by now that the run took from a record."""
        other = self._stored.alias("o")
        has_key = other.c[self._resource.key_column] == self._old_key
        taken = exists(select(literal(1)).select_from(other).where(has_key))
        return and_(has_member(self._b.c[CHANGED_TO], self._resource.key_column), taken)

    @property
    def _is_as_written(self) -> ColumnElement[bool]:
        """Whether a record still has what the run wrote."""
        if self._force:
            return sql_true()
        return and_(*(self._is_field_as_written(name) for name in self._fields))

    def _is_field_as_written(self, name: str) -> ColumnElement[bool]:
        now, new = self._t.c[name], self._b.c[CHANGED_TO]
        if isinstance(now.type, DateTime):  # as JSON it would depend on the time zone
            changed = now.is_not_distinct_from(cast(new[name].astext, now.type))
        else:
            changed = func.coalesce(func.to_jsonb(now), cast(literal("null"), JSONB)) == new[name]
        unchanged: ColumnElement[bool] = sql_true()
        if name in self._written:
            unchanged = or_(now.is_not_distinct_from(self._b.c[name]), self._is_untouched(name))
        return case((has_member(new, name), changed), else_=unchanged)

    def _is_untouched(self, name: str) -> ColumnElement[bool]:
        """Whether a row of the source left a field as stored that other rows wrote."""
        return func.coalesce(literal(name) == any_(self._b.c[CHANGED_UNTOUCHED]), False)

    def _restored(self, name: str) -> ColumnElement[Any]:
        """What a record will have in a field: what it had, if the run wrote it."""
        return case((self._is_restored(name), self._b.c[name]), else_=self._t.c[name])

    def _is_restored(self, name: str) -> ColumnElement[bool]:
        """Whether the run wrote a field of a record."""
        changed = has_member(self._b.c[CHANGED_TO], name)
        if name not in self._written:
            return changed
        return or_(self._b.c[CHANGED_UNTOUCHED].is_(None), changed, ~self._is_untouched(name))

    def _image_field(self, name: str) -> ColumnElement[Any]:
        return func.jsonb_build_object(literal(name), self._b.c[name])
