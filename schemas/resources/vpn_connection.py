"""VPN connection: a site-to-site VPN between a customer gateway and a VPN or transit gateway.

Source: EC2 API, VpnConnection and VpnTunnelOptionsSpecification (inside CIDR: a /30 of 169.254.0.0/16, some reserved).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Reference, RowRule

PRE_SHARED_KEYS = ("PreSharedKey", "PreSharedKeyArn", "psk")


class VpnConnection(AwsRecord):
    """A site-to-site VPN between a customer gateway and a VPN or transit gateway."""

    vpn_connection_id: str = f.aws_id(
        "vpn", "VPN connection ID", required=True, aliases=("vpn id", "vpn", "id"), aws="VpnConnectionId"
    )
    customer_gateway_id: str = f.aws_id(
        "cgw",
        "Customer gateway ID",
        required=True,
        aliases=("cgw id", "cgw", "customer gateway"),
        aws="CustomerGatewayId",
    )
    vpn_gateway_id: str = f.aws_id(
        "vgw",
        "VPN gateway ID",
        aliases=("vgw id", "vgw", "virtual private gateway", "virtual private gateway id"),
        aws="VpnGatewayId",
    )
    transit_gateway_id: str = f.aws_id(
        "tgw", "Transit gateway ID", aliases=("tgw id", "tgw", "transit gateway"), aws="TransitGatewayId"
    )
    static_routes_only: bool = f.boolean(
        "Static routes only",
        example="false",
        aliases=("static routing", "static"),
        aws="Options.StaticRoutesOnly",
        description="Whether the connection uses static routes alone, and no BGP.",
    )
    local_ipv4_network_cidr: str = f.block(
        "Local IPv4 network CIDR",
        example="0.0.0.0/0",
        description="The customer's side of the traffic that the VPN carries.",
        aws="Options.LocalIpv4NetworkCidr",
    )
    remote_ipv4_network_cidr: str = f.block(
        "Remote IPv4 network CIDR",
        example="10.0.0.0/8",
        description="Amazon's side of the traffic that the VPN carries.",
        aws="Options.RemoteIpv4NetworkCidr",
    )
    tunnels: str = f.json(
        "Tunnels",
        description="The tunnels' addresses and inside blocks, as JSON; pre-shared keys are never kept.",
        example='[{"outside_ip":"203.0.113.17","inside_cidr":"169.254.10.0/30"}]',
        secrets=PRE_SHARED_KEYS,
        aws="Options.TunnelOptions[].{outside_ip: OutsideIpAddress, inside_cidr: TunnelInsideCidr, "
        "inside_ipv6_cidr: TunnelInsideIpv6Cidr}",
    )
    state: str = f.enum(
        "State",
        *("pending", "available", "deleting", "deleted"),
        aliases=("status",),
        example="available",
        aws="State",
    )


def _no_gateway() -> pl.Expr:
    return pl.col("vpn_gateway_id").is_null() & pl.col("transit_gateway_id").is_null()


def _two_gateways() -> pl.Expr:
    return pl.col("vpn_gateway_id").is_not_null() & pl.col("transit_gateway_id").is_not_null()


# Inside blocks as they stand in the JSON of `tunnels`, under the name of either the CMDB or AWS.
_INSIDE_IPV4 = r'"(?:inside_cidr|TunnelInsideCidr)":"([^"]*)"'
_INSIDE_IPV6 = r'"(?:inside_ipv6_cidr|TunnelInsideIpv6Cidr)":"([^"]*)"'
_RESERVED = r"^169\.254\.([0-5]\.0|169\.252)/30$"


def _any_inside(pattern: str, wrong: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    blocks = pl.col("tunnels").str.extract_all(pattern)
    return blocks.list.eval(wrong(pl.element().str.extract(pattern))).list.any()


def _wrong_ipv4() -> pl.Expr:
    def wrong(block: pl.Expr) -> pl.Expr:
        third, fourth = (block.str.extract(r"^169\.254\.(\d{1,3})\.(\d{1,3})/30$", n).cast(pl.Int16) for n in (1, 2))
        is_block = (third <= 255) & (fourth <= 252) & (fourth % 4 == 0)
        return ~is_block.fill_null(value=False) | block.str.contains(_RESERVED)

    return _any_inside(_INSIDE_IPV4, wrong)


def _wrong_ipv6() -> pl.Expr:
    return _any_inside(_INSIDE_IPV6, lambda block: ~block.str.contains(r"^(?i:fd)[0-9a-fA-F]{2}:[0-9a-fA-F:]+/126$"))


VPN_CONNECTION = Resource(
    "vpnConnection",
    "VPN connection",
    VpnConnection,
    key=("vpn_connection_id",),
    aliases=("vpn", "site-to-site vpn"),
    document=Document(
        "VpnConnections",
        secrets=("CustomerGatewayConfiguration", *PRE_SHARED_KEYS),
        never=("account_id", "description"),
    ),
    row_rules=(
        RowRule(
            "one_gateway",
            "vpn_gateway_id",
            ("vpn_gateway_id", "transit_gateway_id"),
            _no_gateway,
            "Neither a VPN gateway nor a transit gateway is given: fill in one, unless the connection is not "
            "associated yet or belongs to a core network of Cloud WAN",
            Severity.WARNING,
            partial=True,
            in_service=True,
            source=citations.api("VpnConnection"),
        ),
        RowRule(
            "one_gateway",
            "transit_gateway_id",
            ("vpn_gateway_id", "transit_gateway_id"),
            _two_gateways,
            "is given in addition to a VPN gateway: a connection ends at one of the two, so remove the other",
            source=citations.api("CreateVpnConnection"),
        ),
        RowRule(
            "inside_cidr",
            "tunnels",
            ("tunnels",),
            _wrong_ipv4,
            "has an inside block that is not a free /30 of 169.254.0.0/16: AWS reserves 169.254.0.0/30, "
            "169.254.1.0/30 to 169.254.5.0/30 and 169.254.169.252/30, so use another",
            source=citations.api("VpnTunnelOptionsSpecification"),
        ),
        RowRule(
            "inside_ipv6_cidr",
            "tunnels",
            ("tunnels",),
            _wrong_ipv6,
            "has an inside IPv6 block that is not a /126 of fd00::/8: correct it",
            source=citations.api("VpnTunnelOptionsSpecification"),
        ),
    ),
    set_rules=(
        Reference("customer_gateway_id", "customerGateway", source=citations.api("VpnConnection")),
        Reference("vpn_gateway_id", "vpnGateway", source=citations.api("VpnConnection")),
        Reference("transit_gateway_id", "transitGateway", source=citations.api("VpnConnection")),
    ),
    source=citations.api("VpnConnection"),
)
