"""JSON and NDJSON: which list of a document holds its records, and the objects of lines."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl

from schemas.errors import SourceError, UnknownType
from schemas.reports import LEFT_OUT, NOTE, Issue, Opened, Severity, issues_frame
from schemas.resource import Resource
from schemas.resources import RESOURCES, named
from schemas.spelling import plain
from tasks.formats import netbox
from tasks.formats.aws import DOCUMENTS, flattener, recognise
from tasks.formats.base import NOTHING, Format, Source
from tasks.formats.flat import FlatReader
from tasks.formats.json_reader import DECODER, JsonReader
from tasks.formats.spool import Chunk, Flat, Json, spool
from tasks.formats.text import as_text
from tasks.formats.written import METADATA, RECORDS, write_json, write_lists, write_ndjson

# Bytes and records that become columns at once: their text is what is held in memory.
_CHUNK = 8 << 20
_RECORDS = 20_000

_SPACE = b" \t\r\n"


# JSON -----------------------------------------------------------------------------------------------------------------


def open_json(source: Source) -> Opened:
    """Open a JSON document: a list of objects, an object that holds one, or one object."""
    return _document(source, several=False)[0]


def open_lists(source: Source) -> tuple[Opened, ...]:
    """Open, in one pass, each list of an object that is named after a type; any other document as `open_json` does."""
    return _document(source, several=True)


def _document(source: Source, *, several: bool) -> tuple[Opened, ...]:
    text = as_text(source)
    with text.path.open("rb") as file:
        reader = JsonReader(file, source.name)
        if source.options.records:
            return (_named(source, reader, source.options.records),)
        if reader.peek() == "{":
            return _object(source, reader, text.path, several=several)
        opened = _spooled(source, reader, _items(reader), None)
        reader.end()
    return (opened,)


def _items(reader: JsonReader) -> Iterator[Json]:
    for number, value in enumerate(reader.values(), start=1):
        yield value if type(value) is dict else _record(reader.name, value, number)


def _record(name: str, value: Any, number: int) -> Json:
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


def _spooled(
    source: Source, reader: JsonReader | None, records: Iterator[Json], key: str | None, beside: Json | None = None
) -> Opened:
    """The records of a list; `beside` are the members of its object, as far as they are read."""
    first = next(records, None)
    if first is None:
        return _emptied(source, key, _type_without_records(source, key))
    chunks = _chunks(itertools.chain([first], records), reader)
    return _opened(source, chunks, key, first, beside)


def _emptied(source: Source, key: str | None, resource: Resource | None) -> Opened:
    """A list without records of a type; raises SourceError where that is nothing to open."""
    if not source.emptied:
        raise SourceError(f"{source.name} has no records: its list is empty.")
    if resource is None:
        what = f"the list '{key}' is empty and" if key else "its list is empty and"
        raise SourceError(f"{source.name} has no records: {what} does not tell of which type it was. Give --type.")
    kind = resource.type
    return Opened(frame=NOTHING, columns=(), encoding="utf-8", document=key, records=0, resource_type=kind)


def _type_without_records(source: Source, key: str | None) -> Resource | None:
    """The type that an empty list is named after or, where its name means nothing, the one that was given.

    Given a type, not every list is one of its records: `{"errors": []}` is not.
    """
    if key and (after := _type_of(key)):
        return after if source.resource in (None, after) else None
    return source.resource if key is None or plain(key) in _GENERIC else None


def _chunks(records: Iterator[Json], reader: JsonReader | None) -> Iterator[Chunk]:
    row, at, chunk = 1, 0, []
    for record in records:
        chunk.append(record)
        if len(chunk) == _RECORDS or (reader and reader.read - at > _CHUNK):
            yield Chunk(list(range(row, row + len(chunk))), chunk)
            row, at, chunk = row + len(chunk), reader.read if reader else 0, []
    if chunk:
        yield Chunk(list(range(row, row + len(chunk))), chunk)


def _opened(
    source: Source, chunks: Iterator[Chunk | Flat], key: str | None, first: Json, beside: Json | None = None
) -> Opened:
    if shape := netbox.recognise(source.name, first, key, beside or {}, source.resource):
        return _of_rest(source, chunks, key, netbox.Reading(shape, first))
    resource = source.resource or recognise(key, first)
    flatten = flattener(resource) if resource and resource.document else None
    spooled = spool(chunks, source, flatten)
    return Opened(
        frame=spooled.frame,
        columns=spooled.columns,
        encoding="utf-8",
        document=key,
        records=spooled.records,
        resource_type=resource.type if resource else None,
        faults=spooled.faults,
    )


def _of_rest(source: Source, chunks: Iterator[Chunk | Flat], key: str | None, reading: netbox.Reading) -> Opened:
    """The records of NetBox or Nautobot."""
    spooled = spool(map(reading.chunk, chunks), source, None)
    return Opened(
        frame=spooled.frame,
        columns=spooled.columns,
        encoding="utf-8",
        document=key,
        records=spooled.records,
        resource_type=reading.shape.type,
        faults=pl.concat([issues_frame(reading.faults), spooled.faults]).sort("row"),
        notices=reading.notices,
        gaps=reading.gaps,
    )


# Where the records are ------------------------------------------------------------------------------------------------


def _named(source: Source, reader: JsonReader, path: str) -> Opened:
    """The records at a path of members, such as `data.items`; lists on the way are walked through."""
    names: dict[str, None] = {}
    lists: list[str] = []
    beside: Json = {}
    values = _at(reader, path.split("."), names, lists, beside)
    records = (_record(source.name, value, number) for number, value in enumerate(values, start=1))
    first = next(records, None)
    key = path.rpartition(".")[2]
    if first is None and lists and source.emptied:
        return _emptied(source, key, source.resource or _type_of(key))
    if first is None:
        held = ", ".join(names) or "a list"
        raise SourceError(
            f"{source.name} has no records at '{path}': it holds {held}. Name one, or leave --records out."
        )
    opened = _opened(source, _chunks(itertools.chain([first], records), reader), key, first, beside)
    return _of_page(source, opened, beside)


def _at(reader: JsonReader, path: list[str], names: dict[str, None], lists: list[str], beside: Json) -> Iterator[Any]:
    """The values at a path.

    `names` takes the members on the way, `lists` that there is one at its end, `beside` what a page says of others.
    """
    sign = reader.peek()
    if sign == "[":
        lists += [] if path else [sign]
        for _ in reader.items():
            # A list in a list of records is no record: `_record` says so.
            yield from _at(reader, path, names, lists, beside) if path else [reader.value()]
    elif sign == "{" and path:
        for name in reader.members():
            if len(names) < _SHOWN:
                names[name] = None
            if name in (path[0], ".".join(path)):
                beside[name] = None
                yield from _at(reader, path[1:] if name == path[0] else [], names, lists, beside)
            elif name in netbox.PAGING:
                beside[name] = reader.value()
            else:
                reader.skip()
    elif path:
        reader.skip()
    else:
        yield reader.value()


# As many names of members as a message shows.
_SHOWN = 12


def _object(source: Source, reader: JsonReader, path: Path, *, several: bool) -> tuple[Opened, ...]:
    """An object: read its lists that are named after types and its first list, and see afterwards which it was."""
    lists: list[str] = []
    outline: Json = {}
    opened: dict[str, Opened] = {}
    refused: dict[str, UnknownType] = {}
    for name in reader.members():
        first = reader.first_item()
        outline[name] = [{}] if first == "{" else [] if first == "]" else None
        if first == "{":
            if name in lists:
                raise SourceError(f"{source.name} has two lists of the name '{name}': put their records into one.")
            lists.append(name)
        if first == "{" and (not opened or (several and _type_of(name))):
            found = _first_try(_apart(source, len(opened)), reader, name, outline)
            opened |= {name: found} if isinstance(found, Opened) else {}
            refused |= {name: found} if isinstance(found, UnknownType) else {}
        elif first in ("{", "]"):
            reader.skip()
        else:
            outline[name] = reader.value()
    reader.end()
    said = outline[METADATA] if isinstance(outline.get(METADATA), dict) else {}
    bare = [name for name, inner in outline.items() if inner == []] if source.emptied else []
    parts = _parts(source, outline, lists, bare) if several else []
    if len(parts) > 1 or set(parts) & set(bare):
        return tuple(replace(part, metadata=said) for part in _of_types(source, opened, parts, lists))
    if own := _bare_of_its_type(source, outline, lists, bare):
        return (replace(_emptied(source, own, source.resource), metadata=said),)
    holder = _holder(source, outline)
    if holder in refused:
        raise refused[holder]
    if holder in opened:
        return (replace(_of_page(source, opened[holder], outline), metadata=said),)
    if RECORDS in bare:
        source = _of_metadata(source, said)
    with path.open("rb") as file:
        again = JsonReader(file, source.name)
        found = _named(source, again, holder) if holder in lists else _inside(source, None, again.value())
    return (replace(found, metadata=said),)


def _first_try(source: Source, reader: JsonReader, name: str, outline: Json) -> Opened | UnknownType:
    """The records of a list, or why it is none of ours, which matters where it turns out to hold the records."""
    records = _items(reader)
    try:
        return _spooled(source, reader, records, name, outline)
    except UnknownType as error:
        for _ in records:
            pass
        return error


def _of_page(source: Source, opened: Opened, page: Json) -> Opened:
    """The records of a list, with what the object that holds it says of others."""
    return replace(opened, gaps=(*opened.gaps, *netbox.gaps(page, opened.records or 0, source.name)))


def _apart(source: Source, number: int) -> Source:
    """The source with a folder of its own for the columns of one of its lists."""
    workdir = source.workdir / f"list-{number}"
    workdir.mkdir(exist_ok=True)
    return replace(source, workdir=workdir)


def _type_of(name: str) -> Resource | None:
    """The type that a list is named after: as AWS does, or however a type is spelt."""
    return DOCUMENTS.get(name) or named(name)


def _parts(source: Source, outline: Json, lists: list[str], bare: list[str]) -> list[str]:
    """The lists that are named after types, where the object is no record that holds them, nor a list beside them.

    Those that are empty are of them, unless the records are under another name.
    """
    if isinstance(outline.get(RECORDS), list) or _is_itself(source, outline):
        return []
    after = [name for name in lists if _type_of(name)]
    return after + ([name for name in bare if _type_of(name)] if after or not lists else [])


def _bare_of_its_type(source: Source, outline: Json, lists: list[str], bare: list[str]) -> str | None:
    """The empty list that is named after the type that was given, where no other holds its records."""
    own = [name for name in (*lists, *bare) if source.resource and _type_of(name) is source.resource]
    return own[0] if own and own[0] in bare and RECORDS not in outline else None


def _of_metadata(source: Source, said: Json) -> Source:
    """The source, of the type that an exported file itself tells."""
    return replace(source, resource=source.resource or RESOURCES.get(str(said.get("resourceType"))))


def _of_types(source: Source, opened: dict[str, Opened], parts: list[str], lists: list[str]) -> Iterator[Opened]:
    left = [name for name in lists if name not in parts]
    told = f"lists that are named after no type are left out: {', '.join(left[:_SHOWN])}"
    notices = (Issue(LEFT_OUT, told, Severity.WARNING),) if left else ()
    for name in parts:
        found = _type_of(name)
        part = opened[name] if name in opened else _emptied(source, name, found)
        yield replace(part, resource_type=found.type if found else None, notices=notices)
        notices = ()


def _inside(source: Source, key: str | None, value: Json) -> Opened:
    """The records of an object that is in memory: a list in it, or itself."""
    name = _holder(source, value)
    if name is None:
        return _spooled(source, None, iter([value]), key)
    if isinstance(value[name], dict):
        return _inside(source, name, value[name])
    records = (_record(source.name, item, number) for number, item in enumerate(value[name], start=1))
    return _of_page(source, _spooled(source, None, records, name, value), value)


def _holder(source: Source, value: Json) -> str | None:
    """The member of an object that holds its records; None when the object is a record itself."""
    lists = [name for name, inner in value.items() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
    known = [name for name in lists if recognise(name, {})]
    known = known or [name for name in (RECORDS,) if isinstance(value.get(name), list)]
    known = known or [name for name in lists if source.resource and _type_of(name) is source.resource]
    if not known and _is_itself(source, value):
        return None
    if len(lists) > 1 and len(known) != 1:
        raise SourceError(
            f"{source.name} holds several lists of records: {', '.join(lists)}. Name the one to import with --records."
        )
    empty = [name for name, inner in value.items() if inner == []]
    objects = [name for name, inner in value.items() if isinstance(inner, dict) and inner]
    alone = objects if len(objects) == 1 and not empty else []
    return next(iter(known or lists or alone or empty), None)


def _is_itself(source: Source, value: Json) -> bool:
    """Say whether an object is a record, with the lists in it that are named after types and without them."""
    lists = [name for name, inner in value.items() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
    rest = {name: inner for name, inner in value.items() if name not in lists or not _type_of(name)}
    return netbox.is_record(value) or (_is_record(source, value) and _is_record(source, rest))


def _is_record(source: Source, value: Json) -> bool:
    """Say whether an object has the required members of a type, and mostly members of that type."""
    if any(plain(name) in _GENERIC for name in value):
        return False
    members = {plain(name) for name in value}
    for resource in [source.resource] if source.resource else RESOURCES.values():
        spelt = _spellings(resource)
        known = sum(any(member in spellings for spellings in spelt.values()) for member in members)
        if known > len(members) / 2 and all(members & spelt[name] for name in resource.required):
            return True
    return False


_GENERIC = {"data", "items", "results", "records", "rows", "objects", "value", "content", "entries"}


@cache
def _spellings(resource: Resource) -> dict[str, set[str]]:
    return {
        name: {plain(name), plain(spec.title), *map(plain, spec.aliases), plain(re.split(r"\W", spec.aws or name)[0])}
        for name, spec in resource.fields.items()
    }


# NDJSON ---------------------------------------------------------------------------------------------------------------


def open_ndjson(source: Source) -> Opened:
    """Open newline-delimited JSON; a line that is no object is a fault of its row."""
    text = as_text(source)
    faults: list[Issue] = []
    with text.path.open("rb") as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        chunks = _lines(file, faults)
        head: list[Chunk | Flat] = []
        for chunk in chunks:
            head.append(chunk)
            if first := next((record for record in chunk.records if record), None):
                said = first[NOTE] if list(first) == [NOTE] and isinstance(first[NOTE], dict) else {}
                opened = replace(_opened(source, itertools.chain(head, chunks), None, first), metadata=said)
                if said and opened.records == 1 and source.emptied:
                    of = _of_metadata(source, said)
                    return replace(_emptied(of, None, of.resource), metadata=said)
                if said and opened.records == 1:
                    raise SourceError(f"{source.name} has metadata and no records: nothing to import.")
                return replace(opened, faults=pl.concat([issues_frame(faults), opened.faults]).sort("row"))
    raise SourceError(f"{source.name} has no line that is a JSON object.")


def _lines(file: IO[bytes], faults: list[Issue]) -> Iterator[Chunk | Flat]:
    number, flat = 1, FlatReader()
    while lines := file.readlines(_CHUNK):
        frame = flat.read(lines)
        if frame is not None:
            rows = list(range(number, number + len(lines)))
            yield Flat(rows, frame, partial(_one_by_one, lines, number, faults))
        else:
            yield _one_by_one(lines, number, faults)
        number += len(lines)


def _one_by_one(lines: list[bytes], number: int, faults: list[Issue]) -> Chunk:
    return _sound(lines, number) or _looked_through(lines, number, faults)


def _sound(lines: list[bytes], number: int) -> Chunk | None:
    """The records of lines when each is an object."""
    try:
        records = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        return None
    if any(type(record) is not dict for record in records):
        return None
    return Chunk(list(range(number, number + len(lines))), records, partial(_exactly, lines))


def _looked_through(lines: list[bytes], number: int, faults: list[Issue]) -> Chunk:
    """The records of lines of which some are blank or no object; the latter are records without members."""
    rows, sound, records = [], [], []
    for row, line in enumerate(lines, start=number):
        if not line.strip(_SPACE):
            continue
        try:
            record = orjson.loads(line)
            what = "" if isinstance(record, dict) else "is no JSON object"
        except orjson.JSONDecodeError as error:
            what = f"is no valid JSON ({error})"
        if what:
            value = line[:500].decode(errors="replace").strip()
            faults.append(Issue("ndjson", f"line {row} {what}", row=row, value=value))
        rows.append(row)
        sound.append(b"{}" if what else line)
        records.append({} if what else record)
    return Chunk(rows, records, partial(_exactly, sound))


def _exactly(lines: list[bytes]) -> list[Json]:
    """Read lines again with all digits of their numbers, which orjson has for 64 bits only."""
    return [DECODER.decode(line.decode()) for line in lines]


# The formats ----------------------------------------------------------------------------------------------------------


def matches_json(path: Path, head: bytes) -> bool:
    """Say whether a file is JSON, by its first sign."""
    return path.is_file() and _start(head)[:1] in (b"{", b"[")


def matches_ndjson(path: Path, head: bytes) -> bool:
    """Say whether each of the first two lines of a file is an object by itself."""
    if not _start(head).startswith(b"{"):
        return False
    with path.open("rb") as file:
        lines = [line for line in itertools.islice(file, 50) if line.strip(_SPACE)][:2]
    return len(lines) == 2 and all(_is_object(line) for line in lines)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(codecs.BOM_UTF8)), dict)
    except orjson.JSONDecodeError:
        return False


def _start(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE)


JSON = Format(
    "json",
    "a JSON document",
    (".json",),
    matches_json,
    open_json,
    write_json,
    "application/json",
    open_lists,
    write_lists,
)
NDJSON = Format(
    "ndjson",
    "newline-delimited JSON",
    (".ndjson", ".jsonl"),
    matches_ndjson,
    open_ndjson,
    write_ndjson,
    "application/x-ndjson",
)
