"""JSON and NDJSON: records of any shape, read one at a time into text columns on disk.

Nested objects become dotted columns (`Options.AmazonSideAsn`) but for those that a field holds whole (`tags`); lists
stay as JSON text; numbers keep their digits.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import ijson
import orjson
import polars as pl

from schemas.errors import SourceError
from schemas.reports import ROW, Issue, Opened, issues_frame
from schemas.resources import RESOURCES
from schemas.spelling import plain
from tasks.formats.aws import flattener, recognise
from tasks.formats.base import Flatten, Format, Source

# Records that become columns at once: their text is what is held in memory.
_CHUNK = 20_000

_WRITTEN_OUT = 10**18
_TEXT = {str, type(None)}

_SPACE = b" \t\r\n"

Numbered = Iterator[tuple[int, dict[str, Any]]]


# JSON -----------------------------------------------------------------------------------------------------------------


def open_json(source: Source) -> Opened:
    """Open a JSON document: a list of objects, an object that holds one, or one object."""
    key = _list_of_records(source)
    first = next(_objects(source, key), None)
    if first is None:
        raise SourceError(f"{source.name} has no records: its list is empty.")
    resource = source.resource or recognise(key, first)
    flatten = flattener(resource) if resource and resource.document else None
    numbered = ((number, record) for number, record in enumerate(_objects(source, key), start=1))
    frame, columns, records = spool(numbered, source, flatten)
    return Opened(
        frame=frame,
        columns=columns,
        encoding="utf-8",
        document=key or None,
        records=records,
        resource_type=resource.type if resource else None,
    )


def _list_of_records(source: Source) -> str | None:
    """The member that holds the list of records; "" for a list by itself, None for one object."""
    if source.options.records:
        return source.options.records
    lists: dict[str, None] = {}
    empty: dict[str, None] = {}
    with source.path.open("rb") as file:
        _skip_mark(file)
        try:
            for prefix, event, _ in ijson.parse(file):
                if not prefix and event == "start_array":
                    return ""
                key, dot, inner = prefix.partition(".")
                if event == "start_array" and not dot:
                    empty[key] = None
                if event == "start_map" and dot and inner == "item":
                    lists[key] = None
        except ijson.JSONError as error:
            raise _broken(source, error) from error
    return _the_one_list(source, list(lists or [name for name in empty if recognise(name, {})]))


def _the_one_list(source: Source, lists: list[str]) -> str | None:
    known = [name for name in lists if recognise(name, {})]
    if len(lists) > 1 and len(known) != 1:
        raise SourceError(
            f"{source.name} holds several lists of records: {', '.join(lists)}. Name the one to import with --records."
        )
    return next(iter(known or lists), None)


def _objects(source: Source, key: str | None) -> Iterator[dict[str, Any]]:
    prefix = "" if key is None else f"{key}.item" if key else "item"
    with source.path.open("rb") as file:
        _skip_mark(file)
        try:
            for number, record in enumerate(ijson.items(file, prefix), start=1):
                if not isinstance(record, dict):
                    raise SourceError(f"{source.name}: record {number} is no object, but {str(record)[:60]!r}.")
                yield record
        except ijson.JSONError as error:
            raise _broken(source, error) from error


def _broken(source: Source, error: Exception) -> SourceError:
    what = " ".join(str(error).split())[:120]
    return SourceError(f"{source.name} is no valid JSON: {what}. Is it cut off, or was it edited by hand?")


def _skip_mark(file: Any) -> None:
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)


# NDJSON ---------------------------------------------------------------------------------------------------------------


def open_ndjson(source: Source) -> Opened:
    """Open newline-delimited JSON; a line that is no object is a fault of its row."""
    faults: list[Issue] = []
    first = next((record for _, record in _lines(source, [])), None)
    if first is None:
        raise SourceError(f"{source.name} has no line that is a JSON object.")
    resource = source.resource or recognise(None, first)
    flatten = flattener(resource) if resource and resource.document else None
    frame, columns, records = spool(_lines(source, faults), source, flatten)
    return Opened(
        frame=frame,
        columns=columns,
        encoding="utf-8",
        records=records,
        resource_type=resource.type if resource else None,
        faults=issues_frame(faults),
    )


def _lines(source: Source, faults: list[Issue]) -> Numbered:
    with source.path.open("rb") as file:
        _skip_mark(file)
        for number, line in enumerate(file, start=1):
            if not line.strip(_SPACE):
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                faults.append(_fault(number, f"is no valid JSON ({error})", line))
                record = {}
            if not isinstance(record, dict):
                faults.append(_fault(number, "is no JSON object", line))
                record = {}
            yield number, record


def _fault(number: int, what: str, line: bytes) -> Issue:
    return Issue("ndjson", f"line {number} {what}", row=number, value=line[:500].decode(errors="replace").strip())


# Records into columns -------------------------------------------------------------------------------------------------


def spool(
    records: Iterable[tuple[int, dict[str, Any]]], source: Source, flatten: Flatten | None
) -> tuple[pl.LazyFrame, tuple[str, ...], int]:
    """Write numbered records to files of text columns, a chunk at a time; returns them, their columns and their number.

    The columns are those of all records together; a record without one has null there.
    """
    frames, count = [], 0
    columns: dict[str, None] = {}
    for number, chunk in enumerate(_chunks(iter(records))):
        frame = _frame(chunk, flatten)
        columns |= dict.fromkeys(frame.columns[1:])
        if len(columns) > source.max_columns:
            raise SourceError(f"{source.name} has more than {source.max_columns:,} different members in its records.")
        path = source.workdir / f"records-{number}.arrow"
        frame.write_ipc(path, compression="lz4")
        frames.append(pl.scan_ipc(path))
        count += len(chunk)
    whole = pl.concat(frames, how="diagonal").select(ROW, *columns)
    return whole, tuple(columns), count


def _chunks(records: Numbered) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    while chunk := list(itertools.islice(records, _CHUNK)):
        yield chunk


def _frame(chunk: list[tuple[int, dict[str, Any]]], flatten: Flatten | None) -> pl.DataFrame:
    records: list[dict[str, Any] | None] = [flatten(record) if flatten else record for _, record in chunk]
    series = [pl.Series(name, values, dtype=pl.String) for name, values in _columns(records).items()]
    return pl.DataFrame([pl.Series(ROW, [number for number, _ in chunk], dtype=pl.UInt32), *series])


def _columns(records: list[dict[str, Any] | None], before: str = "") -> dict[str, list[str | None]]:
    """Turn records into columns of text, a column at a time; nested objects into columns of their own."""
    columns: dict[str, list[str | None]] = {}
    for key in dict.fromkeys(chain.from_iterable(record for record in records if record)):
        values = [record.get(key) if record else None for record in records]
        kinds = set(map(type, values))
        if dict in kinds and plain(key) not in _whole_members():
            nested = [value if type(value) is dict and value else None for value in values]
            columns |= _columns(nested, f"{before}{key}.")
            values = [None if inside else value for inside, value in zip(nested, values, strict=True)]
            if all(value is None for value in values):
                continue
        elif kinds <= _TEXT:
            columns[f"{before}{key}"] = values
            continue
        columns[f"{before}{key}"] = [value if type(value) is str else _text(value) for value in values]
    return columns


@cache
def _whole_members() -> frozenset[str]:
    """Members that stay whole as JSON, since a field of some type holds an object under that name."""
    fields = [(name, spec) for resource in RESOURCES.values() for name, spec in resource.fields.items()]
    objects = [(name, *spec.aliases) for name, spec in fields if spec.kind.name in ("tags", "json")]
    return frozenset(plain(spelling) for spellings in objects for spelling in spellings)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return str(_number(value))
    return orjson.dumps(value, default=_number).decode()


def _number(value: Any) -> Any:
    if not isinstance(value, float | Decimal):
        raise TypeError(type(value))
    # A number with a huge exponent has as many digits when it is written out.
    whole = -_WRITTEN_OUT < value < _WRITTEN_OUT and value == int(value)
    return int(value) if whole else float(value)


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


JSON = Format("json", "a JSON document", (".json",), matches_json, open_json)
NDJSON = Format("ndjson", "newline-delimited JSON", (".ndjson", ".jsonl"), matches_ndjson, open_ndjson)
