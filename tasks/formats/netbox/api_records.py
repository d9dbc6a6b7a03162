"""How a record of NetBox's or Nautobot's REST API becomes columns.

The shapes are those of their serializers: NetBox 2.11 to 4.x (`netbox/*/api/serializers_`), Nautobot 1.x and 2.x
(`nautobot/*/api/serializers.py`). Related objects stand in a record as objects of their own, and choices as
`{"value": …, "label": …}`. What is taken of them is a name, a route distinguisher or a number, and never an id of
their database. `SHAPES` says of every type where its fields stand, for files and for the source `netbox://` alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from schemas.errors import UnknownType
from schemas.issues import Issue, Severity
from schemas.model.resource import SOURCE_ID, Resource
from schemas.resources import RESOURCES, named
from schemas.sources import UNTOUCHED
from schemas.spelling import plain
from tasks.formats.json.spool import Chunk, Flat

Json = dict[str, Any]


class No(Enum):
    """Why a record has no value to read for a field."""

    MEMBER = "has no such member"
    NAME = "has a database id and no name"
    ONE = "has several"


Value = Any
"""What is read of a record: a value of JSON, None where it is unset, or a `No`."""


@dataclass(frozen=True)
class Field:
    """Where a field stands: the members that it is read from, and how."""

    reads: tuple[str, ...]
    value: Callable[[Json], Value]


@dataclass(frozen=True)
class Shape:
    """The records of a type: the endpoints and models that give them, how they are known without, and their fields.

    `marks` are members that a record of the type has, at least one of `either` among them.
    """

    type: str
    endpoints: tuple[str, ...]
    models: tuple[str, ...]
    marks: frozenset[str]
    either: frozenset[str]
    fields: dict[str, Field]

    @cached_property
    def resource(self) -> Resource:
        """The resource type."""
        return RESOURCES[self.type]

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The members that its fields are read from."""
        return tuple(dict.fromkeys(name for field in self.fields.values() for name in field.reads))

    @cached_property
    def known(self) -> frozenset[str]:
        """The members that are read, and those that say which record it is, of which type and how whole."""
        return frozenset((*self.reads, *_ABOUT))

    @cached_property
    def spelt(self) -> frozenset[str]:
        """The plain spellings of the names and titles of its fields."""
        fields = self.resource.fields
        return frozenset(plain(spelling) for name, spec in fields.items() for spelling in (name, spec.title))


# Members --------------------------------------------------------------------------------------------------------------


def _found(record: Json, names: Collection[str]) -> Value:
    """Return the first of these members that a record has; `site_id` stands for `site`, as in rows of the database."""
    for name in names:
        if name in record:
            return record[name]
        if f"{name}_id" in record:
            return None if record[f"{name}_id"] is None else No.NAME
    return No.MEMBER


def _member(*names: str) -> Field:
    return Field(names, lambda record: _found(record, names))


def _named(*names: str) -> Field:
    return Field(_with_ids(names), lambda record: name_of(_found(record, names)))


def _with_ids(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*names, *(f"{name}_id" for name in names))


def name_of(value: Value, *attributes: str) -> Value:
    """Return the name of a related object, or the first of the attributes that it has; never an id."""
    if isinstance(value, list):  # Nautobot 2.2: `locations`, `vrfs`
        return No.ONE if len(value) > 1 else name_of(value[0] if value else None, *attributes)
    if isinstance(value, dict) and value:
        found = (value.get(name) for name in (*attributes, "name"))
        return next((name for name in found if isinstance(name, str | int) and name != ""), No.NAME)
    if isinstance(value, str):
        return No.NAME if _is_address(value) else value or None
    return No.NAME if isinstance(value, int | float) else value or None


def _is_address(text: str) -> bool:
    """Say whether a text stands for an object without naming it: its URL or its UUID."""
    if text.startswith(("http://", "https://", "/api/")):
        return True
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _choice(field: str, *names: str) -> Callable[[str], Field]:
    def of(kind: str) -> Field:
        choices = RESOURCES[kind].fields[field].kind.choices
        return Field(_with_ids(names), lambda record: choice_of(_found(record, names), choices))

    return of


