"""Transit gateways in a Terraform state, with their route tables and attachments."""

from __future__ import annotations

from tasks.formats.terraform.attributes import always, owner_account
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import Addition, Read

ATTACHMENT = "transitGatewayAttachment"
_VPC_ATTACHMENT: dict[str, Read] = {
    "transit_gateway_attachment_id": "id",
    "transit_gateway_id": "transit_gateway_id",
    "resource_type": always("vpc"),
    "resource_id": "vpc_id",
    "subnet_ids": "subnet_ids",
    "account_id": lambda attributes, facts: attributes.get("vpc_owner_id") or owner_account(attributes, facts),
}
_PEERING_ATTACHMENT: dict[str, Read] = {
    "transit_gateway_attachment_id": "id",
    "transit_gateway_id": "transit_gateway_id",
    "resource_type": always("peering"),
    "resource_id": "peer_transit_gateway_id",
    "account_id": lambda attributes, facts: attributes.get("peer_account_id") or owner_account(attributes, facts),
    "state": "state",
}

ENTRIES: dict[str, tuple[Entry, ...]] = {
    "aws_ec2_transit_gateway": (
        Entry(
            "transitGateway",
            {
                "transit_gateway_id": "id",
                "amazon_side_asn": "amazon_side_asn",
                "cidr_blocks": "transit_gateway_cidr_blocks",
                "auto_accept_shared_attachments": "auto_accept_shared_attachments",
                "default_route_table_association": "default_route_table_association",
                "default_route_table_propagation": "default_route_table_propagation",
                "dns_support": "dns_support",
                "vpn_ecmp_support": "vpn_ecmp_support",
                "multicast_support": "multicast_support",
            },
        ),
    ),
    "aws_ec2_transit_gateway_route_table": (
        Entry(
            "transitGatewayRouteTable",
            {
                "transit_gateway_route_table_id": "id",
                "transit_gateway_id": "transit_gateway_id",
                "default_association": "default_association_route_table",
                "default_propagation": "default_propagation_route_table",
            },
        ),
    ),
    "aws_ec2_transit_gateway_vpc_attachment": (Entry(ATTACHMENT, _VPC_ATTACHMENT),),
    "aws_ec2_transit_gateway_vpc_attachment_accepter": (Entry(ATTACHMENT, _VPC_ATTACHMENT, view=True),),
    "aws_ec2_transit_gateway_peering_attachment": (Entry(ATTACHMENT, _PEERING_ATTACHMENT),),
    "aws_ec2_transit_gateway_peering_attachment_accepter": (Entry(ATTACHMENT, _PEERING_ATTACHMENT, view=True),),
    "aws_ec2_transit_gateway_connect": (
        Entry(
            ATTACHMENT,
            {
                "transit_gateway_attachment_id": "id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": always("connect"),
                "resource_id": "transport_attachment_id",
            },
        ),
    ),
}
"""What resources are read as."""

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_ec2_transit_gateway_route_table_association": (
        Addition(
            ATTACHMENT,
            "transit_gateway_attachment_id",
            "association_route_table_id",
            "transit_gateway_route_table_id",
        ),
    ),
    "aws_ec2_transit_gateway_default_route_table_association": (
        Addition("transitGatewayRouteTable", "transit_gateway_route_table_id", "default_association", always(True)),
    ),
    "aws_ec2_transit_gateway_default_route_table_propagation": (
        Addition("transitGatewayRouteTable", "transit_gateway_route_table_id", "default_propagation", always(True)),
    ),
}
"""What resources add to records of others."""
