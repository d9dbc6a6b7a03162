"""The resources of Terraform's provider for AWS, and what of ours they are: one registry.

Attributes: hashicorp/aws, the pages of its registry. Only what stands here is ever read, so that no pre-shared key and
no configuration is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from schemas.resource import TAGGED
from schemas.resources import RESOURCES
from schemas.spelling import plain
from tasks.formats.spool import Json

Read = str | Callable[[Json], Any]
"""Where a field's value comes from: an attribute, or what a function makes of all of them (None: nothing)."""


@dataclass(frozen=True)
class Entry:
    """How a resource of the provider becomes a record: our type, and what each of its own fields is read from."""

    type: str
    fields: Mapping[str, Read]

    @cached_property
    def reads(self) -> dict[str, Read]:
        """What each field of a record is read from, those of every type included."""
        return COMMON | dict(self.fields)


@dataclass(frozen=True)
class Addition:
    """What a resource adds to records of another: `value` goes into `field` of those whose `on` is its `key`.

    With `many`, the field is a list that it adds an item to.
    """

    type: str
    on: str
    key: str
    field: str
    value: Read
    many: bool = False


# What attributes say --------------------------------------------------------------------------------------------------


def value_of(read: Read, attributes: Json) -> Any:
    """A field's value; None for an attribute that is absent or empty, as Terraform writes what is not set."""
    value = attributes.get(read) if isinstance(read, str) else read(attributes)
    return None if value == "" else value


def _arn(attributes: Json, part: int) -> str | None:
    """The part of the ARN (`arn:aws:ec2:us-east-1:012345678901:vpc/vpc-…`) of that number."""
    parts = str(attributes.get("arn") or "").split(":")
    return (parts[part] or None) if len(parts) > 5 else None


def _region(attributes: Json) -> Any:
    return attributes.get("region") or _arn(attributes, 3)


def _account(attributes: Json) -> Any:
    return attributes.get("owner_id") or _arn(attributes, 4)


def _tags(attributes: Json) -> Json:
    tags = attributes.get("tags_all") or attributes.get("tags")
    return tags if isinstance(tags, dict) else {}


_spelt = lru_cache(4096)(plain)  # the same few keys of tags come again and again


def _tag(name: str) -> Read:
    wanted = plain(name)

    def told(attributes: Json) -> Any:
        return next((value for key, value in _tags(attributes).items() if _spelt(key) == wanted), None)

    return told


def _name(attributes: Json) -> Any:
    return _tags(attributes).get("Name")


def _is(value: Any) -> Read:
    """The same for every resource of a type."""
    return lambda attributes: value  # noqa: ARG005  # whatever its attributes are


def _listed(name: str) -> Read:
    """An attribute as a list of one."""
    return lambda attributes: [attributes[name]] if attributes.get(name) else None


def _tunnels(attributes: Json) -> list[Json]:
    parts = {"outside_ip": "address", "inside_cidr": "inside_cidr", "inside_ipv6_cidr": "inside_ipv6_cidr"}
    return [
        {ours: attributes.get(f"tunnel{number}_{theirs}") or None for ours, theirs in parts.items()}
        for number in (1, 2)
        if attributes.get(f"tunnel{number}_address")
    ]


def _addresses(attributes: Json) -> list[Json]:
    names = ("allocation_id", "association_id", "public_ip", "private_ip", "network_interface_id")
    return [{name: attributes.get(name) or None for name in names}]


_DESTINATIONS = ("cidr_block", "ipv6_cidr_block", "destination_prefix_list_id")
_TARGETS = (
    *("transit_gateway_id", "nat_gateway_id", "vpc_peering_connection_id", "network_interface_id", "vpc_endpoint_id"),
    *("local_gateway_id", "carrier_gateway_id", "egress_only_gateway_id", "core_network_arn", "gateway_id"),
    "instance_id",
)


def _routes(attributes: Json) -> list[Json]:
    def first(route: Json, names: tuple[str, ...]) -> Any:
        return next((route[name] for name in names if route.get(name)), None)

    routes = attributes.get("route") or []
    return [{"destination": first(each, _DESTINATIONS), "target": first(each, _TARGETS)} for each in routes]


def _association(attributes: Json) -> Json:
    parts = {"association_id": "id", "subnet_id": "subnet_id", "gateway_id": "gateway_id"}
    return {ours: attributes.get(theirs) or None for ours, theirs in parts.items()}


def _rules(attributes: Json) -> list[Json]:
    """The rules of a security group, in the shape that a `describe-security-groups` document gives them."""
    return [
        _rule(attributes, direction, rule)
        for direction in ("ingress", "egress")
        for rule in attributes.get(direction) or []
    ]


