"""Terraform states (version 4): a document of several types, whose resources are read by one registry.

Shapes: Terraform's internal state format, version 4; the attributes are those of the provider hashicorp/aws (its
registry's pages). A record has only what the registry names, so no pre-shared key or configuration is ever read.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from schemas.errors import SourceError
from schemas.reports import LEFT_OUT, NOTE, ROW, Issue, Opened, Severity
from schemas.resource import TAGGED
from schemas.resources import RESOURCES
from schemas.spelling import plain
from tasks.formats.base import Format, Source
from tasks.formats.json_reader import JsonReader
from tasks.formats.spool import Chunk, Json, Spooled, Spooling, without_collector
from tasks.formats.text import as_text

Read = str | Callable[[Json], Any]
"""Where a field's value comes from: an attribute, or what a function makes of all of them (None: nothing)."""

ADDRESS = f"{NOTE} resource"
"""The column of notes with each record's address in the state: `module.core.aws_vpc.main["eu"]`."""


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


def _arn(part: int) -> Read:
    """The part of the ARN (`arn:aws:ec2:us-east-1:012345678901:vpc/vpc-…`) of that number."""

    def read(attributes: Json) -> str | None:
        parts = str(attributes.get("arn") or "").split(":")
        return (parts[part] or None) if len(parts) > 5 else None

    return read


def _region(attributes: Json) -> Any:
    return attributes.get("region") or _read(_arn(3), attributes)


def _account(attributes: Json) -> Any:
    return attributes.get("owner_id") or _read(_arn(4), attributes)


def _tags(attributes: Json) -> Json:
    tags = attributes.get("tags_all") or attributes.get("tags")
    return tags if isinstance(tags, dict) else {}


_spelt = lru_cache(4096)(plain)  # the same few keys of tags come again and again


def _tag(name: str) -> Read:
    wanted = plain(name)

    def read(attributes: Json) -> Any:
        return next((value for key, value in _tags(attributes).items() if _spelt(key) == wanted), None)

    return read


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


# Records --------------------------------------------------------------------------------------------------------------


def _read(read: Read, attributes: Json) -> Any:
    """A field's value; None for an attribute that is absent or empty, as Terraform writes what is not set."""
    value = attributes.get(read) if isinstance(read, str) else read(attributes)
    return None if value == "" else value


def _record(entry: Entry, attributes: Json, address: str) -> Json | None:
    """The record of a resource; None for one without its key. What its attributes do not speak of is no member."""
    record: Json = {ADDRESS: address}
    for name, read in entry.reads.items():
        value = _read(read, attributes)
        if value is not None or (isinstance(read, str) and read in attributes):
            record[name] = value
    return record if record.get(RESOURCES[entry.type].key[0]) else None


def _attributes(instance: Json) -> Json | None:
    """The attributes of an instance but for those that the state marks as sensitive; None where it has none."""
    attributes = instance.get("attributes")
    if not isinstance(attributes, dict):
        return None
    paths = instance.get("sensitive_attributes")
    steps = [path[0] for path in paths if isinstance(path, list) and path] if isinstance(paths, list) else []
    secret = {step.get("value") for step in steps if isinstance(step, dict)}
    return {name: value for name, value in attributes.items() if name not in secret} if secret else attributes


def _address(resource: Json, instance: Json) -> str:
    key = instance.get("index_key")
    index = "" if key is None else f"[{json.dumps(key)}]"
    parts = (resource.get("module"), resource.get("type"), resource.get("name"))
    return ".".join(str(part) for part in parts if part) + index


# Reading --------------------------------------------------------------------------------------------------------------

# Bytes of the state after which the records so far become columns, and records at most.
_CHUNK = 8 << 20
_RECORDS = 20_000

# As many names as a message shows.
_SHOWN = 12


