"""What connects networks to each other, so that their blocks may not overlap.

AWS refuses a peering of VPCs whose blocks overlap: it goes to `failed` (EC2 API, CreateVpcPeeringConnection). It
attaches such VPCs to one transit gateway, and does not propagate the routes of the later one (EC2 API,
CreateTransitGatewayVpcAttachment).
"""

from __future__ import annotations

from dataclasses import dataclass

NETWORK = "vpc"
"""The type of the networks."""

BLOCKS = ("cidr_block", "secondary_cidr_blocks", "ipv6_cidr_blocks")
"""The fields of a network that hold its blocks, the first of them its only primary one."""

ROUTES = ("routeTable", "routes")
"""The type and the field that say which blocks are routed where."""


@dataclass(frozen=True)
class Connection:
    """How the records of a type connect networks: all that are named in `ends` by records of one `hub` are connected.

    A record counts where it holds the value of `when` = (field, value) and is in none of its type's dead states. With
    `strict`, an overlap of a network's first block, or of any block that a route sends over the hub, is an error; any
    other overlap is a warning.
    """

    type: str
    hub: str
    ends: tuple[str, ...]
    when: tuple[str, str] | None = None
    strict: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that say what is connected."""
        return (*dict.fromkeys((self.hub, *self.ends, *(self.when or ())[:1])), "state")


PEERING = Connection(
    "vpcPeering",
    hub="vpc_peering_id",
    ends=("requester_vpc_id", "accepter_vpc_id"),
    strict=True,
)
ATTACHMENT = Connection(
    "transitGatewayAttachment",
    hub="transit_gateway_id",
    ends=("resource_id",),
    when=("resource_type", NETWORK),
)
CONNECTIONS = (PEERING, ATTACHMENT)
