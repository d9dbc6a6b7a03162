"""How a record of the REST API of NetBox or Nautobot becomes columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from schemas.issues import Issue, Severity
from schemas.language.spelling import plain
from schemas.model.resource import SOURCE_ID
from schemas.sources import UNTOUCHED
from tasks.formats.json.spool import Chunk, Flat
from tasks.formats.netbox.members import Json, NoValue, Value, choice_of, name_of
from tasks.formats.netbox.recognition import PAGING, endpoint_of, system_of
from tasks.formats.netbox.shapes import ENDPOINTS, Shape


def is_complete(record: Json) -> bool:
    """Say whether a record has all members of its type, as it has unless the request was for some (`brief`, `fields`).

    These are left out of nested and brief records, and of none that is whole, in every version.
    """
    return {"tags", "custom_fields", "last_updated"} <= record.keys()


def values(shape: Shape, record: Json, system: str | None = None) -> dict[str, Value]:
    """Return what each field of the type has in a record; a `NoValue` where that is not known.

    `system` is the host whose record it is, where the record itself does not say so.
    What a whole record lacks is unset. A custom field is read where it has the name of a field that has no other.
    """
    found = {name: field.value(record) for name, field in shape.fields.items()}
    found[SOURCE_ID] = source_id(record, system)
    custom = _custom_fields(record)
    spelt = {plain(name): name for name in custom}
    for name, spec in shape.resource.fields.items():
        if found.get(name, NoValue.MEMBER) is NoValue.MEMBER:
            same = spelt.get(plain(name)) or spelt.get(plain(spec.title))
            found[name] = choice_of(custom[same]) if same else None if is_complete(record) else NoValue.MEMBER
    return {name: found[name] for name in shape.resource.fields}


def source_id(record: Json, system: str | None = None) -> Value:
    """Return the system that a record is of, and its id there: `netbox.example.com:123`."""
    of, number = system_of(record.get("url")) or system, record.get("id")
    return f"{of}:{number}" if of and isinstance(number, int | str) and number != "" else NoValue.MEMBER


def _custom_fields(record: Json) -> Json:
    found = record.get("custom_fields") or record.get("custom_field_data") or record.get("_custom_field_data")
    return found if isinstance(found, dict) else {}


def flat(shape: Shape, record: Json) -> Json:
    """Return the fields of a record as columns, and which of them it leaves as they are stored."""
    return _columns(shape, values(shape, record), frozenset())


def _columns(shape: Shape, found: dict[str, Value], lacking: frozenset[str]) -> Json:
    """Return fields as columns, without those that the whole list lacks."""
    needed = [name for part in shape.resource.key_parts for name in _deciding_fields(part, found)]
    columns = {
        name: None if isinstance(value, NoValue) else value
        for name, value in found.items()
        if not isinstance(value, NoValue) or (name in needed and name not in lacking)
    }
    untouched = [name for name, value in found.items() if isinstance(value, NoValue) and name not in needed]
    return columns | ({UNTOUCHED: ",".join(untouched)} if untouched else {})


def _deciding_fields(part: tuple[str, ...], found: dict[str, Value]) -> tuple[str, ...]:
    """Return the fields of a part of a key that matter: up to the first that has a value."""
    for number, name in enumerate(part, start=1):
        if not isinstance(found[name], NoValue) and found[name] not in (None, ""):
            return part[:number]
    return part


def _unread_members(shape: Shape, record: Json) -> Iterator[tuple[str, Any]]:
    """The members that no field reads, for the report to name and for a mapping to use: names in place of objects."""
    for name, value in record.items():
        if name in ("custom_fields", "custom_field_data", "_custom_field_data") and isinstance(value, dict):
            yield from (
                (f"{name}.{key}", _display_value(each)) for key, each in value.items() if plain(key) not in shape.spelt
            )
        elif name not in shape.known:
            yield name, _display_value(value)


# As many characters of an object that has no name are kept.
_LONGEST_OBJECT = 10_000


def _display_value(value: Any) -> Any:
    if isinstance(value, dict) and value:
        short = choice_of(value) if "value" in value else name_of(value, "display")
        return orjson.dumps(value).decode()[:_LONGEST_OBJECT] if isinstance(short, NoValue) else short
    if isinstance(value, list):
        return [_display_value(each) for each in value]
    return value


class RecordReader:
    """The records of a source on their way to columns, with what is to be reported of them.

    `page` is the page that they stand in, as far as it is read: it may say of which system they are.
    """

    def __init__(self, shape: Shape, first: Json, page: Json | None = None) -> None:
        self.faults: list[Issue] = []
        self.shape = shape
        self._endpoint = endpoint_of(first.get("url"))
        self._system = next(filter(None, (system_of((page or {}).get(name)) for name in PAGING)), None)
        found = values(shape, first, self._system)
        # As in a table without such a column, records of a view without such a member mean the only one that agrees.
        # What was put together elsewhere may call the rest of the key otherwise, for the mapping to find.
        names = (*shape.resource.open_key, *(() if "url" in first else shape.resource.known_by))
        self._lacking = frozenset(name for name in names if found[name] is NoValue.MEMBER)
        self._unknown: Counter[tuple[str, NoValue]] = Counter()
        self._ids: set[str] = set()
        self._without_id = 0

    def chunk(self, chunk: Chunk | Flat) -> Chunk:
        """Return records as columns."""
        whole = chunk if isinstance(chunk, Chunk) else chunk.chunk()
        pairs = zip(whole.rows, whole.records, strict=True)
        exact = whole.exact
        again = (lambda: [self._flat(record) for record in exact()]) if exact else None
        return Chunk(whole.rows, [self._flat(record, row) for row, record in pairs], again)

    def _flat(self, record: Json, row: int | None = None) -> Json:
        """Return a record as columns; with its row, note what is to be reported of it."""
        if not record:  # a line that is no object
            return {}
        found = values(self.shape, record, self._system)
        if row:
            self._look_at(row, record, found)
        columns = _columns(self.shape, found, self._lacking)
        return columns | {name: value for name, value in _unread_members(self.shape, record) if name not in columns}

    def _look_at(self, row: int, record: Json, found: dict[str, Value]) -> None:
        if "id" in record:
            self._ids.add(str(record["id"]))
        else:
            self._without_id += 1
        endpoint = endpoint_of(record.get("url"))
        if endpoint and endpoint != self._endpoint and ENDPOINTS.get(endpoint) is not self.shape:
            message = f"is of {endpoint}, and the others are {self.shape.resource.title} records: import it by itself"
            self.faults.append(Issue("type", message, row=row, value=str(record["url"])))
            return
        for name, value in found.items():
            if isinstance(value, NoValue) and name not in (*self.shape.resource.key, SOURCE_ID):
                self._unknown[name, value] += 1
        for part in self.shape.resource.key_parts:
            self._look_at_key(row, part, found, is_view="url" in record)

    def _look_at_key(self, row: int, part: tuple[str, ...], found: dict[str, Value], *, is_view: bool) -> None:
        """See whether a part of the key is known."""
        for name in _deciding_fields(part, found):
            value, lacks = found[name], name in self._lacking
            if lacks and not isinstance(value, NoValue):
                message = f"{name} is not in the records before it: import the records that have it by themselves"
            elif isinstance(value, NoValue) and not lacks and (is_view or value is not NoValue.MEMBER):
                message = f"{name} {_WHY[value]}, and is a part of the key: {_ADVICE}"
            else:
                continue
            self.faults.append(Issue(_KEY_UNKNOWN, message, row=row, field=name))
            return

    @property
    def distinct(self) -> int:
        """How many different records there are."""
        return len(self._ids) + self._without_id

    @property
    def gaps(self) -> tuple[Issue, ...]:
        """Why records of the type may be missing: some do not say which they are."""
        count = sum(fault.rule == _KEY_UNKNOWN for fault in self.faults)
        message = f"{count:,} record{'' if count == 1 else 's'} cannot be distinguished from others"
        return (Issue(_KEY_UNKNOWN, message, Severity.WARNING),) if count else ()

    @property
    def notices(self) -> tuple[Issue, ...]:
        """What is to be reported of the records together."""
        found = []
        for why in NoValue:
            names = {name: count for (name, reason), count in self._unknown.items() if reason is why}
            if names:
                most = max(names.values())
                fields = f"{', '.join(names)} of {most:,} record{'' if most == 1 else 's'} stay as they are stored"
                found.append(Issue("unknown_value", f"{fields}: each {_WHY[why]}. {_ADVICE}", Severity.WARNING))
        return tuple(found)


_KEY_UNKNOWN = "key_unknown"
_WHY = {
    NoValue.MEMBER: "is not in this view of the record",
    NoValue.NAME: "is given without its name",
    NoValue.ONE: "has several values",
}
_ADVICE = "Fetch whole records (no brief or fields; of Nautobot, depth=2 and exclude_m2m=false)."
