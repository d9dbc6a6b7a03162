"""AWS documents: recognised, flattened and read, as moto's server gives them to the real boto3."""

from __future__ import annotations

import copy
import json
from typing import Any

import polars as pl
import pytest

from schemas.job_options.choices import Mode, Unknown
from schemas.model.resource import TAGGED, Resource
from schemas.resources import RESOURCES
from tasks.formats.aws.document import DOCUMENTS, SHAPES, flattener, recognise
from tasks.mapping.columns import map_columns
from tasks.mapping.options import MapOptions
from tests.aws import REGION, describe_documents

TYPES = list(dict.fromkeys(declared.type for declared in DOCUMENTS.values()))
EVERY = pytest.mark.parametrize("name", TYPES)


def records(name: str) -> list[dict[str, Any]]:
    """Return the records of the type's document."""
    (listed,) = [value for value in describe_documents()[name].values() if isinstance(value, list)]
    assert listed
    return listed


def type_of(key: str | None, record: dict[str, Any]) -> str | None:
    """Return the type that a record is recognised as."""
    shape = recognise(key, record)
    return shape.resource.type if shape else None


def text(value: Any) -> str | None:
    """Return a JSON value as the text of a cell; what is empty is an empty cell."""
    if value in (None, "", [], {}):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def typed(declared: Resource, flat: list[dict[str, Any]]) -> pl.DataFrame:
    """Read flattened records into the fields of a type; fails where a value can't be read."""
    columns = {name: [text(record.get(name)) for record in flat] for record in flat for name in record}
    mapping = map_columns(tuple(columns), declared, MapOptions(unknown=Unknown.IGNORE), Mode.UPSERT)
    read = {}
    for match in mapping.matches:
        values = pl.Series(match.field, columns[match.column], dtype=pl.String)
        read[match.field] = declared.fields[match.field].kind.read(values)
        assert read[match.field].null_count() == values.null_count(), match
    return pl.DataFrame(read)


def test_every_aws_type_has_a_document() -> None:
    """The documents that these tests read are of all AWS types."""
    assert set(describe_documents()) == set(TYPES) == {r.type for r in RESOURCES.values() if r.document}


@EVERY
def test_recognised_by_the_key(name: str) -> None:
    """A document is known by the key of its list, whatever stands in it; one of a common word, by its marks, too."""
    (key,) = [key for key, value in describe_documents()[name].items() if isinstance(value, list)]
    marks = SHAPES[key].marks
    assert type_of(key, dict.fromkeys(marks)) == type_of(key, dict.fromkeys(marks) | {"VpcId": "vpc-1"}) == name
    for mark in marks:
        assert type_of(key, dict.fromkeys({*marks} - {mark})) is None


@EVERY
def test_recognised_by_each_record(name: str) -> None:
    """A bare list is known by any of its records, though a record names records of other types.

    A list of another name is none of ours, whatever its records look like.
    """
    for record in records(name):
        assert type_of(None, record) == name
        assert recognise("Unknown", record) is None


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"VpcId": "vpc-1"},
        {"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/16"},
        {"TransitGatewayPolicyTableId": "tgw-ptb-1", "TransitGatewayId": "tgw-1", "State": "available", "Tags": []},
        {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.20", "NetworkInterfaceId": "eni-1"},
        {"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "us-east-1a"},
        {"NetworkAclId": "acl-1", "VpcId": "vpc-1", "OwnerId": "012345678901", "Associations": [], "Tags": []},
    ],
    ids=lambda record: next(iter(record), "empty"),
)
def test_a_record_of_another_kind_is_not_recognised(record: dict[str, Any]) -> None:
    """A record that only refers to a type, or says too little, is not taken for one."""
    assert recognise(None, record) is None


def test_a_record_that_could_be_two_is_not_recognised() -> None:
    """Where the members of two types are there, and neither refers to the other, nothing is guessed."""
    assert recognise(None, records("transitGateway")[0] | records("vpnGateway")[0]) is None


@EVERY
def test_records_are_valid(name: str) -> None:
    """Each record is read whole: every value by its kind, and all of them pass the type's schema."""
    declared = RESOURCES[name]
    flatten = flattener(declared)
    frame = typed(declared, [flatten(record) for record in records(name)])
    assert set(declared.required) <= set(frame.columns)
    declared.schema.select_columns(frame.columns).validate(frame, lazy=True)


