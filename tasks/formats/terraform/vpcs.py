"""VPCs, subnets and VPC peering connections in a Terraform state."""

from __future__ import annotations

from tasks.formats.terraform.attributes import always, known_attribute, list_of_one
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import Addition, Read

_VPC: dict[str, Read] = {
    "vpc_id": "id",
    "cidr_block": "cidr_block",
    "secondary_cidr_blocks": always(None),
    "ipv6_cidr_blocks": list_of_one("ipv6_cidr_block"),
    "dhcp_options_id": known_attribute("dhcp_options_id"),
    "instance_tenancy": "instance_tenancy",
    "enable_dns_support": "enable_dns_support",
    "enable_dns_hostnames": "enable_dns_hostnames",
}
_SUBNET_ATTRIBUTES = (
    *("vpc_id", "cidr_block", "ipv6_cidr_block", "availability_zone", "availability_zone_id"),
    "map_public_ip_on_launch",
)
_SUBNET: dict[str, Read] = {"subnet_id": "id", **{name: name for name in _SUBNET_ATTRIBUTES}}

ENTRIES: dict[str, tuple[Entry, ...]] = {
    # Whether a VPC is the default one, an aws_vpc does not tell: the default one may be imported into it.
    "aws_vpc": (Entry("vpc", _VPC),),
    "aws_default_vpc": (Entry("vpc", _VPC | {"is_default": always(True)}),),
    "aws_subnet": (Entry("subnet", _SUBNET),),
    "aws_default_subnet": (Entry("subnet", _SUBNET),),
    "aws_vpc_peering_connection": (
        Entry(
            "vpcPeering",
            {
                "vpc_peering_id": "id",
                "requester_vpc_id": "vpc_id",
                "accepter_vpc_id": "peer_vpc_id",
                "accepter_owner_id": "peer_owner_id",
                "accepter_region": "peer_region",
                "state": "accept_status",
            },
        ),
    ),
    # Seen from the other side: its own VPC is the accepter's, the peer the requester.
    "aws_vpc_peering_connection_accepter": (
        Entry(
            "vpcPeering",
            {
                "vpc_peering_id": "id",
                "requester_vpc_id": "peer_vpc_id",
                "accepter_vpc_id": "vpc_id",
                "requester_owner_id": "peer_owner_id",
                "accepter_region": "peer_region",
                "state": "accept_status",
            },
            view=True,
        ),
    ),
}
"""What resources are read as."""

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_vpc_ipv4_cidr_block_association": (Addition("vpc", "vpc_id", "secondary_cidr_blocks", "cidr_block"),),
    "aws_vpc_ipv6_cidr_block_association": (Addition("vpc", "vpc_id", "ipv6_cidr_blocks", "ipv6_cidr_block"),),
    "aws_vpc_dhcp_options_association": (Addition("vpc", "vpc_id", "dhcp_options_id", "dhcp_options_id"),),
    # It knows of the acceptance first: the requester's side is older until the next refresh.
    "aws_vpc_peering_connection_accepter": (Addition("vpcPeering", "id", "state", known_attribute("accept_status")),),
}
"""What resources add to records of others."""
