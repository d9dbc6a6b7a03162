"""Frozen plans over HTTP: exactly what a preview said is done, once, by its owner, and what moved since is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.api.system import Keyed, System, file, follow
from tests.support import execute as sql
from tests.support import vpc, vpc_id, write_csv


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    """A client of the system, whose tables are empty."""
    sql(system.url, "truncate vpc, subnet")
    with system.client() as client:
        yield client


def preview(client: httpx.Client, path: Path, **fields: str) -> dict[str, Any]:
    """Preview a file."""
    sent = {"file": (path.name, path.read_bytes(), "application/octet-stream")}
    answer = client.post("/api/import/preview", files=sent, data=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def apply(client: httpx.Client, **asked: str) -> httpx.Response:
    """Ask for a plan to be applied."""
    return client.post("/api/import/execute", json=asked)


def result_of(client: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    """Wait for the end of a run that was asked for; returns its result."""
    assert accepted.status_code == 202, accepted.text
    run = accepted.json()["importId"]
    follow(client, run)
    found: dict[str, Any] = client.get(f"/api/import/result/{run}").json()
    return found


def names(system: System) -> dict[str, str]:
    """Return the name of each VPC that is stored."""
    return dict(sql(system.url, "select vpc_id, name from vpc"))


def test_a_plan_is_applied_once(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """The plan does what it said, under the name of its file, with the rows that it rejected; and never again."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1")])
    plan = preview(client, path)
    assert plan["planId"] == plan["result"]["importId"]
    assert plan["result"]["plan"] == {name: plan[name] for name in ("planId", "hash", "until")} | {
        "applied": None,
        "decision": None,
    }
    path.unlink()

    assert apply(client, planId=plan["planId"], hash="0" * 64).json()["type"] == "urn:cmdb:problem:another-plan"
    key = {"Idempotency-Key": uuid4().hex}
    asked = {"planId": plan["planId"], "hash": plan["hash"]}
    accepted = client.post("/api/import/execute", json=asked, headers=key)
    done = result_of(client, accepted)
    run = done["importId"]
    assert (done["status"], done["applies"], done["source"]) == ("completed", plan["planId"], "vpcs.csv")
    assert (done["counts"]["create"], done["counts"]["rejected"], len(names(system))) == (2, 1, 2)
    assert done["issues"]["items"][0]["suggestion"] == "us-east-1"
    assert "us-eest-1" in client.get(done["links"]["rejectsCsv"]).text
    [row] = client.get(f"/api/import/result/{run}/rejects").json()["items"]
    assert (row["data"]["region"], row["issues"][0]["field"]) == ("us-eest-1", "region")

    again = client.post("/api/import/execute", json=asked, headers=key)
    assert again.json()["importId"] == run
    other = client.post("/api/import/execute", json=asked | {"moved": "skip"}, headers=key)
    assert (other.status_code, other.json()["type"]) == (409, "urn:cmdb:problem:key-reused")
    twice = apply(client, planId=plan["planId"])
    assert (twice.status_code, run in twice.json()["detail"]) == (409, True)
    assert client.get(f"/api/import/result/{plan['planId']}").json()["plan"]["applied"] == run


@pytest.mark.parametrize(
    ("moved", "status", "name", "rejected"),
    [("refuse", "failed", "by hand", 1), ("skip", "completed", "by hand", 1), ("rebase", "completed", "second", 0)],
)
def test_what_moved(
    system: System, client: httpx.Client, tmp_path: Path, moved: str, status: str, name: str, rejected: int
) -> None:
    """A record that was changed since stops the plan and is named, is left out, or is planned again."""
    result_of(client, client.post("/api/import/execute", **file(write_csv(tmp_path / "a.csv", [vpc(1), vpc(2)]))))
    rows = [vpc(1, name="first"), vpc(2, name="second")]
    plan = preview(client, write_csv(tmp_path / "b.csv", rows))["planId"]
    by_hand = write_csv(tmp_path / "c.csv", [vpc(2, name="by hand")])
    result_of(client, client.post("/api/import/execute", **file(by_hand)))
    done = result_of(client, apply(client, planId=plan, moved=moved))
    assert (done["status"], names(system)[vpc_id(2)]) == (status, name), done
    assert names(system)[vpc_id(1)] == ("net-1" if moved == "refuse" else "first")
    told = client.get(f"/api/import/result/{done['importId']}?rule=moved").json()["issues"]
    assert (told["total"], [each["value"] for each in told["items"]]) == (rejected, [vpc_id(2)] * rejected)
    if moved == "refuse":
        after = result_of(client, apply(client, planId=plan, moved="skip"))
        assert (after["status"], names(system)[vpc_id(1)]) == ("completed", "first")