@EVERY
def test_nothing_is_lost_but_secrets(name: str) -> None:
    """Each member of a record is a column, or is what a field is read from; the input stays as it is."""
    for record in records(name):
        before = copy.deepcopy(record)
        flat = flattener(RESOURCES[name])(record)
        assert record == before
        heads = {column.partition(".")[0] for column in flat}
        document = RESOURCES[name].document
        assert document
        assert set(record) - heads <= {*SHAPES[document.key].heads, *document.secrets}


def test_values_of_each_type() -> None:
    """What the fields hold is what AWS said, in the places where the two differ in shape."""

    def first(name: str) -> dict[str, Any]:
        declared = RESOURCES[name]
        flatten = flattener(declared)
        return typed(declared, [flatten(record) for record in records(name)]).row(0, named=True)

    vpc, gateway = first("vpc"), first("transitGateway")
    assert (vpc["name"], vpc["cidr_block"], vpc["secondary_cidr_blocks"]) == ("core", "10.20.0.0/16", ["10.21.0.0/16"])
    assert vpc["ipv6_cidr_blocks"][0].endswith("::/56")
    assert (vpc["environment"], vpc["cost_center"]) == ("production", "CC-1234")
    assert json.loads(vpc["tags"]) == {"Name": "core", "Cost-Center": "CC-1234", "environment": "production"}
    assert gateway["amazon_side_asn"] == 64_512
    assert (gateway["dns_support"], gateway["multicast_support"]) == (True, False)
    assert first("customerGateway")["bgp_asn"] == 65_001
    assert first("vpnGateway")["vpc_id"] == vpc["vpc_id"] == first("subnet")["vpc_id"]
    assert first("transitGatewayAttachment")["account_id"] == "123456789012"
    endpoints = {
        record["ServiceName"]: record for record in map(flattener(RESOURCES["vpcEndpoint"]), records("vpcEndpoint"))
    }
    assert len(endpoints[f"com.amazonaws.{REGION}.ec2"]["security_group_ids"]) == 1
    assert endpoints[f"com.amazonaws.{REGION}.s3"]["security_group_ids"] == []


def test_values_of_lists() -> None:
    """What AWS lists within a record is JSON of the CMDB's own names, and nothing of it is lost."""

    def flat(name: str) -> list[dict[str, Any]]:
        return [flattener(RESOURCES[name])(record) for record in records(name)]

    [gateway], [nat], [address] = flat("internetGateway"), flat("natGateway"), flat("elasticIp")
    [main] = [table for table in flat("routeTable") if table["main"]]
    [routes] = [table["routes"] for table in flat("routeTable") if table["routes"][-1]["destination"] == "::/0"]
    assert main["VpcId"] == gateway["vpc_id"]
    targets = {route["destination"]: route["target"] for route in routes}
    assert (targets["10.21.0.0/16"], targets["0.0.0.0/0"]) == ("local", nat["NatGatewayId"])
    assert targets["::/0"] == gateway["InternetGatewayId"]
    assert nat["addresses"][0]["allocation_id"] == address["AllocationId"]
    [rules] = [group["rules"] for group in flat("securityGroup") if group["GroupName"] == "web"]
    assert [(rule["direction"], rule["protocol"], rule["to_port"]) for rule in rules] == [
        ("ingress", "tcp", 443),
        ("egress", "-1", None),
    ]
    assert rules[0]["ipv4_ranges"] == [{"CidrIp": "10.0.0.0/8", "Description": "everybody"}]


# What a record leaves open --------------------------------------------------------------------------------------------


NO_TAGS = dict.fromkeys(TAGGED)
"""What tags fill that are not there."""


def test_an_absent_member_is_no_column() -> None:
    """A member that a record does not have leaves the field alone; one that is empty empties it."""
    flat = flattener(RESOURCES["subnet"])({"SubnetId": "subnet-1", "Ipv6CidrBlockAssociationSet": [], "Tags": []})
    assert flat == {"SubnetId": "subnet-1", "ipv6_cidr_block": None, "Tags": [], "name": None, **NO_TAGS}
    flat = flattener(RESOURCES["vpc"])({"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"})
    assert flat == {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}
    flat = flattener(RESOURCES["vpnConnection"])({"VpnConnectionId": "vpn-1", "Options": {"StaticRoutesOnly": False}})
    assert flat == {"VpnConnectionId": "vpn-1", "Options.StaticRoutesOnly": False}


