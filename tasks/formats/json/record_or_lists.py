"""Which objects of a document are records, and which hold lists of records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from schemas.language.spelling import plain
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from tasks.formats.aws import inventory
from tasks.formats.aws.document import named_shape, recognise
from tasks.formats.base import Source
from tasks.formats.json.place import ANYWHERE
from tasks.formats.json.reading import GENERIC, type_of
from tasks.formats.json.spool import Json
from tasks.formats.netbox.recognition import is_page, is_record


def holds_records(name: str) -> bool:
    """Return whether a list of this name holds records."""
    return bool(type_of(name)) or plain(name) in GENERIC


def holds_lists(source: Source, value: Json) -> bool:
    """Say whether an item is a page with lists in it, and no record."""
    if value and all(ANYWHERE.within(name) for name in value):
        return True
    lists = [name for name, inner in value.items() if isinstance(inner, list)]
    firsts = {name: value[name][0] if value[name] else None for name in lists}
    is_known = any(named_shape(*each) or each[0] in inventory.LISTS for each in firsts.items()) or is_page(value)
    return is_known and not is_single_record(source, value)


def fits_type(resource: Resource, columns: Iterable[str]) -> bool:
    """Say whether columns fill the required fields of a type."""
    there = {plain(column) for column in columns}
    spelt = _spellings(resource)
    keyed = not resource.either or any(there & spelt[name] for name in resource.key)
    return keyed and all(there & spelt[name] for name in resource.required)


def is_single_record(source: Source, value: Json) -> bool:
    """Say whether an object is a record, with the lists in it that are named after types and without them."""
    lists = [name for name, inner in value.items() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
    rest = {name: inner for name, inner in value.items() if name not in lists or not type_of(name)}
    if is_record(value) or (rest == value and not source.resource and recognise(None, value)):
        return True
    return _is_record(source, value) and _is_record(source, rest)


def _is_record(source: Source, value: Json) -> bool:
    """Say whether an object has the required members of a type, and mostly members of that type."""
    if any(plain(name) in GENERIC for name in value):
        return False
    members = {plain(name) for name in value}
    # An object is the value of no field that is required: `{"Subnet": {…}}` is no prefix.
    single = {plain(name) for name, inner in value.items() if not isinstance(inner, dict)}
    for resource in [source.resource] if source.resource else RESOURCES.values():
        spelt = _spellings(resource)
        known = sum(any(member in spellings for spellings in spelt.values()) for member in members)
        if known > len(members) / 2 and all(single & spelt[name] for name in resource.required):
            return True
    return False


@cache
def _spellings(resource: Resource) -> dict[str, set[str]]:
    return {
        name: {plain(name), plain(spec.title), *map(plain, spec.aliases), plain(re.split(r"\W", spec.aws or name)[0])}
        for name, spec in resource.fields.items()
    }
