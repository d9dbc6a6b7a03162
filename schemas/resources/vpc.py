"""VPC: an isolated virtual network in one region of an AWS account.

Source: EC2 API, Vpc; VPC User Guide, VPC CIDR blocks (/16 to /28).
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.connected import BLOCKS
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import NoConnectedOverlap, NoOverlap


class Vpc(AwsRecord):
    """An isolated virtual network in one region of an AWS account."""

    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("id",), aws="VpcId")
    cidr_block: str = f.block(
        "CIDR block",
        ipv4=(16, 28),
        required=True,
        source=citations.ADDRESSING,
        aliases=("cidr", "ipv4 cidr", "ipv4 cidr block", "primary cidr", "ip range"),
        aws="CidrBlock",
    )
    secondary_cidr_blocks: pl.List = f.blocks(
        "Secondary CIDR blocks",
        aliases=("secondary cidrs",),
        # The set holds the primary block too.
        aws="without(CidrBlockAssociationSet[?CidrBlockState.State=='associated'].CidrBlock, CidrBlock)",
    )
    ipv6_cidr_blocks: pl.List = f.blocks(
        "IPv6 CIDR blocks",
        example="2001:db8:1234:1a00::/56",
        aliases=("ipv6 cidr", "ipv6 cidrs"),
        aws="Ipv6CidrBlockAssociationSet[?Ipv6CidrBlockState.State=='associated'].Ipv6CidrBlock",
    )
    dhcp_options_id: str = f.text(
        "DHCP options ID", example="dopt-0a1b2c3d", aliases=("dhcp option set", "dhcp options"), aws="DhcpOptionsId"
    )
    is_default: bool = f.boolean("Default VPC", example="false", aliases=("default",), aws="IsDefault")
    instance_tenancy: str = f.enum(
        "Instance tenancy", "default", "dedicated", "host", aliases=("tenancy",), aws="InstanceTenancy"
    )
    enable_dns_support: bool = f.boolean("DNS resolution", aliases=("dns support",), aws="EnableDnsSupport")
    enable_dns_hostnames: bool = f.boolean("DNS hostnames", aws="EnableDnsHostnames")
    state: str = f.enum(
        "State", "pending", "available", "deleting", aliases=("status",), example="available", aws="State"
    )


VPC = Resource(
    "vpc",
    "VPC",
    Vpc,
    key=("vpc_id",),
    document=Document("Vpcs", never=("enable_dns_support", "enable_dns_hostnames", "description")),
    set_rules=(
        NoOverlap(
            "cidr_block", within=("account_id", "region"), severity=Severity.WARNING, source=citations.ADDRESSING
        ),
        NoConnectedOverlap("cidr_block", BLOCKS, source=citations.PEERING),
    ),
    source=citations.api("Vpc"),
)
