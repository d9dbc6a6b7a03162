"""Terraform and OpenTofu states and plans: documents of several types.

Which resources are which records is in `terraform_aws`, how they stand in a file in `terraform_file`. A file is walked
through twice: first for what resources say of records of others, then for the records.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NoReturn

from schemas import formats
from schemas.errors import SourceError
from schemas.issues import LEFT_OUT, Issue, Severity
from schemas.language.remedies import option
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from schemas.sources import MERGED, NOTE, UNTOUCHED, Opened
from tasks.formats.base import NOTHING, Format, Source
from tasks.formats.encoding import as_text
from tasks.formats.json.spool import Chunk, Json, Spooling, without_collector
from tasks.formats.terraform.aws_resources import ADDITIONS, ENTRIES, learn
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import CLEARED, TAG, Facts, key_of, value_of
from tasks.formats.terraform.merged_lists import LISTS, NEVER_WHOLE
from tasks.formats.terraform.parser import Instance, StateFile, holds_plan, matches

ADDRESS = f"{NOTE} resource"
"""The column of notes with each record's address in the state: `module.core.aws_vpc.main["eu"]`."""


# Records --------------------------------------------------------------------------------------------------------------


def _key(entry: Entry, attributes: Json, facts: Facts) -> str | None:
    value = value_of(entry.reads[entry.key], attributes, facts)
    return None if value is CLEARED else key_of(value)


# Kinds whose items are kept in the order of those stored, where they are the same.
_ORDERED = ("tags", "texts", "cidrs")


def _record(entry: Entry, key: str, instance: Instance, facts: Facts) -> Json:
    """The record of an instance, with what other resources add to it.

    Its notes say which fields the instance does not have (`UNTOUCHED`), and which it has in part (`MERGED`).
    """
    fields: Json = {}
    modes: dict[str, str] = {}
    added = facts.added.get((entry.type, key), {})
    for name in dict.fromkeys((*entry.reads, *added)):
        read, more = entry.reads.get(name), added.get(name, [])
        value = value_of(read, instance.attributes or {}, facts) if read else None
        if (entry.type, name) in LISTS and (value is None or isinstance(value, list)):
            fields[name], modes[name] = _merged_list(entry.type, name, value or [], more)
        elif more:
            fields[name] = more[-1]
        elif value is not None:
            fields[name] = None if value is CLEARED else value
            if RESOURCES[entry.type].fields[name].kind.name in _ORDERED or name == "tunnels":
                modes[name] = "whole"
    if entry.view:
        modes = {name: "fill" for name in fields if name != entry.key}
    modes |= {name: _fill_note(entry, name) for name in RESOURCES[entry.type].required if name not in fields}
    notes = {
        ADDRESS: instance.address,
        MERGED: ",".join(f"{name}={mode}" for name, mode in modes.items()),
        UNTOUCHED: _untouched(entry.type, frozenset((*fields, *modes))),
    }
    cells = {name: _cell(name, value) for name, value in fields.items()}
    return notes | dict.fromkeys(modes) | cells | {entry.key: key}


def _fill_note(entry: Entry, name: str) -> str:
    return f"fill:{entry.same_as[name]}" if name in entry.same_as else "fill"


def _merged_list(resource_type: str, name: str, own: list[Any], more: list[Any]) -> tuple[list[Any] | None, str]:
    """A list of a resource's own items and those of others, and how it is set against what is stored.

    The own items are all that there are once a refresh has read them; where there are none, or where others manage
    some, more may be managed elsewhere.
    """
    items = LISTS[resource_type, name]([*own, *more]) or None
    if more or not own or (resource_type, name) in NEVER_WHOLE:
        return items, "add"
    directions = {item["direction"] for item in own} if name == "rules" else ()
    return items, f"whole:{next(iter(directions))}" if len(directions) == 1 else "whole"


@lru_cache(1024)
def _untouched(resource_type: str, declared: frozenset[str]) -> str | None:
    """The fields that a resource does not have, of those that some resource has for the type."""
    reads = [
        name for entries in ENTRIES.values() for each in entries if each.type == resource_type for name in each.reads
    ]
    added = [each.field for additions in ADDITIONS.values() for each in additions if each.type == resource_type]
    return ",".join(dict.fromkeys(name for name in (*reads, *added) if name not in declared)) or None


def _cell(name: str, value: Any) -> Any:
    """A value of a record; an object where none is expected stays one value, to be rejected as it stands."""
    return json.dumps(value, default=str) if isinstance(value, dict) and name != "tags" else value


