"""Rules and retired records: out of service, they stand in nobody's way; there still, they may be referred to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.reports import Report
from tests.flows.support import sync
from tests.support import execute, importer, issues_of, vpc, vpc_id, write_csv

RETIRE = "update vpc set retired_at = now() where vpc_id = :id"


def together(path: Path, lists: dict[str, list[dict[str, str]]]) -> Path:
    """Write a document of several lists, with another VPC, so that VPCs are loaded in the same run."""
    whole = {"vpcs": [vpc(9, cidr_block="192.168.0.0/24")], **lists}
    path.write_text(json.dumps({name: [row | {"tags": {}} for row in rows] for name, rows in whole.items()}))
    return path


def load(url: str, folder: Path, beside: str, name: str, rows: list[dict[str, str]]) -> Report:
    """Import the records of a type by themselves, or in a document beside VPCs."""
    path = together(folder / "a.json", {name: rows}) if beside else write_csv(folder / "a.csv", rows)
    return importer(url, folder)(path)


def rules(url: str, report: Report) -> dict[str | None, str]:
    """The rules that the records of a run broke, by the value that did."""
    return {issue.value: issue.rule for issue in issues_of(url, report)}


@pytest.mark.parametrize("beside", ["", "beside the VPCs"])
def test_a_retired_network_is_connected_with_none(database_url: str, tmp_path: Path, beside: str) -> None:
    """A peering with it clashes with nothing, until it is in service again."""
    block = {"cidr_block": "10.0.0.0/16"}
    importer(database_url, tmp_path)([vpc(1, **block), vpc(2, region="eu-west-1", **block)])
    execute(database_url, RETIRE, id=vpc_id(2))
    peering: dict[str, str] = {
        "vpc_peering_id": "pcx-00000001",
        "requester_vpc_id": vpc_id(1),
        "accepter_vpc_id": vpc_id(2),
        "state": "active",
    }
    report = load(database_url, tmp_path, beside, "vpcPeerings", [peering])
    assert (report.counts.rejected, rules(database_url, report)) == (0, {})
    back = importer(database_url, tmp_path)([vpc(2, region="eu-west-1", **block)])
    assert rules(database_url, back) == {"10.0.0.0/16": "connected_overlap"}


@pytest.mark.parametrize("beside", ["", "beside the VPCs"])
def test_a_retired_record_may_be_referred_to(database_url: str, tmp_path: Path, beside: str) -> None:
    """It is there still, and its blocks are known: another source may have its subnets."""
    importer(database_url, tmp_path)([vpc(1)])
    execute(database_url, RETIRE, id=vpc_id(1))
    rows: list[dict[str, Any]] = [
        {"subnet_id": f"subnet-{n:08x}", "vpc_id": of, "cidr_block": block, "availability_zone": "us-east-1a"}
        for n, (of, block) in enumerate(
            [(vpc_id(1), "10.0.1.0/28"), (vpc_id(1), "10.0.7.0/28"), (vpc_id(5), "10.0.5.0/28")]
        )
    ]
    report = load(database_url, tmp_path, beside, "subnets", rows)
    assert rules(database_url, report) == {"10.0.7.0/28": "inside", vpc_id(5): "reference"}


def test_a_retired_record_refers_still(database_url: str, tmp_path: Path) -> None:
    """What it names is not deleted, so that it can come back."""
    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    subnet = {"subnet_id": "subnet-00000001", "vpc_id": vpc_id(2), "cidr_block": "10.0.2.0/28"}
    importer(database_url, tmp_path)([subnet | {"availability_zone": "us-east-1a"}])
    execute(database_url, "update subnet set retired_at = now()")
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    report = sync(database_url, path, missing="delete", max_delete=None)
    assert (report.counts.delete, rules(database_url, report)) == (0, {vpc_id(2): "referred_to"})
