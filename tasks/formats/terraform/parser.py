"""The resources of a Terraform or OpenTofu file, one at a time, whichever of its shapes the file has.

Shapes: the internal state format, versions 4 and 3 (HashiCorp's `internal/states/statefile`); the output of
`terraform show -json` of a state and of a plan (developer.hashicorp.com/terraform/internals/json-format).
"""

from __future__ import annotations

import json
import mmap
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from schemas.errors import SourceError
from tasks.formats.json.parser import JsonReader
from tasks.formats.json.spool import Json

READ = (3, 4)
"""The versions of the state format that are read."""

# What Terraform 0.11 wrote in place of a value that it did not know yet.
_NOT_KNOWN = "74D93920-ED26-11E3-AC10-0800200C9A66"


@dataclass(frozen=True, slots=True)
class Instance:
    """An object that Terraform knows: of which type, where it stands, and its attributes (None where it has none).

    `deposed` is one that Terraform has replaced and is yet to destroy; `data` is one that it only reads; `planned` is
    what a plan would make of it.
    """

    kind: str
    address: str
    attributes: Json | None
    deposed: bool = False
    data: bool = False
    planned: bool = False


_NO_OBJECT = Instance("no object", "", None)
"""What stands in a list of resources and is none."""


@dataclass
class StateFile:
    """A file to walk through, as often as needed; `changes` counts what a plan would do, once it was walked through."""

    path: Path
    name: str
    plan: bool = False
    changes: Counter[str] = field(default_factory=Counter)

    def instances(self) -> Iterator[Instance]:
        """Yield every object in the file's order; raises SourceError for what is no state of a known version."""
        self.changes.clear()
        with self.path.open("rb") as file:
            reader = JsonReader(file, self.name)
            try:
                while True:
                    yield from self._document(reader)
                    if reader.peek() != "{":  # several states one after the other
                        break
            except RecursionError:
                raise SourceError(f"{self.name} holds modules that are nested too deeply to be read.") from None
            reader.end()

    def _document(self, reader: JsonReader) -> Iterator[Instance]:
        version: Any = None
        shown = False
        for name in reader.members():
            if name == "version":
                version = reader.value()
                _refuse(self.name, version)
            elif name == "format_version":
                shown = bool(reader.value())
            elif name == "encrypted_data":
                _refuse_encrypted(self.name)
            elif name in _MEMBERS:
                yield from _MEMBERS[name](self, reader)
            else:
                _skip(reader)
        if not shown:
            _refuse(self.name, version)

    # Version 4 ----------------------------------------------------------------------------------------------------

    def _resources(self, reader: JsonReader) -> Iterator[Instance]:
        if not _enters(reader, "["):
            return
        for resource in reader.values():
            yield from _of_resource(resource) if isinstance(resource, dict) else (_NO_OBJECT,)

    # Version 3 ----------------------------------------------------------------------------------------------------

    def _modules(self, reader: JsonReader) -> Iterator[Instance]:
        if not _enters(reader, "["):
            return
        for _ in reader.items():
            yield from self._module_of_three(reader)

    def _module_of_three(self, reader: JsonReader) -> Iterator[Instance]:
        if not _enters(reader, "{"):
            return
        module = ""
        for name in reader.members():
            if name == "path":
                path = reader.value()
                steps = path[1:] if isinstance(path, list) else []
                module = "".join(f"module.{step}." for step in steps)
            elif name == "resources" and reader.peek() == "{":
                for key in reader.members():
                    yield from _of_version_3(module, key, reader.value())
            else:
                _skip(reader)

    # What `terraform show -json` prints ---------------------------------------------------------------------------

    def _prior(self, reader: JsonReader) -> Iterator[Instance]:
        self.plan = True
        if not _enters(reader, "{"):
            return
        for name in reader.members():
            if name == "values" and reader.peek() == "{":
                yield from self._values(reader)
            else:
                _skip(reader)

    def _planned(self, reader: JsonReader) -> Iterator[Instance]:
        self.plan = True
        yield from self._values(reader, planned=True)

    def _values(self, reader: JsonReader, *, planned: bool = False) -> Iterator[Instance]:
        if not _enters(reader, "{"):
            return
        for name in reader.members():
            if name == "root_module":
                yield from self._module(reader, planned=planned)
            else:
                _skip(reader)

    def _module(self, reader: JsonReader, *, planned: bool) -> Iterator[Instance]:
        if not _enters(reader, "{"):
            return
        for name in reader.members():
            if name == "resources" and reader.peek() == "[":
                for resource in reader.values():
                    yield _of_shown(resource, planned=planned) if isinstance(resource, dict) else _NO_OBJECT
            elif name == "child_modules" and reader.peek() == "[":
                for _ in reader.items():
                    yield from self._module(reader, planned=planned)
            else:
                _skip(reader)

    def _changes(self, reader: JsonReader) -> Iterator[Instance]:
        """Count the changes of a plan by what they do; nothing is read of them."""
        if not _enters(reader, "["):
            return
        for change in reader.values():
            if isinstance(change, dict) and change.get("mode") != "data":
                self.changes[_action(change.get("change"))] += 1
        yield from ()


