"""Sources that Prefect keeps in blocks, in the whole system: in a form, as a URL, and by their name in a command."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from flows.bulk import bulk_sync
from flows.server.sign_in import CLIENT
from flows.sync_watch import job_of
from schemas.errors import UsageError
from schemas.jobs import SyncJob
from tasks.steps.kept_source import with_source
from tests.api.system import CMDB, SCOPES, Keyed, System
from tests.security.test_prefect_page import signed_in
from tests.slow import Slow, slow_source
from tests.support import execute
from tests.waiting import wait_until

TOKEN = "T0K3N-0F-TH3-S0URC3"  # noqa: S105  # of a source of the tests


@dataclass(frozen=True)
class Kept:
    """A source that asks for a token, and the block that has it."""

    source: Slow
    name: str
    id: str


@pytest.fixture
def kept(system: System) -> Iterator[Kept]:
    """A block as people fill it in on Prefect's page; no VPCs."""
    execute(system.url, "truncate vpc")
    kind = system.ask_prefect("GET", "/block_types/slug/cmdb-source")
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}}
    schema = system.ask_prefect("POST", "/block_schemas/filter", **of_kind)[0]
    assert kind["logo_url"] is None
    assert kind["description"].startswith("A source of syncs: ")
    with slow_source() as source:
        source.token = TOKEN
        source.let_go.set()
        data = {
            "url": source.address,
            "credentials": TOKEN,
            "scope": {"region": "us-east-1"},
            "options": {"resource_type": "vpc", "max_delete": "3"},
        }
        name = f"core-{uuid4().hex[:8]}"
        what = {"block_type_id": kind["id"], "block_schema_id": schema["id"]}
        made = system.ask_prefect("POST", "/block_documents/", name=name, data=data, **what)
        yield Kept(source, name, made["id"])
        system.ask_prefect("DELETE", f"/block_documents/{made['id']}")


def ended(system: System, run: str) -> dict[str, Any]:
    """Wait for the end of a run; returns its state."""

    def state() -> dict[str, Any] | None:
        found: dict[str, Any] = system.ask_prefect("GET", f"/flow_runs/{run}")["state"]
        return found if found["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    found = wait_until(state)
    assert found
    return found


def test_a_schedule_names_a_block(system: System, kept: Kept) -> None:
    """Chosen in the form or written as a URL, it is one sync; its secret is nowhere but in the block."""
    deployment = system.ask_prefect("GET", "/deployments/name/bulk-sync/sync-source")
    address = f"/deployments/{deployment['id']}/create_flow_run"
    runs = []
    chosen, written = {"$ref": {"block_document_id": kept.id}}, f"block:{kept.name}"
    for url, numbers in ((chosen, [1, 2, 3]), (written, [1])):
        kept.source.numbers = numbers
        runs.append(system.ask_prefect("POST", address, parameters={"job": {"url": url}})["id"])
        state = ended(system, runs[-1])
        assert state["type"] == "COMPLETED", state["message"]
    assert state["message"] == "0 created, 0 updated, 2 retired, 0 rejected"
    query = "select sync, options->>'url', options->'constants'->>'region' from import_run where sync = :sync"
    assert execute(system.url, query, sync=kept.name) == [(kept.name, kept.source.address, "us-east-1")] * 2
    [definition] = execute(system.url, "select options from sync_definition where name = :sync", sync=kept.name)
    assert definition.options == {"url": written}
    server = {"PREFECT_API_URL": f"{system.prefect}/api", CLIENT: system.secret}
    environment = os.environ | system.environment | server | {"PREFECT_HOME": str(system.home / "blocks")}
    command = [str(CMDB), "sync", kept.name, "--always", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["sync"], report["counts"]["unchanged"]) == (kept.name, 1)
    assert TOKEN not in done.stdout + done.stderr
    runs.append(report["runId"])
    of_runs = {"flow_runs": {"id": {"any_": runs}}}
    logs = system.ask_prefect("POST", "/logs/filter", logs={"flow_run_id": {"any_": runs}})
    shown = [logs, *(system.ask_prefect("POST", f"/{what}/filter", **of_runs) for what in ("flow_runs", "artifacts"))]
    shown.append(execute(system.url, "select i::text from import_run i"))
    assert TOKEN not in json.dumps(shown, default=str)
    files = [path for path in system.home.rglob("*.log") if path.is_file()]
    assert [path.name for path in files if TOKEN in path.read_text(errors="replace")] == []


def test_the_form_offers_blocks(system: System) -> None:
    """The source of a sync is a URL or a block of the type; a flow takes either."""
    form = system.ask_prefect("GET", "/deployments/name/bulk-sync/sync-source")["parameter_openapi_schema"]
    typed, chosen = form["definitions"]["SyncJob"]["properties"]["url"]["anyOf"]
    assert typed["type"] == "string"
    assert form["definitions"][chosen["$ref"].rpartition("/")[2]]["block_type_slug"] == "cmdb-source"
    assert bulk_sync.validate_parameters({"job": {"url": "block:core"}})["job"].source == "core"
    stored = job_of({"job": {"url": {"$ref": {"block_document_id": "0194"}}}})
    assert stored
    assert stored.url == "block:0194"


def test_a_run_is_started_from_the_form(system: System, kept: Kept, browser: Browser) -> None:
    """Somebody chooses the block in Prefect's page, leaves the rest of the form as it is, and starts the run."""
    deployment = system.ask_prefect("GET", "/deployments/name/bulk-sync/sync-source")
    with signed_in(browser, system.prefect, system.secret) as page:
        page.goto(f"{system.prefect}/v2/deployments/deployment/{deployment['id']}/run")
        page.get_by_text("CMDB source", exact=True).first.click()
        page.get_by_text("Select a block").first.click()
        page.get_by_text(kept.name, exact=True).first.click()
        page.get_by_role("button", name="Submit").click()
        [run] = wait_until(lambda: [each for each in runs_of(system, deployment) if kept.id in str(each["parameters"])])
    state = ended(system, run["id"])
    assert (state["type"], state["message"]) == ("COMPLETED", "2 created, 0 updated, 0 rejected")


def runs_of(system: System, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs of a deployment."""
    which = {"deployments": {"id": {"any_": [deployment["id"]]}}}
    found: list[dict[str, Any]] = system.ask_prefect("POST", "/flow_runs/filter", **which)
    return found


def test_blocks_are_for_admins(keyed: Keyed) -> None:
    """A key that may not read the server's sources can't have it read one that Prefect keeps."""
    for name, scope in SCOPES.items():
        with keyed.client(name) as client:
            answer = client.post("/api/sync", json={"url": "block:nowhere", "dryRun": True})
        assert (answer.status_code == 403) == (scope != "admin"), answer.text


@pytest.mark.parametrize("job", [SyncJob(url="block:core"), SyncJob(url="https://a.example", credentials="block:core")])
def test_what_can_not_be_used(job: SyncJob) -> None:
    """A block where no server of Prefect is set, and the credentials of a block for another URL."""
    with pytest.raises(UsageError, match=r"PREFECT_API_URL|name it in the URL"):
        with_source(job)
