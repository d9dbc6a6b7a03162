"""How a record of an AWS `describe-*` document becomes columns.

The shapes are those of the APIs of AWS; each field's `aws` says where it stands, as a JMESPath, which may use the
functions of `tasks.formats.jmespath_functions`.
A type may have further lists with paths of their own (`View`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jmespath

from schemas.language.spelling import plain
from schemas.model.resource import TAGGED, AwsRecord, Resource
from schemas.resources import RESOURCES
from schemas.sources import NOTE
from tasks.formats.base import Flatten
from tasks.formats.jmespath_functions import OPTIONS

_SIMPLE = re.compile(r"\w+(\.\w+)*")

# The members that every list has, whatever else it calls its fields.
_SHARED = ("name", "tags")

# The id of something in EC2 (EC2 User Guide, resource IDs).
_ID = re.compile(r"([a-z]+(?:-[a-z]+)*)-(?:[0-9a-f]{8}|[0-9a-f]{17})")


VIEWER = f"{NOTE} account"
"""A column of the account that sees a record, where the source says it."""


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


@dataclass(frozen=True)
class Shape:
    """What a record of one list of AWS looks like: where each field of its type stands.

    `never` are the fields that the list does not have, `marks` as in `Document`. `parties` are the columns that name an
    account which sees the record; only the first sees all of it. `notes` are parties that are no column otherwise.
    """

    resource: Resource
    key: str
    columns: dict[str, _Column]
    never: frozenset[str]
    parties: tuple[str, ...]
    notes: tuple[_Column, ...] = ()
    marks: tuple[str, ...] = ()

    @cached_property
    def unset(self) -> tuple[str, ...]:
        """The columns that are empty where a whole record lacks them: those of what a resource may be without."""
        fields = [name for name in self.columns if name not in (*self.never, *self.needed)]
        tagged = [name for name in TAGGED if name in self.resource.fields]
        return (*(self.columns[name].name for name in fields), *tagged)

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The fields that no resource is without, and so a record that lacks them does not empty: its owner, too."""
        return (*self.resource.required, "account_id")

    @cached_property
    def heads(self) -> frozenset[str]:
        """The members that a field is read from."""
        return frozenset(path[0] for column in self.columns.values() for path in column.reads)

    @property
    def id(self) -> str:
        """The member that holds the key."""
        return self.columns[self.resource.key[0]].reads[0][0]

    @cached_property
    def nested(self) -> tuple[tuple[str, str], ...]:
        """The paths of fields that are a member of a member."""
        paths = [column.reads[0] for column in self.columns.values() if column.simple]
        return tuple((path[0], path[1]) for path in paths if len(path) == 2)

    def put(self, record: dict[str, Any], account: Any, region: Any) -> None:
        """Complete a record with what its source says of all: the account that sees it, and its region."""
        if account:
            record[VIEWER] = account
            of = self.columns.get("account_id") or SHAPES[self.own].columns["account_id"]
            if len(of.reads) == 1 and len(of.reads[0]) == 1:
                record.setdefault(of.reads[0][0], account)
        if region and not any(plain(member) == "region" for member in record):
            record["region"] = region

    @property
    def own(self) -> str:
        """The key of the type's own list."""
        if self.resource.document is None:
            raise TypeError(f"{self.resource.type} is not an AWS type")
        return self.resource.document.key

    @cached_property
    def flatten(self) -> Flatten:
        """What turns a record into {column: value}; see `flattener`."""
        return _flattener(self)


# Recognising ----------------------------------------------------------------------------------------------------------


def named_shape(key: str | None, first: Any = None) -> Shape | None:
    """Return the shape of a list by its key and, where that is a common word, by its first record."""
    shape = SHAPES.get(key) if key else None
    if shape and shape.marks and not (isinstance(first, dict) and first.keys() >= {*shape.marks}):
        return None
    return shape


def recognise(key: str | None, record: dict[str, Any]) -> Shape | None:
    """Return the shape of a record by the key of its list or, in a list without a name, by its members.

    A record names other types' records too (a subnet its VPC): it is of the type that none of the others refers to.
    None where that leaves a doubt, and for a list whose name is none of those that are read.
    """
    if key is not None:
        return named_shape(key, record)
    fitting = [shape for shape in SHAPES.values() if _fits(shape, record)]
    named = {member for shape in fitting for member in _members_without_key(shape)}
    own = [shape for shape in fitting if shape.id not in named]
    if len(own) == 1:
        return None if _other_ids(own[0], record) else own[0]
    return None if own else by_key(record)


