"""The resources of Terraform's provider for AWS, and what of ours they are: one registry.

Attributes: hashicorp/aws, the pages of its registry, and what its resources read back (`internal/service/ec2`). Only
what stands here is ever read, so that no pre-shared key and no configuration is.

A state knows what Terraform manages, and leaves open the rest. A field that a resource does not tell is left as it is
stored; of a list that several resources fill, the state may know a part only (see `tasks.values.partial_fields`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from schemas.model.resource import TAGGED
from schemas.resources import RESOURCES
from schemas.spelling import plain
from tasks.formats.json.spool import Json

CLEARED: Any = object()
"""The value of a field that a resource says is empty; None is one that it does not tell."""


@dataclass
class Facts:
    """What resources tell of records of others, collected before any record is read.

    `added` has, by (type, key), what goes into which field; `tags` those of `aws_ec2_tag` by the id of what they are
    on; `vpc_of` the VPC of each subnet; `main` the main route table of each VPC, by its association and by the VPC.
    """

    added: dict[tuple[str, str], dict[str, list[Any]]] = field(default_factory=dict)
    tags: dict[str, Json] = field(default_factory=lambda: defaultdict(dict))
    vpc_of: dict[str, str] = field(default_factory=dict)
    main: dict[str, str] = field(default_factory=dict)
    main_of_vpc: dict[str, str] = field(default_factory=dict)

    def add(self, addition: Addition, key: str, value: Any) -> None:
        """Add a value to a field of the record of a key."""
        self.added.setdefault((addition.type, key), {}).setdefault(addition.field, []).append(value)


Read = str | Callable[[Json, Facts], Any]
"""Where a field's value comes from: an attribute, or what a function makes of all of them and of what others tell."""


@dataclass(frozen=True)
class Entry:
    """How a resource of the provider becomes a record: our type, and what each of its own fields is read from.

    `view` is the view of another owner, such as the accepter's: it fills what is not known otherwise. `same_as` names
    fields that a record has in common with one that another of its fields names.
    """

    type: str
    fields: Mapping[str, Read]
    view: bool = False
    same_as: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def reads(self) -> dict[str, Read]:
        """What each field of a record is read from, those of every type included."""
        known = RESOURCES[self.type].fields
        return {name: read for name, read in (COMMON | dict(self.fields)).items() if name in known}

    @cached_property
    def key(self) -> str:
        """The field of its record's key."""
        return RESOURCES[self.type].key[0]


@dataclass(frozen=True)
class Addition:
    """What a resource adds to the record of another: `value` goes into `field` of that whose id is its `key`."""

    type: str
    key: str
    field: str
    value: Read


# What attributes say --------------------------------------------------------------------------------------------------


def value_of(read: Read, attributes: Json, facts: Facts) -> Any:
    """A field's value; None where it is not told: an attribute that is absent or null. An empty text is `CLEARED`."""
    value = attributes.get(read) if isinstance(read, str) else read(attributes, facts)
    return CLEARED if value == "" else value


def key_of(value: Any) -> str | None:
    """An id, which is text; None for anything else."""
    return value.strip() or None if isinstance(value, str) else None


def _attribute(name: str) -> Callable[[Json, Facts], Any]:
    """An attribute that another resource may manage as well: where it is empty, nothing is told."""
    return lambda attributes, facts: attributes.get(name) or None  # noqa: ARG005


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []


def _is_true(value: Any) -> bool:
    return value is True or value in ("true", "1")


def _number(value: Any) -> Any:
    """A number that may be written as text, as Terraform 0.11 does."""
    is_digits = isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 10
    return int(value) if is_digits else value


def _arn(attributes: Json, part: int) -> str | None:
    """The part of the ARN (`arn:aws:ec2:us-east-1:012345678901:vpc/vpc-…`) of that number."""
    parts = str(attributes.get("arn") or "").split(":")
    return (parts[part] or None) if len(parts) > 5 else None


