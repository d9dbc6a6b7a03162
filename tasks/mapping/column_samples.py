"""Values: whether the first cells of a column look like those of a field, or like ids of something else."""

from __future__ import annotations

import polars as pl

from schemas.model import kinds
from schemas.model.resource import Resource

# Of these kinds a value is known by its form: an id, a region, a zone; a block; an account.
_FORMS = (kinds.CODE.name, kinds.BLOCK.name, kinds.ACCOUNT.name)

_FOREIGN = r"^(arn:.+|[a-z]+(-[a-z]+)*-[0-9a-f]{8,17})$"
"""An id that AWS gives (EC2 User Guide, resource IDs; IAM User Guide, ARNs)."""


def filled(cells: pl.Series) -> pl.Series:
    """Return the cells that hold something, without spaces around it."""
    stripped = cells.str.strip_chars().drop_nulls()
    return stripped.filter(stripped != "")


def is_recognisable(resource: Resource, name: str) -> bool:
    """Say whether values of a field have a form of their own."""
    return resource.fields[name].kind.name in _FORMS and (
        resource.fields[name].kind.name == kinds.ACCOUNT.name or resource.pattern(name) is not None
    )


def resembles_field(cells: pl.Series, resource: Resource, name: str) -> bool:
    """Say whether each of these cells has the form of a field, and there are some."""
    if cells.is_empty():
        return False
    if resource.fields[name].kind.name == kinds.ACCOUNT.name:
        return bool(cells.str.contains(r"^[0-9]{12}$").all())
    read = resource.fields[name].kind.read(cells)
    return bool(read.is_not_null().all() and read.str.contains(resource.pattern(name) or "").all())


def is_readable(cells: pl.Series, resource: Resource, name: str) -> bool:
    """Say whether at least one of these cells is a value of a field, or there is none to judge by."""
    if cells.is_empty():
        return True
    read = resource.fields[name].kind.read(cells).drop_nulls()
    pattern = resource.pattern(name)
    if pattern and read.dtype == pl.String:
        read = read.filter(read.str.contains(pattern))
    return not read.is_empty()


def are_ids(cells: pl.Series) -> bool:
    """Say whether these cells are distinct ids of AWS, or there is none to judge by."""
    return bool(cells.str.contains(_FOREIGN).all() and cells.is_unique().all())
