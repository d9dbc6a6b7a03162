"""The statements of an undo of one type: which records the run touched, what becomes of each, and how it is done.

A row of `all_changes` holds a record before and after a run; JSON null stands for a record that is not there. What is
deleted goes to the table of its type's deleted records, which that view has, too. The records that an import created
have no such row: they are those that bear its id. Those that it updated have one, but for most of them no statement
here looks at it: `UndoUpdates` has those.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from typing import cast as typed
from uuid import UUID

from sqlalchemy import (
    JSON,
    Alias,
    Column,
    ColumnElement,
    CompoundSelect,
    Delete,
    FromClause,
    Insert,
    Integer,
    MetaData,
    Select,
    Subquery,
    Table,
    Text,
    Update,
    Uuid,
    and_,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy import true as sql_true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import IdentifierPreparer
from sqlalchemy.types import UserDefinedType

from schemas.model.resource import Resource
from schemas.model.rules import Reference
from schemas.model.tables import CHANGE, CHANGES, GONE, GONE_BY, LINEAGE, RETIRED_AT, TABLES, has_lasting_ids
from tasks.store.merge.before_images import EMPTY_OBJECT, has_member
from tasks.store.merge.undo_updates import UndoUpdates

_ABSENT = cast(literal(JSON.NULL, JSONB()), JSONB())
"""The image of a record that is not there."""

_QUOTER = IdentifierPreparer(DefaultDialect())


class _RowOf(UserDefinedType[Any]):
    """The composite type of the rows of a table."""

    cache_ok = True

    def __init__(self, table: str) -> None:
        self.table = table

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name, quoted where it has to be."""
        return _QUOTER.quote(self.table)