def _rule(attributes: Json, direction: str, rule: Json) -> Json:
    every = str(rule.get("protocol")) == "-1"  # has no ports, where Terraform writes 0
    groups = [*(rule.get("security_groups") or []), *([attributes.get("id")] if rule.get("self") else [])]
    said = {"Description": rule["description"]} if rule.get("description") else {}
    return {
        "direction": direction,
        "protocol": rule.get("protocol"),
        "from_port": None if every else rule.get("from_port"),
        "to_port": None if every else rule.get("to_port"),
        "ipv4_ranges": [{"CidrIp": block} | said for block in rule.get("cidr_blocks") or []],
        "ipv6_ranges": [{"CidrIpv6": block} | said for block in rule.get("ipv6_cidr_blocks") or []],
        "groups": [{"GroupId": group} | said for group in groups],
        "prefix_lists": [{"PrefixListId": name} | said for name in rule.get("prefix_list_ids") or []],
    }


# The registry ---------------------------------------------------------------------------------------------------------

COMMON: dict[str, Read] = {
    "name": _name,
    "description": "description",
    "tags": lambda attributes: _tags(attributes) or None,
    "account_id": _account,
    "region": _region,
    **{name: _tag(name) for name in TAGGED},
}
"""What every resource of AWS has."""

_VPC: dict[str, Read] = {
    "vpc_id": "id",
    "cidr_block": "cidr_block",
    "ipv6_cidr_blocks": _listed("ipv6_cidr_block"),
    "dhcp_options_id": "dhcp_options_id",
    "instance_tenancy": "instance_tenancy",
    "enable_dns_support": "enable_dns_support",
    "enable_dns_hostnames": "enable_dns_hostnames",
}
_SAME_SUBNET = (
    *("vpc_id", "cidr_block", "ipv6_cidr_block", "availability_zone", "availability_zone_id"),
    "map_public_ip_on_launch",
)
_SUBNET: dict[str, Read] = {"subnet_id": "id", **{name: name for name in _SAME_SUBNET}}
_ROUTE_TABLE: dict[str, Read] = {"route_table_id": "id", "vpc_id": "vpc_id", "routes": _routes}
_SECURITY_GROUP: dict[str, Read] = {
    "security_group_id": "id",
    "group_name": "name",
    "vpc_id": "vpc_id",
    "rules": _rules,
}
_ATTACHMENT = "transitGatewayAttachment"

_ENTRIES: dict[str, tuple[Entry, ...]] = {
    # A VPC that Terraform made is none that AWS made for the account.
    "aws_vpc": (Entry("vpc", _VPC | {"is_default": _is(False)}),),
    "aws_default_vpc": (Entry("vpc", _VPC | {"is_default": _is(True)}),),
    "aws_subnet": (Entry("subnet", _SUBNET),),
    "aws_default_subnet": (Entry("subnet", _SUBNET),),
    "aws_ec2_transit_gateway": (
        Entry(
            "transitGateway",
            {
                "transit_gateway_id": "id",
                "amazon_side_asn": "amazon_side_asn",
                "cidr_blocks": "transit_gateway_cidr_blocks",
                "auto_accept_shared_attachments": "auto_accept_shared_attachments",
                "default_route_table_association": "default_route_table_association",
                "default_route_table_propagation": "default_route_table_propagation",
                "dns_support": "dns_support",
                "vpn_ecmp_support": "vpn_ecmp_support",
                "multicast_support": "multicast_support",
            },
        ),
    ),
    "aws_ec2_transit_gateway_route_table": (
        Entry(
            "transitGatewayRouteTable",
            {
                "transit_gateway_route_table_id": "id",
                "transit_gateway_id": "transit_gateway_id",
                "default_association": "default_association_route_table",
                "default_propagation": "default_propagation_route_table",
            },
        ),
    ),
    "aws_customer_gateway": (
        Entry(
            "customerGateway",
            {
                "customer_gateway_id": "id",
                "type": "type",
                "ip_address": "ip_address",
                "certificate_arn": "certificate_arn",
                "bgp_asn": lambda attributes: attributes.get("bgp_asn_extended") or attributes.get("bgp_asn"),
                "device_name": "device_name",
            },
        ),
    ),
    "aws_vpc_endpoint": (
        Entry(
            "vpcEndpoint",
            {
                "vpc_endpoint_id": "id",
                "vpc_id": "vpc_id",
                "service_name": "service_name",
                "endpoint_type": "vpc_endpoint_type",
                "route_table_ids": "route_table_ids",
                "subnet_ids": "subnet_ids",
                "security_group_ids": "security_group_ids",
                "private_dns_enabled": "private_dns_enabled",
                "state": "state",
            },
        ),
    ),
    "aws_vpn_gateway": (
        Entry("vpnGateway", {"vpn_gateway_id": "id", "amazon_side_asn": "amazon_side_asn", "vpc_id": "vpc_id"}),
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
            _ATTACHMENT,
            {
                "transit_gateway_attachment_id": "transit_gateway_attachment_id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": _is("vpn"),
                "resource_id": "id",
            },
        ),
    ),
    "aws_ec2_transit_gateway_vpc_attachment": (
        Entry(
            _ATTACHMENT,
            {
                "transit_gateway_attachment_id": "id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": _is("vpc"),
                "resource_id": "vpc_id",
                "subnet_ids": "subnet_ids",
                "account_id": lambda attributes: attributes.get("vpc_owner_id") or _account(attributes),
            },
        ),
    ),
    "aws_ec2_transit_gateway_peering_attachment": (
        Entry(
            _ATTACHMENT,
            {
                "transit_gateway_attachment_id": "id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": _is("peering"),
                "resource_id": "peer_transit_gateway_id",
                "account_id": lambda attributes: attributes.get("peer_account_id") or _account(attributes),
                "state": "state",
            },
        ),
    ),
    "aws_ec2_transit_gateway_connect": (
        Entry(
            _ATTACHMENT,
            {
                "transit_gateway_attachment_id": "id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": _is("connect"),
                "resource_id": "transport_attachment_id",
            },
        ),
    ),
    "aws_nat_gateway": (
        Entry(
            "natGateway",
            {
                "nat_gateway_id": "id",
                "vpc_id": "vpc_id",
                "subnet_id": "subnet_id",
                "connectivity_type": "connectivity_type",
                "addresses": _addresses,
            },
        ),
    ),
    "aws_internet_gateway": (Entry("internetGateway", {"internet_gateway_id": "id", "vpc_id": "vpc_id"}),),
    "aws_route_table": (Entry("routeTable", _ROUTE_TABLE | {"main": _is(False)}),),
    "aws_default_route_table": (Entry("routeTable", _ROUTE_TABLE | {"main": _is(True)}),),
    "aws_security_group": (Entry("securityGroup", _SECURITY_GROUP),),
    "aws_default_security_group": (Entry("securityGroup", _SECURITY_GROUP),),
    "aws_vpc_peering_connection": (
        Entry(
            "vpcPeering",
            {
                "vpc_peering_id": "id",
                "requester_vpc_id": "vpc_id",
                "accepter_vpc_id": "peer_vpc_id",
                "accepter_owner_id": "peer_owner_id",
                "accepter_region": "peer_region",
                "state": "accept_status",
            },
        ),
    ),
    "aws_eip": (
        Entry(
            "elasticIp",
            {
                "allocation_id": "allocation_id",
                "public_ip": "public_ip",
                "association_id": "association_id",
                "network_interface_id": "network_interface",
                "public_ipv4_pool": "public_ipv4_pool",
                "network_border_group": "network_border_group",
            },
        ),
    ),
}

