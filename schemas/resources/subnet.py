"""Subnet: a part of a VPC's addresses in one availability zone.

Source: EC2 API, Subnet; VPC User Guide, subnet CIDR blocks (/16 to /28, inside the VPC's, no overlap); lists of Local
Zones (us-west-2-lax-1a) and Wavelength Zones (us-west-2-wl1-las-wlz-1). A subnet on an Outpost is in an ordinary zone.
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Inside, NoOverlap, Reference, RowRule


class Subnet(AwsRecord):
    """A part of a VPC's addresses in one availability zone."""

    subnet_id: str = f.aws_id("subnet", "Subnet ID", required=True, aliases=("subnet", "id"), aws="SubnetId")
    vpc_id: str = f.aws_id("vpc", "VPC ID", required=True, aliases=("vpc",), aws="VpcId")
    cidr_block: str = f.block(
        "CIDR block",
        ipv4=(16, 28),
        source=citations.SUBNETS,
        example="10.0.1.0/24",
        aliases=("cidr", "ipv4 cidr", "ipv4 cidr block", "ip range"),
        aws="CidrBlock",
    )
    ipv6_cidr_block: str = f.block(
        "IPv6 CIDR block",
        ipv4=None,
        ipv6=(44, 64),
        source=citations.SUBNETS,
        example="2001:db8:1234:1a00::/64",
        aliases=("ipv6 cidr",),
        aws="Ipv6CidrBlockAssociationSet[?Ipv6CidrBlockState.State=='associated'].Ipv6CidrBlock | [0]",
    )
    availability_zone: str = f.code(
        "Availability zone",
        # A zone is its region and a letter; Local, Wavelength and dedicated zones are the region and a name.
        matches=rf"^{f.REGION}([a-z]|(-[a-z0-9]+)+)$",
        says="is not an availability zone: write its name, such as us-east-1a or us-west-2-lax-1a",
        required=True,
        source=citations.ZONES,
        example="us-east-1a",
        aliases=("az", "zone"),
        aws="AvailabilityZone",
    )
    availability_zone_id: str = f.text(
        "Availability zone ID",
        example="use1-az1",
        aliases=("az id", "zone id"),
        aws="AvailabilityZoneId",
        description="Names the same place in every account, as the zone's letter does not.",
    )
    map_public_ip_on_launch: bool = f.boolean(
        "Map public IP on launch",
        example="false",
        aliases=("auto-assign public ipv4", "auto-assign public ipv4 address", "public"),
        aws="MapPublicIpOnLaunch",
    )
    state: str = f.enum(
        "State",
        *("pending", "available", "unavailable", "failed", "failed-insufficient-capacity"),
        aliases=("status",),
        example="available",
        aws="State",
    )


def _without_block() -> pl.Expr:
    return pl.col("cidr_block").is_null() & pl.col("ipv6_cidr_block").is_null()


def _zone_elsewhere() -> pl.Expr:
    return ~pl.col("availability_zone").str.starts_with(pl.col("region"))


SUBNET = Resource(
    "subnet",
    "Subnet",
    Subnet,
    key=("subnet_id",),
    document=Document("Subnets", never=("description",)),
    row_rules=(
        RowRule(
            "required",
            "cidr_block",
            ("cidr_block", "ipv6_cidr_block"),
            _without_block,
            "An IPv4 or an IPv6 CIDR block is required, and both are empty: fill in one",
            partial=True,
            source=citations.SUBNETS,
        ),
        RowRule(
            "zone",
            "availability_zone",
            ("availability_zone", "region"),
            _zone_elsewhere,
            "is not a zone of the subnet's region: correct the zone or the region",
            source=citations.ZONES,
        ),
    ),
    set_rules=(
        Reference("vpc_id", "vpc", source=citations.api("Subnet")),
        Inside(
            "cidr_block", "vpc_id", "vpc", ("cidr_block", "secondary_cidr_blocks"), source=citations.api("CreateSubnet")
        ),
        # A VPC may have been recorded without its IPv6 blocks.
        Inside(
            "ipv6_cidr_block",
            "vpc_id",
            "vpc",
            ("ipv6_cidr_blocks",),
            severity=Severity.WARNING,
            source=citations.SUBNETS,
        ),
        NoOverlap("cidr_block", within=("vpc_id",), source=citations.SUBNETS),
        NoOverlap("ipv6_cidr_block", within=("vpc_id",), source=citations.SUBNETS),
    ),
    source=citations.api("Subnet"),
)