def choice_of(value: Value, choices: Collection[str] = ()) -> Value:
    """Return the value of a choice; Nautobot 2 has an object instead, whose name is the choice's label."""
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    value = name_of(value)
    return value.lower() if isinstance(value, str) and value.lower() in choices else value


def _inside(outer: str, inner: Field) -> Field:
    """Return a field that stands in a related object; where that lacks it, it is not known."""

    def value(record: Json) -> Value:
        found = _found(record, (outer,))
        if not isinstance(found, dict):
            return No.NAME if isinstance(found, str | int) else found
        read = inner.value(found)
        return No.NAME if read is No.MEMBER else read

    return Field(_with_ids((outer,)), value)


def _tags(record: Json) -> Value:
    """Return the tags by name; a tag has no value. Nautobot names them with `?depth=1` and later only."""
    found = _found(record, ("tags",))
    if not isinstance(found, list):
        return found if isinstance(found, No) else name_of(found)
    names = [name_of(tag) for tag in found]
    return No.NAME if No.NAME in names else dict.fromkeys(map(str, names), "")


def _model(record: Json) -> Value:
    found = _found(record, ("device_type",))
    return name_of(found, "model") if isinstance(found, dict) else name_of(found)


def _address(record: Json) -> Value:
    """Return the primary address; without `primary_ip`, as both systems choose it by default: IPv6 before IPv4."""
    names = [name for name in ("primary_ip", "primary_ip6", "primary_ip4") if _found(record, (name,)) is not No.MEMBER]
    found = [_found(record, (name,)) for name in names]
    value = next((value for value in found if value), None if names else No.MEMBER)
    address = name_of(value, "address", "display")
    return address.partition("/")[0] if isinstance(address, str) else address


def _vrf(record: Json) -> Value:
    """Return the VRF's route distinguisher or name. Nautobot 2 has prefixes in a namespace and in any number of VRFs.

    By default, it leaves the VRFs out (`exclude_m2m`).
    """
    found = _found(record, ("vrf", "vrfs"))
    if found is No.MEMBER and "namespace" in record:
        return None if name_of(record["namespace"]) in (None, "Global") else No.NAME
    return name_of(found, "rd")


def _place(record: Json) -> Value:
    """Return the site of a prefix: a member of its own, or since NetBox 4.2 one of the scopes that it may have."""
    if "scope_type" in record:
        is_site = str(record["scope_type"]).lower() == "dcim.site"
        return name_of(_found(record, ("scope",))) if is_site else None
    return name_of(_found(record, ("site", "location", "locations", "scope")))


def _prefix_status(record: Json) -> Value:
    """Return the status; Nautobot 2 has `container` as a type."""
    is_container = choice_of(record.get("type")) == "container"
    return "container" if is_container else choice_of(_found(record, ("status",)), _status("prefix"))


def _is_pool(record: Json) -> Value:
    found = _found(record, ("is_pool",))
    kind = choice_of(record.get("type"))
    return kind == "pool" if found is No.MEMBER and isinstance(kind, str) else found


def _status(kind: str) -> Collection[str]:
    return RESOURCES[kind].fields["status"].kind.choices


def _vlan(record: Json) -> Value:
    """Return the natural key of a prefix's VLAN; mostly a record has its number and name alone."""
    found = _found(record, ("vlan",))
    return vlan_key(found) if isinstance(found, dict) and found else name_of(found)


def vlan_key(vlan: Json) -> Value:
    """Return the natural key of a VLAN; its number where its group and site are not told, which may do."""
    found = {name: SHAPES["vlan"].fields[name].value(vlan) for name in ("group", "site", "vid")}
    if not isinstance(found["vid"], int):
        return No.NAME
    if found["group"] is No.MEMBER and found["site"] is No.MEMBER:
        return str(found["vid"])
    place = found["site"] if found["group"] in (None, No.MEMBER) else found["group"]
    if isinstance(place, No):
        return place
    return f"{place or ''}/{found['vid']}"


def _end(*names: str) -> Field:
    """Return the site at an end of a circuit; elsewhere than at a site, it has none."""

    def value(record: Json) -> Value:
        end = _found(record, names)
        if not isinstance(end, dict):
            return No.NAME if isinstance(end, str | int) else end
        if "termination_type" in end:
            is_site = str(end["termination_type"]).lower() == "dcim.site"
            return name_of(_found(end, ("termination",))) if is_site else None
        found = name_of(_found(end, ("site", "location")))
        return No.NAME if found is No.MEMBER else found

    return Field(_with_ids(names), value)