@dataclass
class _State:
    """A state on its way into columns: what was read so far, what is left out, and what is added at the end."""

    source: Source
    spools: dict[str, Spooling] = field(default_factory=dict)
    held: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    read: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    others: Counter[str] = field(default_factory=Counter)
    deposed: int = 0
    bare: int = 0
    added: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def take(self, resource: Any) -> None:
        """Read a resource and its instances: one, or those of `count` or `for_each`."""
        if not isinstance(resource, dict) or resource.get("mode") != "managed":
            return
        kind, instances = str(resource.get("type")), resource.get("instances")
        for instance in instances if isinstance(instances, list) else ():
            if not isinstance(instance, dict):
                continue
            if instance.get("deposed"):
                self.deposed += 1
            elif kind not in ENTRIES and kind not in ADDITIONS:
                self.others[kind] += 1
            elif (attributes := _attributes(instance)) is None:
                self.bare += 1
            else:
                self._instance(kind, attributes, _address(resource, instance))

    def _instance(self, kind: str, attributes: Json, address: str) -> None:
        for entry in ENTRIES.get(kind, ()):
            if record := _record(entry, attributes, address):
                self.held[entry.type].append(record)
                self.read[entry.type][kind] = None
                if len(self.held[entry.type]) == _RECORDS:
                    self.flush(entry.type)
        if addition := ADDITIONS.get(kind):
            key, value = attributes.get(addition.key), _read(addition.value, attributes)
            if key and value is not None:
                self.added[kind][str(key)].append(value)

    def flush(self, resource_type: str) -> None:
        """Let the records of a type that are held become columns."""
        records = self.held.pop(resource_type, [])
        if not records:
            return
        if resource_type not in self.spools:
            workdir = self.source.workdir / resource_type
            workdir.mkdir(exist_ok=True)
            self.spools[resource_type] = Spooling(replace(self.source, workdir=workdir))
        spool = self.spools[resource_type]
        first = spool.records + 1
        spool.add(Chunk(list(range(first, first + len(records))), records))

    def parts(self) -> tuple[Opened, ...]:
        """Each type that the state has records of, in the order of loading; the first has the notices."""
        for resource_type in RESOURCES:
            self.flush(resource_type)
        notices: list[Issue] = []
        parts = [
            Opened(
                frame=spooled.frame,
                columns=spooled.columns,
                encoding="utf-8",
                document=", ".join(self.read[resource_type]),
                records=spooled.records,
                resource_type=resource_type,
                faults=spooled.faults,
            )
            for resource_type in RESOURCES
            if resource_type in self.spools
            for spooled in [self._with_additions(resource_type, self.spools[resource_type].spooled(), notices)]
        ]
        notices += self.left_out()
        return (replace(parts[0], notices=tuple(notices)), *parts[1:]) if parts else ()

    def _with_additions(self, resource_type: str, spooled: Spooled, notices: list[Issue]) -> Spooled:
        """The records with what other resources add to them; `notices` are told what is added to none of them."""
        for kind, values in self.added.items():
            addition = ADDITIONS[kind]
            if addition.type == resource_type and addition.on in spooled.columns:
                known = set(spooled.frame.select(addition.on).collect()[addition.on])
                if kind not in ENTRIES and (unknown := len(values.keys() - known)):
                    what = _several(unknown, RESOURCES[resource_type].title)
                    notices.append(_told(f"what {kind} says of {what} of another state is left out"))
                spooled = _joined(spooled, addition, values)
        return spooled

    def left_out(self) -> Iterator[Issue]:
        """What to tell of the resources that are not read."""
        without = [kind for kind in self.added if ADDITIONS[kind].type not in self.spools and kind not in ENTRIES]
        others = self.others + Counter({kind: sum(map(len, self.added[kind].values())) for kind in without})
        if others:
            names = [name for name, _ in others.most_common(_SHOWN)]
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            yield _told(f"{_several(others.total(), 'resource')} of other types left out: {_list(names)}{more}")
        if self.deposed:
            yield _told(f"{_several(self.deposed, 'deposed object')} left out, which Terraform is yet to destroy")
        if self.bare:
            yield _told(
                f"{_several(self.bare, 'resource')} left out that Terraform 0.11 wrote: run "
                "`terraform apply -refresh-only` first"
            )


