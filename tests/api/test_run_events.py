"""Events of runs in the whole system: what they hold, that automations act on them, and how many rows a run leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from sqlalchemy import create_engine, make_url, text

from flows.server.sign_in import CLIENT
from tests.api.system import System
from tests.conftest import ROOT
from tests.support import execute, vpc, write_csv
from tests.waiting import wait_until

MOST_ROWS = 50
MOST_BYTES = 40 << 10

ROWS_OF_A_RUN = """
with its_tasks as (select id from task_run where flow_run_id = :run),
     its_events as (select distinct event_id from event_resources where resource_id in ('prefect.flow-run.' || :run)),
     its_rows (part, size) as (
       select 'flow_run', pg_column_size(t.*) from flow_run t where id = :run
       union all select 'flow_run_state', pg_column_size(t.*) from flow_run_state t where flow_run_id = :run
       union all select 'task_run', pg_column_size(t.*) from task_run t where flow_run_id = :run
       union all select 'task_run_state', pg_column_size(t.*) from task_run_state t
         where task_run_id in (select id from its_tasks)
       union all select 'artifact', pg_column_size(t.*) from artifact t where flow_run_id = :run
       union all select 'log', pg_column_size(t.*) from log t where flow_run_id = :run
       union all select 'events', pg_column_size(t.*) from events t where id in (select event_id from its_events)
       union all select 'event_resources', pg_column_size(t.*) from event_resources t
         where event_id in (select event_id from its_events))
select part, count(*), sum(size) from its_rows group by part
"""
"""What Prefect's database has of one run: rows and bytes by table."""


@pytest.fixture
def sync(system: System) -> Iterator[dict[str, Any]]:
    """A deployment of a sync of its own, whose source is yet to be written; no VPCs."""
    execute(system.url, "truncate vpc")
    system.hook.told.clear()
    example = system.ask_prefect("GET", "/deployments/name/bulk-sync/sync-folder")
    copied = {key: example[key] for key in ("flow_id", "entrypoint", "work_pool_name", "job_variables", "tags", "path")}
    name = f"sync-{uuid4().hex[:8]}"
    made = system.ask_prefect("POST", "/deployments/", name=name, enforce_parameter_schema=False, **copied)
    before = {each["id"] for each in system.ask_prefect("POST", "/automations/filter")}
    yield made
    for each in system.ask_prefect("POST", "/automations/filter"):
        if each["id"] not in before:
            system.ask_prefect("DELETE", f"/automations/{each['id']}")
    system.ask_prefect("DELETE", f"/deployments/{made['id']}")


def run(system: System, deployment: dict[str, Any], path: Path, name: str) -> str:
    """Run a deployment on a file until it has ended or is held; returns the run's id."""
    job = {"job": {"url": str(path), "name": name, "resource_type": "vpc"}}
    found: str = system.ask_prefect("POST", f"/deployments/{deployment['id']}/create_flow_run", parameters=job)["id"]
    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "PAUSED")
    wait_until(lambda: system.ask_prefect("GET", f"/flow_runs/{found}")["state_type"] in ended)
    return found


def events(system: System, run_id: str, *names: str) -> dict[str, dict[str, Any]]:
    """Wait until Prefect has events of a run; returns its events that are ours, by name."""

    def found() -> dict[str, dict[str, Any]]:
        which = {"event": {"prefix": ["cmdb."]}, "any_resource": {"id": [f"prefect.flow-run.{run_id}"]}}
        answer = system.ask_prefect("POST", "/events/filter", filter=which)["events"]
        return {each["event"]: each for each in answer}

    wait_until(lambda: set(names) <= found().keys())
    return found()


def python(system: System, *words: str) -> None:
    """Run a Python program with the system's Prefect server."""
    server = {"PREFECT_API_URL": f"{system.prefect}/api", CLIENT: system.secret}
    environment = os.environ | server | {"PREFECT_HOME": str(system.home / "automations")}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_automations_act_on_events(system: System, sync: dict[str, Any], tmp_path: Path) -> None:
    """The examples: a sync that is held is paused, and a webhook is called for its rejected rows."""
    example = yaml.safe_load((ROOT / "deployments" / "automations.yaml").read_text(encoding="utf-8"))
    example["automations"][0]["trigger"]["match_related"]["prefect.resource.name"] = sync["name"]
    (tmp_path / "automations.yaml").write_text(yaml.safe_dump(example), encoding="utf-8")
    python(system, "-m", "prefect", "automation", "create", "--from-file", str(tmp_path / "automations.yaml"))
    python(system, str(ROOT / "examples" / "notify_on_rejects.py"), system.hook.address)
    name, path = uuid4().hex[:8], write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(10)])
    first = run(system, sync, path, name)
    [completed] = events(system, first, "cmdb.run.completed").values()
    write_csv(path, [*(vpc(n, name="new") for n in range(6)), vpc(20, region="us-eest-1")])
    second = run(system, sync, path, name)
    told = system.hook.wait("cmdb.run.rejected-rows")
    assert (told["runId"], told["text"]) == (second, f"{name}: 1 rows were rejected")
    wait_until(lambda: system.ask_prefect("GET", f"/deployments/{sync['id']}")["paused"])
    [held] = events(system, second, "cmdb.run.held").values()
    assert [each["runId"] for each in system.hook.told] == [second]
    assert completed["resource"]["prefect.resource.id"] == f"cmdb.run.{first}"
    assert {each["prefect.resource.role"]: each["prefect.resource.id"] for each in completed["related"]} == {
        "sync": f"cmdb.sync.{name}",
        "flow-run": f"prefect.flow-run.{first}",
        "deployment": f"prefect.deployment.{sync['id']}",
    }
    assert (completed["payload"]["kind"], completed["payload"]["outcome"]) == ("sync", "applied")
    assert (completed["payload"]["counts"]["create"], completed["payload"]["counts"]["rejected"]) == (10, 0)
    planned = held["payload"]["counts"]
    assert (planned["update"], planned["retire"], planned["rejected"]) == (6, 4, 1)


def test_a_run_leaves_few_rows_in_prefects_database(system: System, sync: dict[str, Any], tmp_path: Path) -> None:
    """At most 50 rows and 40 KB, also where rows are rejected: states, task runs, artifacts, log, event of its end."""
    path = write_csv(tmp_path / "vpcs.csv", [*(vpc(n) for n in range(2_000)), vpc(2_000, region="us-eest-1")])
    done = run(system, sync, path, uuid4().hex[:8])
    events(system, done, "cmdb.run.completed")
    logs = {"flow_run_id": {"any_": [done]}}
    wait_until(lambda: "Finished in state" in str(system.ask_prefect("POST", "/logs/filter", logs=logs)))
    name = system.environment["CMDB_PREFECT_DATABASE"]
    engine = create_engine(make_url(system.url).set(database=name))
    with engine.connect() as connection:
        found = {
            part: (int(rows), int(size)) for part, rows, size in connection.execute(text(ROWS_OF_A_RUN), {"run": done})
        }
    engine.dispose()
    assert sum(count for count, _ in found.values()) <= MOST_ROWS, found
    assert sum(size for _, size in found.values()) <= MOST_BYTES, found
