"""Schedules: those that come along are there, switched off, and one that is switched on fires."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments.definitions import DEPLOYMENTS, EXAMPLES
from flows.maintenance import remove_old
from flows.registry import EXPORT, SYNC
from flows.server.sign_in import CLIENT
from generators.reference import PREFECT_YAML
from schemas.jobs import SyncJob
from tasks.sources import SOURCES, source_named
from tests.api.system import System
from tests.conftest import ROOT
from tests.support import execute, vpc, with_settings, write_csv
from tests.waiting import wait_until


def deployments(system: System) -> dict[str, dict[str, Any]]:
    """Return the deployments that Prefect has, by name."""
    found = system.ask_prefect("POST", "/deployments/filter")
    return {each["name"]: each for each in found}


def test_examples_are_there_and_off(system: System) -> None:
    """Schedules to begin with, and the system's own maintenance, which is on."""
    found = deployments(system)
    assert set(found) == {each.name for each in (*DEPLOYMENTS, *EXAMPLES)}
    on = {name for name, each in found.items() if any(schedule["active"] for schedule in each["schedules"])}
    assert on == {"maintenance", "purge"}


def test_there_is_an_example_for_each_source() -> None:
    """Each kind of source has a sync, which is asked for as it would run; crons, intervals and rules are among them."""
    syncs = [each for each in EXAMPLES if each.spec is SYNC]
    jobs = [SyncJob.model_validate(each.parameters["job"]) for each in syncs]
    assert {source_named(job.url).name for job in jobs} == set(SOURCES) - {"objects"}
    assert len({job.source for job in jobs}) == len(jobs)
    for kind in ("cron", "interval", "rrule"):
        assert any(getattr(each.schedule, kind) and each.schedule and each.schedule.timezone for each in syncs)


def test_a_schedule_fires(system: System, tmp_path: Path) -> None:
    """An example that is switched on exports by itself, again and again."""
    example = deployments(system)["hourly-changes"]
    path = tmp_path / "subnets.ndjson"
    [schedule] = example["schedules"]
    address = f"/deployments/{example['id']}"
    job = {"job": {"resource_type": "subnet", "path": str(path)}}
    every = {"active": True, "schedule": {"interval": 2}}
    system.ask_prefect("PATCH", address, parameters=job)
    system.ask_prefect("PATCH", f"{address}/schedules/{schedule['id']}", **every)
    try:
        for _ in range(2):
            wait_until(path.exists)
            path.unlink()
    finally:
        before = {"active": False, "schedule": schedule["schedule"]}
        system.ask_prefect("PATCH", f"{address}/schedules/{schedule['id']}", **before)
        system.ask_prefect("PATCH", address, parameters=example["parameters"])


def test_maintenance_runs(system: System) -> None:
    """By its deployment, as its schedule has it run: old files go, and the run says so."""
    old = system.home / "storage" / "exports" / "of-long-ago"
    old.mkdir(parents=True, exist_ok=True)
    os.utime(old, (0, 0))
    run = system.ask_prefect("POST", f"/deployments/{deployments(system)['maintenance']['id']}/create_flow_run")

    def completed() -> bool:
        state = system.ask_prefect("GET", f"/flow_runs/{run['id']}")["state_name"]
        assert state not in ("Failed", "Crashed")
        return bool(state == "Completed")

    wait_until(completed)
    assert not old.exists()


def test_prefect_deploys_it(system: System) -> None:
    """Prefect's own command takes the file, and changes nothing of what the worker has registered."""
    before = {name: each["id"] for name, each in deployments(system).items()}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_YAML)]
    server = {"PREFECT_API_URL": f"{system.prefect}/api", CLIENT: system.secret}
    environment = os.environ | server | {"PREFECT_HOME": str(system.home / "deploy")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: each["id"] for name, each in deployments(system).items()} == before