def by_key(record: dict[str, Any]) -> Shape | None:
    """Return the shape of a record by the id that it has as its key, and that no other of its members could name."""
    naming = [s for s in SHAPES.values() if s.id in record and type_of_id(record[s.id]) is s.resource]
    named = {member for shape in naming for member in _members_without_key(shape)}
    own = [shape for shape in naming if shape.id not in named]
    fitting = [shape for shape in own if _fits(shape, record)] or [shape for shape in own if shape.key == shape.own]
    return fitting[0] if len({shape.id for shape in own}) == 1 and not _other_ids(fitting[0], record) else None


def shape_of(resource: Resource, record: dict[str, Any]) -> Shape | None:
    """Return the shape of a record whose type is known: that of the list it fits, or of the type's own list."""
    if resource.document is None:
        return None
    found = recognise(None, record)
    return found if found and found.resource is resource else SHAPES[resource.document.key]


def _fits(shape: Shape, record: dict[str, Any]) -> bool:
    """Say whether a record has a type's required members, and more than half of the type's own.

    No record has them all: what a resource does not use, AWS leaves out.
    """
    columns = {name: {path[0] for path in column.reads} for name, column in shape.columns.items() if column.reads}
    shared = (*_of_all(), *shape.resource.key, *shape.never)
    typical = [name for name in columns if name not in shared and not shape.resource.fields[name].rare]
    own = {member for name in typical for member in columns[name]}
    needed = all(columns[name] & record.keys() for name in shape.resource.required if name in columns)
    return needed and len(own & record.keys()) > len(own) / 2


@cache
def _of_all() -> tuple[str, ...]:
    """The fields that every type of AWS has."""
    return tuple(AwsRecord.to_schema().columns)


def _members_without_key(shape: Shape) -> Iterator[str]:
    """The AWS members of a type that are not its key."""
    for name, column in shape.columns.items():
        if name not in shape.resource.key:
            yield from (path[0] for path in column.reads)


def _other_ids(shape: Shape, record: dict[str, Any]) -> list[str]:
    """The members of a record that hold an id which the shape does not have: the record is about one of those."""
    # An instance is never listed with our keys at the top of its record, and addresses name theirs.
    known = {*shape.heads, "InstanceId"}
    ids = [member for member in record if member.endswith("Id") and member not in known]
    return [member for member in ids if isinstance(record[member], str) and _ID.fullmatch(record[member])]


def other_id_member(record: dict[str, Any]) -> str | None:
    """Return the member that holds the id of what a record is about, where it names records of ours, and is none."""
    naming = [shape for shape in SHAPES.values() if shape.id in record]
    others = [_other_ids(shape, record) for shape in naming]
    ours = {shape.id for shape in SHAPES.values()}
    strange = [member for members in others for member in members if member not in ours]
    return strange[0] if strange and all(others) else None


@cache
def _types_by_id_prefix() -> dict[str, Resource]:
    return {resource.id_prefix: resource for resource in RESOURCES.values() if resource.id_prefix}


def type_of_id(value: Any) -> Resource | None:
    """Return the type of a record by its id, such as `vpc-0a1b2c3d`."""
    found = _ID.fullmatch(value) if isinstance(value, str) else None
    return _types_by_id_prefix().get(found[1]) if found else None


# Flattening -----------------------------------------------------------------------------------------------------------


def flattener(resource: Resource) -> Flatten:
    """Return what turns a record of the type's own list into {column: value}, the values being those of JSON.

    A field that is a member as it stands has the member's path as its column (`Options.AmazonSideAsn`), any other the
    field's name. What the record does not speak of is no column; members that no field reads stay, for the report to
    name, but for secrets. Fields that tags fill are there where the tags are.
    """
    if resource.document is None:
        raise TypeError(f"{resource.type} is not an AWS type")
    return SHAPES[resource.document.key].flatten


def _flattener(shape: Shape) -> Flatten:
    resource, columns = shape.resource, [*shape.columns.values(), *shape.notes]
    members = [(column.name, column.reads[0][0]) for column in columns if column.simple and len(column.reads[0]) == 1]
    simple = [(column.name, column.reads[0]) for column in columns if column.simple and len(column.reads[0]) > 1]
    found = [(column.name, column.reads, column.read) for column in columns if column.read]
    used: dict[str, Any] = {}
    for column in columns:
        for path in column.reads:
            _mark_as_read(used, path)
    secrets = frozenset(map(plain, resource.document.secrets)) if resource.document else frozenset()
    tagged = {plain(name): name for name in TAGGED if name in resource.fields}
    tags_member = shape.columns["tags"].reads[0][0]

    def flatten(record: dict[str, Any]) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for name, member in members:
            if member in record:
                flat[name] = record[member]
        for name, path in simple:
            value = _value_at(record, path)
            if value is not _ABSENT:
                flat[name] = value
        for name, paths, read in found:
            if not paths or any(_value_at(record, path) is not _ABSENT for path in paths):
                flat[name] = read(record)
        if isinstance(tags := record.get(tags_member), list):
            flat.update(_fields_of_tags(tags, tagged))
        _add_unread_members(flat, record, used, secrets, "")
        return flat

    return flatten