def _told(message: str) -> Issue:
    return Issue(LEFT_OUT, message, Severity.WARNING)


def _several(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _list(names: list[str]) -> str:
    return ", ".join(names)


def _joined(spooled: Spooled, addition: Addition, values: dict[str, list[Any]]) -> Spooled:
    """The records with a column of what is added: an item of the field's list, or its value."""
    name, new = addition.field, "__added__"
    texts = [",".join(map(_text, each)) if addition.many else _plain(each[-1]) for each in values.values()]
    added = pl.LazyFrame({addition.on: list(values), new: texts}, schema={addition.on: pl.String, new: pl.String})
    had = pl.col(name) if name in spooled.columns else pl.lit(None, pl.String)
    whole: pl.Expr = pl.col(new)
    if addition.many:
        before = pl.when(had.is_null() | (had == "[]")).then(pl.lit("[")).otherwise(had.str.head(-1) + ",")
        whole = before + pl.col(new) + "]"
    columns = tuple(dict.fromkeys((*spooled.columns, name)))
    joined = spooled.frame.join(added, on=addition.on, how="left", maintain_order="left")
    frame = joined.with_columns(pl.coalesce(whole, had).alias(name)).select(ROW, *columns)
    return replace(spooled, frame=frame, columns=columns)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def open_states(source: Source) -> tuple[Opened, ...]:
    """Open a state: a part for each type that it has records of."""
    text = as_text(source)
    state = _State(source)
    version: Any = None
    with text.path.open("rb") as file, without_collector():
        reader = JsonReader(file, source.name)
        read = 0
        for name in reader.members():
            if name == "version":
                version = reader.value()
                _refuse(source, version)
            elif name == "resources" and reader.peek() == "[":
                for resource in reader.values():
                    state.take(resource)
                    if reader.read - read > _CHUNK:
                        read = reader.read
                        for resource_type in list(state.held):
                            state.flush(resource_type)
            elif name == "format_version":
                raise SourceError(
                    f"{source.name} is what `terraform show -json` prints, and no state: import the state itself, "
                    "which `terraform state pull > state.tfstate` writes."
                )
            else:
                reader.skip()
        reader.end()
    _refuse(source, version)
    if not (parts := state.parts()):
        told = "; ".join(issue.message for issue in state.left_out()) or "it has no resources"
        raise SourceError(f"{source.name} is a Terraform state with nothing to import: {told}.")
    return parts


def _refuse(source: Source, version: Any) -> None:
    if version != 4:
        raise SourceError(
            f"{source.name} is a Terraform state of version {version or 'none'}, and version 4 is read: "
            "`terraform state pull` with Terraform 0.12 or newer, or OpenTofu, writes it."
        )


def open_state(source: Source) -> Opened:
    """Open the records of one type: of the one that was asked for, or the only one."""
    parts = {str(part.resource_type): part for part in open_states(source)}
    if source.resource is None and len(parts) == 1:
        return next(iter(parts.values()))
    if source.resource is None:
        raise SourceError(f"{source.name} holds records of {_list(list(parts))}: name one type with --type.")
    if source.resource.type not in parts:
        raise SourceError(f"{source.name} holds no {source.resource.title}, but {_list(list(parts))}.")
    return parts[source.resource.type]


# Either end of the file: `jq -S` puts some of what tells a state at its end.
_ENDS = 4096
_STATE = (rb'"terraform_version"\s*:\s*"', rb'"serial"\s*:\s*[0-9]', rb'"lineage"\s*:\s*"')
_SHOWN_STATE = (rb'"terraform_version"\s*:\s*"', rb'"format_version"\s*:\s*"')


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is a Terraform state, or what `terraform show` makes of one, by its members."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _ENDS, 0))
        ends = head[:_ENDS] + file.read()
    return any(all(re.search(mark, ends) for mark in marks) for marks in (_STATE, _SHOWN_STATE))


TERRAFORM = Format(
    "terraform", "a Terraform state", (".tfstate",), matches, open_state, None, "application/json", open_states
)