def test_a_large_as_number_is_read_from_the_member_that_has_it() -> None:
    """AWS gives AS numbers above 2147483647 in a member of their own, and then both may be there."""
    flatten = flattener(RESOURCES["customerGateway"])
    assert flatten({"BgpAsnExtended": "4200000000"})["bgp_asn"] == "4200000000"
    assert flatten({"BgpAsnExtended": "4200000000", "BgpAsn": "23456"})["bgp_asn"] == "4200000000"
    assert flatten({"BgpAsn": "65001"})["bgp_asn"] == "65001"


def test_blocks_that_are_not_associated_are_left_out() -> None:
    """Only blocks that a VPC has are its blocks, and the primary one is not among the secondary."""
    sets = [("10.0.0.0/16", "associated"), ("10.1.0.0/16", "disassociated"), ("10.2.0.0/16", "associated")]
    record = {
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociationSet": [{"CidrBlock": cidr, "CidrBlockState": {"State": state}} for cidr, state in sets],
    }
    assert flattener(RESOURCES["vpc"])(record)["secondary_cidr_blocks"] == ["10.2.0.0/16"]


@pytest.mark.parametrize(
    ("key", "field"),
    [("Environment", "environment"), ("PROJECT", "project"), ("owner", "owner"), ("Cost Center", "cost_center")],
)
def test_fields_from_tags(key: str, field: str) -> None:
    """A tag named as a field fills it, however it is spelt; the tag stays among the tags."""
    tags = [{"Key": "other", "Value": "x"}, {"Key": key, "Value": "net"}]
    flat = flattener(RESOURCES["vpc"])({"VpcId": "vpc-1", "Tags": tags})
    assert flat == {"VpcId": "vpc-1", "Tags": tags, "name": None, **NO_TAGS, field: "net"}


def test_members_that_no_field_reads_stay() -> None:
    """What has no field is kept under its own name, beside a member that is read under its path."""
    flat = flattener(RESOURCES["transitGateway"])(
        {
            "TransitGatewayId": "tgw-1",
            "TransitGatewayArn": "arn",
            "Options": {"AmazonSideAsn": 64512, "AssociationDefaultRouteTableId": "tgw-rtb-1"},
            "New": {"Member": [1]},
        }
    )
    assert flat == {
        "TransitGatewayId": "tgw-1",
        "TransitGatewayArn": "arn",
        "Options.AmazonSideAsn": 64512,
        "Options.AssociationDefaultRouteTableId": "tgw-rtb-1",
        "New": {"Member": [1]},
    }


@pytest.mark.parametrize(
    "record", [{"Options": None}, {"Options": "x"}, {"Tags": {"a": "b"}}, {"Tags": [1]}, {"VpcId": 1}]
)
def test_odd_shapes_are_no_failure(record: dict[str, Any]) -> None:
    """A member of another shape than AWS gives it is left for the field to reject."""
    for declared in DOCUMENTS.values():
        flattener(declared)(record)
        assert recognise(None, record) is None


# Secrets --------------------------------------------------------------------------------------------------------------


def test_secrets_are_dropped() -> None:
    """Neither a pre-shared key nor the configuration that holds one is in any column, wherever it stood."""
    secret = {"PreSharedKey": "s3cret", "pre_shared_key": "s3cret"}
    record = {
        **secret,
        "VpnConnectionId": "vpn-1",
        "CustomerGatewayConfiguration": "<pre_shared_key>s3cret</pre_shared_key>",
        "PreSharedKeyArn": "arn:s3cret",
        "Options": {"TunnelOptions": [secret | {"OutsideIpAddress": "203.0.113.7"}], "More": secret},
        "Routes": [secret],
    }
    flat = flattener(RESOURCES["vpnConnection"])(record)
    assert "s3cret" not in json.dumps(flat)
    assert flat["tunnels"] == [{"outside_ip": "203.0.113.7", "inside_cidr": None, "inside_ipv6_cidr": None}]


def test_no_key_of_a_bgp_session_is_left() -> None:
    """Neither the keys nor the configuration of the router that contains them is in a column."""
    for record in records("directConnectVirtualInterface"):
        assert "s3cret" in json.dumps(record)
        flat = flattener(RESOURCES["directConnectVirtualInterface"])(record)
        assert "s3cret" not in json.dumps(flat)
        assert not {"authKey", "customerRouterConfig"} & flat.keys()


def test_no_secret_of_a_real_connection_is_left() -> None:
    """Moto's connections have a configuration with keys: nothing of it is in a column."""
    for record in records("vpnConnection"):
        assert "pre_shared_key" in record["CustomerGatewayConfiguration"]
        flat = json.dumps(flattener(RESOURCES["vpnConnection"])(record)).lower()
        assert "pre_shared_key" not in flat
        assert "presharedkey" not in flat