_COMMON = {"description": _member("description"), "tags": Field(("tags",), _tags)}


def _shape(
    kind: str, endpoints: str, models: str, marks: tuple[str, str], **fields: Field | Callable[[str], Field]
) -> Shape:
    made = {name: field if isinstance(field, Field) else field(kind) for name, field in fields.items()}
    needed, either = (frozenset(names.split()) for names in marks)
    return Shape(kind, tuple(endpoints.split()), tuple(models.split()), needed, either, made | _COMMON)


SHAPES: dict[str, Shape] = {
    shape.type: shape
    for shape in (
        _shape(
            "site",
            # What is a location in Nautobot 2 is a site in NetBox, whose own locations are parts of a site.
            "dcim/sites dcim/locations",
            "dcim.site dcim.location",
            ("name", "facility time_zone physical_address latitude location_type"),
            name=_member("name"),
            slug=_member("slug"),
            facility=_member("facility"),
            region_name=_named("region", "parent"),
            time_zone=_member("time_zone"),
            latitude=_member("latitude"),
            longitude=_member("longitude"),
        ),
        _shape(
            "vrf",
            "ipam/vrfs",
            "ipam.vrf",
            ("name rd", "enforce_unique import_targets namespace"),
            name=_member("name"),
            rd=_member("rd"),
            enforce_unique=_member("enforce_unique"),
        ),
        _shape(
            "vlan",
            "ipam/vlans",
            "ipam.vlan",
            ("vid name", "group vlan_group site location locations status role"),
            group=_named("group", "vlan_group"),
            vid=_member("vid"),
            name=_member("name"),
            site=_named("site", "location", "locations"),
            status=_choice("status", "status"),
        ),
        _shape(
            "prefix",
            "ipam/prefixes",
            "ipam.prefix",
            ("prefix", "vrf is_pool vlan scope_type scope namespace site location mark_utilized _depth"),
            vrf=Field((*_with_ids(("vrf",)), "vrfs"), _vrf),
            prefix=_member("prefix"),
            site=Field(("scope_type", *_with_ids(("site", "scope", "location")), "locations"), _place),
            vlan=Field(_with_ids(("vlan",)), _vlan),
            status=Field(_with_ids(("status",)), _prefix_status),
            is_pool=Field(("is_pool",), _is_pool),
        ),
        _shape(
            "asn",
            "ipam/asns",
            "ipam.asn",
            ("asn", "rir site_count provider_count"),
            asn=_member("asn"),
            rir=_named("rir"),
            organisation=_named("tenant"),
        ),
        _shape(
            "device",
            "dcim/devices",
            "dcim.device",
            ("device_type", "role device_role primary_ip primary_ip4 serial"),
            name=_member("name"),
            site=_named("site", "location"),
            tenant=_named("tenant"),
            # Until NetBox 4 and Nautobot 2 it was called device_role.
            role=_named("role", "device_role"),
            manufacturer=_inside("device_type", _named("manufacturer")),
            model=Field(_with_ids(("device_type",)), _model),
            serial=_member("serial"),
            status=_choice("status", "status"),
            primary_ip=Field(_with_ids(("primary_ip", "primary_ip6", "primary_ip4")), _address),
        ),
        _shape(
            "circuit",
            "circuits/circuits",
            "circuits.circuit",
            ("cid provider", "cid"),
            provider=_named("provider"),
            cid=_member("cid"),
            type=_named("type", "circuit_type"),
            status=_choice("status", "status"),
            commit_rate_kbps=_member("commit_rate"),
            site_a=_end("termination_a", "circuit_termination_a"),
            site_z=_end("termination_z", "circuit_termination_z"),
        ),
    )
}
"""The types that NetBox and Nautobot have."""

_ENDPOINTS = {endpoint: shape for shape in SHAPES.values() for endpoint in shape.endpoints}
_MODELS = {model: shape for shape in SHAPES.values() for model in shape.models}


# Which type -----------------------------------------------------------------------------------------------------------


