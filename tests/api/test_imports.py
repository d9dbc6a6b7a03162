"""Imports over HTTP, against the whole system: preview, execute, progress, result, rejects, history, cancel."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openpyxl
import pytest
from websockets.sync.client import connect

from tests.api.system import System, execute, file, follow
from tests.locks import WHILE_APPLYING, WHILE_VALIDATING, held
from tests.support import execute as sql
from tests.support import rows, vpc, write_csv
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def client(system: System) -> Any:
    """A client of the system, whose tables are empty."""
    sql(system.url, "truncate vpc")
    with system.client() as client:
        yield client


def test_preview_then_execute(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """The preview tells format, mapping, samples, mistakes and plan, and changes nothing; its upload is imported."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1")])
    answer = client.post("/api/import/preview", **file(path))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    result = found["result"]
    assert (found["format"], found["fileName"], result["resourceType"]) == ("csv", "vpcs.csv", "vpc")
    assert (result["counts"]["create"], result["counts"]["rejected"], rows(system.url)) == (2, 1, 0)
    assert {match["field"]: match["confidence"] for match in result["mapping"]["columns"]}["vpc_id"] == 1.0
    assert len(result["samples"]) == 2
    assert result["issues"]["items"][0]["suggestion"] == "us-east-1"

    asked = {"uploadId": found["uploadId"], "mode": "create", "constants": {"environment": "test"}}
    answer = client.post("/api/import/execute", json=asked)
    assert (answer.status_code, answer.headers["location"]) == (202, answer.json()["links"]["progress"])
    run = answer.json()["importId"]
    last = follow(client, run)[-1]
    assert (last["status"], last["percent"], last["processedRecords"], last["rejectedRecords"]) == (
        "completed",
        100,
        3,
        1,
    )
    assert last["prefectUrl"].startswith(system.prefect)
    assert sql(system.url, "select distinct environment from vpc") == [("test",)]

    result = client.get(f"/api/import/result/{run}").json()
    assert (result["counts"]["create"], result["counts"]["rejected"], result["status"]) == (2, 1, "completed")
    text = client.get(result["links"]["rejectsCsv"])
    assert text.headers["content-disposition"].startswith('attachment; filename="rejects-')
    [mended] = csv.DictReader(io.StringIO(text.text))
    assert mended["vpc_id"] == vpc(3)["vpc_id"]
    book = openpyxl.load_workbook(io.BytesIO(client.get(result["links"]["rejectsXlsx"]).content))
    assert book.active is not None
    assert book.active.max_row == 2
    wait_until(lambda: not list((system.home / "tmp").iterdir()))

    [first, *_] = client.get("/api/imports", params={"type": "vpc", "status": "completed"}).json()["items"]
    assert (first["importId"], first["requestedBy"]) == (run, "local")


