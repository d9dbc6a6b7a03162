"""Terraform states: which resources become records of which type, what is added to them, and what is never read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import SourceError
from schemas.jobs import ImportJob
from schemas.reports import LEFT_OUT, MERGED, ROW, UNTOUCHED, Extracted
from schemas.resources import RESOURCES
from tasks.extract import extract_all
from tasks.formats.terraform import ADDRESS
from tasks.formats.terraform_aws import ADDITIONS, ENTRIES
from tests.support import with_settings

OF_ANOTHER_STATE = "1 resource left out, as the record that it belongs to is not in this state: "
STATE = Path(__file__).parents[2] / "data" / "documents" / "network.tfstate"


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


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
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
    with pytest.raises(SourceError, match=r"holds records of vpc, subnet, .*: name one type with --type"):
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
