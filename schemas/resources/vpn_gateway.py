"""VPN gateway: the Amazon side of a site-to-site VPN of one VPC.

Source: EC2 API, VpnGateway.
"""

from __future__ import annotations

from schemas import fields as f
from schemas.resource import AwsRecord, Document, Resource
from schemas.rules import Reference, private_asn


class VpnGateway(AwsRecord):
    """The Amazon side of a site-to-site VPN of one VPC."""

    vpn_gateway_id: str = f.aws_id(
        "vgw",
        "VPN gateway ID",
        required=True,
        aliases=("vgw id", "vgw", "virtual private gateway id", "id"),
        aws="VpnGatewayId",
    )
    type: str = f.enum("Type", "ipsec.1", aws="Type")
    amazon_side_asn: int = f.asn(
        "Amazon side ASN", example="64512", aliases=("asn", "amazon asn", "bgp asn"), aws="AmazonSideAsn"
    )
    vpc_id: str = f.aws_id(
        "vpc", "VPC ID", aliases=("vpc", "attached vpc"), aws="VpcAttachments[?State=='attached'].VpcId | [0]"
    )
    state: str = f.enum(
        "State",
        *("pending", "available", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


VPN_GATEWAY = Resource(
    "vpnGateway",
    "VPN gateway",
    VpnGateway,
    key=("vpn_gateway_id",),
    aliases=("vgw", "virtual private gateway"),
    document=Document("VpnGateways"),
    row_rules=(private_asn("amazon_side_asn"),),
    set_rules=(Reference("vpc_id", "vpc"),),
)
