"""Circuit: a line that a provider runs between two sites, or from a site to elsewhere.

Source: NetBox, circuits.Circuit.
"""

from __future__ import annotations

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.resource import Resource, SourcedRecord
from schemas.model.rules import Reference


class Circuit(SourcedRecord):
    """A line that a provider runs between two sites, or from a site to elsewhere."""

    provider: str = f.text("Provider", longest=255, required=True, example="Example Telecom", aliases=("carrier",))
    cid: str = f.text(
        "Circuit ID",
        longest=255,
        required=True,
        example="ET-4711",
        aliases=("circuit", "circuit number"),
        description="What the provider calls the circuit.",
    )
    type: str = f.text("Type", longest=255, example="Dark fibre", aliases=("circuit type",))
    status: str = f.enum(
        "Status",
        *("planned", "provisioning", "active", "offline", "deprovisioning", "decommissioned"),
        example="active",
        aliases=("state",),
    )
    commit_rate_kbps: int = f.integer(
        "Commit rate (kbps)",
        least=0,
        example="1000000",
        aliases=("commit rate", "committed rate", "bandwidth kbps"),
        description="What the provider guarantees, in kilobits per second.",
    )
    site_a: str = f.text(
        "Site A",
        longest=255,
        example="Frankfurt 1",
        aliases=("a side", "termination a", "termination a site"),
        description="A site's name.",
    )
    site_z: str = f.text(
        "Site Z",
        longest=255,
        example="Frankfurt 1",
        aliases=("z side", "termination z", "termination z site"),
        description="A site's name.",
    )


CIRCUIT = Resource(
    "circuit",
    "Circuit",
    Circuit,
    key=("provider", "cid"),
    set_rules=(
        Reference("site_a", "site", source=citations.netbox("circuits/circuit")),
        Reference("site_z", "site", source=citations.netbox("circuits/circuit")),
    ),
    source=citations.netbox("circuits/circuit"),
)
