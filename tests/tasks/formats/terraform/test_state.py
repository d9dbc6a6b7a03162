"""Terraform states: which resources become records of which type, what is added to them, and what is never read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError
from schemas.issues import LEFT_OUT
from schemas.jobs import ImportJob
from schemas.resources import RESOURCES
from schemas.sources import MERGED, ROW, UNTOUCHED, Extracted
from tasks.formats.terraform.aws_resources import ADDITIONS, ENTRIES
from tasks.formats.terraform.entry import Entry
from tasks.formats.terraform.parser import expanded
from tasks.formats.terraform.state import ADDRESS
from tasks.steps.extract import extract_all
from tests.laws import law
from tests.support import with_settings

OF_ANOTHER_STATE = "1 resource left out, as the record that it belongs to is not in this state: "
STATE = Path(__file__).parents[3] / "data" / "documents" / "network.tfstate"


def parts(path: Path, folder: Path, **options: Any) -> dict[str, Extracted]:
    """The parts of a state by their types."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    found = extract_all(ImportJob(path=path, **options), work, with_settings())
    return {str(part.resource_type): part for part in found}


def records(part: Extracted) -> list[dict[str, Any]]:
    """The records of a part, without what they say nothing of."""
    notes = (ROW, MERGED, UNTOUCHED)
    return [
        {name: value for name, value in row.items() if value is not None and name not in notes}
        for row in part.frame.collect().to_dicts()
    ]


def state(folder: Path, *resources: dict[str, Any], **members: Any) -> Path:
    """Write a state."""
    path = folder / "terraform.tfstate"
    head = {"version": 4, "terraform_version": "1.9.8", "serial": 1, "lineage": "x"}
    path.write_text(json.dumps(head | {"resources": resources} | members))
    return path