_ADDITIONS: dict[str, Addition] = {
    "aws_vpc_ipv4_cidr_block_association": Addition(
        "vpc", "vpc_id", "vpc_id", "secondary_cidr_blocks", "cidr_block", many=True
    ),
    "aws_vpc_ipv6_cidr_block_association": Addition(
        "vpc", "vpc_id", "vpc_id", "ipv6_cidr_blocks", "ipv6_cidr_block", many=True
    ),
    "aws_vpn_gateway_attachment": Addition("vpnGateway", "vpn_gateway_id", "vpn_gateway_id", "vpc_id", "vpc_id"),
    "aws_internet_gateway_attachment": Addition(
        "internetGateway", "internet_gateway_id", "internet_gateway_id", "vpc_id", "vpc_id"
    ),
    "aws_ec2_transit_gateway_route_table_association": Addition(
        _ATTACHMENT,
        "transit_gateway_attachment_id",
        "transit_gateway_attachment_id",
        "association_route_table_id",
        "transit_gateway_route_table_id",
    ),
    "aws_route_table_association": Addition(
        "routeTable", "route_table_id", "route_table_id", "associations", _association, many=True
    ),
    "aws_main_route_table_association": Addition("routeTable", "route_table_id", "route_table_id", "main", _is(True)),
    # Of a NAT gateway, older providers tell the subnet alone.
    "aws_subnet": Addition("natGateway", "subnet_id", "id", "vpc_id", "vpc_id"),
}

ENTRIES = {
    name: known
    for name, entries in _ENTRIES.items()
    if (known := tuple(entry for entry in entries if entry.type in RESOURCES))
}
"""What each resource type of the provider is read as; a VPN connection to a transit gateway is an attachment, too."""

ADDITIONS = {name: addition for name, addition in _ADDITIONS.items() if addition.type in RESOURCES}
"""What resources add to records of others."""


def _check() -> None:
    """Refuse a registry that names a field which its type has not."""
    named = [(entry.type, name) for entries in ENTRIES.values() for entry in entries for name in entry.fields]
    added = [(each.type, name) for each in ADDITIONS.values() for name in (each.on, each.field)]
    for resource_type, name in (*named, *added):
        if name not in RESOURCES[resource_type].fields:
            raise TypeError(f"Terraform: {resource_type} has no field {name}")


_check()