class UndoStatements:
    """The statements for one type of a run, by the tables that they share.

    `part` tells the types of a run apart; `written` are the fields that the run wrote. `updates` has the statements
    for the records that it updated.
    """

    def __init__(
        self, resource: Resource, run: UUID, undo: UUID, part: int, *, written: Sequence[str], force: bool
    ) -> None:
        self._resource = resource
        self._run = run
        self._undo = cast(undo, Uuid)
        self._force = force
        # No column has this name: one that has the name of its table would hide the row.
        self._stored = TABLES[resource.type]
        self._t = typed("Alias", self._stored.alias("t"))
        self._c = CHANGES.alias("c")
        self._key = cast(self._t.c[resource.key_column], Text)
        self._columns = [each.name for each in self._t.columns]
        by_the_system = [name for name in LINEAGE if name != RETIRED_AT]
        self._fields = [name for name in self._columns if name != resource.key_column and name not in by_the_system]
        self._lasting = has_lasting_ids(resource, resource.fields)
        self.plan_name = f"undo_plan_{part}"
        self.projected_name = f"undo_after_{part}"
        names = (("key", Text), ("was", Text), ("row", Integer), ("action", Text))
        self.p = Table(self.plan_name, MetaData(), *(Column(name, kind) for name, kind in names))
        self.spared = Table(
            f"undo_kept_{part}",
            MetaData(),
            Column("key", Text(collation="C"), primary_key=True),
            Column("title", Text),
            Column("by", Text),
            prefixes=["TEMPORARY"],
            postgresql_on_commit="DROP",
        )
        self.updates = UndoUpdates(
            resource, run, undo, self.p, written=written, references=self.references, force=force
        )

    # Records that the run touched ------------------------------------------------------------------------------------

    def plan(self) -> CompoundSelect[Any]:
        """Return what is to be done about each record that the run changed, but for updates without exception.

        `delete`, `update` or `create`; `moved` is what somebody has edited since, `gone` what is as it was before.
        """
        t, c = self._t, self._c
        absent = t.c[self._resource.key_column].is_(None)
        written = self._populated(case((c.c.after == _ABSENT, EMPTY_OBJECT), else_=c.c.after), "a")
        same = self._same(written)
        whens: list[tuple[ColumnElement[bool], str]] = [
            (and_(c.c.after == _ABSENT, absent), "create"),
            (c.c.after == _ABSENT, "update" if self._force else "moved"),
            (and_(c.c.before == _ABSENT, absent), "gone"),
            (and_(c.c.before == _ABSENT, same), "delete"),
            (c.c.before == _ABSENT, "moved"),
            (absent, "create" if self._force else "moved"),
            *([(self._taken(), "moved")] if self._lasting else []),
            (same, "update"),
        ]
        touched = c.outerjoin(t, self._key == self._key_now()).join(written, sql_true())
        planned = select(
            case((absent, c.c.key), else_=self._key).label("key"),
            c.c.key.label("was"),
            c.c.row,
            case(*whens, else_="moved").label("action"),
        )
        planned = planned.select_from(touched).where(self._of_run, ~c.c.of_row)
        return planned.union_all(self.updates.exceptions())

    def counts(self) -> Select[Any]:
        """Return how many records have each action."""
        return select(self.p.c.action, func.count()).group_by(self.p.c.action)

    def spare(self) -> Update:
        """Keep the records that others refer to."""
        named = self.spared.c.key == self.p.c.key
        return update(self.p).values(action="kept").where(named, self.p.c.action == "delete")

    def changes(self, most: int) -> Select[Any]:
        """Return the first records to be touched: key, row, action, the record now, and the images of the run."""
        c, touched = self._c, self.p.c.action.in_(("delete", "update", "create"))
        # Which are the first is found before any of them is turned into JSON.
        p = select(self.p).where(touched).order_by(self.p.c.row, self.p.c.key).limit(most).subquery("first")
        change = and_(self._of_run, c.c.key == p.c.was)
        found = p.outerjoin(c, change).outerjoin(self._t, self._key == p.c.key)
        return select(p.c.key, p.c.row, p.c.action, self._whole, c.c.before, c.c.after).select_from(found)

    def moved(self, most: int) -> Select[Any]:
        """Return the key and the row of the first records that somebody has edited since."""
        p = self.p
        return select(p.c.key, p.c.row).where(p.c.action == "moved").order_by(p.c.row, p.c.key).limit(most)

    def keep_images(self) -> Insert:
        """Enter what is there now as changes of the undo, so that this can be undone in its turn."""
        p, c = self.p, self._c
        without_lineage = c.c.before.op("-", return_type=JSONB())(cast(array(list(LINEAGE)), ARRAY(Text)))
        changed = case((c.c.after == _ABSENT, without_lineage), else_=c.c.after)
        name = func.jsonb_object_keys(changed).column_valued("name")
        written_back = select(func.jsonb_object_agg(name, c.c.before.op("->")(name))).correlate(c).scalar_subquery()
        created = p.c.action == "create"
        images = select(
            self._undo,
            literal(self._resource.type),
            p.c.key,
            p.c.row,
            case((created, _ABSENT), else_=self._whole),
            case((created, without_lineage), else_=written_back),
        )
        found = p.outerjoin(c, self._change).outerjoin(self._t, self._key == p.c.key)
        images = images.select_from(found).where(p.c.action.in_(("update", "create")))
        names = ["run_id", "resource_type", "key", "row", "before", "after"]
        return insert(CHANGE).from_select(names, images, include_defaults=False)

    def keep_deleted(self) -> Insert:
        """Keep the records that are deleted."""
        planned = self._t.join(self.p, self._key == self.p.c.key)
        return self._into_gone(select(*self._t.c, self._undo).select_from(planned).where(self.p.c.action == "delete"))

    def delete(self) -> Delete:
        """Delete the records that the run created and changed."""
        return delete(self._t).where(self.p.c.action == "delete", self._key == self.p.c.key)

    def update(self) -> Update:
        """Give back to records what they had before the run."""
        t = self._t
        before = self._restored("update")
        after = before.c.undone_after
        values: dict[str, Any] = {
            name: case((or_(after == _ABSENT, has_member(after, name)), before.c[name]), else_=t.c[name])
            for name in self._fields
        }
        if self._lasting:
            key = self._resource.key_column
            values[key] = case((has_member(after, key), before.c[key]), else_=t.c[key])
        values |= {"updated_at": func.now(), "updated_by_run": before.c.updated_by_run}
        return update(t).values(values).where(self._key == before.c.undone_key)

    def create(self) -> Insert:
        """Create the records again that the run deleted."""
        c = self._c
        image = c.c.before.op("||", return_type=JSONB())(func.jsonb_build_object("updated_at", func.now()))
        before = self._populated(image, "b")
        found = self.p.join(c, self._change).join(before, sql_true())
        query = select(*before.c).select_from(found).where(self.p.c.action == "create")
        return insert(self._stored).from_select(self._columns, query, include_defaults=False)

    def projected(self) -> CompoundSelect[Any]:
        """Return the records that would be restored and created again, as they would be: key and references."""
        t, p, c = self._t, self.p, self._c
        key = self._resource.key_column
        before = self._populated(c.c.before, "b")
        found = p.join(c, self._change).outerjoin(t, self._key == p.c.key).join(before, sql_true())
        fields = []
        for name in self.references:
            restored = or_(p.c.action == "create", c.c.after == _ABSENT, has_member(c.c.after, name))
            fields.append(case((restored, before.c[name]), else_=t.c[name]).label(name))
        query = select(func.coalesce(t.c[key], before.c[key]).label(key), *fields)
        query = query.select_from(found).where(p.c.action.in_(("update", "create")))
        return query.union_all(self.updates.projected())

    @property
    def references(self) -> list[str]:
        """The fields that refer to other records."""
        return list(dict.fromkeys(name for rule in self._resource.rules(Reference) for name in rule.deciding_fields))

    # Records that the run created, and that no change row of it speaks of --------------------------------------------
    # There may be a million of them, which are neither listed nor turned into JSON.

    def count_created(self) -> Select[Any]:
        """Return how many are as the run made them, and how many somebody has edited since."""
        return self._created(func.count().filter(self._as_made), func.count().filter(~self._as_made))

    def created_changes(self, most: int) -> Select[Any]:
        """Return the first of them as `changes` does."""
        key = self._t.c[self._resource.key_column]
        first = self._created(key).where(self._as_made).order_by(key).limit(most)
        found = select(
            self._key, cast(null(), Integer), literal("delete"), self._whole, cast(null(), JSONB), cast(null(), JSONB)
        )
        return found.where(key.in_(first)).order_by(key)

    def created_moved(self, most: int) -> Select[Any]:
        """Return the first that somebody has edited since as `moved` does."""
        found = self._created(self._key, cast(null(), Integer)).where(~self._as_made)
        return found.order_by(self._t.c[self._resource.key_column]).limit(most)

    def keep_created(self) -> Insert:
        """Keep those that are deleted."""
        return self._into_gone(self._created(*self._t.c, self._undo).where(self._as_made))

    def delete_created(self) -> Delete:
        """Delete those that are as the run made them."""
        return delete(self._t).where(*self._is_created, self._as_made)

    def going(self) -> CompoundSelect[Any]:
        """Return the keys of all records that would be deleted."""
        planned = select(self.p.c.key).where(self.p.c.action == "delete")
        return planned.union_all(self._created(self._key.label("key")).where(self._as_made))

    # What they are made of -------------------------------------------------------------------------------------------

    @property
    def _of_run(self) -> ColumnElement[bool]:
        return and_(self._c.c.run_id == self._run, self._c.c.resource_type == self._resource.type)

    @property
    def _change(self) -> ColumnElement[bool]:
        """The change of the run that a planned record was planned by."""
        return and_(self._of_run, self._c.c.key == self.p.c.was)

    @cached_property
    def _whole(self) -> ColumnElement[Any]:
        return func.to_jsonb(self._t.table_valued(), type_=JSONB())

    @property
    def _as_made(self) -> ColumnElement[bool]:
        """A record that was created is as it was while nobody but its run has written it."""
        return sql_true() if self._force else self._t.c.updated_by_run.is_not_distinct_from(self._run)

    @property
    def _is_created(self) -> tuple[ColumnElement[bool], ...]:
        changed = exists(select(literal(1)).select_from(self._c).where(self._of_run, self._c.c.key == self._key))
        kept = exists(select(literal(1)).select_from(self.spared).where(self.spared.c.key == self._key))
        return self._t.c.created_by_run == self._run, ~changed, ~kept

    def _created(self, *columns: ColumnElement[Any]) -> Select[Any]:
        return select(*columns).select_from(self._t).where(*self._is_created)

    def _same(self, written: FromClause) -> ColumnElement[bool]:
        """Say whether a record still has what the run wrote."""
        if self._force:
            return sql_true()
        after, t = self._c.c.after, self._t
        kept = [or_(~has_member(after, name), t.c[name].is_not_distinct_from(written.c[name])) for name in self._fields]
        return and_(*kept)

    @property
    def _renamed(self) -> ColumnElement[Any]:
        """The key that the run gave to a record, which entered the change under the one before."""
        c = self._c
        return case((func.jsonb_typeof(c.c.before) == "object", c.c.after[self._resource.key_column].astext))

    def _key_now(self) -> ColumnElement[Any]:
        return func.coalesce(self._renamed, self._c.c.key) if self._lasting else self._c.c.key

    def _taken(self) -> ColumnElement[bool]:
        """Say whether another record has the key by now that the run took from a record."""
        other = self._stored.alias("o")
        has_key = other.c[self._resource.key_column] == self._c.c.key
        return and_(self._renamed != self._c.c.key, exists(select(literal(1)).select_from(other).where(has_key)))

    def _restored(self, action: str) -> Subquery:
        """The records before the run that have an action, with `undone_key` and what the run wrote."""
        before = self._populated(self._c.c.before, "b")
        found = self.p.join(self._c, self._change).join(before, sql_true())
        query = select(self.p.c.key.label("undone_key"), self._c.c.after.label("undone_after"), *before.c)
        return query.select_from(found).where(self.p.c.action == action).subquery("before")

    def _into_gone(self, records: Select[Any]) -> Insert:
        names = [*self._columns, GONE_BY]
        return insert(GONE[self._resource.type]).from_select(names, records, include_defaults=False)

    def _populated(self, image: ColumnElement[Any], name: str) -> FromClause:
        """The record of an image as a row of its table, joined to whatever the image comes from."""
        record = func.jsonb_populate_record(cast(null(), _RowOf(self._stored.name)), image)
        return record.table_valued(*(column(each.name, each.type) for each in self._stored.columns)).lateral(name)
