"""A Terraform state into the CMDB: each of its parts is sound, beside those that are loaded before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.jobs import ImportJob
from schemas.sources import ROW
from tasks.steps.extract import extract_all
from tests.support import importer, issues_of, stored, with_settings
from tests.tasks.formats.terraform.test_state import resource, state

STATE = Path(__file__).parents[1] / "data" / "documents" / "network.tfstate"


def test_every_part_of_a_state_is_sound(database_url: str, tmp_path: Path) -> None:
    """In the order of loading, no record is rejected, and nothing of them is unknown; the second time, none changes."""
    work = tmp_path / "work"
    work.mkdir()
    found = extract_all(ImportJob(path=STATE), work, with_settings())
    for counted in ("create", "unchanged"):
        for part in found:
            path = tmp_path / "part.parquet"
            part.frame.drop(ROW).collect().write_parquet(path)
            report = importer(database_url, tmp_path)(path, resource_type=part.resource_type)
            assert getattr(report.counts, counted) == part.records, (
                part.resource_type,
                issues_of(database_url, report),
            )
            assert report.notices == ()
    core = next(record for record in stored(database_url, "vpc") if record["name"] == "core")
    assert core["secondary_cidr_blocks"] == ["10.21.0.0/16", "10.22.0.0/16"]
    assert (core["region"], core["account_id"], core["owner"]) == ("eu-central-1", "012345678901", "network")


DESCRIBED: dict[str, list[dict[str, Any]]] = {
    "Vpcs": [
        {
            "VpcId": "vpc-0aaaaaaa",
            "CidrBlock": "10.50.0.0/16",
            "OwnerId": "012345678901",
            "CidrBlockAssociationSet": [
                {"CidrBlock": "10.50.0.0/16", "CidrBlockState": {"State": "associated"}},
                {"CidrBlock": "10.51.0.0/16", "CidrBlockState": {"State": "associated"}},
            ],
            "Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "net"}, {"Key": "Owner", "Value": "a"}],
        }
    ],
    "RouteTables": [
        {
            "RouteTableId": "rtb-0aaaaaaa",
            "VpcId": "vpc-0aaaaaaa",
            "OwnerId": "012345678901",
            "Associations": [{"RouteTableAssociationId": "rtbassoc-0aaaaaaa", "Main": True}],
            "Routes": [
                {"DestinationCidrBlock": "10.50.0.0/16", "GatewayId": "local", "State": "active"},
                {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0aaaaaaa", "State": "active"},
                {"DestinationCidrBlock": "10.60.0.0/16", "VpcPeeringConnectionId": "pcx-0aaaaaaa", "State": "active"},
            ],
        }
    ],
}
VPC = {"id": "vpc-0aaaaaaa", "cidr_block": "10.50.0.0/16", "owner_id": "012345678901", "tags": {"Owner": "b"}}
TABLE = {"id": "rtb-0aaaaaaa", "vpc_id": "vpc-0aaaaaaa", "owner_id": "012345678901"}


def routes_after(url: str, folder: Path, **attributes: Any) -> list[tuple[str, str]]:
    """Import what is described, then a state of the VPC and its table; returns the routes that are stored then."""
    bring = importer(url, folder)
    path = folder / "described.json"
    path.write_text(json.dumps(DESCRIBED))
    assert bring(path, constants={"region": "eu-west-1"}).counts.rejected == 0
    for _ in range(2):
        known = state(folder, resource("aws_vpc", VPC), resource("aws_route_table", TABLE | attributes))
        report = bring(known, constants={"region": "eu-west-1"})
        assert report.counts.rejected == 0, issues_of(url, report)
    assert report.counts.unchanged == 2
    [table] = stored(url, "routeTable")
    return [(route["destination"], route["target"]) for route in table["routes"]]


def test_a_state_after_a_describe_document(database_url: str, tmp_path: Path) -> None:
    """What the state cannot know stays: the local route, AWS's own tags, blocks and associations managed elsewhere."""
    inline = [{"cidr_block": "0.0.0.0/0", "nat_gateway_id": "nat-0aaaaaaa"}]
    assert routes_after(database_url, tmp_path, route=inline) == [
        ("10.50.0.0/16", "local"),
        ("0.0.0.0/0", "nat-0aaaaaaa"),
    ]
    [vpc] = stored(database_url, "vpc")
    assert vpc["tags"] == {"aws:cloudformation:stack-name": "net", "Owner": "b"}
    assert (vpc["secondary_cidr_blocks"], vpc["region"]) == (["10.51.0.0/16"], "eu-west-1")
    [table] = stored(database_url, "routeTable")
    assert [each["association_id"] for each in table["associations"]] == ["rtbassoc-0aaaaaaa"]


def test_routes_that_a_state_does_not_manage(database_url: str, tmp_path: Path) -> None:
    """A table without routes in the state may have them in another one: all of them stay."""
    every = [(each["DestinationCidrBlock"], target(each)) for each in DESCRIBED["RouteTables"][0]["Routes"]]
    assert routes_after(database_url, tmp_path, route=[]) == every


def target(route: dict[str, str]) -> str:
    """Where a described route leads."""
    return route.get("GatewayId") or route["VpcPeeringConnectionId"]
