"""NAT gateway: lets a VPC's private subnets reach out under another address.

Source: EC2 API, NatGateway and CreateNatGateway (a public one has an Elastic IP address).
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Objects, Reference, RowRule, broken_objects, lists_objects

_EXAMPLE = '[{"allocation_id":"eipalloc-0a1b2c3d4e5f60718","public_ip":"203.0.113.20"}]'


class NatGateway(AwsRecord):
    """Lets a VPC's private subnets reach out under another address."""

    nat_gateway_id: str = f.aws_id(
        "nat", "NAT gateway ID", required=True, aliases=("nat id", "nat", "nat gateway", "id"), aws="NatGatewayId"
    )
    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("vpc",), aws="VpcId")
    subnet_id: str = f.aws_id(
        "subnet",
        "Subnet ID",
        aliases=("subnet",),
        aws="SubnetId",
        description="Where the gateway stands; a regional one stands in no subnet.",
    )
    connectivity_type: str = f.enum(
        "Connectivity type", "public", "private", aliases=("connectivity",), aws="ConnectivityType"
    )
    addresses: str = f.json(
        "Addresses",
        example=_EXAMPLE,
        aliases=("nat gateway addresses",),
        description="The gateway's addresses as JSON, each with its allocation where it is public.",
        aws="NatGatewayAddresses[].{allocation_id: AllocationId, association_id: AssociationId, public_ip: PublicIp, "
        "private_ip: PrivateIp, network_interface_id: NetworkInterfaceId}",
    )
    state: str = f.enum(
        "State",
        *("pending", "failed", "available", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


def _unallocated(addresses: Objects) -> bool:
    return not any(address.get("allocation_id") or address.get("AllocationId") for address in addresses)


def _public_without_allocation() -> pl.Expr:
    none = pl.col("addresses").is_null() | broken_objects("addresses", _unallocated)
    # AWS allocates the addresses of a regional gateway, which stands in no subnet, when it needs them.
    return (pl.col("connectivity_type") == "public") & pl.col("subnet_id").is_not_null() & none


NAT_GATEWAY = Resource(
    "natGateway",
    "NAT gateway",
    NatGateway,
    key=("nat_gateway_id",),
    aliases=("nat", "nat gw"),
    document=Document("NatGateways", never=("account_id", "description")),
    row_rules=(
        lists_objects("addresses", _EXAMPLE, source=citations.api("NatGatewayAddress")),
        RowRule(
            "allocation",
            "connectivity_type",
            ("connectivity_type", "addresses", "subnet_id"),
            _public_without_allocation,
            "NAT gateways have an Elastic IP address: give its allocation_id in addresses",
            Severity.WARNING,
            in_service=True,
            source=citations.api("CreateNatGateway"),
        ),
    ),
    set_rules=(
        Reference("vpc_id", "vpc", source=citations.api("NatGateway")),
        Reference("subnet_id", "subnet", source=citations.api("NatGateway")),
    ),
    source=citations.api("NatGateway"),
)