def endpoint_of(address: Any) -> str | None:
    """Return the endpoint in the URL of a record or of a page, such as `dcim/sites`."""
    found = _ENDPOINT.search(address) if isinstance(address, str) and len(address) <= _LONGEST_URL else None
    return found[1] if found else None


_LONGEST_URL = 2_000
_APPLICATIONS = "circuits|cloud|core|dcim|extras|ipam|plugins/[a-z][\\w-]*|tenancy|users|virtualization|vpn|wireless"
_ENDPOINT = re.compile(rf"/api/((?:{_APPLICATIONS})/[a-z][\w-]*)/(?:[0-9a-fA-F-]+/)?(?:\?.*)?$")


PAGING = ("count", "next", "previous")
"""The members of a page that say where it stands in its list."""


def is_page(outline: Json) -> bool:
    """Say whether an object is a page of a list: `{"count": …, "next": …, "previous": …, "results": […]}`."""
    if not {"results", "next", "count"} <= outline.keys():
        return False
    # NetBox 4.6 does not count where it pages by a cursor.
    return type(outline["count"]) is int or (outline["count"] is None and isinstance(outline["next"], str))


def is_record(record: Json) -> bool:
    """Say whether an object is a record of the REST API by itself: it has its URL there."""
    return endpoint_of(record.get("url")) is not None and ("display" in record or "id" in record)


def recognise(name: str, record: Json, key: str | None, page: Json, resource: Resource | None) -> Shape | None:
    """Return the shape of a list of records by its first one, the page that it stands in and the list's name.

    None where they are none of NetBox or Nautobot. Raises UnknownType where they are, and of no type that is known
    here, or of another than `resource`, the one that was given.
    """
    if said := _said(record, page):
        return _of_words(name, said, record, resource)
    if not (is_page(page) or _is_related(record)):
        return None
    told = resource or (named(key) if key else None)
    if told:
        shape = SHAPES.get(told.type)
        return shape if shape and shape.marks <= record.keys() else None
    fitting = [shape for shape in SHAPES.values() if shape.marks <= record.keys() and shape.either & record.keys()]
    if len(fitting) != 1 and {"id", "name", "slug"} <= record.keys():  # as any of their types has them
        raise UnknownType(
            f"The records of {name} are of NetBox or Nautobot, and do not say of which type: give --type."
        )
    return fitting[0] if len(fitting) == 1 else None


def _of_words(name: str, said: str, record: Json, resource: Resource | None) -> Shape | None:
    shape = _of_endpoint(record, said)
    if resource and shape and shape.type != resource.type:
        raise UnknownType(f"{name} holds {said} of NetBox or Nautobot: give --type {shape.type}.")
    if resource:
        return SHAPES.get(resource.type)
    if shape is None:
        known = ", ".join(SHAPES)
        raise UnknownType(f"{name} holds {said} of NetBox or Nautobot, which is none of the types known: {known}.")
    return shape


def _said(record: Json, page: Json) -> str | None:
    """Return what a record is by its own words or those of its page: an endpoint, or a model of Nautobot."""
    own = endpoint_of(record.get("url")) if is_record(record) else None
    around = (endpoint_of(page.get(name)) for name in ("next", "previous")) if is_page(page) else ()
    found = own or next(filter(None, around), None)
    model = record.get("object_type") or record.get("content_type")
    return found or (model if isinstance(model, str) and model in _MODELS else None)


def _of_endpoint(record: Json, said: str) -> Shape | None:
    shape = _ENDPOINTS.get(said) or _MODELS.get(said)
    is_part_of_a_site = "locations" in said.rpartition("/")[2] and "location_type" not in record
    return None if is_part_of_a_site or ("site" in record and shape is SHAPES["site"]) else shape


def _is_related(record: Json) -> bool:
    """Say whether a record has related objects or choices as these APIs write them."""
    for name, value in record.items():
        if isinstance(value, dict):
            if value.keys() == {"value", "label"} or ("id" in value and value.keys() & {"name", "display", "url"}):
                return True
            if name == "custom_fields" and "tags" in record:
                return True
    return False


# Records --------------------------------------------------------------------------------------------------------------