def test_a_worker_updates_the_import_paths_of_an_earlier_release(system: System) -> None:
    """A schedule that people switched on keeps its flow where the flow's module has moved; another flow's stays."""
    mine = deployments(system)["weekly-prefixes"]
    system.ask_prefect("PATCH", f"/deployments/{mine['id']}", entrypoint="flows.bulk_export.bulk_export")
    other = system.ask_prefect("POST", "/deployments/", name="mine", flow_id=mine["flow_id"], entrypoint="mine.export")
    server = {"PREFECT_API_URL": f"{system.prefect}/api", CLIENT: system.secret}
    register = "import asyncio; from deployments.definitions import register; asyncio.run(register())"
    subprocess.run([sys.executable, "-c", register], env=system.environment | server, timeout=120, check=True)
    found = deployments(system)
    assert found["weekly-prefixes"]["entrypoint"] == "flows.bulk.bulk_export" == EXPORT.entrypoint
    assert found["mine"]["entrypoint"] == "mine.export"
    system.ask_prefect("DELETE", f"/deployments/{other['id']}")


@pytest.mark.parametrize("name", ["uploads", "exports", "rejects"])
def test_old_files_are_removed(home: Path, name: str) -> None:
    """What is past its time goes, the rest stays."""
    folder = home / "storage" / name
    (folder / "old").mkdir(parents=True)
    (folder / "new").mkdir()
    (folder / "old" / "a.csv").touch()
    os.utime(folder / "old", (0, 0))
    assert [path.name for path in remove_old(with_settings(keep_files_hours=1))] == ["old"]
    assert [path.name for path in folder.iterdir()] == ["new"]
    shutil.rmtree(folder)


def test_a_worker_replaces_the_deployments_of_an_earlier_release(system: System) -> None:
    """Those called `api` go, but for one that somebody put on schedule."""
    of_flow = {each["name"]: each["flow_id"] for each in deployments(system).values()}
    old = [
        system.ask_prefect(
            "POST", "/deployments/", name="api", flow_id=of_flow[name], entrypoint="flows.bulk.bulk_sync"
        )
        for name in ("import-file", "sync-source")
    ]
    with system.prefect_client() as client:
        schedule = {"schedule": {"interval": 86_400}, "active": False}
        client.post(f"/deployments/{old[1]['id']}/schedules", json=[schedule]).raise_for_status()
    server = {"PREFECT_API_URL": f"{system.prefect}/api", CLIENT: system.secret}
    register = "import asyncio; from deployments.definitions import register; asyncio.run(register())"
    subprocess.run([sys.executable, "-c", register], env=system.environment | server, timeout=120, check=True)
    left = system.ask_prefect("POST", "/deployments/filter", deployments={"name": {"any_": ["api"]}})
    assert [each["id"] for each in left] == [old[1]["id"]]
    system.ask_prefect("DELETE", f"/deployments/{old[1]['id']}")


def test_the_form_of_a_run_begins_with_what_it_is_about(system: System) -> None:
    """Source and type come first, then the options by their use, and what is internal last."""
    form = deployments(system)["sync-source"]["parameter_openapi_schema"]["definitions"]["SyncJob"]["properties"]
    order = sorted(form, key=lambda name: form[name]["position"])
    assert order[:3] == ["url", "resource_type", "types"]
    assert order[-3:] == ["keep_plan", "requested_by", "authority"]
    assert form["max_delete"]["title"] == "Syncing: Limit of deletions"
    titles = [form[name]["title"].partition(":")[0] for name in order if ": " in form[name].get("title", "")]
    assert titles == sorted(titles, key=titles.index)


def test_a_deployment_of_previews_changes_nothing(system: System, tmp_path: Path) -> None:
    """Not even for somebody who switches the dry run off in its form: the run says which deployment imports."""
    execute(system.url, "truncate vpc")
    job = {"path": str(write_csv(tmp_path / "vpcs.csv", [vpc(1)])), "dry_run": False}
    address = f"/deployments/{deployments(system)['preview-file']['id']}/create_flow_run"
    run = system.ask_prefect("POST", address, parameters={"job": job})["id"]

    def ended() -> dict[str, Any] | None:
        state: dict[str, Any] = system.ask_prefect("GET", f"/flow_runs/{run}")["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    state = wait_until(ended)
    assert state
    assert (state["type"], "run import-file" in state["message"]) == ("FAILED", True)
    assert execute(system.url, "select count(*) from vpc") == [(0,)]
