"""The lists of a JSON document that hold records, wherever they are: by name, page by page, by region and account.

A document is one value or several in a row, of which each is a list, an object that holds lists, or a record. It may
be a text, which is read in bounded memory, or values that another reader has parsed (`open_values`).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import Any, NoReturn

import orjson
import polars as pl

from schemas.errors import SourceError, UnknownType
from schemas.issues import LEFT_OUT, Issue, Severity, issues_frame
from schemas.model.resource import TAGGED, Resource
from schemas.resources import RESOURCES, named
from schemas.sources import ROW, Opened
from schemas.spelling import plain
from tasks.formats.aws import inventory
from tasks.formats.aws.document import SHAPES, VIEWER, Shape, foreign_id, recognise, shape_of
from tasks.formats.base import ABSENT, NOTHING, Flatten, Source
from tasks.formats.json.parser import Reader, ValueReader
from tasks.formats.json.spool import Chunk, Json, Spooled, Spooling, one_after_another, without_collector
from tasks.formats.netbox.pages import page_gaps
from tasks.formats.netbox.recognition import PAGING, is_page, is_record, recognised_shape
from tasks.formats.netbox.records import RecordReader
from tasks.formats.writers import METADATA, RECORDS

CHUNK = 8 << 20
"""Bytes of records that become columns at once: their text is what is held in memory."""

MOST = 20_000
"""Records that become columns at once."""

SHOWN = 12
"""As many names as a message shows."""

GENERIC = frozenset(
    ("data", "items", "results", "records", "rows", "objects", "value", "values", "content", "entries", "result")
)
"""What a list is called that says nothing of its records."""

INCOMPLETE = "incomplete"
"""The rule of an issue that says why records may be missing from a source."""

# AWS calls lists and members so.
_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")

# Members that say where the next page begins (AWS: pagination tokens and markers).
_TOKENS = ("nexttoken", "nextmarker", "marker")

# Members that say something of a document as a whole, and nothing of a record.
_ASIDE = ("responsemetadata", "metadata", "queryinfo", "columns")


@dataclass(frozen=True)
class Place:
    """What the keys on the way to a list say of its records: the account that sees them, and their region."""

    account: str | None = None
    region: str | None = None

    def within(self, name: str) -> Place | None:
        """Return the place of what is under a key; None where the key is neither a region nor an account."""
        account, region = self.account, self.region
        for part in re.split(r"[/:|]", name):
            if _REGION.fullmatch(part):
                region = part
            elif _ACCOUNT.fullmatch(part):
                account = part
            else:
                return None
        return Place(account, region)


_REGION = re.compile(r"[a-z]{2}(-gov|-iso[a-z]?)?-(north|south|east|west|central)(east|west)?-[1-9]")
_ACCOUNT = re.compile(r"\d{12}")
ANYWHERE = Place()
"""No key on the way says anything."""

_NOTHING: Any = object()


def _is_of_lists(name: str) -> bool:
    return bool(type_of(name)) or plain(name) in GENERIC


def record_of(name: str, value: Any, number: int) -> Json:
    """Return a value that is a record; raises SourceError for any other."""
    if isinstance(value, dict):
        return value
    kind = next(said for kinds, said in _KINDS if isinstance(value, kinds))
    raise SourceError(f"{name}: record {number} is no object, but {kind}.")


_KINDS: list[tuple[type | tuple[type, ...], str]] = [
    (list, "a list"),
    (str, "a text"),
    (bool, "true or false"),
    ((int, float, Decimal), "a number"),
    (object, "null"),
]


def type_of(name: str) -> Resource | None:
    """Return the type that a list is named after: as AWS does, or however a type is spelt."""
    shape = SHAPES.get(name)
    return shape.resource if shape else named(name)


# How records are read -------------------------------------------------------------------------------------------------


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
    if name in SHAPES and source.resource in (None, SHAPES[name].resource):
        shape = SHAPES[name]
        return Reading(shape.resource, shape, whole=True, flatten=shape.flatten)
    if rest := recognised_shape(source.name, first, name, page or {}, source.resource):
        return Reading(rest.resource, rest=RecordReader(rest, first, page))
    after = source.resource or (named(name) if name else None)
    if inventory.is_row(first) and (found := inventory.row(first)) and after in (None, found[0].resource):
        shape = found[0]
        return Reading(shape.resource, shape, flatten=_of_rows(shape))
    found_shape = shape_of(after, first) if after else recognise(None, first)
    if found_shape is None:
        return Reading(after)
    return Reading(found_shape.resource, found_shape, flatten=found_shape.flatten)


def _of_rows(shape: Shape) -> Flatten:
    def flatten(record: Json) -> Json:
        found = inventory.row(record)
        return shape.flatten(found[1] if found else record)

    return flatten


# A document on its way into columns -----------------------------------------------------------------------------------


@dataclass
class _List:
    """The records of one name on their way into columns, one row after the other.

    `is_named` says that the name of the list or each item tells the type.
    """

    name: str | None
    reading: Reading
    spooling: Spooling
    is_named: bool
    held: list[Json] = field(default_factory=list)
    at: int = 0

    def add(self, records: Iterable[Json], reader: Reader) -> None:
        """Take records; those of a text are written when so many bytes of it were read."""
        held = self.held
        for record in records:
            held.append(record)
            if len(held) >= MOST or reader.read - self.at > CHUNK:
                self.flush(reader.read)

    def flush(self, read: int = 0) -> None:
        """Let the records that are held become columns."""
        if self.held:
            first = self.spooling.records + 1
            chunk = Chunk(list(range(first, first + len(self.held))), list(self.held))
            self.spooling.add(self.reading.rest.chunk(chunk) if self.reading.rest else chunk)
            self.held.clear()
        self.at = read


@dataclass
class _Pages:
    """Which lists go on after their last page, by their name and place; and the pages of each type of NetBox."""

    more: dict[tuple[str | None, Place], str] = field(default_factory=dict)
    kind: dict[str | None, str | None] = field(default_factory=dict)
    of_rest: dict[tuple[str | None, str | None], list[Json]] = field(default_factory=dict)

    def note(self, names: Iterable[str | None], place: Place, outline: Json) -> None:
        """Note of the lists of a page whether it says that there is another one."""
        token = next((name for name, value in outline.items() if _goes_on(name, value)), None)
        for name in names:
            if is_page(outline):
                page = {each: outline.get(each) for each in PAGING}
                self.of_rest.setdefault((name, self.kind.get(name)), []).append(page)
            self.more.pop((name, place), None)
            if token:
                self.more[name, place] = token


def _goes_on(name: str, value: Any) -> bool:
    if plain(name) == "istruncated":
        return value is True or value == "true"
    return plain(name) in _TOKENS and isinstance(value, str) and bool(value)


class Lists:
    """The lists of one document."""

    def __init__(self, source: Source, *, asked: bool = False) -> None:
        self.source = source
        self.asked = asked  # whether the caller named the list: then it is read, whatever it is called
        self.lists: dict[tuple[str | None, str | None], _List] = {}
        self.bare: dict[str | None, None] = {}
        self.foreign: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.objects: list[str] = []
        self.gone = 0
        self.older = 0
        self.pages = _Pages()
        self.metadata: Json = {}
        self.of_schema: tuple[str, ...] = ()
        self.page: Json = {}
        self.refused: UnknownType | None = None

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
                raise SourceError(f"{self.source.name} has two lists of the name '{name}': put their records into one.")
            inner, first = place.within(name), reader.first_item()
            if inner and (first or reader.peek() == "{"):
                keyed = True
                self._below(reader, inner)
            elif first == "{" or (first == "[" and _is_of_lists(name)) or (first == '"' and plain(name) == "results"):
                outline[name] = [{}]
                self.page = outline
                self.items(reader, name, place)
            elif first == "]":
                reader.skip()
                outline[name] = []
            else:
                outline[name] = reader.value()
        return self._closed(outline, place, keyed=keyed)

    def _below(self, reader: Reader, place: Place) -> None:
        """Read what is under the key of a region or an account."""
        if reader.peek() == "[":
            self.items(reader, None, place)
        elif not self.object(reader, place):
            raise SourceError(
                f"{self.source.name} has no lists under {place.region or place.account}: put the records into lists "
                "that are named as AWS names them."
            )

    def _closed(self, outline: Json, place: Place, *, keyed: bool) -> bool:
        """Take what an object says aside from its lists, once all of it is known."""
        lists = [name for name, inner in outline.items() if inner == [{}]]
        bare = [name for name, inner in outline.items() if inner == []]
        if not keyed and _is_itself(self.source, outline):
            return False
        if isinstance(said := outline.get(METADATA), dict):
            self.metadata = said
        if "$schema" in outline:
            self.of_schema = _OF_SCHEMA
        self.bare |= dict.fromkeys(bare)
        self.pages.note((*lists, *bare), place, outline)
        objects = {name: inner for name, inner in outline.items() if isinstance(inner, dict) and inner}
        single = [name for name in inventory.SINGLE if name in objects]
        for name in single:
            self.items(ValueReader([[objects.pop(name)]], self.source.name), name, place)
        keyed |= any(self._by_place(name, objects, place) for name in list(objects))
        aside = [name for name in objects if plain(name) not in _ASIDE]
        if lists or keyed or single or bare:
            self.objects += [name for name in aside if lists or keyed or single]
            return True
        if len(aside) == 1:
            return self._alone(aside[0], objects[aside[0]], place)
        return False

    def _by_place(self, name: str, objects: Json, place: Place) -> bool:
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
                self._below(reader, below)
        return True

    def _alone(self, name: str, value: Json, place: Place) -> bool:
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
            self.bare[name] = None
        elif isinstance(first, str) and name and plain(name) == "results":
            self._inventory(name, (_parsed(self.source, each, at) for at, each in enumerate(everything, 1)), place)
        elif isinstance(first, dict) and holds_lists(self.source, first):
            for number, value in enumerate(everything, start=1):
                page = record_of(self.source.name, value, number)
                if not self.object(ValueReader([page], self.source.name), place):
                    raise SourceError(f"{self.source.name}: item {number} is no page, as those before it are.")
        elif isinstance(first, list):
            for value in everything:
                if not isinstance(value, list):
                    raise SourceError(f"{self.source.name} has lists and other values in one list.")
                self.items(ValueReader([value], self.source.name), name, place)
        else:
            self.take(name, _records(reader.name, everything), place, reader)

    # Taking records -------------------------------------------------------------------------------------------------

    def take(self, name: str | None, records: Iterator[Json], place: Place, reader: Reader) -> None:
        """Let the records of a list become columns; those of a list of AWS that is none of ours are counted."""
        first = next(records, None)
        if first is None:
            self.bare[name] = None
            return
        if name in inventory.LISTS or name in inventory.SINGLE or inventory.is_item(first):
            self._inventory(name, itertools.chain([first], records), place)
            return
        if foreign := self._foreign(name, first):
            self.foreign[foreign] += 1 + sum(1 for _ in records)
            return
        try:
            rest = recognised_shape(self.source.name, first, name, self.page, self.source.resource)
            self.pages.kind[name] = rest.type if rest else None
            listed = self._list(name, lambda: reading_of(self.source, name, first, self.page), self.pages.kind[name])
        except UnknownType as error:  # which matters where nothing else holds records
            self.refused = error
            self.foreign[name or "a list without a name"] += 1 + sum(1 for _ in records)
            return
        whole = itertools.chain([first], records)
        listed.add(_put(whole, listed.reading.shape, place), reader)

    def _foreign(self, name: str | None, first: Json) -> str | None:
        """Return what to call a list of AWS that is none of those that are read; None for any other.

        It is known by the looks of its name and its records or, without a name, by the id of what it is about.
        """
        if self.asked or (name and type_of(name)) or not all(map(_PASCAL.fullmatch, first)):
            return None
        if name is None or plain(name) in GENERIC:
            member = None if self.source.resource else foreign_id(first)
            return f"records with a {member}" if member else None
        return name if _PASCAL.fullmatch(name) else None

    def _list(self, name: str | None, reading: Callable[[], Reading], kind: str | None = None) -> _List:
        known = self.lists.get((name, kind))
        if known is None:
            workdir = self.source.workdir / f"list-{len(self.lists)}"
            workdir.mkdir(exist_ok=True)
            how = reading()
            spooling = Spooling(replace(self.source, workdir=workdir), how.flatten, absent=how.absent)
            is_named = bool(kind or (name and type_of(name)))
            if is_named and not kind and name:
                how = replace(how, resource=type_of(name))
            known = self.lists[name, kind] = _List(name, how, spooling, is_named)
        return known

    def _inventory(self, name: str | None, items: Iterable[Json], place: Place) -> None:
        """Take items of an inventory, each a record of its own type."""
        for found in map(inventory.read, items):
            shape = found.shape
            if shape is None:
                self.others[found.kind] += 1
            elif found.record is None:
                self.gone += 1
            else:
                reading = Reading(shape.resource, shape, flatten=shape.flatten)
                listed = self._list(name, lambda reading=reading: reading, shape.key)  # type: ignore[misc]
                listed.add(_put(iter([found.record]), shape, place), ValueReader([], ""))

    # What was found -------------------------------------------------------------------------------------------------

    def opened(self, *, several: bool) -> tuple[Opened, ...]:
        """Return the lists that were found: those of one type as one, in the order of the document.

        Where not several are wanted, the one that was asked for. Raises SourceError where that is none.
        """
        for listed in self.lists.values():
            listed.flush()
        chosen = self._chosen(several=several)
        parts = self._without_records(chosen) if several or not chosen else []
        if not chosen and not parts:
            self._refuse()
        settled = self._settled(chosen)
        found = [*self._joined([(each, settled[id(each)]) for each in chosen]), *parts]
        notices = (*found[0].notices, *self._left_out(chosen))
        found[0] = replace(found[0], notices=notices)
        return tuple(replace(part, metadata=self.metadata) for part in found)

    def _chosen(self, *, several: bool) -> list[_List]:
        """The lists that are read."""
        lists = list(self.lists.values())
        if any(plain(each.name or "") == "rows" for each in lists):  # of which Steampipe lists the columns
            lists = [each for each in lists if plain(each.name or "") != "columns"]
        exported = [each for each in lists if each.name == RECORDS]
        if exported or RECORDS in self.bare:
            return exported
        if (wanted := self.source.resource) is not None:
            return _of_type(lists, wanted, self)
        if several or len(lists) < 2:
            return lists
        typed = [each for each in lists if each.reading.resource]
        if len({each.reading.resource.type for each in typed if each.reading.resource}) == 1:
            return typed
        names = ", ".join(str(each.name) for each in lists)
        raise SourceError(
            f"{self.source.name} holds several lists of records: {names}. Name the one to import with --records."
        )

    def _settled(self, chosen: Sequence[_List]) -> dict[int, Opened]:
        opened = {id(each): self._opened(each) for each in chosen}
        viewer = self.source.account or _viewer([(opened[id(each)], each.reading.shape) for each in chosen])
        return {id(each): self._open_settled(opened[id(each)], each.reading, viewer) for each in chosen}

    def _open_settled(self, part: Opened, reading: Reading, viewer: str | None) -> Opened:
        return settled(part, reading, viewer, self.source.constants)

    def _opened(self, listed: _List) -> Opened:
        spooled = listed.spooling.spooled()
        resource = listed.reading.resource
        kind = resource.type if resource else None
        spooled = self._newest(spooled, listed.reading.shape)
        opened = Opened(
            frame=spooled.frame,
            columns=spooled.columns,
            encoding="utf-8",
            document=listed.name,
            records=spooled.records,
            resource_type=kind,
            faults=spooled.faults,
            gaps=self._gaps(listed.name, listed.reading),
        )
        return with_told(opened, listed.reading)

    def _newest(self, spooled: Spooled, shape: Shape | None) -> Spooled:
        """The records of an inventory without the older ones of the same resource, as a history has them."""
        when = inventory.CAPTURED
        if shape is None or when not in spooled.columns:
            return spooled
        key = shape.columns[shape.resource.key[0]].name
        columns = tuple(name for name in spooled.columns if name != when)
        seen = spooled.frame.select(ROW, key, when).collect().filter(pl.col(key).is_not_null())
        newest = seen.sort(when, ROW, descending=[True, False], nulls_last=True).unique(key, keep="first")
        frame, older = spooled.frame.select(ROW, *columns), seen.join(newest, on=ROW, how="anti")
        self.older += len(older)
        if len(older):
            frame = frame.filter(~pl.col(ROW).is_in(older[ROW].implode()))
        return replace(spooled, frame=frame, columns=columns, records=spooled.records - len(older))

    def _gaps(self, name: str | None, reading: Reading | None = None) -> tuple[Issue, ...]:
        """Why records of a list may be missing: its last page says that there is another one."""
        for (of, _), token in self.pages.more.items():
            if of == name:
                return (Issue(INCOMPLETE, _GOES_ON.format(name=name or "the list", token=token), Severity.WARNING),)
        rest = reading.rest if reading else None
        pages = self.pages.of_rest.get((name, rest.shape.type if rest else None), [])
        return page_gaps(pages, rest.distinct if rest else 0, self.source.name)

    def _joined(self, parts: Sequence[tuple[_List, Opened]]) -> Iterator[Opened]:
        """The lists of one type as one; those of no known type each by itself."""
        by_type: dict[str, list[Opened]] = {}
        for number, (_, part) in enumerate(parts):
            by_type.setdefault(part.resource_type or str(number), []).append(part)
        for same in by_type.values():
            yield joined(same) if len(same) > 1 else same[0]

    def _without_records(self, chosen: Sequence[_List]) -> list[Opened]:
        """Lists without records of types that no other list is of, where those are wanted.

        Next to lists that only hold something else, such as errors, they say nothing: `{"vpcs": [], "errors": […]}`.
        """
        others = bool(self.lists or self.foreign) and not any(each.is_named for each in chosen)
        exported = RECORDS in self.bare or any(each.name == RECORDS for each in chosen)
        if not self.source.emptied or (others and not exported):
            return []
        there = {each.reading.resource.type for each in chosen if each.reading.resource}
        found: dict[str, Opened] = {}
        for name in self.bare:
            resource = self._type_without_records(name)
            if resource and resource.type not in there and (name == RECORDS or RECORDS not in self.bare):
                found.setdefault(resource.type, self.emptied(name, resource))
        return list(found.values())

    def _type_without_records(self, name: str | None) -> Resource | None:
        """The type that an empty list is named after or, where its name means nothing, the one that was given.

        Given a type, not every list is one of its records: `{"errors": []}` is not.
        """
        of_file = RESOURCES.get(str(self.metadata.get("resourceType"))) if name == RECORDS else None
        wanted = self.source.resource or of_file
        if name and (after := type_of(name)):
            return after if wanted in (None, after) else None
        return wanted if name is None or plain(name) in GENERIC else None

    def note_page(self, name: str, outline: Json) -> None:
        """Note what a page says of the next one of a list."""
        self.pages.note([name], ANYWHERE, outline)

    def emptied(self, name: str | None, resource: Resource | None) -> Opened:
        """Return a list without records of a type; raises SourceError where that is nothing to open."""
        if resource is None:
            self.bare[name] = None
            self._refuse()
        return Opened(
            frame=NOTHING,
            columns=(),
            encoding="utf-8",
            document=name,
            records=0,
            resource_type=resource.type,
            gaps=self._gaps(name),
        )

    # What to say of the rest ----------------------------------------------------------------------------------------

    def _left_out(self, chosen: Sequence[_List]) -> Iterator[Issue]:
        """What to tell of all that is not read."""
        rest = {
            str(each.name): each.spooling.records
            for each in self.lists.values()
            if each not in chosen and plain(each.name or "") != "columns" and each.name not in self.of_schema
        }
        if rest:
            yield _told(f"lists that are left out: {_counted(rest)}")
        if self.foreign:
            yield _told(f"lists that are named after no type are left out: {_counted(self.foreign)}")
        if self.others:
            yield _told(f"resources of other types are left out: {_counted(self.others)}")
        if self.gone:
            yield _told(f"resources that are deleted are left out: {self.gone:,}")
        if self.older:
            yield _told(f"older versions of resources are left out: {self.older:,}")
        if objects := [name for name in dict.fromkeys(self.objects) if name not in self.of_schema]:
            yield _told(f"objects that hold no list are left out: {', '.join(objects)}")

    def _refuse(self) -> NoReturn:
        name = self.source.name
        if self.refused:
            raise self.refused
        if self.foreign:
            first = next(iter(self.foreign))
            many = f"{_counted(self.foreign)} are not lists" if len(self.foreign) > 1 else f"'{first}' is not a list"
            raise SourceError(
                f"{name}: {many} that cmdb reads. It reads {', '.join((*SHAPES, *inventory.LISTS))}, and lists that "
                f"are named after a type. If the records are of one of the types, name the list and the type: "
                f"--records {first} --type TYPE."
            )
        if self.others or self.gone:
            told = "; ".join(issue.message for issue in self._left_out(()))
            raise SourceError(f"{name} has nothing to import: {told}.")
        held = [str(each.name or "the list") for each in self.lists.values()]
        if held and self.source.resource:
            of = ", ".join(
                f"{each.reading.resource.type if each.reading.resource else 'unknown'} ({each.name or 'a list'})"
                for each in self.lists.values()
            )
            raise SourceError(f"{name} holds no {self.source.resource.title} records, but {of}.")
        if self.source.emptied and self.bare:
            key = next(iter(self.bare))
            if key and (wanted := self.source.resource):
                raise SourceError(
                    f"{name} has no records: the list '{key}' is empty, and its name does not say that it holds "
                    f"{wanted.title} records. If it does, add --records {key}."
                )
            what = f"the list '{key}' is empty and" if key else "its list is empty and"
            raise SourceError(f"{name} has no records: {what} does not tell of which type it was. Give --type.")
        raise SourceError(f"{name} has no records: its list is empty.")


_OF_SCHEMA = ("properties", "examples")
"""Members of a JSON Schema, as a template is one with records in it: they say what a record is like."""

_GOES_ON = (
    "'{name}' goes on after its last page in the file ({token}), so records may be missing: fetch all pages, without "
    "--max-items and --no-paginate, or append the next ones to the file"
)


def _told(message: str) -> Issue:
    return Issue(LEFT_OUT, message, Severity.WARNING)


def _counted(names: dict[str, int] | Counter[str]) -> str:
    shown = [f"{name} ({count:,})" for name, count in itertools.islice(names.items(), SHOWN)]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _records(name: str, values: Iterable[Any]) -> Iterator[Json]:
    for number, value in enumerate(values, start=1):
        yield value if type(value) is dict else record_of(name, value, number)


def _parsed(source: Source, text: Any, number: int) -> Json:
    """One result of a query of AWS Config, which is JSON within JSON."""
    try:
        value = orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{source.name}: result {number} is no valid JSON ({error}).") from error
    return record_of(source.name, value, number)


def _put(records: Iterator[Json], shape: Shape | None, place: Place) -> Iterator[Json]:
    """Complete records with what their place says."""
    if place == ANYWHERE:
        return records
    return _completed(records, shape, place)


def _completed(records: Iterator[Json], shape: Shape | None, place: Place) -> Iterator[Json]:
    for record in records:
        if shape:
            shape.put(record, place.account, place.region)
        else:
            said = {plain(name) for name in record}
            for name, value in (("account_id", place.account), ("region", place.region)):
                if value and plain(name) not in said:
                    record[name] = value
        yield record


def holds_lists(source: Source, value: Json) -> bool:
    """Say whether an item is a page with lists in it, and no record."""
    if value and all(ANYWHERE.within(name) for name in value):
        return True
    held = [name for name, inner in value.items() if isinstance(inner, list)]
    known = any(name in SHAPES or name in inventory.LISTS for name in held) or is_page(value)
    return known and not _is_itself(source, value)


# Which list it is -----------------------------------------------------------------------------------------------------


def _of_type(lists: Sequence[_List], wanted: Resource, document: Lists) -> list[_List]:
    """The lists of the type that was asked for: those that are named so or, where none is, those that fit it."""
    after = [each for each in lists if each.is_named and each.reading.resource is wanted]
    if after:
        return after
    free = [each for each in lists if not each.is_named]
    if len(free) < 2:
        return free
    fitting = [each for each in free if _fits(wanted, each.spooling.columns)]
    if not fitting:
        names = ", ".join(str(each.name) for each in free)
        raise SourceError(
            f"{document.source.name} holds several lists of records: {names}. Name the one to import with --records."
        )
    return fitting


def _fits(resource: Resource, columns: Iterable[str]) -> bool:
    """Say whether columns fill the required fields of a type."""
    there = {plain(column) for column in columns}
    spelt = _spellings(resource)
    keyed = not resource.either or any(there & spelt[name] for name in resource.key)
    return keyed and all(there & spelt[name] for name in resource.required)


def _is_itself(source: Source, value: Json) -> bool:
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


# What records leave open ----------------------------------------------------------------------------------------------


def _viewer(parts: Iterable[tuple[Opened, Shape | None]]) -> str | None:
    """The account whose view a document is: the one that all records name, where it is one alone.

    None where there is a doubt: then no record is taken for whole that names an account.
    """
    common: set[str] | None = None
    for part, shape in parts:
        columns = [name for name in (shape.parties if shape else ()) if name in part.columns]
        if not columns:
            continue
        for row in part.frame.select(columns).unique().collect().iter_rows():
            parties = {account for account in row if account}
            if parties:
                common = parties if common is None else common & parties
    return next(iter(common)) if common and len(common) == 1 else None


def settled(part: Opened, reading: Reading, viewer: str | None, constants: Collection[str] = ()) -> Opened:
    """Return records of AWS with what they leave open settled.

    In a whole record, what is absent is unset, but for what its list never has and for `constants` (fields in plain
    spelling), which fill it. What another account's record lacks stays as it is stored: who shares a record shows
    others a part of it.
    """
    shape = reading.shape
    if shape is None:
        return part
    frame = part.frame
    columns = _without_constants(part, [name for name in TAGGED if plain(name) in constants])
    if reading.whole:
        new = [name for name in shape.unset if name not in columns and plain(name) not in constants]
        frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in new)
        columns += new
    said = [pl.col(ABSENT)] if ABSENT in columns else []
    notes = [name for name in (VIEWER, *(note.name for note in shape.notes)) if name in columns]
    plains = [name for name in columns if name != ABSENT and name not in notes]
    said += _never(frame, shape, plains) if reading.whole else []
    of_others, notice = _of_others(part, shape, viewer)
    if of_others is not None:
        empty = [pl.when(of_others & _is_empty(name)).then(pl.lit(name)) for name in plains]
        said.append(pl.concat_str(empty, separator="\n", ignore_nulls=True))
    if said:
        whole = pl.concat_str(said, separator="\n", ignore_nulls=True)
        frame = frame.with_columns(pl.when(whole != "").then(whole).alias(ABSENT))
        plains.append(ABSENT)
    return replace(part, frame=frame.select(ROW, *plains), columns=tuple(plains), notices=(*part.notices, *notice))


def _without_constants(part: Opened, constant: Sequence[str]) -> list[str]:
    """The columns without those that no tag fills, and a constant does."""
    there = [name for name in constant if name in part.columns]
    if not there:
        return list(part.columns)
    nulls = part.frame.select(pl.col(there).is_null().all()).collect().row(0, named=True)
    return [name for name in part.columns if not nulls.get(name)]


def _is_empty(name: str) -> pl.Expr:
    return pl.col(name).is_null() | pl.col(name).is_in(["", "[]", "{}"])


def _never(frame: pl.LazyFrame, shape: Shape, columns: Sequence[str]) -> list[pl.Expr]:
    """The names of the empty columns of each row that whole records do not have, where some rows have them."""
    required = [shape.columns[name].name for name in shape.resource.required if name in shape.columns]
    more = [name for name in columns if name not in (*shape.unset, *required)]
    if not more:
        return []
    nulls = frame.select(pl.col(more).null_count()).collect().row(0, named=True)
    return [pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in more if nulls[name]]


def _of_others(part: Opened, shape: Shape, viewer: str | None) -> tuple[pl.Expr | None, list[Issue]]:
    """Which rows another account owns than the one whose view they are; None where there are none.

    Where nobody says whose view it is, and the records do not agree on it, all of them may be another's.
    """
    owner = next((name for name in shape.parties if name in part.columns), None)
    if owner is None:
        return None, []
    seen_by = [pl.col(VIEWER)] if VIEWER in part.columns else []
    whose = pl.coalesce(*seen_by, pl.lit(viewer, pl.String))
    of_others = pl.col(owner).is_not_null() & (pl.col(owner) != whose).fill_null(value=True)
    counts = part.frame.select(others=of_others.sum(), open=(of_others & whose.is_null()).sum()).collect()
    others, unknown = counts.row(0)
    if not others:
        return None, []
    return of_others, [_told_open(part, shape)] if unknown else []


def settled_alone(source: Source, part: Opened, reading: Reading) -> Opened:
    """Return records that are a file by themselves with what they leave open settled."""
    viewer = source.account or _viewer([(part, reading.shape)])
    return settled(part, reading, viewer, source.constants)


def _told_open(part: Opened, shape: Shape) -> Issue:
    message = (
        f"the {shape.resource.title} records name several accounts, and nothing says which of them lists them: what "
        "they have no value for stays as it is stored. Give that account with --set account_id=…"
    )
    return Issue("view", message, Severity.WARNING, value=part.document)


def with_told(opened: Opened, reading: Reading) -> Opened:
    """Return records with what their reading has to report of them."""
    if (rest := reading.rest) is None:
        return opened
    faults = pl.concat([issues_frame(rest.faults), opened.faults]).sort("row")
    return replace(opened, faults=faults, notices=rest.notices, gaps=(*rest.gaps, *opened.gaps))


def joined(parts: Sequence[Opened]) -> Opened:
    """Return several lists of one type as one, the rows of each counted on from the one before it."""
    first, at = parts[0], 0
    frames, faults, notices = [], [], list[Issue]()
    for part in parts:
        if at:
            message = f"'{part.document}' is read as more of '{first.document}': its row 1 is counted as row {at + 1:,}"
            notices.append(Issue("sheet", message, Severity.WARNING))
        notices += part.notices
        frames.append(part.frame.with_columns((pl.col(ROW) + at).cast(pl.UInt32)))
        faults.append(part.faults.with_columns((pl.col("row") + at).cast(pl.UInt32)))
        at += part.records or 0
    columns = tuple(dict.fromkeys(name for part in parts for name in part.columns))
    frame, columns = one_after_another(frames, columns)
    return replace(
        first,
        frame=frame,
        columns=columns,
        document=", ".join(str(part.document) for part in parts),
        records=at,
        faults=pl.concat(faults) if faults else issues_frame(),
        notices=tuple(notices),
        gaps=tuple(gap for part in parts for gap in part.gaps),
    )


# Documents ------------------------------------------------------------------------------------------------------------


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
                lists.take(None, _records(source.name, _values(reader)), ANYWHERE, reader)
    return lists.opened(several=several)


def _values(reader: Reader) -> Iterator[Any]:
    while sign := reader.peek():
        if sign not in "{[":
            reader.fail("something follows the end of the document")
        yield reader.value()


def open_values(source: Source, values: Sequence[Any], *, several: bool) -> tuple[Opened, ...]:
    """Open the values of a document that another reader has parsed, such as the documents of a YAML file."""
    return open_document(source, lambda: nullcontext(ValueReader(values, source.name)), several=several)