def is_complete(record: Json) -> bool:
    """Say whether a record has all members of its type, as it has unless the request was for some (`brief`, `fields`).

    These are left out of nested and brief records, and of none that is whole, in every version.
    """
    return {"tags", "custom_fields", "last_updated"} <= record.keys()


def values(shape: Shape, record: Json, system: str | None = None) -> dict[str, Value]:
    """Return what each field of the type has in a record; a `No` where that is not known.

    `system` is the host whose record it is, where the record itself does not say so.
    What a whole record lacks is unset. A custom field is read where it has the name of a field that has no other.
    """
    found = {name: field.value(record) for name, field in shape.fields.items()}
    found[SOURCE_ID] = source_id(record, system)
    custom = _custom(record)
    spelt = {plain(name): name for name in custom}
    for name, spec in shape.resource.fields.items():
        if found.get(name, No.MEMBER) is No.MEMBER:
            same = spelt.get(plain(name)) or spelt.get(plain(spec.title))
            found[name] = choice_of(custom[same]) if same else None if is_complete(record) else No.MEMBER
    return {name: found[name] for name in shape.resource.fields}


def source_id(record: Json, system: str | None = None) -> Value:
    """Return the system that a record is of, and its id there: `netbox.example.com:123`."""
    of, number = system_of(record.get("url")) or system, record.get("id")
    return f"{of}:{number}" if of and isinstance(number, int | str) and number != "" else No.MEMBER


def system_of(address: Any) -> str | None:
    """Return the system in the URL of a record or of a page: its host, and the path before that of its API."""
    found = _SYSTEM.match(address) if isinstance(address, str) and endpoint_of(address) else None
    return found[1] if found else None


_SYSTEM = re.compile(r"https?://(?:[^/@]*@)?([^?#]+?)/api/")


def _custom(record: Json) -> Json:
    found = record.get("custom_fields") or record.get("custom_field_data") or record.get("_custom_field_data")
    return found if isinstance(found, dict) else {}


def flat(shape: Shape, record: Json) -> Json:
    """Return the fields of a record as columns, and which of them it leaves as they are stored."""
    return _columns(shape, values(shape, record), frozenset())


def _columns(shape: Shape, found: dict[str, Value], lacking: frozenset[str]) -> Json:
    """Return fields as columns, without those that the whole list lacks."""
    needed = [name for part in shape.resource.key_parts for name in _first_of(part, found)]
    columns = {
        name: None if isinstance(value, No) else value
        for name, value in found.items()
        if not isinstance(value, No) or (name in needed and name not in lacking)
    }
    untouched = [name for name, value in found.items() if isinstance(value, No) and name not in needed]
    return columns | ({UNTOUCHED: ",".join(untouched)} if untouched else {})


def _first_of(part: tuple[str, ...], found: dict[str, Value]) -> tuple[str, ...]:
    """Return the fields of a part of a key that matter: up to the first that has a value."""
    for number, name in enumerate(part, start=1):
        if not isinstance(found[name], No) and found[name] not in (None, ""):
            return part[:number]
    return part


def _rest(shape: Shape, record: Json) -> Iterator[tuple[str, Any]]:
    """The members that no field reads, for the report to name and for a mapping to use: names in place of objects."""
    for name, value in record.items():
        if name in ("custom_fields", "custom_field_data", "_custom_field_data") and isinstance(value, dict):
            yield from ((f"{name}.{key}", _shown(each)) for key, each in value.items() if plain(key) not in shape.spelt)
        elif name not in shape.known:
            yield name, _shown(value)


# What says which record it is, of which type and how whole. An id of a database is the value of no field.
_ABOUT = ("id", "url", "display", "display_url", "object_type", "natural_slug", "notes_url", "last_updated")

# As many characters of an object that has no name are kept.
_LONGEST = 10_000


def _shown(value: Any) -> Any:
    if isinstance(value, dict) and value:
        short = choice_of(value) if "value" in value else name_of(value, "display")
        return orjson.dumps(value).decode()[:_LONGEST] if isinstance(short, No) else short
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return value


