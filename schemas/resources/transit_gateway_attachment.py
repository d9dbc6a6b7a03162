"""Transit gateway attachment: what a transit gateway is connected to.

Source: EC2 API, TransitGatewayAttachment and the three lists of attachments of one sort.
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.connected import ATTACHMENT
from schemas.model.documents import Document, View
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import NoConnectedOverlap, Reference, RowRule


class TransitGatewayAttachment(AwsRecord):
    """What a transit gateway is connected to."""

    transit_gateway_attachment_id: str = f.aws_id(
        "tgw-attach",
        "Transit gateway attachment ID",
        required=True,
        aliases=("attachment id", "tgw attachment id", "tgw attachment", "id"),
        aws="TransitGatewayAttachmentId",
    )
    # The account that owns the attached resource, as it is what an engineer looks for.
    account_id: str = f.account(
        "Account ID",
        example="012345678901",
        aliases=("account", "owner id", "resource owner", "aws account"),
        aws="ResourceOwnerId",
    )
    transit_gateway_id: str = f.aws_id(
        "tgw", "Transit gateway ID", required=True, aliases=("tgw id", "tgw"), aws="TransitGatewayId"
    )
    transit_gateway_owner_id: str = f.account(
        "Transit gateway owner ID",
        example="012345678901",
        aliases=("tgw owner id", "tgw owner", "transit gateway owner", "transit gateway account"),
        aws="TransitGatewayOwnerId",
    )
    resource_type: str = f.enum(
        "Resource type",
        *("vpc", "vpn", "vpn-concentrator", "direct-connect-gateway", "connect", "peering", "tgw-peering"),
        *("network-function", "client-vpn"),
        required=True,
        aliases=("attachment type",),
        aws="ResourceType",
    )
    resource_id: str = f.text(
        "Resource ID",
        required=True,
        example="vpc-0a1b2c3d4e5f60718",
        aliases=("resource", "attached resource"),
        aws="ResourceId",
        description="What is attached: a VPC, a VPN connection, a transit gateway, as the resource type says.",
    )
    subnet_ids: pl.List = f.texts("Subnet IDs", example="subnet-0a1b2c3d", aliases=("subnets",), aws="SubnetIds")
    association_route_table_id: str = f.aws_id(
        "tgw-rtb",
        "Association route table ID",
        aliases=("association", "associated route table id", "route table id"),
        aws="Association.TransitGatewayRouteTableId",
    )
    state: str = f.enum(
        "State",
        *("initiating", "initiatingRequest", "pendingAcceptance", "rollingBack", "pending", "available", "modifying"),
        *("deleting", "deleted", "failed", "rejected", "rejecting", "failing"),
        aliases=("status",),
        example="available",
        aws="State",
    )


_ATTACHMENT = citations.api("TransitGatewayAttachment")

# What has no records of its own to be looked for among is known by its form.
_FORMS = {
    "direct-connect-gateway": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "connect": r"^tgw-attach-[0-9a-f]+$",
}


def _of_another_form() -> pl.Expr:
    resource = pl.col("resource_id")
    return pl.any_horizontal(
        (pl.col("resource_type") == kind) & ~resource.str.contains(form) for kind, form in _FORMS.items()
    )


# What each of these lists calls the fields (EC2 API: TransitGatewayVpcAttachment, TransitGatewayPeeringAttachment,
# TransitGatewayConnect). None of them has the association.
_VPCS = View(
    "TransitGatewayVpcAttachments",
    {
        "transit_gateway_attachment_id": "TransitGatewayAttachmentId",
        "transit_gateway_id": "TransitGatewayId",
        "resource_type": "'vpc'",
        "resource_id": "VpcId",
        "account_id": "VpcOwnerId",
        "subnet_ids": "SubnetIds",
        "state": "State",
    },
    ("VpcOwnerId",),
)

# The attachment as the requester lists it; a core network of Cloud WAN may be on either side.
_ASKS = "RequesterTgwInfo.TransitGatewayId"
_PEERINGS = View(
    "TransitGatewayPeeringAttachments",
    {
        "transit_gateway_attachment_id": "TransitGatewayAttachmentId",
        "transit_gateway_id": f"{_ASKS} || AccepterTgwInfo.TransitGatewayId",
        "resource_type": "'peering'",
        "resource_id": f"{_ASKS} && (AccepterTgwInfo.TransitGatewayId || AccepterTgwInfo.CoreNetworkId) || "
        "RequesterTgwInfo.CoreNetworkId",
        "account_id": f"{_ASKS} && AccepterTgwInfo.OwnerId || RequesterTgwInfo.OwnerId",
        "transit_gateway_owner_id": f"{_ASKS} && RequesterTgwInfo.OwnerId || AccepterTgwInfo.OwnerId",
        "region": f"{_ASKS} && RequesterTgwInfo.Region || AccepterTgwInfo.Region",
        "state": "State",
    },
    ("RequesterTgwInfo.OwnerId", "AccepterTgwInfo.OwnerId"),
)
_CONNECTS = View(
    "TransitGatewayConnects",
    {
        "transit_gateway_attachment_id": "TransitGatewayAttachmentId",
        "transit_gateway_id": "TransitGatewayId",
        "resource_type": "'connect'",
        "resource_id": "TransportTransitGatewayAttachmentId",
        "state": "State",
    },
)

TRANSIT_GATEWAY_ATTACHMENT = Resource(
    "transitGatewayAttachment",
    "Transit gateway attachment",
    TransitGatewayAttachment,
    key=("transit_gateway_attachment_id",),
    aliases=("tgw attachment", "attachment"),
    document=Document(
        "TransitGatewayAttachments",
        never=("subnet_ids", "description"),
        parties=("TransitGatewayOwnerId", "ResourceOwnerId"),
        views=(_VPCS, _PEERINGS, _CONNECTS),
    ),
    row_rules=(
        RowRule(
            "resource_form",
            "resource_id",
            ("resource_id", "resource_type"),
            _of_another_form,
            "does not look like a resource of that type: a Direct Connect gateway is a UUID, what carries a Connect "
            "attachment is another attachment (tgw-attach-…); check the resource type",
            Severity.WARNING,
            source=_ATTACHMENT,
        ),
    ),
    set_rules=(
        Reference(
            "transit_gateway_id",
            "transitGateway",
            owners=("transit_gateway_owner_id", "account_id"),
            source=_ATTACHMENT,
        ),
        Reference("resource_id", "vpc", when=("resource_type", "vpc"), source=_ATTACHMENT),
        Reference("resource_id", "vpnConnection", when=("resource_type", "vpn"), source=_ATTACHMENT),
        # The other gateway is in a region that no member names, or is a core network of Cloud WAN.
        Reference(
            "resource_id",
            "transitGateway",
            when=("resource_type", "peering"),
            severity=Severity.WARNING,
            source=_ATTACHMENT,
        ),
        NoConnectedOverlap(
            "resource_id",
            ATTACHMENT.fields,
            severity=Severity.WARNING,
            source=citations.api("CreateTransitGatewayVpcAttachment"),
        ),
    ),
    source=_ATTACHMENT,
)
