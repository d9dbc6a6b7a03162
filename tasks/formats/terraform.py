"""Terraform states: documents of several types.

Shape: Terraform's internal state format, version 4. What its resources are is told in `terraform_aws`.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import orjson
import polars as pl

from schemas.errors import SourceError
from schemas.reports import LEFT_OUT, NOTE, ROW, Issue, Opened, Severity
from schemas.resource import Resource
from schemas.resources import RESOURCES
from tasks.formats.base import NOTHING, Format, Source
from tasks.formats.json_reader import JsonReader
from tasks.formats.spool import Chunk, Json, Spooled, Spooling, without_collector
from tasks.formats.terraform_aws import ADDITIONS, ENTRIES, Addition, Entry, value_of
from tasks.formats.text import as_text

ADDRESS = f"{NOTE} resource"
"""The column of notes with each record's address in the state: `module.core.aws_vpc.main["eu"]`."""


# Records --------------------------------------------------------------------------------------------------------------


def _record(entry: Entry, attributes: Json, address: str) -> Json | None:
    """The record of a resource; None for one without its key. What its attributes do not speak of is no member."""
    record: Json = {ADDRESS: address}
    for name, read in entry.reads.items():
        value = value_of(read, attributes)
        if value is not None or (isinstance(read, str) and read in attributes):
            record[name] = value
    return record if record.get(RESOURCES[entry.type].key[0]) else None


def _attributes(instance: Json) -> Json | None:
    """The attributes of an instance but for those that the state marks as sensitive; None where it has none."""
    attributes = instance.get("attributes")
    if not isinstance(attributes, dict):
        return None
    paths = instance.get("sensitive_attributes")
    steps = [path[0] for path in paths if isinstance(path, list) and path] if isinstance(paths, list) else []
    secret = {step.get("value") for step in steps if isinstance(step, dict)}
    return {name: value for name, value in attributes.items() if name not in secret} if secret else attributes


def _address(resource: Json, instance: Json) -> str:
    key = instance.get("index_key")
    index = "" if key is None else f"[{json.dumps(key)}]"
    parts = (resource.get("module"), resource.get("type"), resource.get("name"))
    return ".".join(str(part) for part in parts if part) + index


# Reading --------------------------------------------------------------------------------------------------------------

# Bytes of the state after which the records so far become columns, and records at most.
_CHUNK = 8 << 20
_RECORDS = 20_000

# As many names as a message shows.
_SHOWN = 12


@dataclass
class _State:
    """A state on its way into columns: what was read so far, what is left out, and what is added at the end."""

    source: Source
    spools: dict[str, Spooling] = field(default_factory=dict)
    held: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    read: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    others: Counter[str] = field(default_factory=Counter)
    deposed: int = 0
    bare: int = 0
    added: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def take(self, resource: Any) -> None:
        """Read a resource and its instances: one, or those of `count` or `for_each`."""
        if not isinstance(resource, dict) or resource.get("mode") != "managed":
            return
        kind, instances = str(resource.get("type")), resource.get("instances")
        for instance in instances if isinstance(instances, list) else ():
            if not isinstance(instance, dict):
                continue
            if instance.get("deposed"):
                self.deposed += 1
            elif kind not in ENTRIES and kind not in ADDITIONS:
                self.others[kind] += 1
            elif (attributes := _attributes(instance)) is None:
                self.bare += 1
            else:
                self._instance(kind, attributes, _address(resource, instance))

    def _instance(self, kind: str, attributes: Json, address: str) -> None:
        for entry in ENTRIES.get(kind, ()):
            if record := _record(entry, attributes, address):
                self.held[entry.type].append(record)
                self.read[entry.type][kind] = None
                if len(self.held[entry.type]) == _RECORDS:
                    self.flush(entry.type)
        if addition := ADDITIONS.get(kind):
            key, value = attributes.get(addition.key), value_of(addition.value, attributes)
            if key and value is not None:
                self.added[kind][str(key)].append(value)

    def flush(self, resource_type: str) -> None:
        """Let the records of a type that are held become columns."""
        records = self.held.pop(resource_type, [])
        if not records:
            return
        if resource_type not in self.spools:
            workdir = self.source.workdir / resource_type
            workdir.mkdir(exist_ok=True)
            self.spools[resource_type] = Spooling(replace(self.source, workdir=workdir))
        spool = self.spools[resource_type]
        first = spool.records + 1
        spool.add(Chunk(list(range(first, first + len(records))), records))

    def parts(self) -> tuple[Opened, ...]:
        """Each type that the state has records of, in the order of loading; the first has the notices."""
        for resource_type in RESOURCES:
            self.flush(resource_type)
        notices: list[Issue] = []
        parts = [
            Opened(
                frame=spooled.frame,
                columns=spooled.columns,
                encoding="utf-8",
                document=", ".join(self.read[resource_type]),
                records=spooled.records,
                resource_type=resource_type,
                faults=spooled.faults,
            )
            for resource_type in RESOURCES
            if resource_type in self.spools
            for spooled in [self._with_additions(resource_type, self.spools[resource_type].spooled(), notices)]
        ]
        notices += self.left_out()
        return (replace(parts[0], notices=tuple(notices)), *parts[1:]) if parts else ()

    def _with_additions(self, resource_type: str, spooled: Spooled, notices: list[Issue]) -> Spooled:
        """The records with what other resources add to them; `notices` are told what is added to none of them."""
        for kind, values in self.added.items():
            addition = ADDITIONS[kind]
            if addition.type == resource_type and addition.on in spooled.columns:
                known = set(spooled.frame.select(addition.on).collect()[addition.on])
                if kind not in ENTRIES and (unknown := len(values.keys() - known)):
                    what = _several(unknown, RESOURCES[resource_type].title)
                    notices.append(_told(f"what {kind} says of {what} of another state is left out"))
                spooled = _joined(spooled, addition, values)
        return spooled

    def left_out(self) -> Iterator[Issue]:
        """What to tell of the resources that are not read."""
        without = [kind for kind in self.added if ADDITIONS[kind].type not in self.spools and kind not in ENTRIES]
        others = self.others + Counter({kind: sum(map(len, self.added[kind].values())) for kind in without})
        if others:
            names = [name for name, _ in others.most_common(_SHOWN)]
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            yield _told(f"{_several(others.total(), 'resource')} of other types left out: {_list(names)}{more}")
        if self.deposed:
            yield _told(f"{_several(self.deposed, 'deposed object')} left out, which Terraform is yet to destroy")
        if self.bare:
            yield _told(
                f"{_several(self.bare, 'resource')} left out that Terraform 0.11 wrote: run "
                "`terraform apply -refresh-only` first"
            )


