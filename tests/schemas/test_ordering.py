"""The order of members that a database does not keep."""

from __future__ import annotations

from schemas.ordering import in_declared_order, in_order
from schemas.resources import RESOURCES


def test_members_are_in_the_order_of_names() -> None:
    """Those that are named come first, in that order; nothing is lost and nothing added."""
    assert list(in_order({"id": 1, "name": 2, "region": 3}, ["region", "absent", "name"])) == ["region", "name", "id"]


def test_fields_are_in_the_order_of_their_type() -> None:
    """Fields of a type are as it declares them; those of an unknown type stay as they are."""
    declared = list(RESOURCES["vpc"].fields)
    shuffled = dict.fromkeys(sorted(declared, key=len))
    assert list(shuffled) != declared
    assert list(in_declared_order(shuffled, "vpc")) == declared
    assert list(in_declared_order(shuffled, "")) == list(shuffled)