def resource(type: str, *attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A resource with an instance for each of the attributes."""
    instances = [{"index_key": number, "attributes": each} for number, each in enumerate(attributes)]
    return {"mode": "managed", "type": type, "name": "x", "instances": instances} | members


def test_a_state_is_a_document_of_several_types(tmp_path: Path) -> None:
    """Each type is a part, in the order of loading, with the records that the state has of it."""
    found = parts(STATE, tmp_path)
    known = [name for name in RESOURCES if name in found]
    assert list(found) == known
    counts = {name: part.records for name, part in found.items()}
    wanted = {"vpc": 3, "subnet": 2, "transitGateway": 1, "customerGateway": 1, "vpcEndpoint": 1, "vpnGateway": 1}
    wanted |= {"vpnConnection": 1, "transitGatewayAttachment": 3}
    assert counts.items() >= wanted.items()
    assert {part.sha256 for part in found.values()} == {found["vpc"].sha256}
    assert {part.format for part in found.values()} == {"terraform"}
    assert found["transitGatewayAttachment"].document == "aws_ec2_transit_gateway_vpc_attachment, aws_vpn_connection"


def test_a_vpc_with_what_other_resources_add_to_it(tmp_path: Path) -> None:
    """Region from the ARN, name and owner from tags, secondary blocks from their associations, wherever they stand."""
    core = next(record for record in records(parts(STATE, tmp_path)["vpc"]) if record.get("name") == "core")
    assert core == {
        ADDRESS: "module.core.aws_vpc.this[0]",
        "vpc_id": "vpc-0a1b2c3d4e5f60718",
        "name": "core",
        "cidr_block": "10.20.0.0/16",
        "secondary_cidr_blocks": '["10.21.0.0/16","10.22.0.0/16"]',
        "dhcp_options_id": "dopt-0a1b2c3d",
        "instance_tenancy": "default",
        "enable_dns_support": "true",
        "enable_dns_hostnames": "true",
        "account_id": "012345678901",
        "region": "eu-central-1",
        "environment": "production",
        "owner": "network",
        "tags": '{"Name":"core","Environment":"production","Owner":"network"}',
    }


def test_attachments_and_gateways_are_put_together(tmp_path: Path) -> None:
    """An attachment gets its route table, a VPN connection is one too, and a VPN gateway gets its VPC."""
    found = parts(STATE, tmp_path)
    core, edge, vpn = records(found["transitGatewayAttachment"])
    assert (core["resource_type"], core["resource_id"]) == ("vpc", "vpc-0a1b2c3d4e5f60718")
    assert core["association_route_table_id"] == "tgw-rtb-0a1b2c3d4e5f60718"
    assert "association_route_table_id" not in edge
    assert edge[ADDRESS] == 'aws_ec2_transit_gateway_vpc_attachment.this["edge"]'
    assert (vpn["resource_type"], vpn["resource_id"]) == ("vpn", "vpn-0a1b2c3d4e5f60718")
    assert records(found["vpnGateway"])[0]["vpc_id"] == "vpc-0a1b2c3d4e5f60719"


def test_what_is_left_out_is_reported(tmp_path: Path) -> None:
    """Other types, deposed objects, data sources, what belongs to records of another state: each with its number."""
    [first, *others] = parts(STATE, tmp_path).values()
    assert [notice.message for notice in first.notices] == [
        "4 resources of other types left out: aws_iam_role (3), null_resource (1)",
        OF_ANOTHER_STATE + "aws_vpc_ipv4_cidr_block_association (1)",
        "1 deposed object left out, which Terraform is yet to destroy: aws_vpc (1)",
        "2 data sources left out, which Terraform only reads: aws_caller_identity (1), aws_vpc (1)",
    ]
    assert {notice.rule for notice in first.notices} == {LEFT_OUT}
    assert others
    assert [part.notices for part in others] == [()] * len(others)


def test_no_secret_is_read(tmp_path: Path) -> None:
    """Neither the pre-shared keys nor the customer gateway's configuration is in any column or file of the run."""
    assert "never-keep-this-key" in STATE.read_text()
    for part in parts(STATE, tmp_path).values():
        assert "never-keep-this-key" not in str(part.frame.collect().to_dicts())
    written = [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"never-keep" in path.read_bytes()]


def test_a_type_that_is_named_is_the_only_part(tmp_path: Path) -> None:
    """As for every document; a type that the state has nothing of is told."""
    assert list(parts(STATE, tmp_path, resource_type="subnet")) == ["subnet"]
    with pytest.raises(SourceError, match=r"network.tfstate holds no Site, but vpc, subnet"):
        parts(STATE, tmp_path, resource_type="site")
    with pytest.raises(SourceError, match=r"holds records of vpc, subnet, .*: name one type with resource_type"):
        parts(STATE, tmp_path, columns={"vpc_id": "vpc_id"})


def test_a_state_may_be_called_json(tmp_path: Path) -> None:
    """`terraform state pull > state.json`, with a byte order mark or in UTF-16 as PowerShell writes it."""
    path = tmp_path / "state.json"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_bytes(STATE.read_text().encode(encoding))
        assert parts(path, tmp_path)["vpc"].records == 3


def test_additions_to_what_has_some_or_none(tmp_path: Path) -> None:
    """An item is added to a list that has some, to an empty one and to none; a lone value takes the place of one."""
    blocks = [{"vpc_id": f"vpc-0000000{n}", "ipv6_cidr_block": f"2001:db8:{n}::/56"} for n in (1, 2)]
    vpcs = [
        {"id": "vpc-00000001", "cidr_block": "10.1.0.0/16", "ipv6_cidr_block": "2001:db8::/56"},
        {"id": "vpc-00000002", "cidr_block": "10.2.0.0/16", "ipv6_cidr_block": ""},
        {"id": "vpc-00000003", "cidr_block": "10.3.0.0/16"},
    ]
    gateway = {"id": "vgw-00000001", "vpc_id": "vpc-00000001"}
    attached = {"vpn_gateway_id": "vgw-00000001", "vpc_id": "vpc-00000002"}
    path = state(
        tmp_path,
        resource("aws_vpc_ipv6_cidr_block_association", *blocks),
        resource("aws_vpc", *vpcs),
        resource("aws_vpn_gateway_attachment", attached),
        resource("aws_vpn_gateway", gateway),
    )
    found = parts(path, tmp_path)
    assert [record.get("ipv6_cidr_blocks") for record in records(found["vpc"])] == [
        '["2001:db8::/56","2001:db8:1::/56"]',
        '["2001:db8:2::/56"]',
        None,
    ]
    assert records(found["vpnGateway"])[0]["vpc_id"] == "vpc-00000002"


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (2, "of version 2. Versions 3 and 4 are read. Write it again with `terraform state pull"),
        (1, "of version 1."),
        ("four", "of version four."),
        (None, "without a version. Versions 3 and 4"),
        (5, "of version 5. Versions 3 and 4 are read. Write the state's resources with `terraform show -json"),
    ],
)
def test_a_state_of_another_version(tmp_path: Path, version: Any, says: str) -> None:
    """Wherever the version stands, none but 3 and 4 is read, and the message says how to write one of those."""
    path = state(tmp_path, resource("aws_vpc", {"id": "vpc-00000001", "cidr_block": "10.1.0.0/16"}))
    document = json.loads(path.read_text())
    del document["version"]
    path.write_text(json.dumps(document if version is None else document | {"version": version}))
    with pytest.raises(SourceError, match=re.escape(says)):
        parts(path, tmp_path)