def _told(message: str) -> Issue:
    return Issue(LEFT_OUT, message, Severity.WARNING)


def _several(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _list(names: list[str]) -> str:
    return ", ".join(names)


def _joined(spooled: Spooled, addition: Addition, values: dict[str, list[Any]]) -> Spooled:
    """The records with a column of what is added: an item of the field's list, or its value."""
    name, new = addition.field, "__added__"
    texts = [",".join(map(_text, each)) if addition.many else _plain(each[-1]) for each in values.values()]
    added = pl.LazyFrame({addition.on: list(values), new: texts}, schema={addition.on: pl.String, new: pl.String})
    had = pl.col(name) if name in spooled.columns else pl.lit(None, pl.String)
    whole: pl.Expr = pl.col(new)
    if addition.many:
        before = pl.when(had.is_null() | (had == "[]")).then(pl.lit("[")).otherwise(had.str.head(-1) + ",")
        whole = before + pl.col(new) + "]"
    columns = tuple(dict.fromkeys((*spooled.columns, name)))
    joined = spooled.frame.join(added, on=addition.on, how="left", maintain_order="left")
    frame = joined.with_columns(pl.coalesce(whole, had).alias(name)).select(ROW, *columns)
    return replace(spooled, frame=frame, columns=columns)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def open_states(source: Source) -> tuple[Opened, ...]:
    """Open a state: a part for each type that it has records of."""
    state = _read(source)
    return state.parts() or _refused(state)


def _refused(state: _State) -> NoReturn:
    told = "; ".join(issue.message for issue in state.left_out()) or "it has no resources"
    raise SourceError(f"{state.source.name} is a Terraform state with nothing to import: {told}.")


def _read(source: Source) -> _State:
    text = as_text(source)
    state = _State(source)
    version: Any = None
    with text.path.open("rb") as file, without_collector():
        reader = JsonReader(file, source.name)
        read = 0
        for name in reader.members():
            if name == "version":
                version = reader.value()
                _refuse(source, version)
            elif name == "resources" and reader.peek() == "[":
                for resource in reader.values():
                    state.take(resource)
                    if reader.read - read > _CHUNK:
                        read = reader.read
                        for resource_type in list(state.held):
                            state.flush(resource_type)
            elif name == "format_version":
                raise SourceError(
                    f"{source.name} is what `terraform show -json` prints, and no state: import the state itself, "
                    "which `terraform state pull > state.tfstate` writes."
                )
            else:
                reader.skip()
        reader.end()
    _refuse(source, version)
    return state


def _refuse(source: Source, version: Any) -> None:
    if version != 4:
        raise SourceError(
            f"{source.name} is a Terraform state of version {version or 'none'}, and version 4 is read: "
            "`terraform state pull` with Terraform 0.12 or newer, or OpenTofu, writes it."
        )


def open_state(source: Source) -> Opened:
    """Open the records of one type: of the one that was asked for, or the only one."""
    state = _read(source)
    found = state.parts()
    if source.emptied and source.resource and _has_none(state, source.resource):
        return Opened(frame=NOTHING, columns=(), encoding="utf-8", records=0, resource_type=source.resource.type)
    parts = {str(part.resource_type): part for part in found or _refused(state)}
    if source.resource is None and len(parts) == 1:
        return next(iter(parts.values()))
    if source.resource is None:
        raise SourceError(f"{source.name} holds records of {_list(list(parts))}: name one type with --type.")
    if source.resource.type not in parts:
        raise SourceError(f"{source.name} holds no {source.resource.title}, but {_list(list(parts))}.")
    return parts[source.resource.type]


def _has_none(state: _State, resource: Resource) -> bool:
    """Say whether a state has no record of a type that Terraform knows: it has all that it is about."""
    told = {entry.type for entries in ENTRIES.values() for entry in entries}
    return resource.type in told and resource.type not in state.spools and not state.bare


# Either end of the file: `jq -S` puts some of what tells a state at its end.
_ENDS = 4096
_STATE = (rb'"terraform_version"\s*:\s*"', rb'"serial"\s*:\s*[0-9]', rb'"lineage"\s*:\s*"')
_SHOWN_STATE = (rb'"terraform_version"\s*:\s*"', rb'"format_version"\s*:\s*"')


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is a Terraform state, or what `terraform show` makes of one, by its members."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _ENDS, 0))
        ends = head[:_ENDS] + file.read()
    return any(all(re.search(mark, ends) for mark in marks) for marks in (_STATE, _SHOWN_STATE))


TERRAFORM = Format(
    "terraform", "a Terraform state", (".tfstate",), matches, open_state, None, "application/json", open_states
)
