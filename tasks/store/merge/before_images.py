"""Before-images of updates: a copy of each record in a table of its type, with what the run changed of it.

Records that an undo creates again, that a sync retires, or that follow others to a new key have their image as JSON in
`CHANGE`, as all updates of runs before migration 0010 have.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Connection, Subquery, Text, cast, func, insert, literal, select, union_all
from sqlalchemy import ColumnElement as Element
from sqlalchemy.dialects.postgresql import JSONB

from schemas.model.resource import Resource
from schemas.model.tables import (
    BEFORE,
    CHANGE,
    CHANGED_BY,
    CHANGED_ROW,
    CHANGED_TO,
    CHANGED_UNTOUCHED,
    WRITTEN_FIELDS,
)

EMPTY_OBJECT = cast(literal({}, JSONB()), JSONB())
"""A JSON object without members."""

IMAGE_COLUMNS = (CHANGED_BY, CHANGED_ROW, CHANGED_UNTOUCHED, CHANGED_TO)
"""The columns of a before-image in addition to those of the record."""


def keep_written_fields(connection: Connection, run_id: UUID, resource: Resource, names: Iterable[str]) -> None:
    """Keep the names of the fields that a run writes to the records of a type."""
    values = {"run_id": run_id, "resource_type": resource.type, "names": list(names)}
    connection.execute(insert(WRITTEN_FIELDS).values(values))


def written_fields(connection: Connection, run_id: UUID, resource: Resource) -> tuple[str, ...]:
    """Return the names of the fields that a run wrote to the records of which it kept images as rows."""
    found = select(WRITTEN_FIELDS.c.names).where(
        WRITTEN_FIELDS.c.run_id == run_id, WRITTEN_FIELDS.c.resource_type == resource.type
    )
    return tuple(connection.scalar(found) or ())


def merged(images: Iterable[Element[Any]]) -> Element[Any]:
    """Return one JSON object of several; a later one replaces members of an earlier one."""
    return reduce(lambda one, other: one.op("||", return_type=JSONB())(other), images)


def has_member(image: Element[Any], name: str) -> Element[bool]:
    """Say whether a JSON object has a member."""
    # The comparator of JSONB would pass the name as JSON.
    return image.op("?", return_type=Boolean())(cast(literal(name), Text))


def renamings(resource: Resource) -> Subquery:
    """Return `run_id`, `key` and `new_key` of each change that gave a record of a type another key."""
    image, change = BEFORE[resource.type].c, CHANGE.c
    old, new = cast(image[resource.key_column], Text), image[CHANGED_TO][resource.key_column].astext
    rows = select(image[CHANGED_BY].label("run_id"), old.label("key"), new.label("new_key")).where(new != old)
    new = change.after[resource.key_column].astext
    of_type = (change.resource_type == resource.type, func.jsonb_typeof(change.before) == "object")
    as_json = select(change.run_id, change.key, new).where(*of_type, new != change.key)
    return union_all(rows, as_json).subquery("renaming")