def test_more_records_than_are_held_at_once(tmp_path: Path) -> None:
    """Types come by turns, and each has all its records in their order."""
    vpcs = [{"id": f"vpc-{n:08x}", "cidr_block": "10.1.0.0/16"} for n in range(25_000)]
    subnets = [{"id": f"subnet-{n:08x}", "vpc_id": f"vpc-{n:08x}", "cidr_block": "10.1.0.0/24"} for n in range(9)]
    turns = [resource("aws_vpc", *vpcs[:24_990]), resource("aws_subnet", *subnets), resource("aws_vpc", *vpcs[24_990:])]
    found = parts(state(tmp_path, *turns), tmp_path)
    assert found["vpc"].frame.select("__row__", "vpc_id").collect().rows() == [
        (number, each["id"]) for number, each in enumerate(vpcs, start=1)
    ]
    assert found["subnet"].records == 9


def test_the_registry_names_fields_and_keys_of_its_types() -> None:
    """Every entry fills its type's key, and every addition a field that is there."""
    assert {entry.type for entries in ENTRIES.values() for entry in entries} >= {"vpc", "vpnConnection", "vpcEndpoint"}
    for entries in ENTRIES.values():
        for entry in entries:
            assert RESOURCES[entry.type].key[0] in entry.fields
    for addition in (each for additions in ADDITIONS.values() for each in additions):
        assert addition.field in RESOURCES[addition.type].fields


# Resources of their own -----------------------------------------------------------------------------------------------


def merged(part: Extracted) -> list[dict[str, str]]:
    """How each record is set against what is stored, by field."""
    notes = part.frame.collect()[MERGED]
    return [dict(each.split("=", 1) for each in note.split(",") if each) for note in notes]


def untouched(part: Extracted) -> list[set[str]]:
    """Return the fields that each record leaves as they are stored."""
    return [{*(note or "").split(",")} for note in part.frame.collect()[UNTOUCHED]]


