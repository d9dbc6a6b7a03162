"""Syncs over HTTP: one brings in and takes away, one that goes too far waits for a yes, and who may read what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.system import Keyed, System, follow
from tests.slow import slow_source
from tests.support import execute as sql
from tests.support import vpc, write_csv


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    """A client of the system, whose tables are empty."""
    sql(system.url, "truncate vpc, subnet")
    with system.client() as client:
        yield client


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that whoever carries the runs out may read, with ten VPCs."""
    return write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(10)])


def sync(client: httpx.Client, url: str | Path, **asked: Any) -> dict[str, Any]:
    """Sync a source; returns the result."""
    accepted = client.post("/api/sync", json={"url": str(url), **asked})
    assert accepted.status_code == 202, accepted.text
    return ended(client, accepted)


def ended(client: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    """Wait for the end of a run that was asked for; returns its result."""
    assert accepted.status_code == 202, accepted.text
    run = accepted.json()["importId"]
    follow(client, run)
    found: dict[str, Any] = client.get(f"/api/import/result/{run}").json()
    return found


def there(system: System) -> int:
    """Return how many VPCs are stored and not set aside."""
    [(count,)] = sql(system.url, "select count(*) from vpc where retired_at is null")
    return int(count)


def test_a_sync_that_is_held_is_approved(system: System, client: httpx.Client, source: Path) -> None:
    """What would take too much away changes nothing until its plan is approved, once; the runs are told by its name."""
    name = f"core-{uuid4().hex[:8]}"
    first = sync(client, source, name=name)
    assert (first["status"], first["sync"], first["mode"], first["counts"]["create"]) == ("completed", name, "sync", 10)
    write_csv(source, [vpc(n, name="new") for n in range(6)])
    held = sync(client, source, name=name)
    assert (held["status"], held["counts"]["retire"], there(system)) == ("failed", 4, 10)
    assert "4 of 10 records" in held["message"]
    assert {change["action"] for change in held["changes"]} == {"update", "retire"}
    assert held["links"]["approve"] == f"/api/import/{held['importId']}/approve"

    approved = ended(client, client.post(held["links"]["approve"], json={"hash": held["plan"]["hash"]}))
    assert (approved["status"], approved["sync"], approved["source"]) == ("completed", name, name)
    assert (approved["applies"], approved["counts"]["retire"], there(system)) == (held["importId"], 4, 6)
    assert client.post(held["links"]["approve"]).status_code == 409

    again = sync(client, source, name=name)
    assert (again["status"], "unchanged" in again["message"]) == ("completed", True)
    runs = client.get("/api/imports", params={"sync": name}).json()["items"]
    assert [each["importId"] for each in runs] == [each["importId"] for each in (again, approved, held, first)]
    assert runs[1]["counts"]["retire"] == 4
    assert runs[2]["plan"]["applied"] == approved["importId"]

    [state] = [each for each in client.get("/api/syncs").json() if each["name"] == name]
    assert (state["lastRunId"], state["url"], state["schedules"]) == (again["importId"], str(source), [])
    assert state["lastChange"] == approved["startedAt"]

    between = client.get(f"/api/import/{first['importId']}/diff/{approved['importId']}").json()
    assert between["counts"] == {"created": 0, "updated": 6, "deleted": 0, "retired": 4}
    assert between["before"]["counts"]["create"] == 10
    [changed, *_] = [change for change in between["changes"] if change["action"] == "updated"]
    assert (changed["resourceType"], changed["fields"]["name"]["after"]) == ("vpc", "new")
    backwards = client.get(f"/api/import/{approved['importId']}/diff/{first['importId']}")
    assert (backwards.status_code, "name the earlier one first" in backwards.json()["detail"]) == (422, True)


def test_a_key_asks_once(client: httpx.Client, source: Path) -> None:
    """The same Idempotency-Key gives the same sync; with another request it is refused."""
    headers = {"Idempotency-Key": uuid4().hex}
    asked = {"url": str(source), "dryRun": True}
    runs = {client.post("/api/sync", json=asked, headers=headers).json()["importId"] for _ in range(2)}
    assert len(runs) == 1
    other = client.post("/api/sync", json=asked | {"missing": "delete"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (409, "urn:cmdb:problem:key-reused")


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"url": "ftpp://host/file"}, 422, "Unsupported source ftpp://"),
        ({"url": "https://user:hunter2@host/file.csv"}, 422, "The address holds a password"),
        ({"url": "https://host/a.csv", "types": ["nothing"]}, 404, "nothing"),
        ({"url": "https://host/a.csv", "maxDelete": "some"}, 422, "a percentage"),
        ({}, 422, "url"),
    ],
)
def test_what_is_no_sync(client: httpx.Client, asked: dict[str, Any], status: int, said: str) -> None:
    """What can't be a sync is refused before a run is made of it, and a password is not repeated."""
    answer = client.post("/api/sync", json=asked)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert "hunter2" not in answer.text


def test_what_only_the_server_may_read(system: System, keyed: Keyed, source: Path) -> None:
    """Files, clouds, databases and secrets of the server are for the scope admin; the web is for all who may write."""
    sql(system.url, "truncate vpc")
    with keyed.client("looker") as looker, keyed.client("alice") as writer, keyed.client("boss") as boss:
        assert looker.post("/api/sync", json={"url": "https://host/a.csv"}).status_code == 403
        secrets = ({"credentials": "core-netbox"}, {"notify": "on-call"})
        for url in (str(source), source.as_uri(), "s3://bucket/", "aws://default/us-east-1", "sqlite:////etc/x"):
            refused = writer.post("/api/sync", json={"url": url})
            assert (refused.status_code, "'admin'" in refused.json()["detail"]) == (403, True), url
        for secret in secrets:
            assert writer.post("/api/sync", json={"url": "https://host/a.csv"} | secret).status_code == 403
        # What may be asked for, and is not there, fails as a run.
        with slow_source() as gone:
            gone.status = 404
            gone.let_go.set()
            web = ended(writer, writer.post("/api/sync", json={"url": gone.address, "name": "web"}))
        assert (web["status"], "404" in web["message"]) == ("failed", True)
        # Its name is its owner's, and names on schedule are admin's.
        with keyed.client("bob") as other:
            for name in ("web", "sync-https", "netbox"):
                taken = other.post("/api/sync", json={"url": "https://evil.example/a.csv", "name": name})
                assert (taken.status_code, name in taken.json()["detail"]) == (403, True)
        [defined] = writer.get("/api/syncs").json()
        assert (defined["owner"], defined["options"]["url"], defined["changedBy"]) == ("alice", gone.address, "alice")
        done = sync(boss, source, name="of the boss")
        assert (done["status"], there(system)) == ("completed", 10)
        assert writer.get(f"/api/import/{done['importId']}/diff/{done['importId']}").status_code == 404
        seen = {
            name: [each["name"] for each in asked.get("/api/syncs").json()]
            for name, asked in (("writer", writer), ("boss", boss))
        }
        assert seen["writer"] == ["web"]
        assert {"web", "of the boss"} <= set(seen["boss"])
