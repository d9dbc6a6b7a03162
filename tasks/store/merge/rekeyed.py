"""What refers to a record follows it to another key: references, and the keys that have one, in the same run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from schemas.model.resource import Resource
from schemas.model.rules import Reference
from schemas.model.tables import BEFORE, CHANGE, CHANGED_BY, CHANGED_TO, TABLES
from schemas.reports import Change
from schemas.resources import RESOURCES
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.before_images import merged, renamings
from tasks.store.merge.target import Target


@dataclass
class Followed:
    """How many records of each type follow others to their new keys, and the first of them.

    `left` counts those that cannot, as their own new key is that of another record.
    """

    counts: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


def _references(resource: Resource) -> list[Reference]:
    return [*resource.rules(Reference)]


class Following:
    """The records that follow those which a run renames, inside its transaction."""

    def __init__(self, connection: Connection, targets: list[Target], run_id: UUID) -> None:
        self.connection = connection
        self.targets = {target.resource.type: target for target in targets}
        self.run_id = run_id

    def plan(self, most: int) -> Followed:
        """Find what would follow, before anything is applied."""
        return self._follow_all(most, write=False)

    def apply(self) -> None:
        """Let it follow, once all else is applied."""
        self._follow_all(0, write=True)

    def _follow_all(self, most: int, *, write: bool) -> Followed:
        found = Followed()
        renamed: dict[str, list[Select[Any]]] = {}
        for name, target in self.targets.items():
            pairs = select(cast(target.match_key, Text).label("old"), cast(target.staged_key, Text).label("new"))
            if self._any(own := pairs.where(target.renamed)):
                renamed[name] = [own]
        # References point backwards, so that what has followed is known before what refers to it is looked at.
        for resource in RESOURCES.values() if renamed else ():
            for rule in _references(resource):
                if rule.to in renamed:
                    self._follow_reference(resource, rule, renamed, found, most, write=write)
        return found

    def _any(self, query: Select[Any]) -> bool:
        return self.connection.scalar(select(literal(1)).select_from(query.subquery()).limit(1)) is not None

    def _follow_reference(
        self,
        resource: Resource,
        rule: Reference,
        renamed: dict[str, list[Select[Any]]],
        found: Followed,
        most: int,
        *,
        write: bool,
    ) -> None:
        name = f"follow_{resource.table}_{rule.field}"
        affected = temporary(
            self.connection, name, self._referring_records(resource, rule, renamed[rule.to], write=write)
        )
        rows = temporary(self.connection, f"{name}_free", select(affected).where(~affected.c.taken))
        stuck = select(func.count()).select_from(affected).where(affected.c.taken)
        if left := int(self.connection.scalar(stuck) or 0):
            found.left[resource.type] = found.left.get(resource.type, 0) + left
        count = int(self.connection.scalar(select(func.count()).select_from(rows)) or 0)
        if not count:
            return
        found.counts[resource.type] = found.counts.get(resource.type, 0) + count
        moved = select(rows.c.key.label("old"), rows.c.new_key.label("new")).where(rows.c.new_key != rows.c.key)
        if self._any(moved):
            renamed[resource.type] = [*renamed.get(resource.type, []), moved]
        first = self.connection.execute(select(rows).order_by(rows.c.key).limit(max(most - len(found.changes), 0)))
        for key, new_key, old, new, _ in first:
            fields = {rule.field: (old, new)} | ({resource.key_column: (key, new_key)} if key != new_key else {})
            found.changes.append(Change(key, "update", None, fields, resource.type))
        if write:
            self._write(resource, rule, rows)

    def _referring_records(
        self, resource: Resource, rule: Reference, renamed: list[Select[Any]], *, write: bool
    ) -> Select[Any]:
        """The records that refer to what is renamed: their keys, and the field, before and after."""
        t = TABLES[resource.type]
        pairs = union_all(*renamed).subquery() if len(renamed) > 1 else renamed[0].subquery()
        key = cast(t.c[resource.key_column], Text)
        new_key = _new_key(resource, t, rule.field, pairs.c.new)
        other = t.alias("other")
        there = exists(select(literal(1)).where(cast(other.c[resource.key_column], Text) == new_key))
        query = select(
            key.label("key"),
            new_key.label("new_key"),
            t.c[rule.field].label("old"),
            pairs.c.new.label("new"),
            and_(new_key != key, there).label("taken"),
        ).join_from(t, pairs, t.c[rule.field] == pairs.c.old)
        if rule.when:
            query = query.where(t.c[rule.when[0]] == rule.when[1])
        target = self.targets.get(resource.type)
        if target is not None and not write and rule.field in target.fields:
            # What the source says of them is applied before, and has the new key.
            query = query.where(~exists(select(literal(1)).where(target.match_key == target.stored_key)))
        return query

    def _write(self, resource: Resource, rule: Reference, rows: Table) -> None:
        t = TABLES[resource.type]
        key_column = t.c[resource.key_column]
        is_it = cast(key_column, Text) == rows.c.key
        # The record may have got its key in this run: its change is entered under the key of before.
        renaming = renamings(resource).c
        before = select(renaming.key).where(renaming.run_id == self.run_id, renaming.new_key == rows.c.key).limit(1)
        after: ColumnElement[Any] = func.jsonb_build_object(literal(rule.field), rows.c.new)
        with_key = merged((after, func.jsonb_build_object(literal(resource.key_column), rows.c.new_key)))
        image: dict[str, ColumnElement[Any]] = {
            "run_id": literal(self.run_id),
            "resource_type": literal(resource.type),
            "key": func.coalesce(before.correlate(rows).scalar_subquery(), rows.c.key),
            "row": cast(null(), Integer),
            "before": func.to_jsonb(text(f'"{t.name}".*')),
            "after": case((rows.c.new_key != rows.c.key, with_key), else_=after),
        }
        made = t.c.created_by_run.is_distinct_from(self.run_id)
        images = select(*(value.label(name) for name, value in image.items())).join_from(rows, t, is_it).where(made)
        self._enter(resource, images.subquery("image"), list(image))
        values: dict[str, Any] = {rule.field: rows.c.new, "updated_at": func.now(), "updated_by_run": self.run_id}
        if rule.field in resource.key:
            values[resource.key_column] = rows.c.new_key
        self.connection.execute(update(t).where(is_it).values(values))

    def _enter(self, resource: Resource, image: Subquery, names: list[str]) -> None:
        """Enter changes; what the same run has changed of a record before is in its image already."""
        b = BEFORE[resource.type]
        key = cast(b.c[resource.key_column], Text)
        is_kept = and_(b.c[CHANGED_BY] == self.run_id, key == image.c.key)
        merged_image = merged((b.c[CHANGED_TO], image.c.after))
        self.connection.execute(update(b).where(is_kept).values({CHANGED_TO: merged_image}))
        others = select(image).where(~exists(select(literal(1)).select_from(b).where(is_kept)))
        entered = insert(CHANGE).from_select(names, others)
        after = merged((CHANGE.c.after, entered.excluded.after))
        change = [CHANGE.c.run_id, CHANGE.c.resource_type, CHANGE.c.key]
        self.connection.execute(entered.on_conflict_do_update(index_elements=change, set_={"after": after}))


def _new_key(resource: Resource, t: Table, name: str, new: ColumnElement[Any]) -> ColumnElement[str]:
    """The key of a record once its reference is another; a reference is in the first part of a key, or in none."""
    key = cast(t.c[resource.key_column], Text)
    first = resource.key_parts[0]
    if name not in first or resource.key_column == name:
        return key
    moved = new + func.substr(key, func.length(t.c[name]) + 1)
    before = [t.c[each].is_(None) for each in first[: first.index(name)]]
    return case((and_(*before), moved), else_=key) if before else moved
