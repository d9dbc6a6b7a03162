"""ASN: an autonomous system number and who holds it.

Source: NetBox, ipam.ASN; RFC 6793 (32 bits), RFC 5396 (asdot).
"""

from __future__ import annotations

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.resource import Resource, SourcedRecord


class Asn(SourcedRecord):
    """An autonomous system number and who holds it."""

    asn: int = f.asn("ASN", required=True, aliases=("as", "as number", "autonomous system number"))
    rir: str = f.text("RIR", longest=255, example="RIPE", aliases=("registry", "regional internet registry"))
    organisation: str = f.text(
        "Organisation", longest=255, example="Example GmbH", aliases=("organization", "org", "holder", "tenant")
    )


ASN = Resource(
    "asn",
    "ASN",
    Asn,
    key=("asn",),
    aliases=("autonomous system", "autonomous system number"),
    source=citations.netbox("ipam/asn"),
)
