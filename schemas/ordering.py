"""The order of members: PostgreSQL's JSONB sorts them by the length of their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from schemas.resources import RESOURCES

Value = TypeVar("Value")


def in_order(members: dict[str, Value], names: Iterable[str]) -> dict[str, Value]:
    """Return an object whose members are in the order of these names; members of other names come last."""
    return {name: members[name] for name in names if name in members} | members


def in_declared_order(fields: dict[str, Value], resource_type: str) -> dict[str, Value]:
    """Return fields of a record in the order in which its type declares them."""
    return in_order(fields, RESOURCES[resource_type].fields if resource_type in RESOURCES else ())