def test_issues_and_history_are_paged(client: httpx.Client, tmp_path: Path) -> None:
    """Each page names the next, and none is told twice."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(n, region="nowhere") for n in range(5)])
    run = execute(client, path)
    follow(client, run)
    seen: list[int] = []
    address = f"/api/import/result/{run}?limit=2"
    while address:
        page = client.get(address).json()["issues"]
        seen += [issue["row"] for issue in page["items"]]
        address = page["next"]
    assert seen == [2, 3, 4, 5, 6]
    assert client.get(f"/api/import/result/{run}?severity=repair").json()["issues"]["total"] == 0
    newest = client.get("/api/imports?limit=1").json()
    second = client.get(newest["next"]).json()["items"][0]
    assert newest["items"][0]["importId"] == run != second["importId"]


def test_a_key_asks_once(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """The same Idempotency-Key gives the same import; with another request it is refused."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    headers = {"Idempotency-Key": uuid4().hex}
    runs = {client.post("/api/import/execute", **file(path), headers=headers).json()["importId"] for _ in range(3)}
    assert len(runs) == 1
    assert follow(client, runs.pop())[-1]["status"] == "completed"
    answer = client.post("/api/import/execute", **file(path, mode="update"), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:cmdb:problem:key-reused")
    other = write_csv(tmp_path / "vpcs.csv", [vpc(2)])
    assert client.post("/api/import/execute", **file(other), headers=headers).status_code == 409
    assert rows(system.url) == 1


def test_progress_is_pushed(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """Events and the WebSocket tell the same: it never goes back, and the end is the last that is told."""
    heard: list[dict[str, Any]] = []
    events: list[tuple[str, str, dict[str, Any]]] = []

    def by_socket() -> None:
        address = f"{system.address.replace('http', 'ws')}/api/import/progress/{run}/ws"
        with connect(address) as socket:
            for message in socket:
                heard.append(json.loads(message))

    def by_events() -> None:
        with client.stream("GET", f"/api/import/progress/{run}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            name = number = ""
            for line in stream.iter_lines():
                key, _, value = line.partition(": ")
                name, number = (value, number) if key == "event" else (name, value if key == "id" else number)
                if key == "data":
                    events.append((name, number, json.loads(value)))

    with ThreadPoolExecutor(2) as pool:
        with held(system.url, WHILE_APPLYING) as lock:
            run = execute(client, write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(50)]), resourceType="vpc")
            listening = [pool.submit(by_socket), pool.submit(by_events)]
            lock.wait_for_writer()
            wait_until(lambda: any(state["phase"] == "apply" for _, _, state in events))
            wait_until(lambda: any(state.get("phase") == "apply" for state in heard))
        for each in listening:
            each.result(PATIENCE)
    assert [name for name, _, _ in events][-1] == "end"
    for told in ([state for _, _, state in events], [state for state in heard if "status" in state]):
        assert told[-1]["status"] == "completed"
        assert len(told) >= 2
        percents = [state["percent"] for state in told]
        assert percents == sorted(percents)
    # Whoever reconnects knowing the end is told of the end, and of nothing else.
    again = client.get(f"/api/import/progress/{run}/events", headers={"Last-Event-ID": events[-1][1]})
    assert again.text.count("event: ") == again.text.count("event: end") == 1


def test_a_failed_import_says_why(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """A threshold, a wrong mapping and a file of no type fail with a sentence, and change nothing."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="nowhere")])
    last = follow(client, execute(client, path, maxErrors="0"))[-1]
    assert (last["status"], rows(system.url)) == ("failed", 0)
    assert "1 of 2 rows are rejected" in last["message"]
    last = follow(client, execute(client, path, mapping='{"name": "nme"}'))[-1]
    assert "did you mean name?" in last["message"]
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n")
    answer = client.post("/api/import/preview", **file(odd))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:cmdb:problem:run-failed")


@pytest.mark.parametrize("moment", [None, WHILE_VALIDATING, WHILE_APPLYING])
def test_cancel(system: System, client: httpx.Client, tmp_path: Path, moment: str | None) -> None:
    """Queued, while reading and while loading: it is over, though it waits for a lock, and nothing of it stays."""
    path = write_csv(tmp_path / "vpcs.csv", [*(vpc(n) for n in range(20)), vpc(20, region="nowhere")])
    with held(system.url, moment) if moment else nullcontext() as lock:
        run = execute(client, path, resourceType="vpc")
        if lock:
            lock.wait_for_writer()
        answer = client.delete(f"/api/import/{run}")
    assert (answer.json()["status"], answer.json()["inTime"]) == ("cancelled", True), answer.text
    assert follow(client, run)[-1]["status"] == "cancelled"
    assert rows(system.url) == 0
    again = client.delete(f"/api/import/{run}").json()
    assert (again["status"], again["inTime"]) == ("cancelled", True)
    assert "before" in again["message"]


def test_cancelling_too_late(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """After the end, the answer says that it was too late, and everything stays."""
    run = execute(client, write_csv(tmp_path / "vpcs.csv", [vpc(1)]))
    follow(client, run)
    answer = client.delete(f"/api/import/{run}").json()
    assert (answer["status"], answer["inTime"], rows(system.url)) == ("completed", False, 1)


def test_many_at_once(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """While one is held, those of its type wait for it and others for a worker, and say so; all end right."""
    paths = [write_csv(tmp_path / f"{n}.csv", [vpc(100 * n + each) for each in range(20)]) for n in range(6)]

    def said(member: str) -> list[str]:
        return [client.get(f"/api/import/progress/{run}").json()[member] for run in runs]

    with held(system.url, WHILE_APPLYING):
        runs = [execute(client, path) for path in paths]
        wait_until(lambda: said("phase").count("waiting") == 3)
        assert said("phase").count("waiting for a worker") == 2
        assert said("message").count("It waits for a worker with a free place.") == 2
    assert {follow(client, run)[-1]["status"] for run in runs} == {"completed"}
    assert rows(system.url) == 120


def test_undo(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """An import is taken back as a run of its own, which says what it did, and can be taken back in its turn."""
    run = execute(client, write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2)]))
    follow(client, run)
    answer = client.post(f"/api/import/{run}/undo", json={"dryRun": True})
    assert answer.status_code == 202, answer.text
    dry = answer.json()["importId"]
    assert follow(client, dry)[-1]["status"] == "completed"
    shown = client.get(f"/api/import/result/{dry}").json()
    assert (shown["undoes"], shown["counts"]["delete"], len(shown["changes"]), rows(system.url)) == (run, 2, 2, 2)
    undo = client.post(f"/api/import/{run}/undo").json()["importId"]
    assert follow(client, undo)[-1]["status"] == "completed"
    assert rows(system.url) == 0
    twice = client.post(f"/api/import/{run}/undo").json()["importId"]
    assert "undone by run" in follow(client, twice)[-1]["message"]
    assert client.post(f"/api/import/{twice}/undo").status_code == 409
    again = client.post(f"/api/import/{undo}/undo").json()["importId"]
    follow(client, again)
    assert rows(system.url) == 2
    assert client.get("/api/imports?limit=1").json()["items"][0]["undoes"] == undo