def test_routes_of_their_own(tmp_path: Path) -> None:
    """They are merged by their destination, whatever their attributes are called; the table's own may be older."""
    tables: list[dict[str, Any]] = [
        {"id": "rtb-0a", "vpc_id": "vpc-0a", "route": [{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-0a"}]},
        {"id": "rtb-0b", "vpc_id": "vpc-0a", "route": []},
        {
            "id": "rtb-0c",
            "vpc_id": "vpc-0a",
            "route": [{"ipv6_cidr_block": "::/0", "egress_only_gateway_id": "eigw-0a"}],
        },
    ]
    routes = [
        {
            "route_table_id": "rtb-0a",
            "destination_cidr_block": "0.0.0.0/0",
            "nat_gateway_id": "nat-0a",
            "gateway_id": "",
        },
        {
            "route_table_id": "rtb-0a",
            "destination_ipv6_cidr_block": "::/0",
            "network_interface_id": "eni-0a",
            "instance_id": "i-0a",
        },
        {
            "route_table_id": "rtb-0a",
            "destination_prefix_list_id": "pl-0a",
            "transit_gateway_id": "tgw-0a",
            "origin": "CreateRoute",
        },
        {"route_table_id": "rtb-0a", "destination_cidr_block": "10.0.0.0/8", "something_new": "x-0a"},
        {"route_table_id": "rtb-0z", "destination_cidr_block": "10.0.0.0/8", "gateway_id": "igw-0a"},
    ]
    path = state(tmp_path, resource("aws_route", *routes), resource("aws_route_table", *tables))
    part = parts(path, tmp_path)["routeTable"]
    assert [json.loads(record.get("routes", "[]")) for record in records(part)] == [
        [
            {"destination": "0.0.0.0/0", "target": "nat-0a"},
            {"destination": "::/0", "target": "eni-0a"},
            {"destination": "pl-0a", "target": "tgw-0a", "origin": "CreateRoute"},
        ],
        [],
        [{"destination": "::/0", "target": "eigw-0a"}],
    ]
    assert [each["routes"] for each in merged(part)] == ["add", "add", "whole"]
    assert [notice.message for notice in part.notices] == [
        "1 resource without a value that is known here left out: aws_route (1)",
        OF_ANOTHER_STATE + "aws_route (1)",
    ]


def test_rules_of_their_own(tmp_path: Path) -> None:
    """Rules of one direction, protocol and ports are one, as the API gives them; those told twice are there once."""
    inline = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"], "self": True}
    every = {"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}
    groups: list[dict[str, Any]] = [
        {"id": "sg-0a", "name": "a", "vpc_id": "vpc-0a", "ingress": [inline], "egress": []},
        {"id": "sg-0b", "name": "b", "vpc_id": "vpc-0a", "ingress": [], "egress": [every]},
        {"id": "sg-0c", "name": "c", "vpc_id": "vpc-0a", "ingress": [inline], "egress": [every]},
        {"id": "sg-0d", "name": "d", "vpc_id": "vpc-0a"},
    ]
    older = {"security_group_id": "sg-0a", "type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443}
    newer = {"security_group_id": "sg-0a", "ip_protocol": "tcp", "from_port": 443, "to_port": 443}
    path = state(
        tmp_path,
        resource("aws_security_group", *groups),
        resource(
            "aws_security_group_rule",
            older | {"cidr_blocks": ["10.0.0.0/8", "10.9.0.0/16"]},
            older | {"self": True, "source_security_group_id": "sg-0a"},
            older | {"source_security_group_id": "012345678901/sg-0z", "description": "from z"},
        ),
        resource("aws_vpc_security_group_ingress_rule", newer | {"prefix_list_id": "pl-0a"}),
        resource(
            "aws_vpc_security_group_egress_rule",
            {"security_group_id": "sg-0a", "ip_protocol": "-1", "cidr_ipv6": "::/0"},
        ),
    )
    part = parts(path, tmp_path)["securityGroup"]
    first, *others = (json.loads(record.get("rules", "[]")) for record in records(part))
    assert first == [
        {
            "direction": "ingress",
            "protocol": "tcp",
            "from_port": 443,
            "to_port": 443,
            "ipv4_ranges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "10.9.0.0/16"}],
            "ipv6_ranges": [],
            "groups": [{"GroupId": "sg-0a"}, {"UserId": "012345678901", "GroupId": "sg-0z", "Description": "from z"}],
            "prefix_lists": [{"PrefixListId": "pl-0a"}],
        },
        {
            "direction": "egress",
            "protocol": "-1",
            "from_port": None,
            "to_port": None,
            "ipv4_ranges": [],
            "ipv6_ranges": [{"CidrIpv6": "::/0"}],
            "groups": [],
            "prefix_lists": [],
        },
    ]
    assert [[rule["direction"] for rule in rules] for rules in others] == [["egress"], ["ingress", "egress"], []]
    assert [each["rules"] for each in merged(part)] == ["add", "whole:egress", "whole", "add"]


def test_associations_of_their_own(tmp_path: Path) -> None:
    """Those of endpoints, addresses, options and tags are merged into their record."""
    path = state(
        tmp_path,
        resource(
            "aws_vpc", {"id": "vpc-0a", "cidr_block": "10.0.0.0/16", "dhcp_options_id": "dopt-0a", "tags": {"a": "b"}}
        ),
        resource("aws_vpc_dhcp_options_association", {"vpc_id": "vpc-0a", "dhcp_options_id": "dopt-0b"}),
        resource(
            "aws_ec2_tag",
            {"resource_id": "vpc-0a", "key": "Name", "value": "core"},
            {"resource_id": "i-0a", "key": "Name"},
        ),
        resource(
            "aws_vpc_endpoint",
            {
                "id": "vpce-0a",
                "vpc_id": "vpc-0a",
                "service_name": "s",
                "vpc_endpoint_type": "Interface",
                "subnet_ids": [],
            },
            {"id": "vpce-0b", "vpc_id": "vpc-0a", "service_name": "s", "route_table_ids": ["rtb-0a"]},
        ),
        resource("aws_vpc_endpoint_subnet_association", {"vpc_endpoint_id": "vpce-0a", "subnet_id": "subnet-0a"}),
        resource(
            "aws_vpc_endpoint_security_group_association", {"vpc_endpoint_id": "vpce-0a", "security_group_id": "sg-0a"}
        ),
        resource(
            "aws_vpc_endpoint_route_table_association", {"vpc_endpoint_id": "vpce-0b", "route_table_id": "rtb-0b"}
        ),
        resource("aws_vpc_endpoint_policy", {"vpc_endpoint_id": "vpce-0a", "policy": "{}"}),
        resource("aws_eip", {"id": "eipalloc-0a", "public_ip": "203.0.113.9", "vpc": True, "association_id": ""}),
        resource(
            "aws_eip_association",
            {"id": "eipassoc-0a", "allocation_id": "eipalloc-0a", "network_interface_id": "eni-0a"},
        ),
        resource("aws_eip", {"id": "203.0.113.10", "domain": "standard", "public_ip": "203.0.113.10"}),
    )
    found = parts(path, tmp_path)
    [vpc] = records(found["vpc"])
    assert (vpc["dhcp_options_id"], vpc["name"], json.loads(vpc["tags"])) == (
        "dopt-0b",
        "core",
        {"a": "b", "Name": "core"},
    )
    first, second = records(found["vpcEndpoint"])
    assert (first["subnet_ids"], first["security_group_ids"]) == ('["subnet-0a"]', '["sg-0a"]')
    assert (second["route_table_ids"], second["endpoint_type"]) == ('["rtb-0a","rtb-0b"]', "Gateway")
    assert [each["subnet_ids"] for each in merged(found["vpcEndpoint"])] == ["add", "add"]
    [address] = records(found["elasticIp"])
    assert (address["allocation_id"], address["association_id"], address["network_interface_id"]) == (
        "eipalloc-0a",
        "eipassoc-0a",
        "eni-0a",
    )
    assert [notice.message for notice in found["vpc"].notices] == [
        "1 resource of another type left out: aws_vpc_endpoint_policy (1)",
        "1 resource without an id left out: aws_eip (1)",
        OF_ANOTHER_STATE + "aws_ec2_tag (1)",
    ]
    [gap] = found["elasticIp"].gaps
    assert gap.message == "resources without an id or attributes could not be read: aws_eip (1)"
    assert found["vpc"].gaps == ()


def test_the_main_route_table(tmp_path: Path) -> None:
    """An association says which it is, then the VPC; without either, only the default table is known to be one."""
    tables = [{"id": f"rtb-{n}a", "vpc_id": f"vpc-{n}a"} for n in range(3)]
    defaults = [{"id": f"rtb-{n}d", "vpc_id": f"vpc-{n}a"} for n in range(3)]
    vpcs = [{"id": f"vpc-{n}a", "cidr_block": "10.0.0.0/16", "main_route_table_id": f"rtb-{n}d"} for n in range(2)]
    path = state(
        tmp_path,
        resource("aws_vpc", *vpcs),
        resource("aws_route_table", *tables),
        resource("aws_default_route_table", *defaults),
        resource(
            "aws_main_route_table_association", {"id": "rtbassoc-0a", "vpc_id": "vpc-0a", "route_table_id": "rtb-0a"}
        ),
        resource(
            "aws_route_table_association", {"id": "rtbassoc-0b", "subnet_id": "subnet-0a", "route_table_id": "rtb-0a"}
        ),
    )
    part = parts(path, tmp_path)["routeTable"]
    assert [record.get("main") for record in records(part)] == ["true", "false", None, "false", "true", "true"]
    assert ["main" in fields for fields in untouched(part)] == [False, False, True, False, False, False]
    none = {"subnet_id": None, "gateway_id": None}
    assert json.loads(records(part)[0]["associations"]) == [
        {"association_id": "rtbassoc-0a"} | none,
        {"association_id": "rtbassoc-0b"} | none | {"subnet_id": "subnet-0a"},
    ]


def test_the_view_of_an_accepter(tmp_path: Path) -> None:
    """Next to the owner's record it adds the state alone; without that, it fills what is not stored."""
    peering = {"id": "pcx-0a", "vpc_id": "vpc-0a", "peer_vpc_id": "vpc-0b", "accept_status": "pending-acceptance"}
    accepter = {"vpc_id": "vpc-0b", "peer_vpc_id": "vpc-0a", "accept_status": "active", "tags": {"Name": "theirs"}}
    attached = {
        "id": "tgw-attach-0a",
        "transit_gateway_id": "tgw-0a",
        "vpc_id": "vpc-0a",
        "vpc_owner_id": "012345678901",
    }
    path = state(
        tmp_path,
        resource("aws_vpc_peering_connection", peering),
        resource("aws_vpc_peering_connection_accepter", accepter | {"id": "pcx-0a"}, accepter | {"id": "pcx-0b"}),
        resource("aws_ec2_transit_gateway_vpc_attachment", attached),
        resource("aws_ec2_transit_gateway_vpc_attachment_accepter", attached | {"tags": {"Name": "hub"}}),
    )
    found = parts(path, tmp_path)
    first, second = records(found["vpcPeering"])
    assert (first["state"], first["requester_vpc_id"], first.get("name")) == ("active", "vpc-0a", None)
    assert (second["state"], second["requester_vpc_id"], second["name"]) == ("active", "vpc-0a", "theirs")
    assert {*merged(found["vpcPeering"])[1].values()} == {"fill"}
    [attachment] = records(found["transitGatewayAttachment"])
    assert "name" not in attachment
    assert found["vpcPeering"].notices == ()


def test_nat_gateways_of_all_kinds(tmp_path: Path) -> None:
    """Zonal with secondary addresses, private, regional; the VPC is that of a subnet in the state."""
    path = state(
        tmp_path,
        resource("aws_subnet", {"id": "subnet-0a", "vpc_id": "vpc-0a", "cidr_block": "10.0.0.0/24"}),
        resource(
            "aws_nat_gateway",
            {
                "id": "nat-0a",
                "subnet_id": "subnet-0a",
                "allocation_id": "eipalloc-0a",
                "secondary_allocation_ids": ["eipalloc-0b"],
            },
            {
                "id": "nat-0b",
                "subnet_id": "subnet-0a",
                "private_ip": "10.0.0.9",
                "secondary_private_ip_addresses": ["10.0.0.10"],
            },
            {
                "id": "nat-0c",
                "vpc_id": "vpc-0c",
                "regional_nat_gateway_address": [{"allocation_id": "eipalloc-0c", "status": "x"}],
            },
            {"id": "nat-0d", "subnet_id": "subnet-0z"},
        ),
    )
    part = parts(path, tmp_path)["natGateway"]
    assert [record.get("vpc_id") for record in records(part)] == ["vpc-0a", "vpc-0a", "vpc-0c", None]
    told = [json.loads(record.get("addresses", "[]")) for record in records(part)]
    assert [[each.get("allocation_id") or each["private_ip"] for each in addresses] for addresses in told] == [
        ["eipalloc-0a", "eipalloc-0b"],
        ["10.0.0.9", "10.0.0.10"],
        ["eipalloc-0c"],
        [],
    ]
    assert merged(part)[3] == {"addresses": "add", "vpc_id": "fill:subnet_id"}


def test_what_is_not_given_is_left_as_it_is(tmp_path: Path) -> None:
    """An attribute that is absent or null leaves its field, an empty one clears it; so do no tags."""
    subnets: list[dict[str, Any]] = [
        {"id": "subnet-0a", "vpc_id": "vpc-0a", "cidr_block": "10.0.0.0/24", "ipv6_cidr_block": "", "tags": {}},
        {
            "id": "subnet-0b",
            "vpc_id": "vpc-0a",
            "cidr_block": "10.0.1.0/24",
            "ipv6_cidr_block": None,
            "tags": {"Name": "b"},
        },
        {"id": "subnet-0c", "vpc_id": "vpc-0a", "cidr_block": "10.0.2.0/24"},
    ]
    part = parts(state(tmp_path, resource("aws_subnet", *subnets)), tmp_path)["subnet"]
    named = [fields & {"name", "tags", "ipv6_cidr_block", "region"} for fields in untouched(part)]
    assert named == [
        {"region"},
        {"region", "ipv6_cidr_block"},
        {"region", "ipv6_cidr_block", "name", "tags"},
    ]
    assert [record.get("name") for record in records(part)] == [None, "b", None]


PLAIN = [
    (kind, entry, name, read)
    for kind, entries in ENTRIES.items()
    for entry in entries
    for name, read in entry.fields.items()
    if isinstance(read, str) and name != entry.key and name not in RESOURCES[entry.type].required
]


@law(100)
@given(st.sampled_from(PLAIN), st.sampled_from(["absent", "null", "empty", "told"]))
def test_absent_empty_and_given_are_three_things(field: tuple[str, Entry, str, str], how: str) -> None:
    """Of every attribute that becomes a field as it is: absent or null leaves it, empty clears it, a value is it."""
    kind, entry, name, read = field
    values: dict[str, dict[str, Any]] = {"absent": {}, "null": {read: None}, "empty": {read: ""}, "told": {read: "x"}}
    key = {str(entry.fields[entry.key]): "x-0a"} if isinstance(entry.fields[entry.key], str) else {"id": "eipalloc-0a"}
    with TemporaryDirectory() as folder:
        found = parts(state(Path(folder), resource(kind, values[how] | key)), Path(folder))
        [record] = found[entry.type].frame.collect().to_dicts()
        assert (name in untouched(found[entry.type])[0]) == (how in ("absent", "null"))
        assert record.get(name) == ("x" if how == "told" else None)


# Shapes ---------------------------------------------------------------------------------------------------------------


def test_flat_attributes() -> None:
    """Maps whose keys have points, sets, lists in their order, nested ones; what was not known is not told."""
    flat = {
        "id": "x",
        "tags.%": "2",
        "tags.kubernetes.io/name": "a",
        "tags.Name": "b",
        "route.#": "1",
        "route.2599208424.cidr_block": "0.0.0.0/0",
        "route.2599208424.inner.#": "1",
        "route.2599208424.inner.0": "y",
        "ids.#": "11",
        **{f"ids.{n}": str(n) for n in (10, 2, 1)},
        "none.#": "0",
        "later": "74D93920-ED26-11E3-AC10-0800200C9A66",
        "laters.#": "74D93920-ED26-11E3-AC10-0800200C9A66",
        "timeouts.create": "5m",
    }
    assert expanded(flat) == {
        "id": "x",
        "tags": {"kubernetes.io/name": "a", "Name": "b"},
        "route": [{"cidr_block": "0.0.0.0/0", "inner": ["y"]}],
        "ids": ["1", "2", "10"],
        "none": [],
        "timeouts": {"create": "5m"},
    }


def test_flat_attributes_in_version_4(tmp_path: Path) -> None:
    """Terraform 0.12 keeps those that 0.11 wrote until the next refresh."""
    flat = {"id": "vpc-0a", "cidr_block": "10.0.0.0/16", "tags.%": "1", "tags.Name": "old"}
    path = state(tmp_path, resource("aws_vpc", instances=[{"schema_version": 1, "attributes_flat": flat}]))
    [vpc] = records(parts(path, tmp_path)["vpc"])
    assert (vpc["name"], vpc["cidr_block"]) == ("old", "10.0.0.0/16")


def shown(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What `terraform show -json` prints of a state."""
    return {
        "format_version": "1.0",
        "terraform_version": "1.9.8",
        "values": {"root_module": {"resources": resources}},
    } | more


def test_a_shown_state(tmp_path: Path) -> None:
    """Modules in modules, addresses, sensitive values, deposed objects; in any order of its members."""
    inner: dict[str, Any] = {"address": 'module.a["x"].aws_vpc.b[0]', "mode": "managed", "type": "aws_vpc"}
    values = {"id": "vpc-0a", "cidr_block": "10.0.0.0/16", "tags": {"Name": "secret"}, "instance_tenancy": "default"}
    inner |= {"values": values, "sensitive_values": {"tags": {"Name": True}, "arn": False}}
    document = shown(inner | {"deposed_key": "1"}, {"mode": "data", "type": "aws_vpc", "values": values})
    document["values"]["root_module"]["child_modules"] = [{"child_modules": [{"resources": [inner]}]}]
    for text in (json.dumps(document), json.dumps(dict(reversed(document.items())), indent=2)):
        path = tmp_path / "show.json"
        path.write_text(text)
        part = parts(path, tmp_path)["vpc"]
        [vpc] = records(part)
        assert (vpc[ADDRESS], vpc["vpc_id"]) == (inner["address"], "vpc-0a")
        assert "secret" not in str(vpc)
        assert "tags" in untouched(part)[0]
        assert len(part.notices) == 2


def test_a_plan_of_new_resources_alone(tmp_path: Path) -> None:
    """It has nothing that is there, and its refusal says so; a large one with sorted members is known as well."""
    new = {"address": "aws_vpc.a", "mode": "managed", "type": "aws_vpc", "values": {"cidr_block": "10.0.0.0/16"}}
    plan = {
        "configuration": {"a": "x" * 9_000},
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [new]}},
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan | {"resource_changes": ["x" * 9_000], "terraform_version": "1.9.8"}))
    says = r"nothing to import: 1 resource left out that the plan would create, as it has no id yet: aws_vpc \(1\)"
    with pytest.raises(SourceError, match=says):
        parts(path, tmp_path)


def test_an_encrypted_state_and_an_old_one_are_refused_by_name(tmp_path: Path) -> None:
    """OpenTofu's encryption hides all of it; versions 1 and 2 have neither lineage nor Terraform's version."""
    path = tmp_path / "terraform.tfstate"
    path.write_text(
        json.dumps({"serial": 1, "lineage": "x", "meta": {}, "encrypted_data": "aGVsbG8=", "encryption_version": "v0"})
    )
    with pytest.raises(
        SourceError, match=r"is an encrypted OpenTofu state, which is not read. Decrypt it with `tofu state"
    ):
        parts(path, tmp_path)
    path.write_text(json.dumps({"version": 1, "serial": 1, "modules": [{"path": ["root"], "resources": {}}]}))
    with pytest.raises(SourceError, match=r"state of version 1. Versions 3 and 4 are read"):
        parts(path, tmp_path)


def test_states_one_after_the_other(tmp_path: Path) -> None:
    """`cat a.tfstate b.tfstate`: the resources of one are merged into the records of the other."""
    one = state(tmp_path, resource("aws_vpc", {"id": "vpc-0a", "cidr_block": "10.0.0.0/16"})).read_text()
    other = {"vpc_id": "vpc-0a", "cidr_block": "10.1.0.0/16"}
    path = state(tmp_path, resource("aws_vpc_ipv4_cidr_block_association", other))
    path.write_text(one + "\n" + path.read_text())
    [vpc] = records(parts(path, tmp_path)["vpc"])
    assert vpc["secondary_cidr_blocks"] == '["10.1.0.0/16"]'


# Nothing is skipped, nothing breaks -----------------------------------------------------------------------------------

KINDS = st.sampled_from([*ENTRIES, *ADDITIONS, "aws_ec2_tag", "aws_iam_role", "null_resource", "aws_network_acl_rule"])
IDS = st.sampled_from(["vpc-0a", "rtb-0a", "sg-0a", "eipalloc-0a", "subnet-0a", "nat-0a", "pcx-0a", "vpce-0a"])
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | IDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("cidr_block"), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = sorted(
    {
        *("id", "vpc_id", "route_table_id", "security_group_id", "subnet_id", "allocation_id", "vpc_endpoint_id"),
        *("route", "ingress", "egress", "tags", "tags_all", "arn", "type", "self", "cidr_blocks", "cidr_ipv4", "key"),
        *("resource_id", "subnet_ids", "name", "regional_nat_gateway_address", "destination_cidr_block", "gateway_id"),
    }
)
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES), IDS | JUNK, max_size=10)
INSTANCES = st.fixed_dictionaries(
    {},
    optional={
        "attributes": ATTRIBUTES | JUNK,
        "attributes_flat": st.dictionaries(st.text("a.#%0", max_size=8) | st.sampled_from(["id", "tags.%"]), JUNK),
        "deposed": st.just("1"),
        "index_key": JUNK,
        "status": st.just("tainted"),
        "sensitive_attributes": JUNK,
    },
)
RESOURCE = st.fixed_dictionaries(
    {
        "type": KINDS,
        "mode": st.sampled_from(["managed", "managed", "data"]),
        "instances": st.lists(INSTANCES, max_size=3),
    }
)


def left_out(path: Path, folder: Path) -> tuple[int, int, int]:
    """Return how many objects a state leaves out, how many records it has, and how many objects are in it."""
    try:
        found = parts(path, folder)
    except SourceError as error:
        said, total = [str(error)], 0
    else:
        said = [notice.message for part in found.values() for notice in part.notices]
        total = sum(part.records or 0 for part in found.values())
    count = sum(int(number.replace(",", "")) for message in said for number in re.findall(r"\(([\d,]+)\)", message))
    document = json.loads(path.read_text())
    return count, total, sum(len(each["instances"]) for each in document["resources"])


@law(150)
@given(st.lists(RESOURCE, max_size=6))
def test_whatever_a_state_holds_is_read_or_counted(resources: list[dict[str, Any]]) -> None:
    """No state breaks the reader, and its objects are records, merged into one, or named with their number."""
    with TemporaryDirectory() as folder:
        path = state(Path(folder), *resources)
        left, read, objects = left_out(path, Path(folder))
        alone = sum(
            len(each["instances"])
            for each in resources
            if each["mode"] == "data" or each["type"] in ("aws_iam_role", "null_resource", "aws_network_acl_rule")
        )
        assert alone <= left <= objects
        # A VPN connection may be two records.
        assert read <= 2 * (objects - left)


def test_counts_add_up(tmp_path: Path) -> None:
    """Of the example, each object is a record, is merged into one, or is named with its number."""
    left, read, objects = left_out(STATE, tmp_path)
    # Two blocks of a VPC, an association each of an attachment, a VPN gateway and a route table; a VPN is two records.
    assert objects == left + read - 1 + 5


@pytest.mark.parametrize(
    "members",
    [
        {"resources": None},
        {"resources": {}},
        {"resources": [None, 1, "x", {"instances": None}, {"instances": [None]}]},
        {"modules": [None, {"path": None, "resources": {"a": None}}, {"resources": []}]},
        {"format_version": "1.0", "values": None},
        {
            "format_version": "1.0",
            "values": {"root_module": {"resources": [None], "child_modules": [None, {"resources": None}]}},
        },
        {
            "format_version": "1.0",
            "planned_values": [],
            "prior_state": None,
            "resource_changes": [None, {"change": []}],
        },
    ],
)
def test_odd_states_are_refused_plainly(tmp_path: Path, members: dict[str, Any]) -> None:
    """Lists that are none, objects that are null."""
    with pytest.raises(SourceError, match="nothing to import"):
        parts(state(tmp_path, **members), tmp_path)


def test_modules_without_end(tmp_path: Path) -> None:
    """Modules that are nested deeper than anybody's are refused."""
    path = tmp_path / "deep.json"
    deep = '{"child_modules":[' * 3_000 + "]}" * 3_000
    path.write_text('{"format_version":"1.0","terraform_version":"1.9.8","values":{"root_module":' + deep + "}}")
    with pytest.raises(SourceError, match="nested too deeply"):
        parts(path, tmp_path)
