"""The lists of a document on their way into columns, and what else of it is to be reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import UnknownType
from schemas.language.spelling import plain
from tasks.formats.base import Source
from tasks.formats.json.parser import Reader
from tasks.formats.json.place import Place
from tasks.formats.json.reading import Reading
from tasks.formats.json.spool import Chunk, Json, Spooling
from tasks.formats.netbox.recognition import PAGING, is_page

CHUNK = 8 << 20
"""Bytes of records that become columns at once: their text is what is held in memory."""

MAX_RECORDS = 20_000
"""Records that become columns at once."""

# Members that say where the next page begins (AWS: pagination tokens and markers).
_NEXT_PAGE_MEMBERS = ("nexttoken", "nextmarker", "marker")


@dataclass
class RecordList:
    """The records of one name on their way into columns, one row after the other.

    `is_named` says that the name of the list or each item gives the type.
    """

    name: str | None
    reading: Reading
    spooling: Spooling
    is_named: bool
    waiting: list[Json] = field(default_factory=list)
    at: int = 0

    def add(self, records: Iterable[Json], reader: Reader) -> None:
        """Take records; those of a text are written when so many bytes of it were read."""
        waiting = self.waiting
        for record in records:
            waiting.append(record)
            if len(waiting) >= MAX_RECORDS or reader.read - self.at > CHUNK:
                self.flush(reader.read)

    def flush(self, read: int = 0) -> None:
        """Let the records that are held become columns."""
        if self.waiting:
            first = self.spooling.records + 1
            chunk = Chunk(list(range(first, first + len(self.waiting))), list(self.waiting))
            self.spooling.add(self.reading.rest.chunk(chunk) if self.reading.rest else chunk)
            self.waiting.clear()
        self.at = read


@dataclass
class Pages:
    """Which lists go on after their last page, by their name and place; and the pages of each type of NetBox."""

    more: dict[tuple[str | None, Place], str] = field(default_factory=dict)
    kind: dict[str | None, str | None] = field(default_factory=dict)
    of_rest: dict[tuple[str | None, str | None], list[Json]] = field(default_factory=dict)

    def note(self, names: Iterable[str | None], place: Place, outline: Json) -> None:
        """Note of the lists of a page whether it says that there is another one."""
        token = next((name for name, value in outline.items() if _has_next_page(name, value)), None)
        for name in names:
            if is_page(outline):
                page = {each: outline.get(each) for each in PAGING}
                self.of_rest.setdefault((name, self.kind.get(name)), []).append(page)
            self.more.pop((name, place), None)
            if token:
                self.more[name, place] = token


def _has_next_page(name: str, value: Any) -> bool:
    if plain(name) == "istruncated":
        return value is True or value == "true"
    return plain(name) in _NEXT_PAGE_MEMBERS and isinstance(value, str) and bool(value)


@dataclass
class FoundLists:
    """The lists of a document, by name and type, and what else of it is to be reported.

    `empty` are lists without records; `unknown` counts the records of AWS lists of no known type, `other_types` the
    items of an inventory that are of other types, `deleted` and `older` those that are no longer current. `objects` are
    objects without lists, `schema_members` the members of a JSON Schema. `refused` says why no list could be read.
    """

    source: Source
    lists: dict[tuple[str | None, str | None], RecordList] = field(default_factory=dict)
    empty: dict[str | None, None] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    other_types: Counter[str] = field(default_factory=Counter)
    objects: list[str] = field(default_factory=list)
    deleted: int = 0
    older: int = 0
    pages: Pages = field(default_factory=Pages)
    metadata: Json = field(default_factory=dict)
    schema_members: tuple[str, ...] = ()
    refused: UnknownType | None = None
