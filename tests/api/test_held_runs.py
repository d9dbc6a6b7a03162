"""A held sync in Prefect: suspended with a form, and approved or rejected there, in the API or at the command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.api.held import Held, held_sync
from tests.api.system import CMDB, System, follow
from tests.locks import held as locked
from tests.support import execute as sql
from tests.support import vpc, write_csv
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def client(system: System) -> Iterator[httpx.Client]:
    """A client of the system, whose tables are empty."""
    sql(system.url, "truncate vpc, subnet")
    with system.client() as client:
        yield client


@pytest.fixture
def hold(system: System, client: httpx.Client, tmp_path: Path) -> Callable[[], Held]:
    """A function that runs a sync which is held."""
    return lambda: held_sync(system, client, tmp_path)


def test_approved_by_the_form(client: httpx.Client, hold: Callable[[], Held]) -> None:
    """The form is asked for by Prefect; an approved run applies exactly its plan, although its source has changed."""
    held = hold()
    answered = client.get(f"/api/import/progress/{held.run}").json()
    assert answered["status"] == "failed"
    wrong = held.answer("perhaps")
    assert (wrong["status"], held.state[1]) == ("REJECT", "Held")
    write_csv(held.path, [vpc(99)])
    assert held.answer("approve")["status"] == "ACCEPT"
    message = held.wait("COMPLETED", "Completed")
    assert message.startswith("Approved by Ada (in Prefect): Agreed with the network team. 0 created, 6 updated, 4 ret")
    assert held.live() == 6
    plan = held.plan(client)
    assert plan["applied"] in message
    assert {name: plan["decision"][name] for name in ("verdict", "by", "run")} == {
        "verdict": "approved",
        "by": "Ada (in Prefect)",
        "run": plan["applied"],
    }
    applied = client.get(f"/api/import/result/{plan['applied']}").json()
    assert (applied["status"], applied["applies"], applied["counts"]["update"]) == ("completed", held.run, 6)
    refused = client.post(f"/api/import/{held.run}/reject", json={"reason": "Too late."})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:cmdb:problem:plan-applied")
    assert client.get(f"/api/import/progress/{held.run}").json()["status"] == "failed"


def test_rejected_by_the_form(client: httpx.Client, hold: Callable[[], Held]) -> None:
    """Who rejects says why; the run then ends as Rejected, the ledger has who and why, and nothing can be applied."""
    held = hold()
    held.answer("reject", reason="")
    held.wait("PAUSED", "Held", "Give the reason of the rejection")
    assert held.plan(client)["decision"] is None
    held.answer("reject", reason="Wrong account.")
    said = "Rejected by Ada (in Prefect): Wrong account."
    assert held.wait("CANCELLED", "Rejected") == f"{said} Nothing was changed."
    decision = held.plan(client)["decision"]
    assert (decision["verdict"], decision["by"], decision["reason"]) == (
        "rejected",
        "Ada (in Prefect)",
        "Wrong account.",
    )
    late = client.post(f"/api/import/{held.run}/approve")
    assert (late.status_code, late.json()["type"]) == (409, "urn:cmdb:problem:plan-rejected")
    assert said in late.json()["detail"]
    assert "approve" not in client.get(f"/api/import/result/{held.run}").json()["links"]
    assert held.live() == 10


def test_records_that_changed_since(system: System, hold: Callable[[], Held]) -> None:
    """A run that is to leave changed records alone is held again, with how many there are; the form offers to skip."""
    held = hold()
    sql(system.url, "update vpc set name = 'by hand' where name = 'net-1'")
    held.answer("approve")
    held.wait("PAUSED", "Held", "1 record changed since the plan was made")
    assert held.live() == 10
    held.answer("approve", changed_records="skip")
    held.wait("COMPLETED", "Completed", "5 updated, 4 retired")
    assert ("by hand",) in sql(system.url, "select name from vpc")


def test_decided_elsewhere(system: System, client: httpx.Client, hold: Callable[[], Held]) -> None:
    """A decision in the API or at the command line ends the suspended run, which says whose it was."""
    approved, rejected = hold(), hold()
    answer = client.post(f"/api/import/{approved.run}/approve", json={"reason": "Planned."})
    assert answer.status_code == 202
    approved.wait("COMPLETED", "Completed", "Approved by local: Planned. ")
    assert answer.json()["importId"] in approved.state[2]
    environment = os.environ | system.environment | {"PREFECT_API_URL": f"{system.prefect}/api"}
    command = [str(CMDB), "reject", rejected.run, "--reason", "A typo in the source."]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rejected.wait("CANCELLED", "Rejected", ": A typo in the source.")
    decided = rejected.plan(client)["decision"]
    again = client.post(f"/api/import/{rejected.run}/reject", json={"reason": "Me too."})
    assert (again.status_code, decided["by"] in again.json()["detail"]) == (409, True)


def test_decisions_at_once(client: httpx.Client, hold: Callable[[], Held]) -> None:
    """Of an approval and a rejection at the same time one wins, everywhere, and the other is answered with it."""
    held = hold()
    ways = [
        lambda: client.post(f"/api/import/{held.run}/approve"),
        lambda: client.post(f"/api/import/{held.run}/reject", json={"reason": "No."}),
    ]
    with ThreadPoolExecutor(2) as pool:
        approval, rejection = (each.result() for each in [pool.submit(way) for way in ways])
    if rejection.is_success:
        if approval.is_success:  # its run was started before the rejection, and finds it
            [*_, last] = follow(client, approval.json()["importId"])
            assert (last["status"], "Rejected by local: No." in last["message"]) == ("failed", True)
        held.wait("CANCELLED", "Rejected")
        assert held.live() == 10
    else:
        assert rejection.status_code == 409
        held.wait("COMPLETED", "Completed", "Approved by local. ")
        assert held.live() == 6


def maintain(system: System) -> None:
    """Start the flow `maintenance`."""
    [found] = system.ask_prefect("POST", "/deployments/filter", deployments={"name": {"any_": ["maintenance"]}})
    system.ask_prefect("POST", f"/deployments/{found['id']}/create_flow_run", state={"type": "SCHEDULED"})


def test_processes_end(system: System, hold: Callable[[], Held]) -> None:
    """A run whose process dies while it applies its plan is held again; one whose time is over ends as Expired."""
    held, late = hold(), hold()
    sql(system.url, "update import_run set plan_until = now() where run_id = :run", run=late.run)
    maintain(system)
    late.wait("FAILED", "Expired", "Nobody approved it in time")
    assert held.state[:2] == ("PAUSED", "Held")
    with locked(system.url, "vpc") as lock:
        held.answer("approve")
        lock.wait_for_writer()
        warm = system.part("warm")
        warm.kill()
        warm.wait(PATIENCE)  # the run, which stands still, has been signalled by then
    wait_until(lambda: held.state[1] in ("Crashed", "Held"))
    system.wait_ready()
    maintain(system)
    held.wait("PAUSED", "Held", "The process of the run ended before its plan was applied")
    assert held.live() == 10
    held.answer("approve", name="Grace")
    held.wait("COMPLETED", "Completed", "6 updated, 4 retired")
    assert held.live() == 6
