"""The types of NetBox's and Nautobot's REST API, and where the fields of each are in its records.

The shapes are those of their serializers: NetBox 2.11 to 4.x (`netbox/*/api/serializers_`), Nautobot 1.x and 2.x
(`nautobot/*/api/serializers.py`). They serve files and the source `netbox://` alike.

"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from schemas.language.spelling import plain
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from tasks.formats.netbox.members import (
    Field,
    Json,
    NoValue,
    Value,
    choice_member,
    choice_of,
    first_member,
    member,
    name_member,
    name_of,
    related_member,
    tags_of,
    with_ids,
)


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
        return frozenset((*self.reads, *_IDENTITY_MEMBERS))

    @cached_property
    def spelt(self) -> frozenset[str]:
        """The plain spellings of the names and titles of its fields."""
        fields = self.resource.fields
        return frozenset(plain(spelling) for name, spec in fields.items() for spelling in (name, spec.title))


def _model_name(record: Json) -> Value:
    found = first_member(record, ("device_type",))
    return name_of(found, "model") if isinstance(found, dict) else name_of(found)


def _primary_address(record: Json) -> Value:
    """Return the primary address; without `primary_ip`, as both systems choose it by default: IPv6 before IPv4."""
    names = [
        name
        for name in ("primary_ip", "primary_ip6", "primary_ip4")
        if first_member(record, (name,)) is not NoValue.MEMBER
    ]
    found = [first_member(record, (name,)) for name in names]
    value = next((value for value in found if value), None if names else NoValue.MEMBER)
    address = name_of(value, "address", "display")
    return address.partition("/")[0] if isinstance(address, str) else address


def _vrf(record: Json) -> Value:
    """Return the VRF's route distinguisher or name. Nautobot 2 has prefixes in a namespace and in any number of VRFs.

    By default, it leaves the VRFs out (`exclude_m2m`).
    """
    found = first_member(record, ("vrf", "vrfs"))
    if found is NoValue.MEMBER and "namespace" in record:
        return None if name_of(record["namespace"]) in (None, "Global") else NoValue.NAME
    return name_of(found, "rd")


def _site_name(record: Json) -> Value:
    """Return the site of a prefix: a member of its own, or since NetBox 4.2 one of the scopes that it may have."""
    if "scope_type" in record:
        is_site = str(record["scope_type"]).lower() == "dcim.site"
        return name_of(first_member(record, ("scope",))) if is_site else None
    return name_of(first_member(record, ("site", "location", "locations", "scope")))


def _prefix_status(record: Json) -> Value:
    """Return the status; Nautobot 2 has `container` as a type."""
    is_container = choice_of(record.get("type")) == "container"
    return "container" if is_container else choice_of(first_member(record, ("status",)), _status_choices("prefix"))


def _is_pool(record: Json) -> Value:
    found = first_member(record, ("is_pool",))
    kind = choice_of(record.get("type"))
    return kind == "pool" if found is NoValue.MEMBER and isinstance(kind, str) else found


def _status_choices(kind: str) -> Collection[str]:
    return RESOURCES[kind].fields["status"].kind.choices


def _vlan(record: Json) -> Value:
    """Return the natural key of a prefix's VLAN; mostly a record has its number and name alone."""
    found = first_member(record, ("vlan",))
    return vlan_key(found) if isinstance(found, dict) and found else name_of(found)


def vlan_key(vlan: Json) -> Value:
    """Return the natural key of a VLAN; only its number where its group and site are not known."""
    found = {name: SHAPES["vlan"].fields[name].value(vlan) for name in ("group", "site", "vid")}
    if not isinstance(found["vid"], int):
        return NoValue.NAME
    if found["group"] is NoValue.MEMBER and found["site"] is NoValue.MEMBER:
        return str(found["vid"])
    place = found["site"] if found["group"] in (None, NoValue.MEMBER) else found["group"]
    if isinstance(place, NoValue):
        return place
    return f"{place or ''}/{found['vid']}"


