"""What the page asks for: records and their history, repeated previews, counts, days, and the session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import polars as pl
import pytest

from benchmarks import data
from tests.api.facade import Facade, Locked
from tests.api.system import System, execute, file, follow
from tests.support import execute as sql
from tests.support import importer, vpc, vpc_id, write_csv


def fill(url: str, tmp_path: Path) -> None:
    """Store thirty VPCs, and change one of them."""
    run = importer(url, tmp_path)
    run(write_csv(tmp_path / "first.csv", [vpc(n) for n in range(30)]), requested_by="local")
    changed = vpc(7, name="renamed", secondary_cidr_blocks="100.64.0.0/24,100.64.1.0/24")
    run(write_csv(tmp_path / "second.csv", [changed]), requested_by="local")


@pytest.fixture
def client(system: System, tmp_path: Path) -> Any:
    """A client of the system, with thirty VPCs, one of them changed since."""
    sql(system.url, "truncate vpc, change")
    fill(system.url, tmp_path)
    with system.client() as client:
        yield client


@pytest.fixture
def reader(alone: Facade, database_url: str, tmp_path: Path) -> Any:
    """A client of the facade of this process, with the same VPCs."""
    fill(database_url, tmp_path)
    with alone.client() as client:
        yield client


def test_records_are_paged_sorted_and_searched(reader: httpx.Client) -> None:
    """Each page names the next; the order is that of a field; a text is looked for in all fields."""
    seen: list[str] = []
    address = "/api/records/vpc?limit=12&sort=-vpc_id"
    while address:
        page = reader.get(address).json()
        seen += [item["key"] for item in page["items"]]
        address = page["next"]
    assert seen == [vpc_id(n) for n in reversed(range(30))]
    found = reader.get("/api/records/vpc", params={"search": "RENAMED"}).json()
    assert (found["total"], found["items"][0]["secondary_cidr_blocks"]) == (1, ["100.64.0.0/24", "100.64.1.0/24"])
    found = reader.get("/api/records/vpc", params={"where": "name eq net-3"}).json()
    assert [item["key"] for item in found["items"]] == [vpc_id(3)]
    assert reader.get("/api/records/vpc", params={"sort": "nme"}).status_code == 422
    assert reader.get("/api/records/vpc", params={"search": "%"}).json()["total"] == 0
    assert reader.get("/api/records/nothing").status_code == 404


def test_a_record_has_its_history(reader: httpx.Client) -> None:
    """Who made it and who changed it, by which file, and what was there before."""
    found = reader.get("/api/records/vpc/record", params={"key": vpc_id(7)}).json()
    assert found["record"]["name"] == "renamed"
    changed, created = found["history"]
    assert (changed["action"], changed["source"], changed["fields"]["name"]) == (
        "updated",
        "second.csv",
        {"before": "net-7", "after": "renamed"},
    )
    assert set(changed["fields"]) == {"name", "secondary_cidr_blocks"}
    assert (created["action"], created["source"], created["requestedBy"]) == ("created", "first.csv", "local")
    assert reader.get("/api/records/vpc/record", params={"key": "vpc-0"}).status_code == 404


def test_a_preview_is_repeated_without_the_file(client: httpx.Client, tmp_path: Path) -> None:
    """A file that needs a mapping tells its columns; by its upload it is previewed again, and mapped."""
    rows = [{"Netz": vpc_id(1), "Block": "10.9.0.0/24", "Ort": "us-east-1", "Konto": "012345678901"}]
    answer = client.post("/api/import/preview", **file(write_csv(tmp_path / "netze.csv", rows)))
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:cmdb:problem:run-failed")
    upload = problem["upload"]
    assert (upload["fileName"], upload["columns"]) == ("netze.csv", ["Netz", "Block", "Ort", "Konto"])
    assert upload["samples"]["Block"] == ["10.9.0.0/24"]
    assert client.get(f"/api/uploads/{upload['uploadId']}").json()["fileName"] == "netze.csv"
    mapping = {"Netz": "vpc_id", "Block": "cidr_block", "Ort": "region", "Konto": "account_id"}
    asked = {"uploadId": upload["uploadId"], "resourceType": "vpc", "mapping": mapping, "saveMapping": "netze"}
    found = client.post("/api/import/preview", json=asked).json()
    assert "netze" not in [each["name"] for each in client.get("/api/mappings").json()], "a preview saves nothing"
    plan = {"planId": found["planId"], "hash": found["hash"]}
    follow(client, client.post("/api/import/execute", json=plan).json()["importId"])
    assert found["uploadId"] == upload["uploadId"]
    assert found["result"]["counts"]["update"] == 1
    assert found["result"]["origin"]["samples"]["Ort"] == ["us-east-1"]
    saved = {each["name"]: each for each in client.get("/api/mappings").json()}
    assert saved["netze"]["columns"] == mapping
    assert client.get(f"/api/uploads/{uuid4()}").status_code == 404


def test_rejected_rows_are_paged(client: httpx.Client, tmp_path: Path) -> None:
    """As they stood in the source, each with all that is wrong with it."""
    path = write_csv(tmp_path / "wrong.csv", [vpc(n, region="nowhere", cidr_block="x") for n in range(5)])
    run = client.post("/api/import/preview", **file(path)).json()["result"]["importId"]
    first = client.get(f"/api/import/result/{run}/rejects?limit=3").json()
    second = client.get(first["next"]).json()
    assert (first["total"], len(first["items"]), len(second["items"]), second["next"]) == (5, 3, 2, None)
    assert first["items"][0]["data"]["region"] == "nowhere"
    assert {issue["field"] for issue in first["items"][0]["issues"]} == {"region", "cidr_block"}


def test_counts_and_days(reader: httpx.Client) -> None:
    """How many records a filter chooses, and what became of each day's."""
    assert reader.post("/api/export/count", json={"resourceType": "vpc", "where": "name eq renamed"}).json() == {
        "records": 1
    }
    assert reader.post("/api/export/count", json={"resourceType": "vpc", "where": "name"}).status_code == 422
    today = reader.get("/api/imports/daily").json()[-1]
    assert today["created"] >= 30
    assert today["updated"] >= 1
    fields = {each["field"]: each for each in reader.get("/api/resources/vpc").json()["fields"]}
    assert "within" in fields["cidr_block"]["operators"]
    assert "within" not in fields["name"]["operators"]


