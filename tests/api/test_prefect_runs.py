"""What Prefect shows of a run, asked by its API: names, states, progress, log, artifacts and connected task runs."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from flows.monitoring.artifacts import key_part
from flows.monitoring.progress import state_in
from tests.api.system import System, execute, file, follow
from tests.support import execute as sql
from tests.support import vpc, write_csv
from tests.waiting import wait_until


@dataclass(frozen=True)
class Shown:
    """A run as Prefect shows it: itself, its log, its artifacts by key and its task runs by the step."""

    run: dict[str, Any]
    log: list[tuple[int, str]]
    artifacts: dict[str, dict[str, Any]]
    tasks: dict[str, dict[str, Any]]

    @property
    def state(self) -> tuple[str, str, str]:
        """The type, name and message of its state."""
        state = self.run["state"]
        return state["type"], state["name"], state["message"]

    def said(self, text: str) -> int:
        """Return the level of the line of the log that holds a text."""
        [level] = [level for level, line in self.log if text in line]
        return level


def shown(system: System, run_id: str) -> Shown:
    """Return what Prefect shows of a run that has ended, once its log has arrived."""
    of_it = {"flow_runs": {"id": {"any_": [run_id]}}}

    def log() -> list[tuple[int, str]]:
        logs = {"flow_run_id": {"any_": [run_id]}}
        lines = system.ask_prefect("POST", "/logs/filter", logs=logs, sort="TIMESTAMP_ASC")
        return [(line["level"], line["message"]) for line in lines]

    wait_until(lambda: any("Finished in state" in line for _, line in log()))
    artifacts = system.ask_prefect("POST", "/artifacts/filter", **of_it)
    tasks = system.ask_prefect("POST", "/task_runs/filter", **of_it)
    return Shown(
        system.ask_prefect("GET", f"/flow_runs/{run_id}"),
        log(),
        {artifact["key"] or artifact["type"]: artifact for artifact in artifacts},
        {task["name"].partition(" ")[0]: task for task in tasks},
    )


def inputs(task: dict[str, Any]) -> set[str]:
    """Return the ids of the task runs whose results a task run takes."""
    return {given["id"] for each in task["task_inputs"].values() for given in each if "id" in given}


@pytest.fixture
def client(system: System) -> Any:
    """A client of the system, whose tables are empty."""
    sql(system.url, "truncate vpc, subnet")
    with system.client() as client:
        yield client


def sync(client: httpx.Client, url: Path, **asked: Any) -> str:
    """Sync a source; returns the run's id."""
    accepted = client.post("/api/sync", json={"url": str(url), **asked})
    assert accepted.status_code == 202, accepted.text
    run: str = accepted.json()["importId"]
    follow(client, run)
    return run


