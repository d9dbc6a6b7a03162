"""JSON and NDJSON: documents whose lists hold records (`lists`), and the objects of lines."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl

from schemas import formats
from schemas.errors import SourceError
from schemas.issues import issues_frame
from schemas.language.remedies import option
from schemas.resources import RESOURCES
from schemas.sources import NOTE, Opened
from tasks.formats.aws import inventory
from tasks.formats.base import Format, Source
from tasks.formats.encoding import as_text
from tasks.formats.json.absent_fields import single_list_with_unset_fields
from tasks.formats.json.found_lists import FoundLists
from tasks.formats.json.lines import SPACE, LineReader, Lines
from tasks.formats.json.lists import Lists, open_document
from tasks.formats.json.opened_lists import MAX_NAMES, open_empty, open_found
from tasks.formats.json.parser import LONGEST, JsonReader, Reader
from tasks.formats.json.place import ANYWHERE
from tasks.formats.json.reading import reading_of, record_of, type_of, with_reader_issues
from tasks.formats.json.record_or_lists import holds_lists
from tasks.formats.json.spool import Chunk, Flat, Json, spool, without_collector
from tasks.formats.writers import write_json, write_lists, write_ndjson

# JSON -----------------------------------------------------------------------------------------------------------------


def open_json(source: Source) -> Opened:
    """Open a JSON document: a list of objects, an object that holds one, or objects in a row."""
    return _document(source, several=False)[0]


def open_lists(source: Source) -> tuple[Opened, ...]:
    """Open, in one pass, each list of records that a document holds."""
    return _document(source, several=True)


def _document(source: Source, *, several: bool) -> tuple[Opened, ...]:
    text = as_text(source)

    @contextmanager
    def again() -> Iterator[Reader]:
        with text.path.open("rb") as file:
            yield JsonReader(file, source.name)

    if source.options.records:
        with again() as reader, without_collector():
            return (open_at(source, reader, source.options.records),)
    return open_document(source, again, several=several)


def open_at(source: Source, reader: Reader, path: str) -> Opened:
    """Open the records at a path of members, such as `data.items`; lists on the way are walked through."""
    names: dict[str, None] = {}
    ends: list[str] = []
    key = path.rpartition(".")[2]
    lists = Lists(source, named=True)
    walk = _Walk(names, ends, partial(lists.note_page, key))
    values = (value for _ in _top_values(reader) for value in walk.at(reader, path.split(".")))
    records = (record_of(source.name, value, number) for number, value in enumerate(values, start=1))
    first = next(records, None)
    if first is None and not (ends and source.emptied):
        found = ", ".join(names) or "a list"
        raise SourceError(
            f"{source.name} has no records at '{path}': it holds {found}. Name one, or leave "
            f"{option('read.records')} out.",
            list=path,
            choices=[*names],
        )
    if first is None:
        return open_empty(lists.found, key, source.resource or type_of(key))
    lists.take(key, itertools.chain([first], records), ANYWHERE, reader)
    return open_found(lists.found, several=False)[0]


def _top_values(reader: Reader) -> Iterator[str]:
    """Stand on each value of a document, which may be several in a row."""
    while sign := reader.peek():
        yield sign


@dataclass(frozen=True)
class _Walk:
    """A walk to a path of members: `names` are those on the way, `ends` has the sign of each list at its end.

    `note` is given what an object on the way says of further pages.
    """

    names: dict[str, None]
    ends: list[str]
    note: Callable[[Json], None]

    def at(self, reader: Reader, path: list[str]) -> Iterator[Any]:
        """The values at a path."""
        sign = reader.peek()
        if sign == "[":
            self.ends.extend([] if path else [sign])
            for _ in reader.items():
                # A list in a list of records is no record: `record_of` says so.
                yield from self.at(reader, path) if path else [reader.value()]
        elif sign == "{" and path:
            yield from self._members(reader, path)
        elif path:
            reader.skip()
        else:
            yield reader.value()

    def _members(self, reader: Reader, path: list[str]) -> Iterator[Any]:
        # The list stands for itself, as the records are taken by whoever walks.
        outline: Json = {path[0]: None}
        for name in reader.members():
            if len(self.names) < MAX_NAMES:
                self.names[name] = None
            if name in (path[0], ".".join(path)):
                yield from self.at(reader, path[1:] if name == path[0] else [])
            elif reader.peek() in "{[":
                reader.skip()
            else:
                outline[name] = reader.value()
        self.note(outline)


# NDJSON ---------------------------------------------------------------------------------------------------------------


def open_ndjson(source: Source) -> Opened:
    """Open newline-delimited JSON; a line that is no object is a fault of its row.

    Lines that hold pages or lists are a document, and so are objects over several lines.
    """
    return _lines_of(source) or _document(source, several=False)[0]


def open_lines(source: Source) -> tuple[Opened, ...]:
    """Open newline-delimited JSON, whose lines may be pages of several lists."""
    opened = _lines_of(source)
    return (opened,) if opened else _document(source, several=True)


def _lines_of(source: Source) -> Opened | None:
    """The objects of lines; None where the first line is none, or holds others."""
    text = as_text(source)
    reader = LineReader()
    with text.path.open("rb") as file, without_collector():
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        if _is_document(source, file):
            return None
        chunks = reader.chunks(file)
        head: list[Chunk | Flat] = []
        for chunk in chunks:
            head.append(chunk)
            if first := next((record for record in chunk.records if record), None):
                metadata = first[NOTE] if list(first) == [NOTE] and isinstance(first[NOTE], dict) else {}
                opened = _opened(source, text.path, reader, itertools.chain(head, chunks), first)
                opened = replace(opened, metadata=metadata)
                if metadata and opened.records == 1 and source.emptied:
                    resource = source.resource or RESOURCES.get(str(metadata.get("resourceType")))
                    return replace(open_empty(FoundLists(source), None, resource), metadata=metadata)
                if metadata and opened.records == 1:
                    raise SourceError(f"{source.name} has metadata and no records: nothing to import.")
                return replace(opened, faults=pl.concat([issues_frame(reader.faults), opened.faults]).sort("row"))
    raise SourceError(f"{source.name} has no line that is a JSON object.")


def _is_document(source: Source, file: IO[bytes]) -> bool:
    """Say whether the first line is not a record by itself, and so the lines are those of a document."""
    at = file.tell()
    first = next((line for line in _first_lines(file) if line.strip(SPACE)), b"")
    file.seek(at)
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        # An object that goes on in the next line, or a line that is broken.
        return first.strip(SPACE) in (b"{", b"[")
    if not isinstance(value, dict):
        return isinstance(value, list)
    return holds_lists(source, value) or inventory.is_item(value)


def _opened(source: Source, path: Path, reader: LineReader, chunks: Iterator[Chunk | Flat], first: Json) -> Opened:
    """Read all lines; they can be cut between chunks, but where their records are read in the light of one another."""
    reading = reading_of(source, None, first)
    if reading.rest:
        chunks = map(reading.rest.chunk, chunks)
    spooled = spool(chunks, source, reading.flatten, absent=reading.absent)
    frame, starts = spooled.frame, tuple(reader.starts)
    can_be_cut = reading.rest is None and len(starts) > 1
    if can_be_cut:
        frame = Lines(path, starts, spooled.columns, source, first, spooled.kept).frame
    opened = Opened(
        frame=frame,
        columns=spooled.columns,
        encoding="utf-8",
        records=spooled.records,
        resource_type=reading.resource.type if reading.resource else None,
        faults=spooled.faults,
        cuts=tuple(start.row for start in starts[1:]) if can_be_cut else None,
    )
    return single_list_with_unset_fields(source, with_reader_issues(opened, reading), reading)


# The formats ----------------------------------------------------------------------------------------------------------


def matches_json(path: Path, head: bytes) -> bool:
    """Say whether a file is JSON, by its first sign."""
    return path.is_file() and _without_bom(head)[:1] in (b"{", b"[")


def matches_ndjson(path: Path, head: bytes) -> bool:
    """Say whether each of the first two lines of a file is an object by itself."""
    if not _without_bom(head).startswith(b"{"):
        return False
    with path.open("rb") as file:
        lines = [line for line in itertools.islice(_first_lines(file), 50) if line.strip(SPACE)][:2]
    return len(lines) == 2 and all(_is_object(line) for line in lines)


def _first_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file, each up to the length of the longest record: what goes on is no line of NDJSON."""
    while line := file.readline(LONGEST):
        yield line


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line.removeprefix(codecs.BOM_UTF8)), dict)
    except orjson.JSONDecodeError:
        return False


def _without_bom(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8).lstrip(SPACE)


JSON = Format(formats.JSON, matches_json, open_json, write_json, open_lists, write_lists)
NDJSON = Format(formats.NDJSON, matches_ndjson, open_ndjson, write_ndjson, open_lines)
