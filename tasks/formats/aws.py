"""How a record of an AWS `describe-*` document becomes columns.

The shapes are those of the EC2 API; each field's `aws` says where it stands, as a JMESPath with one function of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.functions import Functions, signature

from schemas.resource import TAGGED, AwsRecord, Resource
from schemas.resources import RESOURCES
from schemas.spelling import plain
from tasks.formats.base import Flatten

DOCUMENTS: dict[str, Resource] = {r.document.key: r for r in RESOURCES.values() if r.document}
"""The type of each AWS document, by the key of its list of records."""

_SIMPLE = re.compile(r"\w+(\.\w+)*")


class _Functions(Functions):
    @signature({"types": ["array", "null"]}, {"types": []})
    def _func_without(self, items: list[Any] | None, item: Any) -> list[Any] | None:
        """`without(list, value)`: the items of a list that are not the value."""
        return items and [each for each in items if each != item]


_OPTIONS = jmespath.Options(custom_functions=_Functions())


@dataclass(frozen=True)
class _Column:
    """What one field reads: `reads` are the paths of the members that it takes its value from."""

    name: str
    reads: tuple[tuple[str, ...], ...]
    read: Callable[[dict[str, Any]], Any] | None

    @property
    def simple(self) -> bool:
        """Whether the value is a member as it stands."""
        return self.read is None


def recognise(key: str | None, record: dict[str, Any]) -> Resource | None:
    """Return the type of an AWS document by the key of its list or, of a bare list, by the members of a record.

    A record names other types' records too (a subnet its VPC): it is of the type that none of the others refers to.
    None where that leaves a doubt.
    """
    if key in DOCUMENTS:
        return DOCUMENTS[key]
    fitting = [resource for resource in DOCUMENTS.values() if _fits(resource, record)]
    named = {member for resource in fitting for member in _others(resource)}
    own = [resource for resource in fitting if resource.fields[resource.key[0]].aws not in named]
    return own[0] if len(own) == 1 else None


def _fits(resource: Resource, record: dict[str, Any]) -> bool:
    """Say whether a record has a type's required members, and more than half of the type's own.

    No record has them all: what a resource does not use, AWS leaves out.
    """
    columns = {name: {path[0] for path in column.reads} for name, column in _columns(resource).items()}
    shared = (*AwsRecord.to_schema().columns, *resource.key)
    own = {member for name, members in columns.items() if name not in shared for member in members}
    needed = all(columns.get(name, set()) & record.keys() for name in resource.required)
    return needed and len(own & record.keys()) > len(own) / 2


def _others(resource: Resource) -> Iterator[str]:
    """The AWS members of a type that are not its key."""
    for name, column in _columns(resource).items():
        if name not in resource.key:
            yield from (path[0] for path in column.reads)


def flattener(resource: Resource) -> Flatten:
    """Return what turns a record of the type into {column: value}, the values being those of JSON.

    A field that is a member as it stands has the member's path as its column (`Options.AmazonSideAsn`), any other the
    field's name. What the record does not speak of is no column, so that it leaves the stored field alone; members
    that no field reads stay, for the report to name, but for secrets.
    """
    columns = _columns(resource)
    simple = [(column.name, column.reads[0]) for column in columns.values() if column.simple]
    found = [(column.name, column.reads, column.read) for column in columns.values() if column.read]
    used: dict[str, Any] = {}
    for column in columns.values():
        for path in column.reads:
            _mark(used, path)
    secrets = frozenset(map(plain, resource.document.secrets)) if resource.document else frozenset()
    tagged = {plain(name): name for name in TAGGED if name in resource.fields}

    def flatten(record: dict[str, Any]) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for name, path in simple:
            value = _member(record, path)
            if value is not _ABSENT:
                flat[name] = value
        for name, paths, read in found:
            if any(_member(record, path) is not _ABSENT for path in paths):
                flat[name] = read(record)
        for name, value in _tags(record):
            if name in tagged:
                flat.setdefault(tagged[name], value)
        _leave(flat, record, used, secrets, "")
        return flat

    return flatten


_ABSENT: Any = object()


def _member(record: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = record
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _tags(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    tags = record.get("Tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and "Key" in tag:
            yield plain(str(tag["Key"])), tag.get("Value")


# What is left over ----------------------------------------------------------------------------------------------------


def _mark(used: dict[str, Any], path: tuple[str, ...]) -> None:
    """Note in a tree of members that this one is read: a whole member is None, one read in part a tree."""
    head, *rest = path
    if not rest:
        used[head] = None
    elif used.setdefault(head, {}) is not None:
        _mark(used[head], tuple(rest))


def _leave(
    flat: dict[str, Any], record: dict[str, Any], used: dict[str, Any], secrets: frozenset[str], at: str
) -> None:
    """Add the members that no field reads, those beside one that is read under their dotted path."""
    for member, value in record.items():
        if secrets and plain(member) in secrets:
            continue
        inner = used.get(member, _ABSENT)
        if inner is _ABSENT:
            flat.setdefault(f"{at}{member}", without(value, secrets) if secrets else value)
        elif inner is not None and isinstance(value, dict):
            _leave(flat, value, inner, secrets, f"{at}{member}.")


def without(value: Any, secrets: frozenset[str]) -> Any:
    """Return a value without its members of these names (in plain spelling), however deep."""
    if isinstance(value, dict):
        return {key: without(inner, secrets) for key, inner in value.items() if plain(key) not in secrets}
    return [without(inner, secrets) for inner in value] if isinstance(value, list) else value


# Where a field stands -------------------------------------------------------------------------------------------------


def _columns(resource: Resource) -> dict[str, _Column]:
    """The column of each field that stands in the type's AWS document."""
    return {name: _column(name, spec.aws) for name, spec in resource.fields.items() if spec.aws}


def _column(name: str, aws: str) -> _Column:
    if _SIMPLE.fullmatch(aws):
        return _Column(aws, (tuple(aws.split(".")),), None)
    compiled = jmespath.compile(aws)

    def read(record: dict[str, Any]) -> Any:
        return compiled.search(record, _OPTIONS)

    return _Column(name, tuple(_reads(compiled.parsed)), read)


def _reads(node: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The members of a record that a parsed JMESPath takes values from."""
    if node["type"] == "field":
        yield (node["value"],)
    elif node["type"] == "subexpression":
        paths = [path for part in node["children"] for path in _reads(part)]
        yield tuple(part for path in paths for part in path)
    elif node["type"] in ("or_expression", "multi_select_list"):
        for part in node["children"]:
            yield from _reads(part)
    elif node["children"]:
        # A projection, a filter, a pipe or `without` takes from its left side; what follows only chooses.
        yield from _reads(node["children"][0])
