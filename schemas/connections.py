"""What connects networks to each other, so that their blocks may not overlap."""

from __future__ import annotations

from dataclasses import dataclass

NETWORK = "vpc"
"""The type of the networks."""

BLOCKS = ("cidr_block", "secondary_cidr_blocks", "ipv6_cidr_blocks")
"""The fields of a network that hold its blocks."""


@dataclass(frozen=True)
class Connection:
    """How the records of a type connect networks: all that are named in `ends` by records of one `hub` are connected.

    A record counts where it holds the value of `when` = (field, value) and is in none of the `dead` states.
    """

    type: str
    hub: str
    ends: tuple[str, ...]
    dead: tuple[str, ...]
    when: tuple[str, str] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that say what is connected."""
        return (*dict.fromkeys((self.hub, *self.ends, *(self.when or ())[:1])), "state")


PEERING = Connection(
    "vpcPeering",
    hub="vpc_peering_id",
    ends=("requester_vpc_id", "accepter_vpc_id"),
    dead=("deleted", "rejected", "failed", "expired"),
)
ATTACHMENT = Connection(
    "transitGatewayAttachment",
    hub="transit_gateway_id",
    ends=("resource_id",),
    when=("resource_type", NETWORK),
    dead=("deleted", "rejected", "failed"),
)
CONNECTIONS = (PEERING, ATTACHMENT)
