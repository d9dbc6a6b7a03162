"""Prefix: a block of addresses in a VRF, or in the global table.

Source: NetBox, ipam.Prefix.
"""

from __future__ import annotations

from schemas.issues import Severity
from schemas.model import citations, kinds
from schemas.model import fields as f
from schemas.model.resource import Resource, SourcedRecord
from schemas.model.rules import Contained, Reference


class Prefix(SourcedRecord):
    """A block of addresses in a VRF, or in the global table."""

    vrf: str = f.text(
        "VRF",
        kind=kinds.VRF,
        longest=255,
        example="65000:1",
        aliases=("vrf rd",),
        description="The VRF's route distinguisher, or its name where it has none; empty for the global table.",
    )
    prefix: str = f.block(
        "Prefix",
        ipv4=(0, 32),
        ipv6=(0, 128),
        required=True,
        example="10.10.0.0/16",
        aliases=("cidr", "cidr block", "network", "subnet"),
    )
    site: str = f.text(
        "Site",
        longest=255,
        example="Frankfurt 1",
        aliases=("site name", "scope", "location"),
        description="The site's name.",
    )
    vlan: str = f.text(
        "VLAN",
        longest=255,
        example="Frankfurt 1/110",
        description="The VLAN's group, or else its site, and its number: group/number.",
    )
    status: str = f.enum(
        "Status", "container", "active", "reserved", "deprecated", example="active", aliases=("state",)
    )
    is_pool: bool = f.boolean(
        "Is a pool",
        example="false",
        aliases=("pool",),
        description="Whether every address may be assigned, the first and last included.",
    )


PREFIX = Resource(
    "prefix",
    "Prefix",
    Prefix,
    key=("vrf", "prefix"),
    set_rules=(
        Reference("vrf", "vrf", source=citations.netbox("ipam/prefix")),
        Reference("site", "site", source=citations.netbox("ipam/prefix")),
        # Lists of prefixes name VLANs that nobody has listed: NetBox alone keeps both.
        Reference("vlan", "vlan", near="site", severity=Severity.WARNING, source=citations.netbox("ipam/prefix")),
        Contained("prefix", within=("vrf",), container=("status", "container"), source=citations.netbox("ipam/prefix")),
    ),
    source=citations.netbox("ipam/prefix"),
)
