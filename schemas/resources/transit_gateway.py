"""Transit gateway: a regional router between VPCs, VPNs and other transit gateways.

Source: EC2 API, TransitGateway and TransitGatewayRequestOptions (block sizes, private AS numbers).
"""

from __future__ import annotations

import polars as pl

from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import RowRule, private_asn


class TransitGateway(AwsRecord):
    """A regional router between VPCs, VPNs and other transit gateways."""

    transit_gateway_id: str = f.aws_id(
        "tgw", "Transit gateway ID", required=True, aliases=("tgw id", "tgw", "id"), aws="TransitGatewayId"
    )
    amazon_side_asn: int = f.asn(
        "Amazon side ASN", example="64512", aliases=("asn", "amazon asn", "bgp asn"), aws="Options.AmazonSideAsn"
    )
    cidr_blocks: pl.List = f.blocks(
        "CIDR blocks",
        example="10.99.0.0/24",
        aliases=("cidrs", "transit gateway cidr blocks"),
        aws="Options.TransitGatewayCidrBlocks",
    )
    auto_accept_shared_attachments: bool = f.boolean(
        "Auto accept shared attachments", aliases=("auto accept",), aws="Options.AutoAcceptSharedAttachments"
    )
    default_route_table_association: bool = f.boolean(
        "Default route table association", aliases=("default association",), aws="Options.DefaultRouteTableAssociation"
    )
    default_route_table_propagation: bool = f.boolean(
        "Default route table propagation", aliases=("default propagation",), aws="Options.DefaultRouteTablePropagation"
    )
    dns_support: bool = f.boolean("DNS support", aliases=("dns",), aws="Options.DnsSupport")
    vpn_ecmp_support: bool = f.boolean("VPN ECMP support", aliases=("ecmp",), aws="Options.VpnEcmpSupport")
    multicast_support: bool = f.boolean(
        "Multicast support", example="false", aliases=("multicast",), aws="Options.MulticastSupport"
    )
    state: str = f.enum(
        "State",
        *("pending", "available", "modifying", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


def _too_small() -> pl.Expr:
    block = pl.element()
    length = block.str.extract(r"/(\d+)$").cast(pl.Int32)
    longest = pl.when(block.str.contains(":", literal=True)).then(64).otherwise(24)
    return pl.col("cidr_blocks").list.eval(length > longest).list.any()


TRANSIT_GATEWAY = Resource(
    "transitGateway",
    "Transit gateway",
    TransitGateway,
    key=("transit_gateway_id",),
    aliases=("tgw",),
    document=Document("TransitGateways"),
    row_rules=(
        private_asn("amazon_side_asn", source=citations.api("TransitGatewayOptions")),
        RowRule(
            "prefix_length",
            "cidr_blocks",
            ("cidr_blocks",),
            _too_small,
            "holds a block that is too small: IPv4 blocks are /24 or larger, IPv6 blocks /64 or larger",
            source=citations.api("TransitGatewayRequestOptions"),
        ),
    ),
    source=citations.api("TransitGateway"),
)
