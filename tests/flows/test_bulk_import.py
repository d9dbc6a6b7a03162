"""The flow under a real Prefect server: its runs, task runs, artifacts, retries and the same words as without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from flows.monitoring.progress import state_in
from flows.server.sign_in import CLIENT, credentials
from tests.support import execute, stored, vpc, write_csv

CMDB = Path(sys.executable).with_name("cmdb")


def cmdb(url: str, api: str, *words: str, program: tuple[str, ...] = (str(CMDB),)) -> subprocess.CompletedProcess[str]:
    """Run a `cmdb` command with a database and a Prefect server."""
    environment = os.environ | {"CMDB_DATABASE_URL": url, "PREFECT_API_URL": api}
    return subprocess.run([*program, *words], env=environment, capture_output=True, text=True, check=False)


def ask(api: str, path: str, **body: Any) -> Any:
    """Ask the server's REST API."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **credentials(os.environ[CLIENT])}
    with urlopen(Request(f"{api}{path}", data, headers)) as answer:  # noqa: S310
        return json.load(answer)


def flow_run(api: str, run_id: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a flow run, its task runs' states by name, and its artifacts by type."""
    [run] = ask(api, "/flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    tasks = ask(api, "/task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    artifacts = ask(api, "/artifacts/filter", flow_runs={"id": {"any_": [run_id]}})
    return run, {task["name"]: task for task in tasks}, {artifact["type"]: artifact for artifact in artifacts}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of one sound row and one that is not."""
    return write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="us-eest-1")])


def test_a_run_is_a_flow_run_with_four_task_runs_and_a_report(
    prefect_api: str, database_url: str, source: Path
) -> None:
    """The command line's run is a flow run of the server, under the ledger's own id, with progress and a report."""
    done = cmdb(database_url, prefect_api, "import", str(source), "--json")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    run, tasks, artifacts = flow_run(prefect_api, report["runId"])
    assert (run["state_name"], run["name"]) == ("Completed", "import records from vpcs.csv")
    assert set(tasks) == {"extract vpcs.csv", "map the columns", "validate vpc", "load"}
    assert {task["state_name"] for task in tasks.values()} == {"Completed"}
    progress = state_in(artifacts["progress"]["metadata_"])
    assert (progress["status"], progress["processedRecords"], progress["percent"]) == ("completed", 2, 100)
    assert "| rejected | 1 |" in artifacts["markdown"]["data"]
    assert "us\\-eest\\-1" in artifacts["markdown"]["data"]
    rejects = f"http://127.0.0.1:8400/api/import/result/{report['runId']}/rejects.csv"
    assert f"[All rejected rows]({rejects})" in artifacts["markdown"]["data"]
    assert "file://" not in json.dumps(artifacts)
    assert len(stored(database_url, "vpc")) == 1


def test_a_run_past_its_threshold_is_a_failed_flow_run(prefect_api: str, database_url: str, source: Path) -> None:
    """The flow run fails with the reason; the command shows the whole report and changes nothing."""
    done = cmdb(database_url, prefect_api, "import", str(source), "--on-error", "abort", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["status"], report["counts"]["rejected"]) == ("failed", 1)
    run, tasks, _ = flow_run(prefect_api, report["runId"])
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Rejected")
    assert "Nothing was changed" in run["state"]["message"]
    assert tasks["load"]["state_name"] == "Failed"
    assert stored(database_url, "vpc") == []


def test_a_wrong_request_fails_the_run_with_one_sentence(prefect_api: str, database_url: str, source: Path) -> None:
    """An error is one sentence on the terminal, without a stack trace, and fails the flow run."""
    misspelt = source.rename(source.with_name("misspelt.csv"))
    done = cmdb(database_url, prefect_api, "import", str(misspelt), "--map", "nme=name")
    assert done.returncode == 2
    assert "did you mean 'name'?" in done.stderr
    assert "Traceback" not in done.stderr
    [run] = ask(prefect_api, "/flow_runs/filter", flow_runs={"name": {"any_": ["import records from misspelt.csv"]}})
    assert run["state_name"] == "Failed"
    assert "did you mean 'name'?" in run["state"]["message"]
    assert stored(database_url, "vpc") == []


def test_a_cut_connection_is_tried_again(prefect_api: str, database_url: str, source: Path) -> None:
    """A connection that is cut while loading costs a retry of the task, and the run completes."""
    program = (sys.executable, "-m", "tests.flows.run_and_lose_connection")
    done = cmdb(database_url, prefect_api, str(source), program=program)
    assert done.returncode == 0, done.stderr
    run, tasks, _ = flow_run(prefect_api, done.stdout.strip())
    assert (run["state_name"], tasks["load"]["run_count"]) == ("Completed", 2)
    assert len(stored(database_url, "vpc")) == 1
    assert execute(database_url, "select status, records_created, records_rejected from import_run") == [
        ("completed", 1, 1)
    ]


def test_a_retry_tells_nothing_twice(prefect_api: str, database_url: str, tmp_path: Path) -> None:
    """What the rules over many records found before the connection was cut is told and counted once."""
    row = {"vpc_id": vpc(9)["vpc_id"], "cidr_block": "10.0.0.0/24", "region": "us-east-1"}
    zones = ("us-east-1a", "nowhere")
    rows = [row | {"subnet_id": f"subnet-{n:017x}", "availability_zone": zone} for n, zone in enumerate(zones)]
    program = (sys.executable, "-m", "tests.flows.run_and_lose_connection")
    done = cmdb(database_url, prefect_api, str(write_csv(tmp_path / "subnets.csv", rows)), program=program)
    assert done.returncode == 0, done.stderr
    told = execute(database_url, "select row, rule from import_issue order by row, rule")
    assert told == [(2, "reference"), (3, "format"), (3, "reference"), (3, "zone")]
    [(rules, rejected)] = execute(database_url, "select rules, records_rejected from import_run")
    assert (sum(count for _, _, count in rules), rejected) == (4, 2)


def test_without_a_server_the_run_is_carried_out_here(command: str, database_url: str, source: Path) -> None:
    """A server that does not answer is told of, and the same run is carried out in the command's own process."""
    done = cmdb(database_url, "http://127.0.0.1:9/api", "import", str(source), program=(command,))
    assert done.returncode == 3
    assert "does not respond; running in this process instead" in done.stderr
    assert len(stored(database_url, "vpc")) == 1
