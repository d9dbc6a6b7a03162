"""A purge deletes what was retired long ago, all of it in one run that can be undone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from schemas.jobs import UndoJob
from schemas.reports import Report, Status
from schemas.settings import settings
from tasks.steps.purge import purge
from tasks.steps.undo import undo
from tests.support import execute, importer, stored, vpc, with_settings

DAYS = 30


def retire(url: str, table: str, where: str, days: int) -> None:
    """Let records be retired that long ago."""
    execute(
        url,
        f"update {table} set retired_at = now() - make_interval(days => {days}), "  # noqa: S608
        f"updated_at = now() - make_interval(days => {days}) where {where}",
    )


def purged(url: str, days: int = DAYS) -> Report | None:
    """Purge what was retired so many days ago."""
    return purge(url, with_settings(keep_retired_days=days), uuid4())


@pytest.fixture
def network(database_url: str, tmp_path: Any) -> str:
    """Three VPCs; the second has a subnet."""
    load = importer(database_url, tmp_path)
    load([vpc(1), vpc(2), vpc(3)], resource_type="vpc")
    row = {"vpc_id": vpc(2)["vpc_id"], "cidr_block": "10.0.2.0/25", "region": "us-east-1"}
    load([row | {"subnet_id": f"subnet-{1:017x}", "availability_zone": "us-east-1a"}], resource_type="subnet")
    return database_url


def keys(url: str) -> list[str]:
    """The names of the VPCs that are there."""
    return [record["name"] for record in stored(url, "vpc")]


def test_only_what_is_old_enough_goes(network: str) -> None:
    """What is not retired stays, and what was retired lately; a second purge finds nothing and makes no run."""
    retire(network, "vpc", "name = 'net-1'", DAYS + 1)
    retire(network, "vpc", "name = 'net-3'", DAYS - 1)
    report = purged(network)
    assert report
    assert (report.status, report.resource_type, report.counts.delete) == (Status.COMPLETED, "vpc", 1)
    assert keys(network) == ["net-2", "net-3"]
    runs = execute(network, "select count(*) from import_run")
    assert purged(network) is None
    assert execute(network, "select count(*) from import_run") == runs


def test_a_purge_can_be_undone(network: str) -> None:
    """Every record is there again as it was, and is kept for as long again."""
    retire(network, "vpc", "name = 'net-1'", DAYS + 1)
    before = stored(network, "vpc")
    report = purged(network)
    assert report
    undo(UndoJob(run=report.run_id), network, settings())
    after = stored(network, "vpc")
    assert [{**each, "updated_at": None} for each in after] == [{**each, "updated_at": None} for each in before]
    assert purged(network) is None


def test_what_others_refer_to_stays(network: str) -> None:
    """A VPC whose subnet stays is kept, and nothing else makes that a run."""
    retire(network, "vpc", "name = 'net-2'", DAYS + 1)
    assert purged(network) is None
    retire(network, "vpc", "name = 'net-1'", DAYS + 1)
    report = purged(network)
    assert report
    assert [(issue.rule, issue.value) for issue in report.issues] == [("referred_to", vpc(2)["vpc_id"])]
    assert keys(network) == ["net-2", "net-3"]


def test_what_only_old_records_refer_to_goes_with_them(network: str) -> None:
    """A VPC and its subnet go in one run of two types, and come back by one undo."""
    retire(network, "vpc", "name = 'net-2'", DAYS + 1)
    retire(network, "subnet", "true", DAYS + 1)
    report = purged(network)
    assert report
    assert {part.resource_type: part.counts.delete for part in report.parts} == {"subnet": 1, "vpc": 1}
    assert (keys(network), stored(network, "subnet")) == (["net-1", "net-3"], [])
    undo(UndoJob(run=report.run_id), network, settings())
    assert (keys(network), len(stored(network, "subnet"))) == (["net-1", "net-2", "net-3"], 1)


def test_nought_days_keep_all(network: str) -> None:
    """0 keeps retired records for good."""
    retire(network, "vpc", "true", 1000)
    assert purged(network, 0) is None
    assert len(keys(network)) == 3