def _termination_site(*names: str) -> Field:
    """Return the site at an end of a circuit; elsewhere than at a site, it has none."""

    def value(record: Json) -> Value:
        end = first_member(record, names)
        if not isinstance(end, dict):
            return NoValue.NAME if isinstance(end, str | int) else end
        if "termination_type" in end:
            is_site = str(end["termination_type"]).lower() == "dcim.site"
            return name_of(first_member(end, ("termination",))) if is_site else None
        found = name_of(first_member(end, ("site", "location")))
        return NoValue.NAME if found is NoValue.MEMBER else found

    return Field(with_ids(names), value)


_COMMON = {"description": member("description"), "tags": Field(("tags",), tags_of)}


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
            name=member("name"),
            slug=member("slug"),
            facility=member("facility"),
            region_name=name_member("region", "parent"),
            time_zone=member("time_zone"),
            latitude=member("latitude"),
            longitude=member("longitude"),
        ),
        _shape(
            "vrf",
            "ipam/vrfs",
            "ipam.vrf",
            ("name rd", "enforce_unique import_targets namespace"),
            name=member("name"),
            rd=member("rd"),
            enforce_unique=member("enforce_unique"),
        ),
        _shape(
            "vlan",
            "ipam/vlans",
            "ipam.vlan",
            ("vid name", "group vlan_group site location locations status role"),
            group=name_member("group", "vlan_group"),
            vid=member("vid"),
            name=member("name"),
            site=name_member("site", "location", "locations"),
            status=choice_member("status", "status"),
        ),
        _shape(
            "prefix",
            "ipam/prefixes",
            "ipam.prefix",
            ("prefix", "vrf is_pool vlan scope_type scope namespace site location mark_utilized _depth"),
            vrf=Field((*with_ids(("vrf",)), "vrfs"), _vrf),
            prefix=member("prefix"),
            site=Field(("scope_type", *with_ids(("site", "scope", "location")), "locations"), _site_name),
            vlan=Field(with_ids(("vlan",)), _vlan),
            status=Field(with_ids(("status",)), _prefix_status),
            is_pool=Field(("is_pool",), _is_pool),
        ),
        _shape(
            "asn",
            "ipam/asns",
            "ipam.asn",
            ("asn", "rir site_count provider_count"),
            asn=member("asn"),
            rir=name_member("rir"),
            organisation=name_member("tenant"),
        ),
        _shape(
            "device",
            "dcim/devices",
            "dcim.device",
            ("device_type", "role device_role primary_ip primary_ip4 serial"),
            name=member("name"),
            site=name_member("site", "location"),
            tenant=name_member("tenant"),
            # Until NetBox 4 and Nautobot 2 it was called device_role.
            role=name_member("role", "device_role"),
            manufacturer=related_member("device_type", name_member("manufacturer")),
            model=Field(with_ids(("device_type",)), _model_name),
            serial=member("serial"),
            status=choice_member("status", "status"),
            primary_ip=Field(with_ids(("primary_ip", "primary_ip6", "primary_ip4")), _primary_address),
        ),
        _shape(
            "circuit",
            "circuits/circuits",
            "circuits.circuit",
            ("cid provider", "cid"),
            provider=name_member("provider"),
            cid=member("cid"),
            type=name_member("type", "circuit_type"),
            status=choice_member("status", "status"),
            commit_rate_kbps=member("commit_rate"),
            site_a=_termination_site("termination_a", "circuit_termination_a"),
            site_z=_termination_site("termination_z", "circuit_termination_z"),
        ),
    )
}
"""The types that NetBox and Nautobot have."""

ENDPOINTS = {endpoint: shape for shape in SHAPES.values() for endpoint in shape.endpoints}
MODELS = {model: shape for shape in SHAPES.values() for model in shape.models}

# What says which record it is, of which type and how whole. An id of a database is the value of no field.
_IDENTITY_MEMBERS = ("id", "url", "display", "display_url", "object_type", "natural_slug", "notes_url", "last_updated")
