"""AWS documents: how a record of `aws … describe-*` output becomes columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import jmespath

from schemas.resource import TAGGED, AwsRecord, Resource, plain
from schemas.resources import RESOURCES

_SIMPLE = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)*")

# A bare list of records is taken for a type when a record has this share of the type's own members.
_ENOUGH = 0.5


def recognise(key: str | None, record: dict[str, Any]) -> Resource | None:
    """Return the type of an AWS document by the key of its list, or of a bare record by its members."""
    by_key = [r for r in RESOURCES.values() if r.document and key and r.document.key == key]
    if by_key:
        return by_key[0]
    fitting = {r.type: share for r in RESOURCES.values() if r.document and (share := _likeness(r, record)) >= _ENOUGH}
    best = sorted(fitting, key=lambda name: -fitting[name])
    if not best or (len(best) > 1 and fitting[best[0]] == fitting[best[1]]):
        return None
    return RESOURCES[best[0]]


def _likeness(resource: Resource, record: dict[str, Any]) -> float:
    """The share of a type's top-level members that a record has; none without the natural key's member."""
    paths = [spec.aws for spec in resource.fields.values() if spec.aws]
    roots = {_root(path) for path in paths} - {"Tags", "Description", "OwnerId"}
    key = resource.fields[resource.key[0]].aws
    if not key or _root(key) not in record:
        return 0.0
    # A subnet names its VPC too: the first member of a record with an id is the record's own in no fixed order, so the
    # share of members decides.
    return len(roots & set(record)) / len(roots)


def _root(path: str) -> str:
    match = re.match(r"[A-Za-z0-9]+", path)
    return match[0] if match else path


@cache
def _reader(path: str) -> Callable[[dict[str, Any]], Any]:
    if not _SIMPLE.fullmatch(path):
        return jmespath.compile(path).search
    parts = path.split(".")

    def read(record: dict[str, Any]) -> Any:
        value: Any = record
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return read


def flattener(resource: Resource) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what turns a record into {column: value}.

    A simple path is its column's name (`Options.AmazonSideAsn`), any other column has the field's. A member that the
    record does not have is no column, so that it leaves the field alone; members that no field reads are kept.
    """
    paths = {name: spec.aws for name, spec in resource.fields.items() if spec.aws}
    readers = [
        (path if _SIMPLE.fullmatch(path) else name, set(re.findall(r"^\w+|(?<=\|\| )\w+", path)), _reader(path))
        for name, path in paths.items()
    ]
    used = {_root(path) for path in paths.values()} | {root for _, roots, _ in readers for root in roots}
    secrets = set(resource.document.secrets) if resource.document else set()
    tagged = issubclass(resource.model, AwsRecord)

    def flatten(record: dict[str, Any]) -> dict[str, Any]:
        columns = {column: read(record) for column, roots, read in readers if roots & record.keys()}
        if tagged and record.get("Tags"):
            columns |= _from_tags(record["Tags"], columns)
        rest = {key: value for key, value in record.items() if key not in used and key not in secrets}
        return columns | rest

    return flatten


def _from_tags(tags: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """The fields that are filled from the tag of their name."""
    if not isinstance(tags, list):
        return {}
    named = {plain(str(tag.get("Key", ""))): tag.get("Value") for tag in tags if isinstance(tag, dict)}
    return {name: named[plain(name)] for name in TAGGED if plain(name) in named and name not in columns}
