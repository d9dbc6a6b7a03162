"""VLAN: a layer 2 domain, numbered within its group, or else within its site.

Source: NetBox, ipam.VLAN, which keeps the VID unique within a group alone; IEEE 802.1Q (1 to 4094).
"""

from __future__ import annotations

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.resource import Resource, SourcedRecord
from schemas.model.rules import Reference


class Vlan(SourcedRecord):
    """A layer 2 domain, numbered within its group, or else within its site."""

    group: str = f.text("Group", longest=255, example="Frankfurt 1", aliases=("vlan group", "group name"))
    vid: int = f.integer(
        "VLAN ID", least=1, most=4094, required=True, example="110", aliases=("vlan", "vlan number", "number")
    )
    name: str = f.text("Name", longest=255, required=True, example="servers", aliases=("vlan name",))
    site: str = f.text(
        "Site", longest=255, example="Frankfurt 1", aliases=("site name", "location"), description="The site's name."
    )
    status: str = f.enum("Status", "active", "reserved", "deprecated", aliases=("state",))


VLAN = Resource(
    "vlan",
    "VLAN",
    Vlan,
    key=("group", "site", "vid"),
    first_of=("group", "site"),
    open_key=("group", "site"),
    names=("name",),
    set_rules=(Reference("site", "site", source=citations.netbox("ipam/vlan")),),
    source=citations.netbox("ipam/vlan"),
)