# Reading --------------------------------------------------------------------------------------------------------------

# Records of a type that are held at most before they become columns.
_RECORDS = 20_000


@dataclass
class _State:
    """A file on its way into columns: its facts, the keys of its records, and what became of each of its objects."""

    source: Source
    file: StateFile
    facts: Facts = field(default_factory=Facts)
    owned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    viewed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    prior: frozenset[str] = frozenset()
    spools: dict[str, Spooling] = field(default_factory=dict)
    held: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    read: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    left: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def instances(self) -> Iterator[Instance]:
        """The objects to read: of a plan, those that are there, and no second time as they are planned."""
        return (each for each in self.file.instances() if not each.planned or each.address not in self.prior)

    def learn(self, instance: Instance) -> None:
        """Note what an object says of records of others, and that its own are here."""
        if _is_left(instance):
            return
        kind, attributes = instance.kind, instance.attributes or {}
        learn(self.facts, kind, attributes)
        for entry in ENTRIES.get(kind, ()):
            if key := _key(entry, attributes, self.facts):
                (self.viewed if entry.view else self.owned)[entry.type].add(key)
        for addition in ADDITIONS.get(kind, ()):
            value = value_of(addition.value, attributes, self.facts)
            if (key := key_of(attributes.get(addition.key))) and value not in (None, CLEARED):
                self.facts.add(addition, key, value)

    def take(self, instance: Instance) -> None:
        """Read an object, or count it among those that are left out."""
        reason = _is_left(instance) or self._records(instance)
        if reason:
            self.left[reason][instance.kind] += 1

    def _records(self, instance: Instance) -> str | None:
        """Take the records of an object; returns why there is nothing of it to read."""
        kind, attributes = instance.kind, instance.attributes or {}
        reasons = [self._entry(entry, instance) for entry in ENTRIES.get(kind, ())]
        reasons += [self._added_to(each.type, attributes.get(each.key)) for each in ADDITIONS.get(kind, ())]
        values = [value_of(each.value, attributes, self.facts) for each in ADDITIONS.get(kind, ())]
        if kind == TAG:
            tagged = attributes.get("resource_id")
            found = [self._added_to(name, tagged) for name in RESOURCES]
            reasons.append(None if None in found else found[0])
        elif kind in ADDITIONS and kind not in ENTRIES and all(value in (None, CLEARED) for value in values):
            return "empty"
        return reasons[0] if reasons and None not in reasons else None if reasons else "other"

    def _entry(self, entry: Entry, instance: Instance) -> str | None:
        key = _key(entry, instance.attributes or {}, self.facts)
        if key is None:
            return "keyless"
        if entry.view and key in self.owned[entry.type]:
            return None  # its owner's record is here
        held = self.held[entry.type]
        held.append(_record(entry, key, instance, self.facts))
        self.read[entry.type][instance.kind] = None
        if len(held) == _RECORDS:
            self.flush(entry.type)
        return None

    def _added_to(self, resource_type: str, key: Any) -> str | None:
        if (key := key_of(key)) is None:
            return "keyless"
        return None if key in self.owned[resource_type] or key in self.viewed[resource_type] else "elsewhere"

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
        parts = [
            Opened(
                frame=spooled.frame,
                columns=spooled.columns,
                encoding="utf-8",
                document=", ".join(self.read[resource_type]),
                records=spooled.records,
                resource_type=resource_type,
                faults=spooled.faults,
                gaps=tuple(self.gaps(resource_type)),
            )
            for resource_type in RESOURCES
            if resource_type in self.spools
            for spooled in [self.spools[resource_type].spooled()]
        ]
        return (replace(parts[0], notices=tuple(self.notices())), *parts[1:]) if parts else ()

    def notices(self) -> Iterator[Issue]:
        """Yield what is left out, each resource type with its number, and what of a plan is not read."""
        for reason, words in _REASONS.items():
            if counted := self.left[reason]:
                one, many = words
                total = counted.total()
                yield _left_out(f"{total:,} {one if total == 1 else many}: {_names_with_counts(counted)}")
        planned = Counter({name: number for name, number in self.file.changes.items() if name in _PLANNED})
        if planned:
            yield _left_out(f"records are read as they are before the plan, which would {_planned_changes(planned)}")

    def gaps(self, resource_type: str) -> Iterator[Issue]:
        """Yield why records of a type may be missing: its resources without an id or without attributes."""
        kinds = {kind for kind, entries in ENTRIES.items() if resource_type == entries[0].type}
        missing = Counter(
            {
                kind: number
                for reason in ("keyless", "bare")
                for kind, number in self.left[reason].items()
                if kind in kinds
            }
        )
        if missing:
            message = f"resources without an id or attributes could not be read: {_names_with_counts(missing)}"
            yield Issue("incomplete", message, Severity.WARNING)


