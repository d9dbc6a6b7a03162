"""The lists of a JSON document that hold records, wherever they are: by name, page by page, by region and account.

A document is one value or several in a row, of which each is a list, an object that holds lists, or a record. It may
be a text, which is read in bounded memory, or values that another reader has parsed (`open_values`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import orjson

from schemas.errors import SourceError, UnknownType
from schemas.language.spelling import plain
from schemas.sources import Opened
from tasks.formats.aws import inventory
from tasks.formats.aws.document import Shape, other_id_member, recognise
from tasks.formats.base import Source
from tasks.formats.json.found_lists import FoundLists, RecordList
from tasks.formats.json.opened_lists import open_found
from tasks.formats.json.parser import Reader, ValueReader
from tasks.formats.json.place import ANYWHERE, Place
from tasks.formats.json.reading import GENERIC, Reading, checked_records, reading_of, record_of, type_of
from tasks.formats.json.record_or_lists import holds_lists, holds_records, is_single_record
from tasks.formats.json.spool import Json, Spooling, without_collector
from tasks.formats.netbox.recognition import recognised_shape
from tasks.formats.writers import METADATA

# AWS calls lists and members so.
_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")

# Members that say something of a document as a whole, and nothing of a record.
_DOCUMENT_MEMBERS = ("responsemetadata", "metadata", "queryinfo", "columns")

_NOTHING: Any = object()


class Lists:
    """Reads a document and collects the lists of records in it."""

    def __init__(self, source: Source, *, named: bool = False) -> None:
        self.source = source
        self.named = named  # whether the caller named the list: then it is read, whatever it is called
        self.found = FoundLists(source)
        self.page: Json = {}

    # Walking --------------------------------------------------------------------------------------------------------

    def read(self, reader: Reader) -> bool:
        """Read all values; returns False where the first is a record, and so all of them are."""
        number = 0
        while sign := reader.peek():
            number += 1
            if sign == "{":
                if not self.object(reader, ANYWHERE):
                    if number > 1:
                        reader.fail(f"value {number} holds no list, as those before it do")
                    return False
            elif sign == "[":
                self.items(reader, None, ANYWHERE)
            elif number > 1:
                reader.fail("something follows the end of the document")
            else:
                record_of(reader.name, reader.value(), number)
        return True

    def object(self, reader: Reader, place: Place) -> bool:
        """Read the lists in an object; returns False where it holds none, or is a record itself."""
        outline: Json = {}
        keyed = False
        for name in reader.members():
            if name in outline and isinstance(outline[name], list):
                raise SourceError(
                    f"{self.source.name} has two lists of the name '{name}': put their records into one.", list=name
                )
            inner, first = place.within(name), reader.first_item()
            if inner and (first or reader.peek() == "{"):
                keyed = True
                self._read_below(reader, inner)
            elif first == "{" or (first == "[" and holds_records(name)) or (first == '"' and plain(name) == "results"):
                outline[name] = [{}]
                self.page = outline
                self.items(reader, name, place)
            elif first == "]":
                reader.skip()
                outline[name] = []
            else:
                outline[name] = reader.value()
        return self._read_outline(outline, place, keyed=keyed)

    def _read_below(self, reader: Reader, place: Place) -> None:
        """Read what is under the key of a region or an account."""
        if reader.peek() == "[":
            self.items(reader, None, place)
        elif not self.object(reader, place):
            raise SourceError(
                f"{self.source.name} has no lists under {place.region or place.account}: put the records into lists "
                "that are named as AWS names them."
            )

    def _read_outline(self, outline: Json, place: Place, *, keyed: bool) -> bool:
        """Read the members of an object that are not its lists, once all of them are known."""
        lists = [name for name, inner in outline.items() if inner == [{}]]
        bare = [name for name, inner in outline.items() if inner == []]
        if not keyed and is_single_record(self.source, outline):
            return False
        if isinstance(metadata := outline.get(METADATA), dict):
            self.found.metadata = metadata
        if "$schema" in outline:
            self.found.schema_members = _SCHEMA_MEMBERS
        self.found.empty |= dict.fromkeys(bare)
        self.found.pages.note((*lists, *bare), place, outline)
        objects = {name: inner for name, inner in outline.items() if isinstance(inner, dict) and inner}
        single = [name for name in inventory.SINGLE if name in objects]
        for name in single:
            self.items(ValueReader([[objects.pop(name)]], self.source.name), name, place)
        keyed |= any(self._read_by_place(name, objects, place) for name in list(objects))
        others = [name for name in objects if plain(name) not in _DOCUMENT_MEMBERS]
        if lists or keyed or single or bare:
            self.found.objects += [name for name in others if lists or keyed or single]
            return True
        if len(others) == 1:
            return self._read_single(others[0], objects[others[0]], place)
        return False

    def _read_by_place(self, name: str, objects: Json, place: Place) -> bool:
        """Read an object of regions or accounts under the name of a list: `{"Vpcs": {"us-east-1": […]}}`."""
        inner = {key: place.within(key) for key in objects[name]}
        if not all(inner.values()):
            return False
        value = objects.pop(name)
        for key, below in inner.items():
            reader = ValueReader([value[key]], self.source.name)
            if below and reader.peek() == "[":
                self.items(reader, name if type_of(name) else None, below)
            elif below:
                self._read_below(reader, below)
        return True

    def _read_single(self, name: str, value: Json, place: Place) -> bool:
        """Read the one object in an object: a record, or what holds the lists."""
        if not self.object(ValueReader([value], self.source.name), place):
            self.take(name if type_of(name) else None, iter([value]), place, ValueReader([], self.source.name))
        return True

    def items(self, reader: Reader, name: str | None, place: Place) -> None:
        """Read a list: of records, of pages, or of lists of either."""
        values = reader.values()
        first = next(values, _NOTHING)
        everything = itertools.chain([first], values)
        if first is _NOTHING:
            self.found.empty[name] = None
        elif isinstance(first, str) and name and plain(name) == "results":
            self._take_inventory(
                name, (_parsed_result(self.source, each, at) for at, each in enumerate(everything, 1)), place
            )
        elif isinstance(first, dict) and holds_lists(self.source, first):
            for number, value in enumerate(everything, start=1):
                page = record_of(self.source.name, value, number)
                if not self.object(ValueReader([page], self.source.name), place):
                    raise SourceError(
                        f"{self.source.name}: item {number} is not a page like those before it.", record=number
                    )
        elif isinstance(first, list):
            for value in everything:
                if not isinstance(value, list):
                    raise SourceError(f"{self.source.name} has lists and other values in one list.")
                self.items(ValueReader([value], self.source.name), name, place)
        else:
            self.take(name, checked_records(reader.name, everything), place, reader)

    # Taking records -------------------------------------------------------------------------------------------------

    def take(self, name: str | None, records: Iterator[Json], place: Place, reader: Reader) -> None:
        """Let the records of a list become columns; those of a list of AWS that is none of ours are counted."""
        first = next(records, None)
        if first is None:
            self.found.empty[name] = None
            return
        if name in inventory.LISTS or name in inventory.SINGLE or inventory.is_item(first):
            self._take_inventory(name, itertools.chain([first], records), place)
            return
        if unknown := self._unknown_list_name(name, first):
            self.found.unknown[unknown] += 1 + sum(1 for _ in records)
            return
        try:
            rest = recognised_shape(self.source.name, first, name, self.page, self.source.resource)
            self.found.pages.kind[name] = rest.type if rest else None
            record_list = self._record_list_of(
                name, lambda: reading_of(self.source, name, first, self.page), self.found.pages.kind[name]
            )
        except UnknownType as error:  # which matters where nothing else holds records
            self.found.refused = error
            self.found.unknown[name or "a list without a name"] += 1 + sum(1 for _ in records)
            return
        whole = itertools.chain([first], records)
        record_list.add(_with_place(whole, record_list.reading.shape, place), reader)

    def _unknown_list_name(self, name: str | None, first: Json) -> str | None:
        """Return what to call a list of AWS that is none of those that are read; None for any other.

        It is known by the looks of its name and its records or, without a name, by the id of what it is about.
        """
        if self.named or (name and type_of(name)):
            return None
        # Some services begin their members in lower case: such a record is known by its shape.
        is_pascal = all(map(_PASCAL.fullmatch, first))
        if not is_pascal and not (name and _PASCAL.fullmatch(name) and recognise(None, first)):
            return None
        if name is None or plain(name) in GENERIC:
            member = None if self.source.resource else other_id_member(first)
            return f"records with a {member}" if member else None
        return name if _PASCAL.fullmatch(name) else None

    def _record_list_of(self, name: str | None, reading: Callable[[], Reading], kind: str | None = None) -> RecordList:
        record_list = self.found.lists.get((name, kind))
        if record_list is None:
            workdir = self.source.workdir / f"list-{len(self.found.lists)}"
            workdir.mkdir(exist_ok=True)
            how = reading()
            spooling = Spooling(replace(self.source, workdir=workdir), how.flatten, absent=how.absent)
            is_named = bool(kind or (name and type_of(name)))
            if is_named and not kind and name:
                how = replace(how, resource=type_of(name))
            record_list = self.found.lists[name, kind] = RecordList(name, how, spooling, is_named)
        return record_list

    def _take_inventory(self, name: str | None, items: Iterable[Json], place: Place) -> None:
        """Take items of an inventory, each a record of its own type."""
        for found in map(inventory.read, items):
            shape = found.shape
            if shape is None:
                self.found.other_types[found.kind] += 1
            elif found.record is None:
                self.found.deleted += 1
            else:
                reading = Reading(shape.resource, shape, flatten=shape.flatten)
                record_list = self._record_list_of(name, lambda reading=reading: reading, shape.key)  # type: ignore[misc]
                record_list.add(_with_place(iter([found.record]), shape, place), ValueReader([], ""))

    def note_page(self, name: str, outline: Json) -> None:
        """Note what a page says of the next page of a list."""
        self.found.pages.note([name], ANYWHERE, outline)


_SCHEMA_MEMBERS = ("properties", "examples")
"""Members of a JSON Schema, as a template is one with records in it: they say what a record is like."""


def _parsed_result(source: Source, text: Any, number: int) -> Json:
    """One result of a query of AWS Config, which is JSON within JSON."""
    try:
        value = orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{source.name}: result {number} is not valid JSON ({error}).", record=number) from error
    return record_of(source.name, value, number)


def _with_place(records: Iterator[Json], shape: Shape | None, place: Place) -> Iterator[Json]:
    """Complete records with what their place says."""
    if place == ANYWHERE:
        return records
    return _completed_records(records, shape, place)


def _completed_records(records: Iterator[Json], shape: Shape | None, place: Place) -> Iterator[Json]:
    for record in records:
        if shape:
            shape.put(record, place.account, place.region)
        else:
            members = {plain(name) for name in record}
            for name, value in (("account_id", place.account), ("region", place.region)):
                if value and plain(name) not in members:
                    record[name] = value
        yield record


def open_document(
    source: Source, again: Callable[[], AbstractContextManager[Reader]], *, several: bool
) -> tuple[Opened, ...]:
    """Open a document; `again` opens it from its beginning."""
    with without_collector():
        with again() as reader:
            lists = Lists(source)
            holds_lists = lists.read(reader)
        if not holds_lists:
            with again() as reader:
                lists = Lists(source)
                lists.take(None, checked_records(source.name, _top_values(reader)), ANYWHERE, reader)
    return open_found(lists.found, several=several)


def _top_values(reader: Reader) -> Iterator[Any]:
    while sign := reader.peek():
        if sign not in "{[":
            reader.fail("something follows the end of the document")
        yield reader.value()


def open_values(source: Source, values: Sequence[Any], *, several: bool) -> tuple[Opened, ...]:
    """Open the values of a document that another reader has parsed, such as the documents of a YAML file."""
    return open_document(source, lambda: nullcontext(ValueReader(values, source.name)), several=several)
