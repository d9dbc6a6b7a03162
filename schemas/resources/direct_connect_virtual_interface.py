"""Direct Connect virtual interface: a VLAN with a BGP session on a connection of AWS Direct Connect.

Source: Direct Connect API, VirtualInterface, BGPPeer and CreatePrivateVirtualInterface. The keys of BGP sessions, and
the configuration of the customer's router, which contains them, are never read.
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document, Terraform
from schemas.model.resource import AwsRecord, Resource
from schemas.model.rules import Reference, RowRule

SECRETS = ("authKey", "bgpAuthKey", "customerRouterConfig")

_SOURCE = citations.direct_connect("VirtualInterface")
_PEER_ADDRESS = r"^[0-9a-fA-F:.]+(/\d{1,3})?$"
_NO_PEER_ADDRESS = "is not an IP address with the length of its network, such as 169.254.10.1/30"


class VirtualInterface(AwsRecord):
    """A VLAN with a BGP session on a connection of AWS Direct Connect."""

    virtual_interface_id: str = f.code(
        "Virtual interface ID",
        matches=r"^dxvif-[0-9a-z]{8,17}$",
        says="is not the ID of a virtual interface: write 'dxvif-' and then 8 to 17 of 0-9 and a-z",
        required=True,
        example="dxvif-fg5678gh",
        aliases=("dxvif", "vif", "vif id", "id"),
        aws="virtualInterfaceId",
    )
    name: str = f.text(
        "Name",
        longest=256,
        example="core-private",
        aliases=("virtual interface name", "vif name"),
        aws="virtualInterfaceName",
    )
    tags: str = f.aws_tags("Tags", example="Owner=network,Project=core", aws="tags")
    account_id: str = f.account(
        "Account ID", example="012345678901", aliases=("account", "owner id", "aws account"), aws="ownerAccount"
    )
    region: str = f.region("Region", aliases=("aws region", "region code"), aws="region")
    connection_id: str = f.code(
        "Connection ID",
        matches=r"^dxcon-[0-9a-z]{8,17}$",
        says="is not the ID of a connection: write 'dxcon-' and then 8 to 17 of 0-9 and a-z",
        example="dxcon-fg5678gh",
        aliases=("dxcon", "connection", "direct connect"),
        aws="starting(connectionId, 'dxcon-')",
    )
    lag_id: str = f.text(
        "LAG ID",
        longest=255,
        example="dxlag-fgabc123",
        aliases=("lag",),
        aws="starting(connectionId, 'dxlag-')",
        rare=True,
    )
    type: str = f.enum(
        "Type", "private", "public", "transit", required=True, aliases=("vif type",), aws="virtualInterfaceType"
    )
    vlan: int = f.integer(
        "VLAN", least=1, most=4094, required=True, example="101", aliases=("vlan id", "vid"), aws="vlan"
    )
    customer_asn: int = f.asn("Customer ASN", example="65001", aliases=("bgp asn",), aws="asnLong || asn")
    amazon_side_asn: int = f.asn("Amazon side ASN", example="64512", aliases=("amazon asn",), aws="amazonSideAsn")
    address_family: str = f.enum("Address family", "ipv4", "ipv6", aws="addressFamily")
    amazon_address: str = f.text(
        "Amazon address",
        matches=_PEER_ADDRESS,
        says=_NO_PEER_ADDRESS,
        example="169.254.10.1/30",
        aliases=("amazon peer ip",),
        aws="amazonAddress",
    )
    customer_address: str = f.text(
        "Customer address",
        matches=_PEER_ADDRESS,
        says=_NO_PEER_ADDRESS,
        example="169.254.10.2/30",
        aliases=("customer peer ip", "router peer ip"),
        aws="customerAddress",
    )
    mtu: int = f.integer("MTU", least=1, most=65_535, example="8500", aws="mtu")
    virtual_gateway_id: str = f.aws_id(
        "vgw", "Virtual gateway ID", aliases=("vgw id", "vgw", "virtual private gateway"), aws="virtualGatewayId"
    )
    direct_connect_gateway_id: str = f.text(
        "Direct Connect gateway ID",
        longest=255,
        example="5f294f92-bafb-4011-916d-9b0bec012345",
        aliases=("dx gateway id", "dxgw"),
        aws="directConnectGatewayId",
    )
    route_filter_prefixes: pl.List = f.blocks(
        "Route filter prefixes", example="198.51.100.0/24", aws="routeFilterPrefixes[].cidr", rare=True
    )
    bgp_peers: str = f.json(
        "BGP peers",
        description="The BGP sessions, as JSON; their keys are never kept.",
        example='[{"asn":65001,"customer_address":"169.254.10.2/30"}]',
        secrets=SECRETS,
        aws="bgpPeers[].{id: bgpPeerId, asn: asnLong || asn, address_family: addressFamily, "
        "amazon_address: amazonAddress, customer_address: customerAddress}",
    )
    site_link_enabled: bool = f.boolean(
        "SiteLink enabled", example="false", aliases=("sitelink",), aws="siteLinkEnabled"
    )
    state: str = f.enum(
        "State",
        *("confirming", "verifying", "pending", "available", "down", "testing"),
        *("deleting", "deleted", "rejected", "unknown"),
        aliases=("status", "virtual interface state"),
        example="available",
        aws="virtualInterfaceState",
    )


def _two_gateways() -> pl.Expr:
    return pl.col("virtual_gateway_id").is_not_null() & pl.col("direct_connect_gateway_id").is_not_null()


def _terraform(kind: str, more: dict[str, str]) -> Terraform:
    """The resource of Terraform for the virtual interfaces of a type."""
    shared = {
        "virtual_interface_id": "id",
        "name": "name",
        "connection_id": "starting(connection_id, 'dxcon-')",
        "lag_id": "starting(connection_id, 'dxlag-')",
        "type": f"'{kind}'",
        "vlan": "vlan",
        "customer_asn": "bgp_asn",
        "amazon_side_asn": "amazon_side_asn",
        "address_family": "address_family",
        "amazon_address": "amazon_address",
        "customer_address": "customer_address",
    }
    return Terraform(f"aws_dx_{kind}_virtual_interface", shared | more)


_ROUTED = {"mtu": "mtu", "direct_connect_gateway_id": "dx_gateway_id", "site_link_enabled": "sitelink_enabled"}

DIRECT_CONNECT_VIRTUAL_INTERFACE = Resource(
    "directConnectVirtualInterface",
    "Direct Connect interface",
    VirtualInterface,
    key=("virtual_interface_id",),
    aliases=("direct connect virtual interface", "dxvif"),
    document=Document(
        "virtualInterfaces",
        service="directconnect",
        secrets=SECRETS,
        never=("description",),
        parties=("ownerAccount",),
        marks=("virtualInterfaceId", "virtualInterfaceState"),
    ),
    terraform=(
        _terraform("private", _ROUTED | {"virtual_gateway_id": "vpn_gateway_id"}),
        _terraform("public", {"route_filter_prefixes": "route_filter_prefixes"}),
        _terraform("transit", _ROUTED),
    ),
    row_rules=(
        RowRule(
            "one_gateway",
            "direct_connect_gateway_id",
            ("virtual_gateway_id", "direct_connect_gateway_id"),
            _two_gateways,
            "is given in addition to a virtual gateway: an interface ends at one of the two, so remove the other",
            source=citations.direct_connect("NewPrivateVirtualInterface"),
        ),
    ),
    set_rules=(
        # The connection of a hosted virtual interface is another account's, which no member names.
        Reference("connection_id", "directConnect", severity=Severity.WARNING, source=_SOURCE),
        Reference("virtual_gateway_id", "vpnGateway", source=_SOURCE),
    ),
    source=_SOURCE,
)
