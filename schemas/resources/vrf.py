"""VRF: a routing table of its own; its route distinguisher names it, or else its name.

Source: NetBox, ipam.VRF; RFC 4364 (route distinguishers).
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.resource import Resource, SourcedRecord
from schemas.model.rules import RowRule


class Vrf(SourcedRecord):
    """A routing table of its own."""

    rd: str = f.text(
        "Route distinguisher",
        longest=21,
        example="65000:1",
        aliases=("vrf rd",),
        description="The VRF's name stands for it where there is none.",
    )
    enforce_unique: bool = f.boolean(
        "Enforce unique",
        aliases=("enforce unique space", "unique"),
        description="Whether prefixes may not repeat in this VRF.",
    )


def _unlike_a_distinguisher() -> pl.Expr:
    return ~pl.col("rd").str.contains(r"^(\d+|\d+\.\d+\.\d+\.\d+):\d+$")


VRF = Resource(
    "vrf",
    "VRF",
    Vrf,
    key=("rd", "name"),
    first_of=("rd", "name"),
    open_key=("rd",),
    row_rules=(
        # NetBox and Nautobot take any text.
        RowRule(
            "format",
            "rd",
            ("rd",),
            _unlike_a_distinguisher,
            "is not a route distinguisher such as 65000:1: it is kept; correct it if it is misspelt",
            Severity.WARNING,
            source=citations.rfc(4364),
        ),
    ),
    source=citations.netbox("ipam/vrf"),
)