def test_an_import_in_prefect(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """Its name, state, progress and log say what it did; links lead to the page and the API, none to a file."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1")])
    found = shown(system, execute(client, path, resourceType="vpc"))
    assert found.run["name"] == "import vpc from vpcs.csv"
    assert found.state == ("COMPLETED", "Completed", "2 created, 0 updated, 1 rejected")
    assert 10 <= len(found.log) <= 20
    for text in (
        "Source vpcs.csv: csv",
        "Mapped to vpc: ",
        "validate: 3 of 3 records, 1 rejected",
        "Applied: 2 created",
    ):
        assert found.said(text) == logging.INFO
    assert found.said("To undo it, run ") == logging.INFO
    assert found.said("Rejected rows by rule: ") == logging.WARNING
    progress = found.artifacts["progress"]
    assert progress["description"] == r"Completed\: 2 created\, 0 updated\, 1 rejected"
    assert (progress["data"], state_in(progress["metadata_"])["status"]) == (100.0, "completed")
    [rejected] = json.loads(found.artifacts["rejected-import-vpc"]["data"])
    assert (rejected["row"], rejected["column"]) == (4, "region")
    changes = json.loads(found.artifacts["changes-import-vpc"]["data"])
    assert [each["action"] for each in changes] == ["created", "created"]
    report = found.artifacts["import-vpc"]["data"]
    assert f"{system.address}/#/history/{found.run['id']}" in report
    assert "| created | 2 |" in report
    assert "file://" not in json.dumps(found.artifacts)
    [link] = [part for part in report.split("(") if "rejects.csv" in part]
    assert client.get(link.partition(")")[0]).status_code == 200


def test_the_task_runs_of_an_import_are_connected(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """Each step takes what the one before it returned."""
    tasks = shown(system, execute(client, write_csv(tmp_path / "vpcs.csv", [vpc(1)]))).tasks
    order = ("extract", "map", "validate", "load")
    assert set(tasks) == set(order)
    for before, after in pairwise(order):
        assert tasks[before]["id"] in inputs(tasks[after])


def test_the_runs_of_a_sync_in_prefect(system: System, client: httpx.Client, tmp_path: Path) -> None:
    """A held run says what it would do, in a state of that name, and is logged without a stack trace; one history."""
    name, path = f"Core {uuid4().hex[:8]}", write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(10)])
    sync(client, path, name=name)
    write_csv(path, [vpc(n, name="new") for n in range(6)])
    found = shown(system, sync(client, path, name=name))
    assert found.run["name"] == f"sync {name} from {path}"
    assert found.state[:2] == ("PAUSED", "Held")
    assert found.state[2].endswith("0 to create, 6 to update, 4 to retire, 0 rejected")
    assert found.artifacts["progress"]["data"] < 100
    key = f"sync-{key_part(name)}"
    report = found.artifacts[key]["data"]
    assert "**Nothing was changed.**" in report
    assert "| would be retired | 4 |" in report
    planned = json.loads(found.artifacts[f"changes-{key}"]["data"])
    assert {"before": "net-1", "after": "new", "field": "name"}.items() <= planned[1].items()
    assert {each["action"] for each in planned} == {"update", "retire"}
    assert "Traceback" not in "".join(line for _, line in found.log)
    history = system.ask_prefect("POST", "/artifacts/filter", artifacts={"key": {"any_": [key]}})
    assert len(history) == 2


@pytest.mark.parametrize(
    ("options", "state", "why"),
    [
        ({}, ("COMPLETED", "Needs input"), "No column fills 'cidr_block'"),
        ({"savedMapping": "nowhere"}, ("FAILED", "Failed"), "nowhere"),
    ],
    ids=["a column is missing", "a mapping is unknown"],
)
def test_a_preview_that_can_not_be_made(
    system: System, client: httpx.Client, tmp_path: Path, options: dict[str, str], state: tuple[str, str], why: str
) -> None:
    """A missing column is a completed run that says so, a wrong request a failed one; the API refuses both."""
    path = write_csv(tmp_path / f"{uuid4().hex[:8]}.csv", [{"vpc_id": vpc(1)["vpc_id"], "region": "us-east-1"}])
    answer = client.post("/api/import/preview", **file(path, resourceType="vpc", **options))
    assert answer.status_code == 422
    assert why in answer.json()["detail"]
    named = {"name": {"any_": [f"preview vpc from {path.name}"]}}
    [run] = system.ask_prefect("POST", "/flow_runs/filter", flow_runs=named)
    found = shown(system, run["id"])
    deployment = system.ask_prefect("GET", f"/deployments/{found.run['deployment_id']}")
    assert (found.state[:2], deployment["name"]) == (state, "preview-file")
    assert why in found.state[2]
    assert "Traceback" not in "".join(line for _, line in found.log)
    assert "**Nothing was changed.**" in found.artifacts["preview-vpc"]["data"]
    progress = client.get(f"/api/import/progress/{run['id']}").json()
    assert (progress["status"], why in progress["message"], progress["percent"] < 100) == ("failed", True, True)