def test_no_secret_is_sampled(client: httpx.Client) -> None:
    """Pre-shared keys are shown neither in a preview nor in what a failed one tells."""
    inner = json.dumps({"PreSharedKey": "s3cret"})
    record = {"CustomerGatewayConfiguration": "<psk>s3cret</psk>", "PreSharedKey": "s3cret", "other": inner}
    sent = {"file": ("vpns.json", json.dumps([record]), "application/json")}
    answer = client.post("/api/import/preview", files=sent)
    assert answer.status_code == 422
    assert "s3cret" not in answer.text


def test_the_page_and_its_session(alone: Facade, locked: Locked) -> None:
    """The page is files of ours; where keys are set, its key is in a cookie that no script reads."""
    with locked.client() as client:
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["content-security-policy"].startswith("default-src 'self'")
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/api/session").status_code == 401
        assert client.post("/api/session", json={"key": "cmdb_wrong"}).status_code == 401
        made = client.post("/api/session", json={"key": locked.keys["alice"]})
        assert made.status_code == 204
        assert {"HttpOnly", "SameSite=strict"} <= set(made.headers["set-cookie"].split("; "))
        assert client.get("/api/session").json() == {"name": "alice", "scopes": ["read", "write"], "keyNeeded": True}
        foreign = client.post("/api/export", json={"resourceType": "vpc"}, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        client.delete("/api/session")
        assert client.get("/api/session").status_code == 401
    with alone.client() as client:
        assert client.get("/api/session").json()["keyNeeded"] is False


def test_many_rejected_rows(client: httpx.Client, tmp_path: Path) -> None:
    """Of thousands only a page is ever read; the last page is there as the first is."""
    path = tmp_path / "many.csv"
    data.vpcs(20_000).with_columns(region=pl.lit("nowhere")).write_csv(path)
    run = execute(client, path, resourceType="vpc")
    assert follow(client, run)[-1]["rejectedRecords"] == 20_000
    first = client.get(f"/api/import/result/{run}?limit=50").json()["issues"]
    assert (first["total"], len(first["items"])) == (20_000, 50)
    last = client.get(f"/api/import/result/{run}/rejects?limit=50&offset=19950").json()
    assert [row["row"] for row in last["items"]] == list(range(19_952, 20_002))
    assert last["next"] is None


def test_a_record_that_was_deleted_and_brought_back(client: httpx.Client, tmp_path: Path) -> None:
    """An undo and its undo stand in the history of the record, with nothing to set against each other."""
    run = execute(client, write_csv(tmp_path / "new.csv", [vpc(40)]))
    follow(client, run)
    undo = client.post(f"/api/import/{run}/undo").json()["importId"]
    follow(client, undo)
    follow(client, client.post(f"/api/import/{undo}/undo").json()["importId"])
    found = client.get("/api/records/vpc/record", params={"key": vpc_id(40)}).json()
    assert [event["action"] for event in found["history"]] == ["created", "deleted", "created"]
    assert found["history"][0]["source"].startswith("undo of ")


def test_free_blocks(alone: Facade, database_url: str) -> None:
    """The lowest of a size beside the prefixes of the global table, and how many there are; a mistake is told."""
    sql(database_url, "insert into prefix (natural_key, prefix) values ('/10.0.0.0/24', '10.0.0.0/24')")
    with alone.client() as client:
        found = client.get("/api/free", params={"block": "10.0.0.0/22", "size": 24, "limit": 2}).json()
        wrong = client.get("/api/free", params={"block": "10.0.0.0/22", "size": 8})
    assert found == {"size": 24, "within": ["10.0.0.0/22"], "blocks": ["10.0.1.0/24", "10.0.2.0/24"], "total": 3}
    assert (wrong.status_code, wrong.json()["detail"]) == (
        422,
        "No /8 fits into 10.0.0.0/22: give a size of 22 to 32.",
    )