def _fields_of_tags(tags: list[Any], names: dict[str, str]) -> dict[str, Any]:
    """The fields that tags fill; a tag that is not there unsets its field.

    EC2 calls a tag's members `Key` and `Value`, other services `key` and `value`.
    """
    found: dict[str, Any] = dict.fromkeys(names.values())
    for tag in tags:
        for key, value in (("Key", "Value"), ("key", "value")) if isinstance(tag, dict) else ():
            name = names.get(plain(str(tag[key]))) if key in tag else None
            if name and found[name] is None:
                found[name] = tag.get(value)
    return found


_ABSENT: Any = object()


def _value_at(record: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = record
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


# What is left over ----------------------------------------------------------------------------------------------------


def _mark_as_read(used: dict[str, Any], path: tuple[str, ...]) -> None:
    """Note in a tree of members that this one is read: a whole member is None, one read in part a tree."""
    head, *rest = path
    if not rest:
        used[head] = None
    elif used.setdefault(head, {}) is not None:
        _mark_as_read(used[head], tuple(rest))


def _add_unread_members(
    flat: dict[str, Any], record: dict[str, Any], used: dict[str, Any], secrets: frozenset[str], at: str
) -> None:
    """Add the members that no field reads, those next to one that is read under their dotted path."""
    for member, value in record.items():
        if secrets and plain(member) in secrets:
            continue
        inner = used.get(member, _ABSENT)
        if inner is _ABSENT:
            name = f"{at}{member}"
            # A member that is named as a field that tags fill says it where they do not.
            if flat.get(name) is None:
                flat[name] = without(value, secrets) if secrets else value
        elif inner is not None and isinstance(value, dict):
            _add_unread_members(flat, value, inner, secrets, f"{at}{member}.")


def without(value: Any, secrets: frozenset[str]) -> Any:
    """Return a value without its members of these names (in plain spelling), however deep."""
    if isinstance(value, dict):
        return {key: without(inner, secrets) for key, inner in value.items() if plain(key) not in secrets}
    return [without(inner, secrets) for inner in value] if isinstance(value, list) else value


# Where a field stands -------------------------------------------------------------------------------------------------


def _column(name: str, aws: str) -> _Column:
    if _SIMPLE.fullmatch(aws):
        return _Column(aws, (tuple(aws.split(".")),), None)
    compiled = jmespath.compile(aws)

    def read(record: dict[str, Any]) -> Any:
        return compiled.search(record, OPTIONS)

    return _Column(name, tuple(_members_read_by(compiled.parsed)), read)


def _members_read_by(node: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The members of a record that a parsed JMESPath takes values from."""
    if node["type"] == "field":
        yield (node["value"],)
    elif node["type"] == "subexpression":
        paths = [path for part in node["children"] for path in _members_read_by(part)]
        yield tuple(part for path in paths for part in path)
    elif node["type"] in ("or_expression", "and_expression", "multi_select_list"):
        for part in node["children"]:
            yield from _members_read_by(part)
    elif node["children"]:
        # A projection, a filter, a pipe or `without` takes from its left side; what follows only chooses.
        yield from _members_read_by(node["children"][0])


def _shapes() -> Iterator[Shape]:
    """The lists of AWS that records are read from, each type's own before its others."""
    for resource in RESOURCES.values():
        if (document := resource.document) is None:
            continue
        own = {name: _column(name, spec.aws) for name, spec in resource.fields.items() if spec.aws}
        yield Shape(resource, document.key, own, frozenset(document.never), document.parties, marks=document.marks)
        for view in document.views:
            columns = {
                name: _named_alike(_column(name, path), own[name].name if name in own else name)
                for name, path in view.reads.items()
            }
            shared = {name: own[name] for name in _SHARED}
            notes = tuple(_named_alike(_column(path, path), f"{NOTE} {path}") for path in view.parties)
            parties = tuple(note.name for note in notes)
            yield Shape(resource, view.key, columns | shared, frozenset(), parties, notes)


def _named_alike(column: _Column, name: str) -> _Column:
    """The column under the name that the field has in the type's own list, so that both make one table."""
    if column.name == name:
        return column
    path = column.reads[0] if column.simple else ()

    def read(record: dict[str, Any]) -> Any:
        value = _value_at(record, path)
        return None if value is _ABSENT else value

    return _Column(name, column.reads, column.read or read)


SHAPES: dict[str, Shape] = {shape.key: shape for shape in _shapes()}
"""What the records of each list of AWS that is read look like, by the key of the list."""

DOCUMENTS: dict[str, Resource] = {key: shape.resource for key, shape in SHAPES.items()}
"""The type of each list of AWS, by its key."""