_REASONS = {
    "other": ("resource of another type left out", "resources of other types left out"),
    "keyless": ("resource without an id left out", "resources without an id left out"),
    "empty": (
        "resource without a value that is known here left out",
        "resources without a value that is known here left out",
    ),
    "elsewhere": (
        "resource left out, as the record that it belongs to is not in this state",
        "resources left out, as the records that they belong to are not in this state",
    ),
    "bare": ("resource without attributes left out", "resources without attributes left out"),
    "deposed": (
        "deposed object left out, which Terraform is yet to destroy",
        "deposed objects left out, which Terraform is yet to destroy",
    ),
    "planned": (
        "resource left out that the plan would create, as it has no id yet",
        "resources left out that the plan would create, as they have no id yet",
    ),
    "data": (
        "data source left out, which Terraform only reads",
        "data sources left out, which Terraform only reads",
    ),
}
"""Why objects are left out, in the words for one and for several."""

_PLANNED = {"update": "change", "replace": "replace", "delete": "delete"}


def _planned_changes(changes: Counter[str]) -> str:
    changed = [f"{_PLANNED[name]} {number:,}" for name, number in changes.items()]
    return f"{', '.join(changed)} of its resources"


def _is_left(instance: Instance) -> str | None:
    """Say why an object is not read, whatever its type is; None for one that is."""
    if instance.data:
        return "data"
    if instance.deposed:
        return "deposed"
    if instance.planned and not key_of((instance.attributes or {}).get("id")):
        return "planned"
    is_known = instance.kind in ENTRIES or instance.kind in ADDITIONS or instance.kind == TAG
    if not is_known:
        return "other"
    return "bare" if instance.attributes is None else None


def _left_out(message: str) -> Issue:
    return Issue(LEFT_OUT, message, Severity.WARNING)


def _names_with_counts(counts: Counter[str]) -> str:
    """Name what is counted, with its number."""
    return ", ".join(f"{name} ({number:,})" for name, number in counts.most_common())


# Opening --------------------------------------------------------------------------------------------------------------


def open_states(source: Source) -> tuple[Opened, ...]:
    """Open a state: a part for each type that it has records of."""
    state = _read(source)
    return state.parts() or _refuse_empty_state(state)


def _refuse_empty_state(state: _State) -> NoReturn:
    reasons = "; ".join(issue.message for issue in state.notices()) or "it has no resources"
    raise SourceError(f"{state.source.name} holds nothing to import: {reasons}.")


def _read(source: Source) -> _State:
    path = as_text(source).path
    state = _State(source, StateFile(path, source.name))
    with without_collector():
        if holds_plan(path):
            state.prior = frozenset(each.address for each in state.file.instances() if not each.planned)
        for instance in state.instances():
            state.learn(instance)
        for instance in state.instances():
            state.take(instance)
    return state


def open_state(source: Source) -> Opened:
    """Open the records of one type: the wanted one, or the only one."""
    state = _read(source)
    found = state.parts()
    if source.emptied and source.resource and _has_none(state, source.resource):
        return Opened(frame=NOTHING, columns=(), encoding="utf-8", records=0, resource_type=source.resource.type)
    parts = {str(part.resource_type): part for part in found or _refuse_empty_state(state)}
    if source.resource is None and len(parts) == 1:
        return next(iter(parts.values()))
    if source.resource is None:
        named = option("resource_type")
        raise SourceError(f"{source.name} holds records of {', '.join(parts)}: name one type with {named}.")
    if source.resource.type not in parts:
        raise SourceError(
            f"{source.name} holds no {source.resource.title}, but {', '.join(parts)}.", type=source.resource.type
        )
    return replace(parts[source.resource.type], notices=found[0].notices)


def _has_none(state: _State, resource: Resource) -> bool:
    """Say whether a state has no record of a type that Terraform knows: it has all that it is about."""
    known = {entry.type for entries in ENTRIES.values() for entry in entries}
    return resource.type in known and resource.type not in state.spools and not any(state.gaps(resource.type))


TERRAFORM = Format(formats.TERRAFORM, matches, open_state, open_all=open_states)
