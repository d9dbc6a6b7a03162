"""VPN connection: a site-to-site VPN between a customer gateway and a VPN or transit gateway.

Source: EC2 API, VpnConnection and VpnTunnelOptionsSpecification (inside CIDR: a /30 of 169.254.0.0/16, some reserved).
"""

from __future__ import annotations

import polars as pl

from schemas import fields as f
from schemas.resource import AwsRecord, Document, Resource
from schemas.rules import Reference, RowRule


class VpnConnection(AwsRecord):
    """A site-to-site VPN between a customer gateway and a VPN or transit gateway."""

    vpn_connection_id: str = f.aws_id(
        "vpn", "VPN connection ID", required=True, aliases=("vpn id",), aws="VpnConnectionId"
    )
    customer_gateway_id: str = f.aws_id(
        "cgw", "Customer gateway ID", required=True, aliases=("cgw id", "cgw"), aws="CustomerGatewayId"
    )
    vpn_gateway_id: str = f.aws_id("vgw", "VPN gateway ID", aliases=("vgw id", "vgw"), aws="VpnGatewayId")
    transit_gateway_id: str = f.aws_id("tgw", "Transit gateway ID", aliases=("tgw id", "tgw"), aws="TransitGatewayId")
    static_routes_only: bool = f.boolean("Static routes only", example="false", aws="Options.StaticRoutesOnly")
    local_ipv4_network_cidr: str = f.block("Local IPv4 network CIDR", aws="Options.LocalIpv4NetworkCidr")
    remote_ipv4_network_cidr: str = f.block("Remote IPv4 network CIDR", aws="Options.RemoteIpv4NetworkCidr")
    tunnels: str = f.json(
        "Tunnels",
        description="The tunnels' addresses and inside blocks, as JSON; pre-shared keys are never kept.",
        example='[{"outside_ip":"203.0.113.17","inside_cidr":"169.254.10.0/30"}]',
        aws="Options.TunnelOptions[].{outside_ip: OutsideIpAddress, inside_cidr: TunnelInsideCidr}",
    )
    state: str = f.enum(
        "State",
        *("pending", "available", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


def _not_one_gateway() -> pl.Expr:
    return pl.col("vpn_gateway_id").is_null() == pl.col("transit_gateway_id").is_null()


# Inside blocks as they stand in the JSON of `tunnels`, under the name of either the CMDB or AWS.
_INSIDE = r'"(?:inside_cidr|TunnelInsideCidr)":"([^"]*)"'
_ALLOWED = r"^169\.254\.\d+\.\d+/30$"
_RESERVED = r"^169\.254\.([0-5]\.0|169\.252)/30$"


def _wrong_inside() -> pl.Expr:
    block = pl.element().str.extract(_INSIDE)
    wrong = ~block.str.contains(_ALLOWED) | block.str.contains(_RESERVED)
    return pl.col("tunnels").str.extract_all(_INSIDE).list.eval(wrong).list.any()


VPN_CONNECTION = Resource(
    "vpnConnection",
    "VPN connection",
    VpnConnection,
    key=("vpn_connection_id",),
    aliases=("vpn", "site-to-site vpn"),
    document=Document("VpnConnections", secrets=("CustomerGatewayConfiguration", "PreSharedKey", "PreSharedKeyArn")),
    row_rules=(
        RowRule(
            "one_gateway",
            "vpn_gateway_id",
            ("vpn_gateway_id", "transit_gateway_id"),
            _not_one_gateway,
            "Exactly one of VPN gateway and transit gateway is to be given",
            partial=True,
        ),
        RowRule(
            "inside_cidr",
            "tunnels",
            ("tunnels",),
            _wrong_inside,
            "has an inside block that is no free /30 of 169.254.0.0/16: AWS reserves 169.254.0.0/30 to 169.254.5.0/30 "
            "and 169.254.169.252/30",
        ),
    ),
    set_rules=(
        Reference("customer_gateway_id", "customerGateway"),
        Reference("vpn_gateway_id", "vpnGateway"),
        Reference("transit_gateway_id", "transitGateway"),
    ),
)