def test_warnings_are_reported_once(client: httpx.Client, tmp_path: Path) -> None:
    """What a rule over many records finds is asked again as the plan is applied, and counted once."""
    rows = [vpc(1, cidr_block="10.1.0.0/16"), vpc(2, cidr_block="10.1.0.0/20")]
    plan = preview(client, write_csv(tmp_path / "a.csv", rows))
    done = result_of(client, apply(client, planId=plan["planId"]))
    assert done["counts"]["warnings"] == plan["result"]["counts"]["warnings"] > 0
    assert done["rules"] == plan["result"]["rules"]
    assert done["issues"]["items"] == plan["result"]["issues"]["items"]


def test_what_has_no_plan(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """A run without a plan, an unknown one, a plan that is too old and a request that names a file too are refused."""
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    plain = result_of(client, client.post("/api/import/execute", **file(path)))["importId"]
    assert apply(client, planId=plain).json()["type"] == "urn:cmdb:problem:no-plan"
    assert client.post(f"/api/import/{plain}/approve").status_code == 404
    assert apply(client, planId=str(uuid4())).status_code == 404
    plan = preview(client, path)
    both = apply(client, planId=plan["planId"], uploadId=plan["uploadId"])
    assert (both.status_code, both.json()["errors"][0]["where"]) == (422, "body/uploadId")
    past = "update import_run set plan_until = now() - interval '1 hour' where run_id = :run"
    sql(system.url, past, run=plan["planId"])
    late = apply(client, planId=plan["planId"])
    assert (late.status_code, late.json()["type"]) == (410, "urn:cmdb:problem:plan-expired")


def test_several_types(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """A document of several types is previewed and applied as one; each count, issue and change says its type."""
    subnet = {"vpc_id": vpc_id(1), "availability_zone": "us-east-1a", "cidr_block": "10.0.1.0/26"}
    lost = subnet | {"subnet_id": "subnet-0000000b", "vpc_id": vpc_id(9)}
    path = tmp_path / "network.json"
    path.write_bytes(orjson.dumps({"vpcs": [vpc(1)], "subnets": [subnet | {"subnet_id": "subnet-0000000a"}, lost]}))
    plan = preview(client, path)
    found = plan["result"]
    assert found["resourceType"] is None
    assert {part["resourceType"]: part["counts"]["create"] for part in found["parts"]} == {"vpc": 1, "subnet": 1}
    assert "availability_zone" in found["parts"][1]["columns"]
    assert {change["resourceType"] for change in found["changes"]} == {"vpc", "subnet"}
    assert {issue["resourceType"] for issue in found["issues"]["items"] if issue["severity"] == "error"} == {"subnet"}
    done = result_of(client, apply(client, planId=plan["planId"]))
    assert [part["counts"]["create"] for part in done["parts"]] == [1, 1]
    [row] = client.get(f"/api/import/result/{done['importId']}/rejects").json()["items"]
    assert (row["resourceType"], row["data"]["subnet_id"]) == ("subnet", "subnet-0000000b")
    assert list(done["links"]) == ["prefect", "rejectsXlsx"]
    assert client.get(done["links"]["rejectsXlsx"]).status_code == 200
    assert sql(system.url, "select count(*) from subnet") == [(1,)]
    [first, *_] = client.get("/api/imports?type=subnet&dryRun=false").json()["items"]
    assert first["importId"] == done["importId"]
    assert [part["resourceType"] for part in first["parts"]] == ["vpc", "subnet"]


def test_dry_runs_are_filtered(client: httpx.Client, tmp_path: Path) -> None:
    """The history is told with its previews, without them, or of them alone."""
    plan = preview(client, write_csv(tmp_path / "a.csv", [vpc(1)]))["planId"]
    for wanted, there in (("", True), ("&dryRun=true", True), ("&dryRun=false", False)):
        items = client.get(f"/api/imports?limit=20{wanted}").json()["items"]
        assert (plan in [each["importId"] for each in items]) is there
        if wanted:
            assert {each["dryRun"] for each in items} <= {there}


def test_a_plan_is_its_owners(system: System, keyed: Keyed, tmp_path: Path) -> None:
    """Another key does not see a plan; one that may see all does, and may apply it."""
    sql(system.url, "truncate vpc")
    with keyed.client("alice") as alice, keyed.client("bob") as bob, keyed.client("boss") as boss:
        plan = preview(alice, write_csv(tmp_path / "a.csv", [vpc(1)]))["planId"]
        assert apply(bob, planId=plan).status_code == 404
        assert bob.post(f"/api/import/{plan}/approve").status_code == 404
        assert result_of(boss, apply(boss, planId=plan))["status"] == "completed"
    assert len(names(system)) == 1
