"""VRF: a routing table of its own; its route distinguisher names it, or else its name.

Source: NetBox, ipam.VRF; RFC 4364 (route distinguishers).
"""

from __future__ import annotations

from schemas import citations
from schemas import fields as f
from schemas.resource import Resource, SourcedRecord


class Vrf(SourcedRecord):
    """A routing table of its own."""

    rd: str = f.text(
        "Route distinguisher",
        longest=21,
        matches=r"^(\d+|\d+\.\d+\.\d+\.\d+):\d+$",
        says="is not a route distinguisher such as 65000:1",
        example="65000:1",
        aliases=("vrf rd",),
        description="The VRF's name stands for it where there is none.",
    )
    enforce_unique: bool = f.boolean(
        "Enforce unique",
        aliases=("enforce unique space", "unique"),
        description="Whether prefixes may not repeat in this VRF.",
    )


VRF = Resource(
    "vrf",
    "VRF",
    Vrf,
    key=("rd", "name"),
    first_of=("rd", "name"),
    open_key=("rd",),
    source=citations.netbox("ipam/vrf"),
)