_MEMBERS: dict[str, Callable[[StateFile, JsonReader], Iterator[Instance]]] = {
    "resources": StateFile._resources,
    "modules": StateFile._modules,
    "values": StateFile._values,
    "planned_values": StateFile._planned,
    "prior_state": StateFile._prior,
    "resource_changes": StateFile._changes,
}
"""Which member of a document is read by which method of `StateFile`."""


def _enters(reader: JsonReader, sign: str) -> bool:
    """Say whether a list or an object comes next, as `sign` says; what is not is passed over."""
    if reader.peek() == sign:
        return True
    _skip(reader)
    return False


def _skip(reader: JsonReader) -> None:
    """Pass over a value of any size, an object member by member."""
    if reader.peek() == "{":
        for _ in reader.members():
            reader.skip()
    else:
        reader.skip()


def _refuse(name: str, version: Any) -> None:
    if str(version) in map(str, READ):
        return
    newer = isinstance(version, int) and version > max(READ)
    known = version is not None and not isinstance(version, dict | list)
    raise SourceError(
        f"{name} is a Terraform state {f'of version {str(version)[:20]}' if known else 'without a version'}. "
        f"Versions 3 and 4 are read. "
        + (
            "Write the state's resources with `terraform show -json > state.json`."
            if newer
            else "Write it again with `terraform state pull > state.tfstate`, with Terraform 0.12 or newer or OpenTofu."
        )
    )


def _refuse_encrypted(name: str) -> None:
    raise SourceError(
        f"{name} is an encrypted OpenTofu state, which is not read. "
        "Decrypt it with `tofu state pull > state.tfstate` or `tofu show -json > state.json`."
    )


# Objects --------------------------------------------------------------------------------------------------------------


def _kind(value: Any) -> str:
    """A resource type, which stands in messages."""
    return _text(value if isinstance(value, str) and value else "no type", 100)


def _text(text: str, longest: int = 2_000) -> str:
    """A name that can be shown and stored, whatever its signs are."""
    whole = text[:longest].encode("utf-8", "replace").decode()
    return whole if whole.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in whole)


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _of_resource(resource: Json) -> Iterator[Instance]:
    """The instances of a resource: one, or those of `count` or `for_each`."""
    instances = resource.get("instances")
    for instance in instances if isinstance(instances, list) else ():
        if not isinstance(instance, dict):
            yield _NO_OBJECT
            continue
        yield Instance(
            _kind(resource.get("type")),
            _address(resource, instance),
            _attributes(instance),
            deposed=bool(instance.get("deposed")),
            data=resource.get("mode") == "data",
        )


def _attributes(instance: Json) -> Json | None:
    """The attributes of an instance but for those that the state marks as sensitive; None where it has none."""
    attributes = instance.get("attributes")
    if not isinstance(attributes, dict):
        flat = instance.get("attributes_flat")  # as Terraform 0.11 wrote it
        return expanded(flat) if isinstance(flat, dict) else None
    paths = instance.get("sensitive_attributes")
    steps = [path[0] for path in paths if isinstance(path, list) and path] if isinstance(paths, list) else []
    secret = {str(step.get("value")) for step in steps if isinstance(step, dict)}
    return {name: value for name, value in attributes.items() if name not in secret} if secret else attributes


def _address(resource: Json, instance: Json) -> str:
    key = instance.get("index_key")
    index = "" if key is None else f"[{json.dumps(key, default=str)}]"
    parts = (resource.get("module"), resource.get("type"), resource.get("name"))
    return _text(".".join(str(part) for part in parts if part) + index)


def _of_version_3(module: str, key: str, resource: Any) -> Iterator[Instance]:
    """The instances of a resource of version 3: the one that counts, and those that Terraform is yet to destroy."""
    if not isinstance(resource, dict):
        yield _NO_OBJECT
        return
    data = key.startswith("data.")
    kind = _kind(resource.get("type") or key.removeprefix("data.").partition(".")[0])
    address = _text(module + re.sub(r"\.(\d+)$", r"[\1]", key))
    primary = resource.get("primary")
    if isinstance(primary, dict):
        flat = primary.get("attributes")
        attributes = expanded(flat) if isinstance(flat, dict) else {}
        attributes.setdefault("id", primary.get("id"))
        yield Instance(kind, address, attributes, data=data)
    for _ in _objects(resource.get("deposed")):
        yield Instance(kind, address, None, deposed=True, data=data)


