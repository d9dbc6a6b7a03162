"""VPN gateway: the Amazon side of a site-to-site VPN of one VPC.

Source: EC2 API, VpnGateway; Site-to-Site VPN User Guide (the AS numbers of gateways from before one could be chosen).
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import AMAZON_ASNS, Reference, RowRule, private_asn


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


def _of_old() -> pl.Expr:
    return pl.col("amazon_side_asn").is_in(AMAZON_ASNS)


VPN_GATEWAY = Resource(
    "vpnGateway",
    "VPN gateway",
    VpnGateway,
    key=("vpn_gateway_id",),
    aliases=("vgw", "virtual private gateway"),
    document=Document("VpnGateways", never=("account_id", "description")),
    row_rules=(
        private_asn("amazon_side_asn", but=AMAZON_ASNS, source=citations.VPN_FAQ),
        RowRule(
            "amazon_asn",
            "amazon_side_asn",
            ("amazon_side_asn",),
            _of_old,
            "is Amazon's public AS number, which only VPN gateways made before July 2018 have: check the number",
            Severity.WARNING,
            source=citations.VPN_FAQ,
        ),
    ),
    set_rules=(Reference("vpc_id", "vpc", source=citations.api("VpnGateway")),),
    source=citations.api("VpnGateway"),
)
