"""Prefix: a block of addresses in a VRF, or in the global table.

Source: NetBox, ipam.Prefix.
"""

from __future__ import annotations

from schemas import fields as f
from schemas.resource import Record, Resource
from schemas.rules import Reference


class Prefix(Record):
    """A block of addresses in a VRF, or in the global table."""

    vrf: str = f.text("VRF", longest=255, example="65000:1", description="The VRF's route distinguisher, or its name.")
    prefix: str = f.block(
        "Prefix", ipv4=(0, 32), ipv6=(0, 128), required=True, example="10.10.0.0/16", aliases=("cidr", "network")
    )
    site: str = f.text("Site", longest=255, example="Frankfurt 1", aliases=("scope",))
    vlan: str = f.text("VLAN", longest=255, example="Frankfurt 1/110", description="The VLAN's group and number.")
    status: str = f.enum(
        "Status", "container", "active", "reserved", "deprecated", example="active", aliases=("state",)
    )
    is_pool: bool = f.boolean("Is a pool", example="false", aliases=("pool",))


PREFIX = Resource(
    "prefix",
    "Prefix",
    Prefix,
    key=("vrf", "prefix"),
    set_rules=(Reference("vrf", "vrf"), Reference("site", "site")),
)