class Reading:
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
        self._lacking = frozenset(name for name in names if found[name] is No.MEMBER)
        self._unknown: Counter[tuple[str, No]] = Counter()
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
        return columns | {name: value for name, value in _rest(self.shape, record) if name not in columns}

    def _look_at(self, row: int, record: Json, found: dict[str, Value]) -> None:
        if "id" in record:
            self._ids.add(str(record["id"]))
        else:
            self._without_id += 1
        endpoint = endpoint_of(record.get("url"))
        if endpoint and endpoint != self._endpoint and _ENDPOINTS.get(endpoint) is not self.shape:
            message = f"is of {endpoint}, and the others are {self.shape.resource.title} records: import it by itself"
            self.faults.append(Issue("type", message, row=row, value=str(record["url"])))
            return
        for name, value in found.items():
            if isinstance(value, No) and name not in (*self.shape.resource.key, SOURCE_ID):
                self._unknown[name, value] += 1
        for part in self.shape.resource.key_parts:
            self._look_at_key(row, part, found, is_view="url" in record)

    def _look_at_key(self, row: int, part: tuple[str, ...], found: dict[str, Value], *, is_view: bool) -> None:
        """See whether a part of the key is known."""
        for name in _first_of(part, found):
            value, lacks = found[name], name in self._lacking
            if lacks and not isinstance(value, No):
                message = f"{name} is not in the records before it: import the records that have it by themselves"
            elif isinstance(value, No) and not lacks and (is_view or value is not No.MEMBER):
                message = f"{name} {_WHY[value]}, and is a part of the key: {_ADVICE}"
            else:
                continue
            self.faults.append(Issue(_KEY, message, row=row, field=name))
            return

    @property
    def distinct(self) -> int:
        """How many different records there are."""
        return len(self._ids) + self._without_id

    @property
    def gaps(self) -> tuple[Issue, ...]:
        """Why records of the type may be missing: some do not say which they are."""
        count = sum(fault.rule == _KEY for fault in self.faults)
        message = f"{count:,} record{'' if count == 1 else 's'} cannot be told from others"
        return (Issue(_KEY, message, Severity.WARNING),) if count else ()

    @property
    def notices(self) -> tuple[Issue, ...]:
        """What is to be reported of the records together."""
        found = []
        for why in No:
            names = {name: count for (name, reason), count in self._unknown.items() if reason is why}
            if names:
                most = max(names.values())
                told = f"{', '.join(names)} of {most:,} record{'' if most == 1 else 's'} stay as they are stored"
                found.append(Issue("unknown_value", f"{told}: each {_WHY[why]}. {_ADVICE}", Severity.WARNING))
        return tuple(found)


_KEY = "key_unknown"
_WHY = {
    No.MEMBER: "is not in this view of the record",
    No.NAME: "is given without its name",
    No.ONE: "has several values",
}
_ADVICE = "Fetch whole records (no brief or fields; of Nautobot, depth=2 and exclude_m2m=false)."


# Pages ----------------------------------------------------------------------------------------------------------------


def gaps(pages: Sequence[Json], records: int, name: str) -> tuple[Issue, ...]:
    """Say why pages may not hold all records of their list: one has a next one, or counts more than they hold.

    `pages` are their members `PAGING`; `records` is how many different ones they hold.
    """
    counts = [page["count"] for page in pages if page["count"] is not None]
    goes_on = all(page["next"] for page in pages) if len(pages) > 1 else any(page["next"] for page in pages)
    # Pages in any order are whole when they hold what they count; where they do not count, one of them is the last.
    whole = max(counts) <= records if counts else not goes_on
    if not pages or (whole and (len(pages) > 1 or not goes_on)):
        return ()
    of = f" of {max(counts):,}" if counts else ""
    message = f"{name} holds {records:,}{of} records and says that there are more: fetch the other pages, too"
    return (Issue(PAGE, message, Severity.WARNING, value=str(max(counts)) if counts else None),)


def without_whole(issues: Sequence[Issue], records: int) -> tuple[Issue, ...]:
    """Return the gaps of several files of a type without those of their pages, where the files hold all of these."""
    counts = [issue.value for issue in issues if issue.rule == PAGE]
    if not counts or None in counts or max(map(int, filter(None, counts))) > records:
        return tuple(issues)
    return tuple(issue for issue in issues if issue.rule != PAGE)


PAGE = "page"
"""The rule of a gap that is a page; the issue's value is the number of records in all."""
