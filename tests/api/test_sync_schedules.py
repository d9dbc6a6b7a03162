"""Syncs on schedule in the whole system: what somebody sets in Prefect's page holds, and trouble is told once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from tests.api.system import CMDB, System
from tests.slow import Slow, slow_source
from tests.support import execute
from tests.waiting import PATIENCE, wait_until
from tests.webhook import KEY, Hook


@dataclass
class Scheduled:
    """A system, the source of its syncs, and the webhook that they tell."""

    system: System
    source: Slow
    hook: Hook
    made: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, /, **body: Any) -> Any:
        """Ask Prefect's API."""
        return self.system.ask_prefect(method, path, **body)

    def deployment(self, name: str) -> dict[str, Any]:
        """Return a deployment of syncs."""
        found: dict[str, Any] = self.ask("GET", f"/deployments/name/bulk-sync/{name}")
        return found

    def make(self, name: str, seconds: int | None = None, **job: Any) -> dict[str, Any]:
        """Make a deployment as somebody does in Prefect's page: a copy of an example, with a source of its own."""
        example = self.deployment("sync-https")
        copied = {key: example[key] for key in ("flow_id", "entrypoint", "work_pool_name", "job_variables", "tags")}
        copied |= {"enforce_parameter_schema": False, "path": example["path"]}
        parameters = {"job": {"url": self.source.address, "name": name, "resource_type": "vpc"} | job}
        schedules = [{"active": True, "schedule": {"interval": seconds}}] if seconds else []
        self.ask("POST", "/deployments/", name=name, parameters=parameters, schedules=schedules, **copied)
        made = self.deployment(name)
        self.made.append(made["id"])
        return made

    def remove(self, deployment: str) -> None:
        """Remove a deployment that was made, after the end of its last run: the next test has the same tables."""
        self.ask("PATCH", f"/deployments/{deployment}", paused=True)
        wait_until(lambda: not self.cancel_scheduled(deployment))
        self.ask("DELETE", f"/deployments/{deployment}")
        self.made.remove(deployment)

    def run(self, deployment: dict[str, Any], **parameters: Any) -> str:
        """Ask for a run of a deployment at once; returns its id."""
        run: str = self.ask("POST", f"/deployments/{deployment['id']}/create_flow_run", parameters=parameters)["id"]
        return run

    def state(self, run: str) -> dict[str, Any]:
        """Return the state of a run."""
        state: dict[str, Any] = self.ask("GET", f"/flow_runs/{run}")["state"]
        return state

    def ended(self, run: str) -> dict[str, Any]:
        """Wait for the end of a run; returns its state."""
        wait_until(lambda: self.state(run)["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"))
        return self.state(run)

    def pending(self, deployment: str) -> list[dict[str, Any]]:
        """Return the runs of a deployment that have not ended, those to come included."""
        types = ["SCHEDULED", "PENDING", "RUNNING"]
        which = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": {"state": {"type": {"any_": types}}}}
        found: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", **which)
        return found

    def cancel_scheduled(self, deployment: str) -> list[dict[str, Any]]:
        """Cancel the runs that have not begun; return those that have not ended."""
        left = self.pending(deployment)
        for run in left:
            if run["state_type"] == "SCHEDULED":
                self.ask("POST", f"/flow_runs/{run['id']}/set_state", state={"type": "CANCELLED"})
        return left

    def runs(self, sync: str) -> list[str]:
        """Return the states of a sync's runs in the ledger, the oldest first."""
        query = "select status from import_run where sync = :sync order by started_at"
        return [status for (status,) in execute(self.system.url, query, sync=sync)]

    def maintain(self) -> None:
        """Let the automations become what the deployments ask for, as the flow `maintenance` does every ten minutes."""
        found = self.ask("GET", "/deployments/name/maintenance/maintenance")
        assert self.ended(self.run(found))["type"] == "COMPLETED"

    def cmdb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the system's Prefect server."""
        environment = self.system.environment | {"PREFECT_API_URL": f"{self.system.prefect}/api"}
        environment |= {"PREFECT_HOME": str(self.system.home / "command"), "COLUMNS": "200"}
        return subprocess.run([str(CMDB), *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def scheduled(system: System) -> Iterator[Scheduled]:
    """The system with a source of one test's own; no VPCs, nothing told yet."""
    execute(system.url, "truncate vpc")
    system.hook.told.clear()
    with slow_source() as source:
        scheduled = Scheduled(system, source, system.hook)
        yield scheduled
        source.let_go.set()
        for deployment in list(scheduled.made):
            scheduled.remove(deployment)


def test_a_change_in_prefects_page_takes_effect_at_once(scheduled: Scheduled) -> None:
    """A sync every second runs; paused, it does not, while another does; with other parameters, it does as they say."""
    scheduled.source.let_go.set()
    made = scheduled.make("often", 1)
    wait_until(lambda: scheduled.runs("often").count("completed") >= 2)
    assert execute(scheduled.system.url, "select count(*) from vpc") == [(2,)]
    [schedule] = made["schedules"]
    where = f"/deployments/{made['id']}/schedules/{schedule['id']}"
    scheduled.ask("PATCH", where, active=False)
    # A worker holds the runs of the next ten seconds already; then there are no others.
    wait_until(lambda: not scheduled.pending(made["id"]))
    before = len(scheduled.runs("often"))
    other = scheduled.make("meanwhile", 1)
    wait_until(lambda: scheduled.runs("meanwhile").count("completed") >= 3)
    assert len(scheduled.runs("often")) == before
    scheduled.remove(other["id"])
    job = made["parameters"]["job"] | {"name": "changed"}
    scheduled.ask("PATCH", f"/deployments/{made['id']}", parameters={"job": job})
    scheduled.ask("PATCH", where, active=True, schedule={"interval": 1})
    wait_until(lambda: "completed" in scheduled.runs("changed"))
    assert len(scheduled.runs("often")) == before


def test_what_somebody_made_of_an_example_stays(scheduled: Scheduled) -> None:
    """A worker that starts again leaves the schedule, the parameters and the switch as they were set."""
    example = scheduled.deployment("sync-folder")
    [schedule] = example["schedules"]
    job = {"job": {"url": "file:///somewhere/else.csv", "name": "mine"}}
    scheduled.ask("PATCH", f"/deployments/{example['id']}", parameters=job)
    when = {"cron": "1 2 3 4 *", "timezone": "Asia/Tokyo"}
    scheduled.ask("PATCH", f"/deployments/{example['id']}/schedules/{schedule['id']}", active=True, schedule=when)
    changed = scheduled.deployment("sync-folder")
    registered = scheduled.ask("GET", "/deployments/name/maintenance/maintenance")["updated"]
    scheduled.system.part("worker").kill()
    wait_until(lambda: scheduled.ask("GET", "/deployments/name/maintenance/maintenance")["updated"] != registered)
    scheduled.system.wait_ready()
    again = scheduled.deployment("sync-folder")
    assert {key: again[key] for key in ("parameters", "schedules")} == {
        key: changed[key] for key in ("parameters", "schedules")
    }
    assert (again["parameters"], again["schedules"][0]["active"]) == (job, True)
    before = {"active": schedule["active"], "schedule": schedule["schedule"]}
    scheduled.ask("PATCH", f"/deployments/{example['id']}", parameters=example["parameters"])
    scheduled.ask("PATCH", f"/deployments/{example['id']}/schedules/{again['schedules'][0]['id']}", **before)
    restored = scheduled.deployment("sync-folder")
    assert (restored["parameters"], restored["schedules"][0]["active"]) == (example["parameters"], False)


def test_syncs_tells_the_schedule_and_sync_runs_it(scheduled: Scheduled) -> None:
    """`cmdb syncs` shows when each runs next; `cmdb sync NAME` does what the schedule would."""
    scheduled.source.let_go.set()
    made = scheduled.make("hourly", 3600)
    wait_until(lambda: scheduled.ask("POST", "/flow_runs/filter", deployments={"id": {"any_": [made["id"]]}}))
    listed = syncs(scheduled)
    shown, off = listed["hourly"], listed["netbox"]
    assert shown["nextRun"]
    assert (shown["schedules"], shown["active"], shown["url"]) == (["every 1:00:00"], True, scheduled.source.address)
    assert shown["status"] is None
    assert (off["active"], off["nextRun"], off["lastRun"]) == (False, None, None)
    done = scheduled.cmdb("sync", "hourly", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["sync"], report["status"], report["counts"]["create"]) == ("hourly", "completed", 2)
    assert scheduled.state(report["runId"])["type"] == "COMPLETED"
    assert syncs(scheduled)["hourly"]["status"] == "completed"
    table = scheduled.cmdb("syncs").stdout
    assert "every 1:00:00" in table
    assert "(off)" in table


def syncs(scheduled: Scheduled) -> dict[str, dict[str, Any]]:
    """Return what `cmdb syncs` tells of each sync."""
    return {each["name"]: each for each in json.loads(scheduled.cmdb("syncs", "--json").stdout)}


def test_overlapping_runs(scheduled: Scheduled) -> None:
    """While one runs, the next is skipped, one waits and says so, and both that run complete."""
    made = scheduled.make("overlapping")
    first = scheduled.run(made)
    assert scheduled.source.asked.wait(PATIENCE)
    skipped = scheduled.ended(scheduled.run(made))
    assert (skipped["type"], skipped["name"]) == ("CANCELLED", "Skipped")
    assert f"run {first} of this sync" in skipped["message"]
    asked = scheduled.cmdb("sync", "overlapping")
    assert (asked.returncode, asked.stdout.splitlines()[0].split()[0]) == (1, "cancelled")
    assert f"Skipped: run {first} of this sync" in asked.stdout
    waiting = scheduled.run(made, job=made["parameters"]["job"] | {"overlap": "queue"})
    with scheduled.system.client() as client:
        wait_until(lambda: client.get(f"/api/import/progress/{waiting}").json()["phase"] == "waiting")
    scheduled.source.let_go.set()
    assert [scheduled.ended(each)["type"] for each in (first, waiting)] == ["COMPLETED"] * 2
    assert sorted(scheduled.runs("overlapping")) == ["cancelled"] * 2 + ["completed"] * 2


def test_a_failure_is_reported_once_and_the_recovery(scheduled: Scheduled) -> None:
    """By the run itself, with a link to Prefect's page."""
    scheduled.source.let_go.set()
    made = scheduled.make("failing", notify="chat")
    scheduled.source.status = 404
    run = scheduled.run(made)
    assert scheduled.ended(run)["type"] == "FAILED"
    scheduled.source.status = 200
    assert scheduled.ended(scheduled.run(made))["type"] == "COMPLETED"
    assert scheduled.hook.events == ["failed", "recovered"]
    failed = scheduled.hook.told[0]
    assert failed["runId"] == run
    assert failed["links"]["prefect"].endswith(f"/runs/flow-run/{run}")


def test_a_crash_is_reported_once(scheduled: Scheduled) -> None:
    """The process of a run is killed: Prefect has the flow `sync-notice` look, which tells it; then all is well."""
    made = scheduled.make("crashing", notify="chat")
    run = crash(scheduled, made)
    crashed = scheduled.hook.wait("crashed")
    assert (crashed["runId"], crashed["sync"]) == (run, "crashing")
    scheduled.source.let_go.set()
    assert scheduled.ended(scheduled.run(made))["type"] == "COMPLETED"
    scheduled.hook.wait("recovered")
    assert scheduled.hook.events == ["crashed", "recovered"]


def test_a_run_that_is_cancelled_is_no_crash(scheduled: Scheduled) -> None:
    """No notification is sent for a cancelled run, even after the next run has crashed and sent one."""
    made = scheduled.make("stopped", notify="chat")
    run = scheduled.run(made)
    assert scheduled.source.asked.wait(PATIENCE)
    scheduled.ask("POST", f"/flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    assert scheduled.ended(run)["type"] == "CANCELLED"
    crashed = crash(scheduled, made)
    assert scheduled.hook.wait("crashed")["runId"] == crashed
    assert [each["runId"] for each in scheduled.hook.told] == [crashed]


def crash(scheduled: Scheduled, deployment: dict[str, Any]) -> str:
    """Kill the process of a run of a sync while it waits for its source; returns the run's id."""
    scheduled.source.asked.clear()
    run = scheduled.run(deployment)
    assert scheduled.source.asked.wait(PATIENCE)
    process_of(scheduled.system, run).kill()
    return run


def process_of(system: System, run: str) -> psutil.Process:
    """Return the process by which Prefect's worker carries a run out."""
    return next(
        each
        for each in system.parts()
        if "deployments.start_run" in each.cmdline() and each.environ().get("PREFECT__FLOW_RUN_ID", "") == run
    )


def test_a_late_run_is_reported_while_no_worker_takes_it(scheduled: Scheduled) -> None:
    """Prefect's server tells it by itself; when the run goes well, that is told too."""
    scheduled.source.let_go.set()
    made = scheduled.make("late", 3600, notify="chat")
    scheduled.maintain()
    names = {each["name"] for each in scheduled.ask("POST", "/automations/filter")}
    assert {"cmdb: a sync crashed", "cmdb: late is late"} <= names
    scheduled.ask("PATCH", "/work_pools/cmdb", is_paused=True)
    try:
        run = scheduled.run(made)
        late = scheduled.hook.wait("late")
    finally:
        scheduled.ask("PATCH", "/work_pools/cmdb", is_paused=False)
    assert (late["sync"], late["runId"], late["report"]) == ("late", run, None)
    assert late["text"].startswith("Sync late is late: it was to begin at 2")
    assert late["links"]["prefect"].endswith(f"/runs/flow-run/{run}")
    assert scheduled.ended(run)["type"] == "COMPLETED"
    assert scheduled.hook.events == ["late", "recovered"]
    scheduled.remove(made["id"])
    scheduled.maintain()
    assert "cmdb: late is late" not in {each["name"] for each in scheduled.ask("POST", "/automations/filter")}


def test_the_automations_are_made_once(scheduled: Scheduled) -> None:
    """Again and again changes nothing, and what somebody switched off stays so."""
    scheduled.maintain()
    [crash] = [each for each in scheduled.ask("POST", "/automations/filter") if each["name"] == "cmdb: a sync crashed"]
    scheduled.ask("PATCH", f"/automations/{crash['id']}", enabled=False)
    scheduled.maintain()
    again = [each for each in scheduled.ask("POST", "/automations/filter") if each["name"] == "cmdb: a sync crashed"]
    assert [(each["id"], each["updated"] > crash["updated"], each["enabled"]) for each in again] == [
        (crash["id"], True, False)
    ]
    updated = again[0]["updated"]
    scheduled.maintain()
    [third] = [each for each in scheduled.ask("POST", "/automations/filter") if each["id"] == crash["id"]]
    assert third["updated"] == updated
    scheduled.ask("PATCH", f"/automations/{crash['id']}", enabled=True)


def test_the_address_of_the_webhook_is_in_no_log(scheduled: Scheduled) -> None:
    """Neither in the system's own logs nor in what Prefect's server keeps of a run that told its webhook."""
    scheduled.source.status = 404
    scheduled.source.let_go.set()
    made = scheduled.make("confiding", notify="chat")
    run = scheduled.run(made)
    assert scheduled.ended(run)["type"] == "FAILED"
    assert scheduled.hook.events == ["failed"]
    files = [path for path in scheduled.system.home.rglob("*.log") if path.is_file()]
    assert {path.name for path in files} >= {"worker.log", "server.log", "api.log"}
    assert [path.name for path in files if KEY in path.read_text(errors="replace")] == []
    of_it = {"flow_run_id": {"any_": [run]}}
    wait_until(lambda: scheduled.ask("POST", "/logs/filter", logs=of_it))
    assert KEY not in json.dumps(scheduled.ask("POST", "/logs/filter", logs=of_it, limit=200))
    assert KEY not in json.dumps(scheduled.ask("GET", f"/flow_runs/{run}"))
    assert KEY not in json.dumps(scheduled.ask("POST", "/artifacts/filter", limit=200))
    assert KEY not in json.dumps(scheduled.ask("GET", f"/deployments/{made['id']}"))
