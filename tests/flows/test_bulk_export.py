"""The export under a real Prefect server: its runs, task runs and artifacts, and the same words as without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.monitoring.progress import state_in
from tasks.markdown import escaped
from tests.flows.test_bulk_import import ask, cmdb, flow_run
from tests.support import execute, importer, vpc


@pytest.fixture
def records(database_url: str, tmp_path: Path) -> str:
    """A database with two VPCs, of which one no longer fits today's rules."""
    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    execute(database_url, "update vpc set region = 'nowhere' where name = 'net-2'")
    return database_url


def test_a_run_is_a_flow_run_with_four_task_runs_and_an_artifact(
    prefect_api: str, records: str, tmp_path: Path
) -> None:
    """The flow run has the id that the command prints, progress, and an artifact with what was written."""
    path = tmp_path / "out.csv"
    done = cmdb(records, prefect_api, "export", "vpc", "-o", str(path), "--where", "name starts with net", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["records"], len(path.read_text().splitlines())) == (2, 3)
    run, tasks, artifacts = flow_run(prefect_api, report["runId"])
    assert (run["state_name"], run["name"]) == ("Completed", "export vpc to out.csv")
    assert set(tasks) == {"query vpc", "validate vpc", "map vpc", "write out.csv"}
    assert {task["state_name"] for task in tasks.values()} == {"Completed"}
    progress = state_in(artifacts["progress"]["metadata_"])
    assert (progress["status"], progress["processedRecords"], progress["percent"]) == ("completed", 2, 100)
    written = artifacts["markdown"]["data"]
    assert "2 records of vpc" in written
    assert f"{escaped(path.name)}: {path.stat().st_size:,} bytes" in written
    assert f"Written to {escaped(path)}" in written
    assert "file://" not in written
    assert "- 1 values of region no longer fit its rules (str_matches)" in written


def test_each_type_of_a_document_has_its_task_runs(prefect_api: str, records: str, tmp_path: Path) -> None:
    """They are written by one; the artifact tells the records of each type."""
    path = tmp_path / "out.json"
    done = cmdb(records, prefect_api, "export", "subnet,vpc", "-o", str(path), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["resourceType"], report["types"], list(json.loads(path.read_text()))) == (None, {"vpc": 2}, ["vpc"])
    run, tasks, artifacts = flow_run(prefect_api, report["runId"])
    assert (run["state_name"], run["name"]) == ("Completed", "export subnet, vpc to out.json")
    wanted = [f"{step} {kind}" for kind in ("vpc", "subnet") for step in ("query", "validate", "map")]
    assert set(tasks) == {*wanted, "write out.json"}
    assert "- 2 of vpc" in artifacts["markdown"]["data"]
    assert "- 1 values of vpc.region no longer fit its rules (str_matches)" in artifacts["markdown"]["data"]


def test_a_wrong_filter_fails_the_run_with_one_sentence(prefect_api: str, records: str, tmp_path: Path) -> None:
    """The command has exit code 2 and no stack trace; the flow run failed, and no file is there."""
    path = tmp_path / "wrong.csv"
    done = cmdb(records, prefect_api, "export", "vpc", "-o", str(path), "--where", "regoin eq us-east-1")
    assert done.returncode == 2
    assert "vpc has no field 'regoin': did you mean region?" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    [run] = ask(prefect_api, "/flow_runs/filter", flow_runs={"name": {"any_": ["export vpc to wrong.csv"]}})
    assert run["state_name"] == "Failed"
    assert "did you mean region?" in run["state"]["message"]
    assert not path.exists()
