"""Fields that a row leaves as they are stored, from the file to the plan, its undo and the fixed rejected rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.reports import Counts
from schemas.sources import UNTOUCHED
from tests.flows.support import apply, records, sync, undo_of
from tests.support import execute, importer, issues_of, vpc, vpc_id, write_csv


def left(number: int, fields: str, **changed: str) -> dict[str, str]:
    """Return a row that leaves fields as they are stored."""
    row = {"vpc_id": vpc_id(number), "cidr_block": f"10.0.{number}.0/24", "name": "", "owner": ""}
    return row | changed | {UNTOUCHED: fields}


@pytest.fixture
def two(database_url: str, tmp_path: Path) -> str:
    """The address of a database with two VPCs of an owner."""
    importer(database_url, tmp_path)([vpc(number, owner="net") for number in (1, 2)])
    return database_url


def owners(url: str) -> list[tuple[str | None, str | None]]:
    """The name and the owner of each VPC."""
    return [(record["name"], record["owner"]) for record in records(url)]


def test_a_plan_shows_what_differs_alone(two: str, tmp_path: Path) -> None:
    """And it is applied as it was shown."""
    rows = [left(1, "owner", name="new"), left(2, "owner,name"), left(3, "owner", name="third")]
    plan = importer(two, tmp_path)(rows, dry_run=True, keep_plan=True)
    assert plan.counts == Counts(read=3, create=1, update=1, unchanged=1)
    assert [change.fields for change in plan.changes if change.action == "update"] == [{"name": ("net-1", "new")}]
    assert all(UNTOUCHED not in sample and "untouched_fields" not in sample for sample in plan.samples)
    assert apply(two, plan).counts == plan.counts
    assert owners(two) == [("new", "net"), ("net-2", "net"), ("third", None)]


@pytest.mark.parametrize("moved", ["skip", "rebase"])
def test_a_plan_that_moved(two: str, tmp_path: Path, moved: str) -> None:
    """What it leaves as it is stored is left as it is then."""
    rows = [left(1, "owner", name="new"), left(2, "owner", name="new")]
    plan = importer(two, tmp_path)(rows, dry_run=True, keep_plan=True)
    execute(two, "update vpc set owner = 'other' where vpc_id = :id", id=vpc_id(2))
    apply(two, plan, moved=moved)
    assert owners(two) == [("new", "net"), ("net-2" if moved == "skip" else "new", "other")]


def test_an_undo_leaves_it_too(two: str, tmp_path: Path) -> None:
    """What the run did not write may have been edited since, and stays so."""
    report = importer(two, tmp_path)([left(1, "owner", name="new")])
    execute(two, "update vpc set owner = 'other' where vpc_id = :id", id=vpc_id(1))
    assert undo_of(two, report).counts.update == 1
    assert owners(two)[0] == ("net-1", "other")


def test_a_sync_leaves_it_too(two: str, tmp_path: Path) -> None:
    """Whatever else the source says of the record."""
    path = write_csv(tmp_path / "view.csv", [left(1, "owner", name="new")])
    assert sync(two, path, resource_type="vpc", max_delete=None).counts == Counts(read=1, update=1, retire=1)
    assert owners(two)[0] == ("new", "net")


def test_rules_see_the_stored_value(two: str, tmp_path: Path) -> None:
    """A block that a row leaves is in the way of another as before."""
    zone = {"availability_zone": "us-east-1a", "cidr_block": "10.0.1.0/28", "vpc_id": vpc_id(1)}
    run = importer(two, tmp_path)
    run([{"subnet_id": "subnet-00000001", **zone}])
    rows = [
        {
            "subnet_id": "subnet-00000001",
            **zone,
            "cidr_block": "",
            "vpc_id": "",
            "name": "a",
            UNTOUCHED: "cidr_block,vpc_id",
        },
        {"subnet_id": "subnet-00000002", **zone, "name": "b", UNTOUCHED: ""},
        {
            "subnet_id": "subnet-00000003",
            **zone,
            "cidr_block": "",
            "name": "c",
            UNTOUCHED: "cidr_block,ipv6_cidr_block",
        },
    ]
    report = run(rows, resource_type="subnet")
    assert [(issue.row, issue.rule) for issue in issues_of(two, report)] == [(3, "overlap")]
    assert report.counts == Counts(read=3, create=1, update=1, rejected=1)
