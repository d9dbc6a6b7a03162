"""YAML: documents of lists and mappings, as `aws --output yaml` and people write them, read as JSON is.

Nothing is resolved but what JSON has as well: null, true, false and whole numbers in their plain form. Whatever else
stands without quotes is text: YAML 1.1 makes false of `no`, 83 of `0123`, 750 of `12:30`, and a date of `2026-01-02`.
Tags are not followed, an alias is a copy, and what all aliases add is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NoReturn

import yaml

from schemas import formats
from schemas.errors import SourceError
from schemas.sources import Opened
from tasks.formats.base import Format, Source
from tasks.formats.encoding import as_text
from tasks.formats.json.document import open_at
from tasks.formats.json.lists import open_values
from tasks.formats.json.parser import ValueReader

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A document is held in memory, at some ten times its size.
_LARGEST = 64 << 20
_DEEPEST = 100

# As many values as all aliases may add, however small a file is; beyond that, as many times its own values.
_COPIES, _TIMES = 100_000, 10

# The other line ends of YAML 1.1 may stand before a directive.
_DIRECTIVE = re.compile(rb"^%|(?:\r|\xc2\x85|\xe2\x80[\xa8\xa9])%")
_MOST_DIRECTIVES = 100
_CHUNK = 1 << 20

_TAG = "tag:yaml.org,2002:"
_TEXT = {"!", f"{_TAG}str", f"{_TAG}timestamp"}
_PLAIN = {None, *(_TAG + name for name in ("null", "bool", "int", "float", "map", "seq"))}
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "false": False}
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")

# `- name: Bonn` or `Vpcs:` and a line that goes on from it.
_ITEM = re.compile(r"- +(?:\"[^\"]*\"|'[^']*'|[\w.-]+):(?:\s|$)")
_MEMBER = re.compile(r"(?:\"[^\"]*\"|'[^']*'|[\w.-]+):\s*$")


def open_yaml(source: Source) -> Opened:
    """Open a YAML file: a list of mappings, a mapping that holds one, or such documents in a row."""
    return _open_documents(source, several=False)[0]


def open_lists(source: Source) -> tuple[Opened, ...]:
    """Open each list of records that a YAML file holds."""
    return _open_documents(source, several=True)


def _open_documents(source: Source, *, several: bool) -> tuple[Opened, ...]:
    values = _documents(source)
    if source.options.records:
        return (open_at(source, ValueReader(values, source.name), source.options.records),)
    return open_values(source, values, several=several)


def _documents(source: Source) -> list[Any]:
    """The documents of a file that hold anything; a record among lists of records is a list of one."""
    path = as_text(source).path
    if path.stat().st_size > _LARGEST:
        raise SourceError(
            f"{source.name} has more than {_LARGEST >> 20} MB, the most that is read of YAML: convert it to JSON.",
            limit=_LARGEST,
        )
    _refuse_directives(source.name, path)
    with path.open("rb") as file:
        values = [value for value in _Builder(source.name).documents(file) if value is not None]
    if not values or not all(isinstance(value, dict | list) for value in values):
        raise SourceError(f"{source.name} holds text and no records: a list of mappings is expected.")
    if any(isinstance(value, list) for value in values):
        values = [[value] if isinstance(value, dict) and not _holds_lists(value) else value for value in values]
    return values


def _refuse_directives(name: str, path: Path) -> None:
    """Refuse a file of very many tags: libyaml compares each with all before it, and none is followed."""
    with path.open("rb") as file:
        count = sum(len(_DIRECTIVE.findall(line)) for line in iter(lambda: file.readline(_CHUNK), b""))
    if count > _MOST_DIRECTIVES:
        raise SourceError(f"{name} declares more than {_MOST_DIRECTIVES} tags, and none is read: remove them.")


def _holds_lists(value: dict[str, Any]) -> bool:
    return any(isinstance(inner, list) and inner and isinstance(inner[0], dict) for inner in value.values())


class _Builder:
    """Builds the values of a YAML stream from its events."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._own = 0
        self._copied = 0
        self._anchors: dict[str, tuple[Any, int]] = {}

    def documents(self, stream: Any) -> Iterator[Any]:
        """Yield the value of each document; raises SourceError for what can't be read safely."""
        events = self._events(stream)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                yield self._value(next(events), events, 0)

    def _events(self, stream: Any) -> Iterator[Any]:
        try:
            yield from yaml.parse(stream, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
            raise SourceError(
                f"{self._name} is not valid YAML: {what}{where}. Indent with spaces, and quote text that holds ': '."
            ) from error

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._copy(event)
        if depth > _DEEPEST:
            self._fail(event, f"values are nested more than {_DEEPEST} deep")
        before = self._own + self._copied
        self._own += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        else:
            if event.tag not in _PLAIN:
                self._fail(event, f"the tag '{event.tag}' is not read")
            build = self._mapping if isinstance(event, yaml.MappingStartEvent) else self._list
            value = build(events, depth + 1)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._own + self._copied - before)
        return value

    def _copy(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            self._fail(event, f"the alias '*{event.anchor}' has no anchor before it, or is inside of it")
        value, size = self._anchors[event.anchor]
        self._copied += size
        if self._copied > max(_COPIES, _TIMES * self._own):
            self._fail(event, "aliases make it many times as large as it is")
        return deepcopy(value)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag in _TEXT or (event.tag is None and event.style):
            return text
        if event.tag not in _PLAIN:
            self._fail(event, f"the tag '{event.tag}' is not read")
        if text in _NULL:
            return None
        return int(text) if _WHOLE.fullmatch(text) else _BOOLEANS.get(text, text)

    def _list(self, events: Iterator[Any], depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._value(event, events, depth))
        return items

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        taken_in: list[dict[str, Any]] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._fail(event, "a name is expected, not a list, a mapping or an alias")
            name = event.value
            value = self._value(next(events), events, depth)
            if name == "<<" and not event.style:
                for each in value if isinstance(value, list) else [value]:
                    if not isinstance(each, dict):
                        self._fail(event, "'<<' takes in mappings only")
                    taken_in.append(each)
            elif name in own:
                self._fail(event, f"'{name}' is there twice")
            else:
                own[name] = value
        # The first one that has a name decides. Each is copied once: one after the other, into what is there already.
        merged: dict[str, Any] = {}
        for each in reversed(taken_in):
            merged |= each
        return merged | own

    def _fail(self, event: Any, what: str) -> NoReturn:
        raise SourceError(f"{self._name}, line {event.start_mark.line + 1}: {what}.", line=event.start_mark.line + 1)


def matches(path: Path, head: bytes) -> bool:  # noqa: ARG001  # all formats have the same signature
    """Say whether a file is YAML, by its first lines: a document's start, an item or a member that goes on below."""
    text = head.decode("utf-8-sig", errors="replace")
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")][:2]
    if not lines:
        return False
    if lines[0] == "---" or lines[0].startswith(("--- ", "%YAML ")) or _ITEM.match(lines[0]):
        return True
    return len(lines) > 1 and _MEMBER.match(lines[0]) is not None and lines[1].startswith((" ", "- "))


YAML = Format(formats.YAML, matches, open_yaml, open_all=open_lists)
