"""How the records of a list are read: by which type, shape and reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from schemas.errors import SourceError
from schemas.issues import issues_frame
from schemas.model.resource import Resource
from schemas.resources import find_resource
from schemas.sources import Opened
from tasks.formats.aws import inventory
from tasks.formats.aws.document import SHAPES, Shape, named_shape, recognise, shape_of
from tasks.formats.base import Flatten, Source
from tasks.formats.json.spool import Json
from tasks.formats.netbox.recognition import recognised_shape
from tasks.formats.netbox.records import RecordReader

GENERIC = frozenset(
    ("data", "items", "results", "records", "rows", "objects", "value", "values", "content", "entries", "result")
)
"""What a list is called that says nothing of its records."""


def record_of(name: str, value: Any, number: int) -> Json:
    """Return a value that is a record; raises SourceError for any other."""
    if isinstance(value, dict):
        return value
    kind = next(word for kinds, word in _KINDS if isinstance(value, kinds))
    raise SourceError(f"{name}: record {number} is {kind}, not an object.", record=number)


_KINDS: list[tuple[type | tuple[type, ...], str]] = [
    (list, "a list"),
    (str, "a text"),
    (bool, "true or false"),
    ((int, float, Decimal), "a number"),
    (object, "null"),
]


def type_of(name: str) -> Resource | None:
    """Return the type that a list is named after: as AWS does, or however a type is spelt."""
    shape = named_shape(name)
    return shape.resource if shape else find_resource(name)


@dataclass(frozen=True)
class Reading:
    """How the records of a list are read: their type and shape, and what is done to each before it is flattened.

    `whole` says that each is a whole record of a describe call, so that an absent member is unset. `rest` reads the
    records of NetBox or Nautobot.
    """

    resource: Resource | None = None
    shape: Shape | None = None
    whole: bool = False
    flatten: Flatten | None = None
    rest: RecordReader | None = None

    @property
    def absent(self) -> bool:
        """Whether it matters which members a record lacks, and its columns do not say it themselves."""
        return not self.whole and self.rest is None


def reading_of(source: Source, name: str | None, first: Json, page: Json | None = None) -> Reading:
    """Find how the records of a list are read by its name, its first record and what its page says so far.

    Where the caller named a type, it is that. Raises UnknownType where NetBox or Nautobot has another type.
    """
    if source.described:
        shape = SHAPES[source.described.key]
        return Reading(shape.resource, shape, whole=True, flatten=shape.flatten)
    if (named := named_shape(name, first)) and source.resource in (None, named.resource):
        return Reading(named.resource, named, whole=True, flatten=named.flatten)
    if rest := recognised_shape(source.name, first, name, page or {}, source.resource):
        return Reading(rest.resource, rest=RecordReader(rest, first, page))
    expected = source.resource or (find_resource(name) if name else None)
    if inventory.is_row(first) and (found := inventory.row(first)) and expected in (None, found[0].resource):
        shape = found[0]
        return Reading(shape.resource, shape, flatten=_row_flattener(shape))
    found_shape = shape_of(expected, first) if expected else recognise(None, first)
    if found_shape is None:
        return Reading(expected)
    return Reading(found_shape.resource, found_shape, flatten=found_shape.flatten)


def _row_flattener(shape: Shape) -> Flatten:
    def flatten(record: Json) -> Json:
        found = inventory.row(record)
        return shape.flatten(found[1] if found else record)

    return flatten


def checked_records(name: str, values: Iterable[Any]) -> Iterator[Json]:
    """Give values that are records; raises SourceError at the first that is not."""
    for number, value in enumerate(values, start=1):
        yield value if type(value) is dict else record_of(name, value, number)


def with_reader_issues(opened: Opened, reading: Reading) -> Opened:
    """Return records with what their reading has to report of them."""
    if (rest := reading.rest) is None:
        return opened
    faults = pl.concat([issues_frame(rest.faults), opened.faults]).sort("row")
    return replace(opened, faults=faults, notices=rest.notices, gaps=(*rest.gaps, *opened.gaps))