def _of_shown(resource: Json, *, planned: bool) -> Instance:
    values, secret = resource.get("values"), resource.get("sensitive_values")
    attributes = values if isinstance(values, dict) else None
    if attributes and isinstance(secret, dict):
        attributes = {name: value for name, value in attributes.items() if not _any_true(secret.get(name))}
    return Instance(
        _kind(resource.get("type")),
        _text(str(resource.get("address") or f"{resource.get('type')}.{resource.get('name')}")),
        attributes,
        deposed=bool(resource.get("deposed_key")),
        data=resource.get("mode") == "data",
        planned=planned,
    )


def _any_true(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_any_true(each) for each in (value.values() if isinstance(value, dict) else value))
    return value is True


def _action(change: Any) -> str:
    actions = change.get("actions") if isinstance(change, dict) else None
    named = [str(action) for action in actions] if isinstance(actions, list) else []
    return "replace" if {"create", "delete"} <= {*named} else (named or ["no-op"])[0]


# Flat attributes ------------------------------------------------------------------------------------------------------


def expanded(flat: Mapping[str, Any]) -> Json:
    """Return the attributes that Terraform 0.11 wrote as a flat map: `tags.%`, `route.#`, `route.123.cidr_block`."""
    whole: Json = {}
    inner: dict[str, Json] = {}
    for name, value in flat.items():
        head, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(head, {})[rest] = value
        elif value != _NOT_KNOWN:
            whole[head] = value
    return whole | {head: value for head, rest in inner.items() if (value := _collection(rest)) is not None}


def _collection(rest: Json) -> Any:
    if _NOT_KNOWN in (rest.get("%"), rest.get("#")):
        return None
    if "%" in rest:  # the keys of a map may have points of their own
        return {key: value for key, value in rest.items() if key != "%"}
    if "#" not in rest:
        return expanded(rest)
    split = [(*key.partition("."), value) for key, value in rest.items() if key != "#"]
    split.sort(key=lambda part: (len(part[0]), part[0]))  # the numbers of a list in their order
    return [_item([(dot, inner, value) for _, dot, inner, value in parts]) for _, parts in groupby(split, _first_part)]


def _first_part(part: tuple[Any, ...]) -> Any:
    return part[0]


def _item(parts: list[tuple[str, str, Any]]) -> Any:
    """An item of a list: a value, or an object of what stands below its number."""
    plain = [value for dot, _, value in parts if not dot]
    return plain[0] if plain else expanded({inner: value for _, inner, value in parts})


# Detection ------------------------------------------------------------------------------------------------------------

# Either end of the file: `jq -S` puts some of the members that identify a state at its end.
_ENDS = 4096
_MARK = rb'"%s"\s*:\s*%s'
_STATE = tuple(_MARK % mark for mark in ((b"terraform_version", b'"'), (b"serial", b"[0-9]"), (b"lineage", b'"')))
_SHOWN = tuple(_MARK % mark for mark in ((b"terraform_version", b'"'), (b"format_version", b'"')))
_OLD = tuple(_MARK % mark for mark in ((b"version", b"[0-9]"), (b"serial", b"[0-9]"), (b"modules", rb"\[")))
_ENCRYPTED = tuple(_MARK % mark for mark in ((b"encrypted_data", b'"'), (b"encryption_version", b'"')))


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is a Terraform state, or what `terraform show` makes of a state or a plan, by its members."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _ENDS, 0))
        ends = head[:_ENDS] + file.read()
    kinds = (_STATE, _SHOWN, _OLD, _ENCRYPTED)
    if any(all(re.search(mark, ends) for mark in marks) for marks in kinds):
        return True
    # A plan with its members in alphabetical order has the other mark somewhere in between.
    return bool(re.search(_SHOWN[0], ends)) and any(_contains_all(path, marks) for marks in (_STATE, _SHOWN))


def holds_plan(path: Path) -> bool:
    """Say whether a file may be a plan: it names what is planned somewhere."""
    return _contains_all(path, (rb'"planned_values"\s*:',))


def _contains_all(path: Path, marks: tuple[bytes, ...]) -> bool:
    """Say whether each of the marks stands anywhere in a file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return all(re.search(mark, whole) for mark in marks)
