"""Internet, NAT, VPN and customer gateways, VPN connections and elastic IPs in a Terraform state."""

from __future__ import annotations

from typing import Any

from tasks.formats.json.spool import Json
from tasks.formats.terraform.attributes import always, known_attribute, objects_in, texts_in
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.facts import Addition, Facts
from tasks.formats.terraform.transit_gateways import ATTACHMENT


def _allocation_id(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The key of an address, which older providers (before 3.0) have as its id alone."""
    allocation, given = attributes.get("allocation_id"), str(attributes.get("id") or "")
    return allocation or (given if given.startswith("eipalloc-") else None)


def _vpc_of_subnet(attributes: Json, facts: Facts) -> Any:
    """The VPC of a NAT gateway: of zonal ones, most providers have the subnet alone."""
    return attributes.get("vpc_id") or facts.vpc_of.get(str(attributes.get("subnet_id")))


def _tunnels(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    parts = {"outside_ip": "address", "inside_cidr": "inside_cidr", "inside_ipv6_cidr": "inside_ipv6_cidr"}
    tunnels = [
        {ours: attributes.get(f"tunnel{number}_{theirs}") or None for ours, theirs in parts.items()}
        for number in (1, 2)
        if attributes.get(f"tunnel{number}_address")
    ]
    return tunnels or None


_ADDRESS = ("allocation_id", "association_id", "public_ip", "private_ip", "network_interface_id")


def _addresses(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The addresses of a NAT gateway: its own, the secondary ones as far as they are known, those of a regional one."""
    regional = objects_in(attributes.get("regional_nat_gateway_address"))
    zones = objects_in(attributes.get("availability_zone_address")) if not regional else []
    own = {name: attributes.get(name) or None for name in _ADDRESS}
    found = [own] if any(own.values()) else []
    found += [{name: each.get(name) or None for name in _ADDRESS} for each in regional]
    found += [{"allocation_id": name} for each in zones for name in texts_in(each.get("allocation_ids"))]
    second = texts_in(attributes.get("secondary_allocation_ids"))
    found += [{"allocation_id": name} for name in second]
    if not second:
        found += [{"private_ip": address} for address in texts_in(attributes.get("secondary_private_ip_addresses"))]
    return found or None


def _one_address(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    own = {name: attributes.get(name) or None for name in _ADDRESS}
    own["private_ip"] = own["private_ip"] or attributes.get("private_ip_address") or None
    return own if own["allocation_id"] else None


ENTRIES: dict[str, tuple[Entry, ...]] = {
    "aws_customer_gateway": (
        Entry(
            "customerGateway",
            {
                "customer_gateway_id": "id",
                "type": "type",
                "ip_address": "ip_address",
                "certificate_arn": "certificate_arn",
                "bgp_asn": lambda attributes, facts: (  # noqa: ARG005
                    attributes.get("bgp_asn_extended") or attributes.get("bgp_asn")
                ),
                "device_name": "device_name",
            },
        ),
    ),
    "aws_vpn_gateway": (
        Entry(
            "vpnGateway",
            {"vpn_gateway_id": "id", "amazon_side_asn": "amazon_side_asn", "vpc_id": known_attribute("vpc_id")},
        ),
    ),
    "aws_vpn_connection": (
        Entry(
            "vpnConnection",
            {
                "vpn_connection_id": "id",
                "customer_gateway_id": "customer_gateway_id",
                "vpn_gateway_id": "vpn_gateway_id",
                "transit_gateway_id": "transit_gateway_id",
                "static_routes_only": "static_routes_only",
                "local_ipv4_network_cidr": "local_ipv4_network_cidr",
                "remote_ipv4_network_cidr": "remote_ipv4_network_cidr",
                "tunnels": _tunnels,
            },
        ),
        # AWS attaches a connection to its transit gateway by itself.
        Entry(
            ATTACHMENT,
            {
                "transit_gateway_attachment_id": "transit_gateway_attachment_id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": always("vpn"),
                "resource_id": "id",
            },
        ),
    ),
    "aws_nat_gateway": (
        Entry(
            "natGateway",
            {
                "nat_gateway_id": "id",
                "vpc_id": _vpc_of_subnet,
                "subnet_id": "subnet_id",
                "connectivity_type": "connectivity_type",
                "addresses": _addresses,
            },
            same_as={"vpc_id": "subnet_id"},
        ),
    ),
    "aws_internet_gateway": (
        Entry("internetGateway", {"internet_gateway_id": "id", "vpc_id": known_attribute("vpc_id")}),
    ),
    "aws_eip": (
        Entry(
            "elasticIp",
            {
                "allocation_id": _allocation_id,
                "public_ip": "public_ip",
                "association_id": known_attribute("association_id"),
                "network_interface_id": known_attribute("network_interface"),
                "public_ipv4_pool": "public_ipv4_pool",
                "network_border_group": "network_border_group",
            },
        ),
    ),
}
"""What resources are read as."""

ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_vpn_gateway_attachment": (Addition("vpnGateway", "vpn_gateway_id", "vpc_id", "vpc_id"),),
    "aws_internet_gateway_attachment": (Addition("internetGateway", "internet_gateway_id", "vpc_id", "vpc_id"),),
    "aws_eip_association": (
        Addition(
            "elasticIp",
            "allocation_id",
            "association_id",
            lambda attributes, facts: attributes.get("association_id") or attributes.get("id"),  # noqa: ARG005
        ),
        Addition("elasticIp", "allocation_id", "network_interface_id", known_attribute("network_interface_id")),
    ),
    "aws_nat_gateway_eip_association": (Addition("natGateway", "nat_gateway_id", "addresses", _one_address),),
}
"""What resources add to records of others."""
