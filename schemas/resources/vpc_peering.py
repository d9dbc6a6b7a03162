"""VPC peering: a direct connection of two VPCs, of any accounts and regions.

Source: EC2 API, VpcPeeringConnection; VPC Peering Guide (no overlapping blocks).
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.connected import PEERING
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import NoConnectedOverlap, Reference, RowRule


class VpcPeering(AwsRecord):
    """A direct connection of two VPCs, of any accounts and regions."""

    vpc_peering_id: str = f.aws_id(
        "pcx",
        "VPC peering ID",
        required=True,
        aliases=("peering id", "pcx id", "pcx", "peering connection id", "id"),
        aws="VpcPeeringConnectionId",
    )
    requester_vpc_id: str = f.aws_id(
        "vpc", "Requester VPC ID", required=True, aliases=("requester vpc", "requester"), aws="RequesterVpcInfo.VpcId"
    )
    accepter_vpc_id: str = f.aws_id(
        "vpc",
        "Accepter VPC ID",
        required=True,
        aliases=("accepter vpc", "accepter", "acceptor vpc", "peer vpc id"),
        example="vpc-0b1b2c3d4e5f60718",
        aws="AccepterVpcInfo.VpcId",
    )
    requester_owner_id: str = f.account(
        "Requester owner ID",
        example="012345678901",
        aliases=("requester account id", "requester account", "requester owner"),
        aws="RequesterVpcInfo.OwnerId",
    )
    accepter_owner_id: str = f.account(
        "Accepter owner ID",
        example="012345678902",
        aliases=("accepter account id", "accepter account", "accepter owner", "peer owner id"),
        aws="AccepterVpcInfo.OwnerId",
    )
    requester_region: str = f.region("Requester region", aws="RequesterVpcInfo.Region")
    accepter_region: str = f.region("Accepter region", aliases=("peer region",), aws="AccepterVpcInfo.Region")
    state: str = f.enum(
        "State",
        *("initiating-request", "pending-acceptance", "active", "deleted", "rejected", "failed", "expired"),
        *("provisioning", "deleting"),
        aliases=("status", "status code"),
        example="active",
        aws="Status.Code",
    )


def _with_itself() -> pl.Expr:
    return pl.col("requester_vpc_id") == pl.col("accepter_vpc_id")


VPC_PEERING = Resource(
    "vpcPeering",
    "VPC peering",
    VpcPeering,
    key=("vpc_peering_id",),
    aliases=("pcx", "peering", "vpc peering connection"),
    document=Document(
        "VpcPeeringConnections",
        never=("account_id", "description"),
        parties=("RequesterVpcInfo.OwnerId", "AccepterVpcInfo.OwnerId"),
    ),
    row_rules=(
        RowRule(
            "two_vpcs",
            "accepter_vpc_id",
            ("requester_vpc_id", "accepter_vpc_id"),
            _with_itself,
            "is the requester's VPC, too: a peering connects two VPCs, so correct one of them",
            source=citations.api("CreateVpcPeeringConnection"),
        ),
    ),
    set_rules=(
        # The other side may belong to somebody whose VPCs are not recorded.
        Reference(
            "requester_vpc_id",
            "vpc",
            severity=Severity.WARNING,
            owners=("requester_owner_id",),
            region="requester_region",
            source=citations.api("VpcPeeringConnection"),
        ),
        Reference(
            "accepter_vpc_id",
            "vpc",
            severity=Severity.WARNING,
            owners=("accepter_owner_id",),
            region="accepter_region",
            source=citations.api("VpcPeeringConnection"),
        ),
        NoConnectedOverlap("accepter_vpc_id", PEERING.fields, source=citations.PEERING),
    ),
    source=citations.api("VpcPeeringConnection"),
)
