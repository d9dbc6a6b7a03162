"""How a member of a record of NetBox's or Nautobot's REST API is read.

Related objects stand in a record as objects of their own, and choices as `{"value": …, "label": …}`. What is read of
them is a name, a route distinguisher or a number, and never an id of their database.

"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from schemas.resources import RESOURCES

Json = dict[str, Any]


class NoValue(Enum):
    """Why a record has no value to read for a field."""

    MEMBER = "has no such member"
    NAME = "has a database id and no name"
    ONE = "has several"


Value = Any
"""What is read of a record: a value of JSON, None where it is unset, or a `NoValue`."""


@dataclass(frozen=True)
class Field:
    """Where a field stands: the members that it is read from, and how."""

    reads: tuple[str, ...]
    value: Callable[[Json], Value]


def first_member(record: Json, names: Collection[str]) -> Value:
    """Return the first of these members that a record has; `site_id` stands for `site`, as in rows of the database."""
    for name in names:
        if name in record:
            return record[name]
        if f"{name}_id" in record:
            return None if record[f"{name}_id"] is None else NoValue.NAME
    return NoValue.MEMBER


def member(*names: str) -> Field:
    """Return a field that is the first of these members that a record has."""
    return Field(names, lambda record: first_member(record, names))


def name_member(*names: str) -> Field:
    """Return a field that is the name of the related object in the first of these members."""
    return Field(with_ids(names), lambda record: name_of(first_member(record, names)))


def with_ids(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return these members and those with their database ids."""
    return (*names, *(f"{name}_id" for name in names))


def name_of(value: Value, *attributes: str) -> Value:
    """Return the name of a related object, or the first of the attributes that it has; never an id."""
    if isinstance(value, list):  # Nautobot 2.2: `locations`, `vrfs`
        return NoValue.ONE if len(value) > 1 else name_of(value[0] if value else None, *attributes)
    if isinstance(value, dict) and value:
        found = (value.get(name) for name in (*attributes, "name"))
        return next((name for name in found if isinstance(name, str | int) and name != ""), NoValue.NAME)
    if isinstance(value, str):
        return NoValue.NAME if _is_address(value) else value or None
    return NoValue.NAME if isinstance(value, int | float) else value or None


def _is_address(text: str) -> bool:
    """Say whether a text stands for an object without naming it: its URL or its UUID."""
    if text.startswith(("http://", "https://", "/api/")):
        return True
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def choice_member(field: str, *names: str) -> Callable[[str], Field]:
    """Return what makes the field of a type that has choices from the first of these members."""

    def field_of(kind: str) -> Field:
        choices = RESOURCES[kind].fields[field].kind.choices
        return Field(with_ids(names), lambda record: choice_of(first_member(record, names), choices))

    return field_of


def choice_of(value: Value, choices: Collection[str] = ()) -> Value:
    """Return the value of a choice; Nautobot 2 has an object instead, whose name is the choice's label."""
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    value = name_of(value)
    return value.lower() if isinstance(value, str) and value.lower() in choices else value


def related_member(outer: str, inner: Field) -> Field:
    """Return a field that stands in a related object; where that lacks it, it is not known."""

    def value(record: Json) -> Value:
        found = first_member(record, (outer,))
        if not isinstance(found, dict):
            return NoValue.NAME if isinstance(found, str | int) else found
        read = inner.value(found)
        return NoValue.NAME if read is NoValue.MEMBER else read

    return Field(with_ids((outer,)), value)


def tags_of(record: Json) -> Value:
    """Return the tags by name; a tag has no value. Nautobot names them with `?depth=1` and later only."""
    found = first_member(record, ("tags",))
    if not isinstance(found, list):
        return found if isinstance(found, NoValue) else name_of(found)
    names = [name_of(tag) for tag in found]
    return NoValue.NAME if NoValue.NAME in names else dict.fromkeys(map(str, names), "")