def _region(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    return attributes.get("region") or _arn(attributes, 3)


def _account(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    return attributes.get("owner_id") or _arn(attributes, 4)


def _tags(attributes: Json, facts: Facts) -> Json | None:
    """The tags of a resource, those of `aws_ec2_tag` included; None where neither attribute is there."""
    told = [tags for name in ("tags_all", "tags") if isinstance(tags := attributes.get(name), dict)]
    more = facts.tags.get(key) if (key := key_of(attributes.get("id"))) in facts.tags else None
    if not told and not more:
        return {} if "tags" in attributes or "tags_all" in attributes else None
    return next((tags for tags in told if tags), {}) | (more or {})


_spelt = lru_cache(4096)(plain)  # the same few keys of tags come again and again


def _tag(name: str) -> Read:
    wanted = plain(name)

    def told(attributes: Json, facts: Facts) -> Any:
        tags = _tags(attributes, facts) or {}
        return next((value for key, value in tags.items() if value and _spelt(key) == wanted), None)

    return told


def _name(attributes: Json, facts: Facts) -> Any:
    tags = _tags(attributes, facts)
    return None if tags is None else tags.get("Name") or CLEARED


def _all_tags(attributes: Json, facts: Facts) -> Any:
    tags = _tags(attributes, facts)
    return None if tags is None else tags or CLEARED


def _is(value: Any) -> Callable[[Json, Facts], Any]:
    """The same for every resource of a type."""
    return lambda attributes, facts: value  # noqa: ARG005


def _listed(name: str) -> Read:
    """An attribute as a list of one."""
    return lambda attributes, facts: [attributes[name]] if attributes.get(name) else None  # noqa: ARG005


def _allocation(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The key of an address, which older providers (before 3.0) tell as its id alone."""
    allocation, given = attributes.get("allocation_id"), str(attributes.get("id") or "")
    return allocation or (given if given.startswith("eipalloc-") else None)


def _endpoint_type(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The type of an endpoint; providers that do not tell it knew gateways alone."""
    return attributes.get("vpc_endpoint_type") if "vpc_endpoint_type" in attributes else "Gateway"


def _vpc_of_subnet(attributes: Json, facts: Facts) -> Any:
    """The VPC of a NAT gateway: of zonal ones, most providers tell the subnet alone."""
    return attributes.get("vpc_id") or facts.vpc_of.get(str(attributes.get("subnet_id")))


def _is_main(*, otherwise: bool | None) -> Read:
    """Whether a route table is its VPC's main one, by an association or what the VPC tells."""

    def told(attributes: Json, facts: Facts) -> Any:
        vpc = str(attributes.get("vpc_id"))
        main = facts.main.get(vpc) or facts.main_of_vpc.get(vpc)
        return main == attributes.get("id") if main else otherwise

    return told


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
    """The addresses of a NAT gateway: its own, the secondary ones as far as they are told, those of a regional one."""
    regional = _objects(attributes.get("regional_nat_gateway_address"))
    zones = _objects(attributes.get("availability_zone_address")) if not regional else []
    own = {name: attributes.get(name) or None for name in _ADDRESS}
    found = [own] if any(own.values()) else []
    found += [{name: each.get(name) or None for name in _ADDRESS} for each in regional]
    found += [{"allocation_id": name} for each in zones for name in _texts(each.get("allocation_ids"))]
    second = _texts(attributes.get("secondary_allocation_ids"))
    found += [{"allocation_id": name} for name in second]
    if not second:
        found += [{"private_ip": address} for address in _texts(attributes.get("secondary_private_ip_addresses"))]
    return found or None


def _one_address(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    own = {name: attributes.get(name) or None for name in _ADDRESS}
    own["private_ip"] = own["private_ip"] or attributes.get("private_ip_address") or None
    return own if own["allocation_id"] else None


# Routes ---------------------------------------------------------------------------------------------------------------

_DESTINATIONS = ("cidr_block", "ipv6_cidr_block", "destination_prefix_list_id")
_OF_A_ROUTE = ("destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id")
_TARGETS = (
    *("transit_gateway_id", "nat_gateway_id", "vpc_peering_connection_id", "network_interface_id", "vpc_endpoint_id"),
    *("local_gateway_id", "carrier_gateway_id", "egress_only_gateway_id", "core_network_arn", "odb_network_arn"),
    *("gateway_id", "instance_id"),
)


def _first(route: Json, names: Iterable[str]) -> Any:
    return next((route[name] for name in names if route.get(name)), None)


def _routes(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    routes = _objects(attributes.get("route"))
    return [{"destination": _first(each, _DESTINATIONS), "target": _first(each, _TARGETS)} for each in routes] or None


def _one_route(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """A route that is a resource of its own; None for one without a destination or a target that is known here."""
    route = {"destination": _first(attributes, _OF_A_ROUTE), "target": _first(attributes, _TARGETS)}
    told = {name: attributes[name] for name in ("state", "origin") if attributes.get(name)}
    return route | told if all(route.values()) else None


def _one_association(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    parts = {"association_id": "id", "subnet_id": "subnet_id", "gateway_id": "gateway_id"}
    return {ours: attributes.get(theirs) or None for ours, theirs in parts.items()}


# Rules of security groups ---------------------------------------------------------------------------------------------


def _rules(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """The rules of a security group, in the shape that a `describe-security-groups` document gives them."""
    return [
        _rule(key_of(attributes.get("id")), direction, rule)
        for direction in ("ingress", "egress")
        for rule in _objects(attributes.get(direction))
    ] or None


def _rule(own: str | None, direction: str, rule: Json) -> Json:
    """A rule of blocks, groups and prefix lists; `own` is the group that "self" means."""
    protocol = str(rule["protocol"]).lower() if rule.get("protocol") is not None else None
    every = protocol in ("-1", "all")  # has no ports, where Terraform writes 0
    groups = [*_texts(rule.get("security_groups")), *([own] if own and _is_true(rule.get("self")) else [])]
    said = {"Description": rule["description"]} if rule.get("description") else {}
    return {
        "direction": direction,
        "protocol": "-1" if every else protocol,
        "from_port": None if every else _number(rule.get("from_port")),
        "to_port": None if every else _number(rule.get("to_port")),
        "ipv4_ranges": [{"CidrIp": block} | said for block in _texts(rule.get("cidr_blocks"))],
        "ipv6_ranges": [{"CidrIpv6": block} | said for block in _texts(rule.get("ipv6_cidr_blocks"))],
        "groups": [_group(name) | said for name in groups],
        "prefix_lists": [{"PrefixListId": name} | said for name in _texts(rule.get("prefix_list_ids"))],
    }


def _group(name: str) -> Json:
    """A group by its id; that of another account is told as `012345678901/sg-…`."""
    account, sign, group = name.partition("/")
    return {"UserId": account, "GroupId": group} if sign else {"GroupId": name}


def _older_rule(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """A rule of `aws_security_group_rule`: one or many blocks, a group, or the group itself."""
    direction = str(attributes.get("type"))
    group = attributes.get("source_security_group_id")
    rule = _rule(
        key_of(attributes.get("security_group_id")),
        direction,
        attributes | {"security_groups": [group] if isinstance(group, str) and not _names_itself(attributes) else []},
    )
    return rule if direction in ("ingress", "egress") and _sources(rule) else None


def _names_itself(attributes: Json) -> bool:
    own = attributes.get("security_group_id")
    return _is_true(attributes.get("self")) and attributes.get("source_security_group_id") == own


def _newer_rule(direction: str) -> Read:
    """A rule of `aws_vpc_security_group_ingress_rule`: one block, group or prefix list."""

    def told(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
        names = {
            "cidr_blocks": "cidr_ipv4",
            "ipv6_cidr_blocks": "cidr_ipv6",
            "security_groups": "referenced_security_group_id",
            "prefix_list_ids": "prefix_list_id",
        }
        sources = {ours: [attributes[theirs]] for ours, theirs in names.items() if attributes.get(theirs)}
        parts = {name: attributes.get(name) for name in ("from_port", "to_port", "description")}
        rule = _rule(None, direction, {"protocol": attributes.get("ip_protocol"), **parts, **sources})
        return rule if _sources(rule) else None

    return told


SOURCES = {
    "ipv4_ranges": ("CidrIp",),
    "ipv6_ranges": ("CidrIpv6",),
    "groups": ("GroupId",),
    "prefix_lists": ("PrefixListId",),
}
"""Whom a rule is about: the lists of it, and the member by which an item of each is known."""


def _sources(rule: Json) -> int:
    return sum(len(rule[name]) for name in SOURCES)


# Lists that several resources fill ------------------------------------------------------------------------------------


def _united(items: list[Any]) -> list[Any]:
    return list({json.dumps(item, default=str, sort_keys=True): item for item in items}.values())


def _by(*names: str) -> Callable[[list[Any]], list[Any]]:
    """Items by the first of these members that they have: what a later one of the same tells, counts."""

    def one_each(items: list[Any]) -> list[Any]:
        found: dict[Any, Json] = {}
        for number, item in enumerate(items):
            key = next(((name, str(item[name])) for name in names if item.get(name)), number)
            told = {name: value for name, value in item.items() if value is not None}
            found[key] = dict.fromkeys(item) | found.get(key, {}) | told
        return list(found.values())

    return one_each


def _grouped(rules: list[Any]) -> list[Any]:
    """Rules of one direction, protocol and range of ports as one, as the API gives them."""
    found: dict[Any, Json] = {}
    for rule in rules:
        key = tuple(str(rule[name]) for name in ("direction", "protocol", "from_port", "to_port"))
        whole = found.setdefault(key, rule | {name: [] for name in SOURCES})
        for name, (member,) in SOURCES.items():
            whole[name] = _by(member)(whole[name] + rule[name])
    return list(found.values())


LISTS: dict[tuple[str, str], Callable[[list[Any]], list[Any]]] = {
    ("vpc", "secondary_cidr_blocks"): _united,
    ("vpc", "ipv6_cidr_blocks"): _united,
    ("vpcEndpoint", "route_table_ids"): _united,
    ("vpcEndpoint", "subnet_ids"): _united,
    ("vpcEndpoint", "security_group_ids"): _united,
    ("routeTable", "routes"): _by("destination"),
    ("routeTable", "associations"): _by("association_id"),
    ("securityGroup", "rules"): _grouped,
    ("natGateway", "addresses"): _by("allocation_id", "private_ip"),
}
"""The lists that resources of their own may fill, too, and how the items of all become one list."""

NEVER_WHOLE = {("vpc", "secondary_cidr_blocks"), ("vpc", "ipv6_cidr_blocks"), ("routeTable", "associations")}
"""Of these, no attribute of the record's own resource tells all."""


TAG = "aws_ec2_tag"
"""A tag as a resource of its own, of whatever has the id `resource_id`."""

# The registry ---------------------------------------------------------------------------------------------------------

COMMON: dict[str, Read] = {
    "name": _name,
    "description": "description",
    "tags": _all_tags,
    "account_id": _account,
    "region": _region,
    **{name: _tag(name) for name in TAGGED},
}
"""What every resource of AWS has."""

_VPC: dict[str, Read] = {
    "vpc_id": "id",
    "cidr_block": "cidr_block",
    "secondary_cidr_blocks": _is(None),
    "ipv6_cidr_blocks": _listed("ipv6_cidr_block"),
    "dhcp_options_id": _attribute("dhcp_options_id"),
    "instance_tenancy": "instance_tenancy",
    "enable_dns_support": "enable_dns_support",
    "enable_dns_hostnames": "enable_dns_hostnames",
}
_SAME_SUBNET = (
    *("vpc_id", "cidr_block", "ipv6_cidr_block", "availability_zone", "availability_zone_id"),
    "map_public_ip_on_launch",
)
_SUBNET: dict[str, Read] = {"subnet_id": "id", **{name: name for name in _SAME_SUBNET}}
_ROUTE_TABLE: dict[str, Read] = {
    "route_table_id": "id",
    "vpc_id": "vpc_id",
    "routes": _routes,
    "associations": _is(None),
}
_SECURITY_GROUP: dict[str, Read] = {
    "security_group_id": "id",
    "group_name": "name",
    "vpc_id": "vpc_id",
    "rules": _rules,
}
_ATTACHMENT = "transitGatewayAttachment"
_VPC_ATTACHMENT: dict[str, Read] = {
    "transit_gateway_attachment_id": "id",
    "transit_gateway_id": "transit_gateway_id",
    "resource_type": _is("vpc"),
    "resource_id": "vpc_id",
    "subnet_ids": "subnet_ids",
    "account_id": lambda attributes, facts: attributes.get("vpc_owner_id") or _account(attributes, facts),
}
_PEERING_ATTACHMENT: dict[str, Read] = {
    "transit_gateway_attachment_id": "id",
    "transit_gateway_id": "transit_gateway_id",
    "resource_type": _is("peering"),
    "resource_id": "peer_transit_gateway_id",
    "account_id": lambda attributes, facts: attributes.get("peer_account_id") or _account(attributes, facts),
    "state": "state",
}

_ENTRIES: dict[str, tuple[Entry, ...]] = {
    # Whether a VPC is the default one, an aws_vpc does not tell: the default one may be imported into it.
    "aws_vpc": (Entry("vpc", _VPC),),
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
                "bgp_asn": lambda attributes, facts: (  # noqa: ARG005
                    attributes.get("bgp_asn_extended") or attributes.get("bgp_asn")
                ),
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
                "endpoint_type": _endpoint_type,
                "route_table_ids": _attribute("route_table_ids"),
                "subnet_ids": _attribute("subnet_ids"),
                "security_group_ids": _attribute("security_group_ids"),
                "private_dns_enabled": "private_dns_enabled",
                "state": "state",
            },
        ),
    ),
    "aws_vpn_gateway": (
        Entry(
            "vpnGateway",
            {"vpn_gateway_id": "id", "amazon_side_asn": "amazon_side_asn", "vpc_id": _attribute("vpc_id")},
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
            _ATTACHMENT,
            {
                "transit_gateway_attachment_id": "transit_gateway_attachment_id",
                "transit_gateway_id": "transit_gateway_id",
                "resource_type": _is("vpn"),
                "resource_id": "id",
            },
        ),
    ),
    "aws_ec2_transit_gateway_vpc_attachment": (Entry(_ATTACHMENT, _VPC_ATTACHMENT),),
    "aws_ec2_transit_gateway_vpc_attachment_accepter": (Entry(_ATTACHMENT, _VPC_ATTACHMENT, view=True),),
    "aws_ec2_transit_gateway_peering_attachment": (Entry(_ATTACHMENT, _PEERING_ATTACHMENT),),
    "aws_ec2_transit_gateway_peering_attachment_accepter": (Entry(_ATTACHMENT, _PEERING_ATTACHMENT, view=True),),
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
                "vpc_id": _vpc_of_subnet,
                "subnet_id": "subnet_id",
                "connectivity_type": "connectivity_type",
                "addresses": _addresses,
            },
            same_as={"vpc_id": "subnet_id"},
        ),
    ),
    "aws_internet_gateway": (Entry("internetGateway", {"internet_gateway_id": "id", "vpc_id": _attribute("vpc_id")}),),
    "aws_route_table": (Entry("routeTable", _ROUTE_TABLE | {"main": _is_main(otherwise=None)}),),
    "aws_default_route_table": (Entry("routeTable", _ROUTE_TABLE | {"main": _is_main(otherwise=True)}),),
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
    # Seen from the other side: its own VPC is the accepter's, the peer the requester.
    "aws_vpc_peering_connection_accepter": (
        Entry(
            "vpcPeering",
            {
                "vpc_peering_id": "id",
                "requester_vpc_id": "peer_vpc_id",
                "accepter_vpc_id": "vpc_id",
                "requester_owner_id": "peer_owner_id",
                "accepter_region": "peer_region",
                "state": "accept_status",
            },
            view=True,
        ),
    ),
    "aws_eip": (
        Entry(
            "elasticIp",
            {
                "allocation_id": _allocation,
                "public_ip": "public_ip",
                "association_id": _attribute("association_id"),
                "network_interface_id": _attribute("network_interface"),
                "public_ipv4_pool": "public_ipv4_pool",
                "network_border_group": "network_border_group",
            },
        ),
    ),
}

_NEWER_RULE = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")

_ADDITIONS: dict[str, tuple[Addition, ...]] = {
    "aws_vpc_ipv4_cidr_block_association": (Addition("vpc", "vpc_id", "secondary_cidr_blocks", "cidr_block"),),
    "aws_vpc_ipv6_cidr_block_association": (Addition("vpc", "vpc_id", "ipv6_cidr_blocks", "ipv6_cidr_block"),),
    "aws_vpc_dhcp_options_association": (Addition("vpc", "vpc_id", "dhcp_options_id", "dhcp_options_id"),),
    "aws_vpn_gateway_attachment": (Addition("vpnGateway", "vpn_gateway_id", "vpc_id", "vpc_id"),),
    "aws_internet_gateway_attachment": (Addition("internetGateway", "internet_gateway_id", "vpc_id", "vpc_id"),),
    "aws_ec2_transit_gateway_route_table_association": (
        Addition(
            _ATTACHMENT,
            "transit_gateway_attachment_id",
            "association_route_table_id",
            "transit_gateway_route_table_id",
        ),
    ),
    "aws_ec2_transit_gateway_default_route_table_association": (
        Addition("transitGatewayRouteTable", "transit_gateway_route_table_id", "default_association", _is(True)),
    ),
    "aws_ec2_transit_gateway_default_route_table_propagation": (
        Addition("transitGatewayRouteTable", "transit_gateway_route_table_id", "default_propagation", _is(True)),
    ),
    "aws_route": (Addition("routeTable", "route_table_id", "routes", _one_route),),
    "aws_route_table_association": (Addition("routeTable", "route_table_id", "associations", _one_association),),
    "aws_main_route_table_association": (
        Addition(
            "routeTable",
            "route_table_id",
            "associations",
            lambda attributes, facts: {  # noqa: ARG005
                "association_id": attributes.get("id"),
                "subnet_id": None,
                "gateway_id": None,
            },
        ),
    ),
    "aws_security_group_rule": (Addition("securityGroup", "security_group_id", "rules", _older_rule),),
    **{
        kind: (Addition("securityGroup", "security_group_id", "rules", _newer_rule(kind.split("_")[4])),)
        for kind in _NEWER_RULE
    },
    "aws_vpc_endpoint_route_table_association": (
        Addition("vpcEndpoint", "vpc_endpoint_id", "route_table_ids", "route_table_id"),
    ),
    "aws_vpc_endpoint_subnet_association": (Addition("vpcEndpoint", "vpc_endpoint_id", "subnet_ids", "subnet_id"),),
    "aws_vpc_endpoint_security_group_association": (
        Addition("vpcEndpoint", "vpc_endpoint_id", "security_group_ids", "security_group_id"),
    ),
    "aws_vpc_endpoint_private_dns": (
        Addition("vpcEndpoint", "vpc_endpoint_id", "private_dns_enabled", "private_dns_enabled"),
    ),
    "aws_eip_association": (
        Addition(
            "elasticIp",
            "allocation_id",
            "association_id",
            lambda attributes, facts: attributes.get("association_id") or attributes.get("id"),  # noqa: ARG005
        ),
        Addition("elasticIp", "allocation_id", "network_interface_id", _attribute("network_interface_id")),
    ),
    "aws_nat_gateway_eip_association": (Addition("natGateway", "nat_gateway_id", "addresses", _one_address),),
    # It knows of the acceptance first: the requester's side is older until the next refresh.
    "aws_vpc_peering_connection_accepter": (Addition("vpcPeering", "id", "state", _attribute("accept_status")),),
}


def learn(facts: Facts, kind: str, attributes: Json) -> None:
    """Note what a resource tells of others that is no value of a field of theirs."""
    given = {name: key_of(attributes.get(name)) or "" for name in ("id", "vpc_id", "route_table_id", "resource_id")}
    if kind in ("aws_subnet", "aws_default_subnet") and given["id"] and given["vpc_id"]:
        facts.vpc_of[given["id"]] = given["vpc_id"]
    elif kind in ("aws_vpc", "aws_default_vpc") and (main := key_of(attributes.get("main_route_table_id"))):
        facts.main_of_vpc[given["id"]] = main
    elif kind == "aws_main_route_table_association" and given["vpc_id"]:
        facts.main[given["vpc_id"]] = given["route_table_id"]
    elif kind == TAG and given["resource_id"] and (name := key_of(attributes.get("key"))):
        facts.tags[given["resource_id"]][name] = attributes.get("value")


ENTRIES = {
    name: known
    for name, entries in _ENTRIES.items()
    if (known := tuple(entry for entry in entries if entry.type in RESOURCES))
}
"""What each resource type of the provider is read as; a VPN connection to a transit gateway is an attachment, too."""

ADDITIONS = {
    name: some
    for name, additions in _ADDITIONS.items()
    if (some := tuple(addition for addition in additions if addition.type in RESOURCES))
}
"""What resources add to records of others."""


def _check() -> None:
    """Refuse a registry that names a field which its type has not."""
    named = [(entry.type, name) for entries in ENTRIES.values() for entry in entries for name in entry.fields]
    added = [(each.type, each.field) for additions in ADDITIONS.values() for each in additions]
    for resource_type, name in (*named, *added, *LISTS):
        if resource_type in RESOURCES and name not in RESOURCES[resource_type].fields:
            raise TypeError(f"Terraform: {resource_type} has no field {name}")


_check()
