"""Lineage of flow runs in the whole system: it has the run's id, and a server that is away fails no run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from flows.server.sign_in import CLIENT
from tests.api.system import CMDB, System
from tests.lineage import check_event, lineage_server
from tests.support import execute, vpc, write_csv
from tests.waiting import wait_until


def imported(system: System, path: Path, **variables: str) -> dict[str, Any]:
    """Import a file as a flow run, with variables of the OpenLineage client; returns the report."""
    server = {"PREFECT_API_URL": f"{system.prefect}/api", CLIENT: system.secret}
    environment = os.environ | system.environment | server | {"PREFECT_HOME": str(system.home / "lineage")} | variables
    command = [str(CMDB), "import", str(path), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_lineage_of_flow_runs(system: System, tmp_path: Path) -> None:
    """A server gets start and end of the run; where it is away, the run completes, and its log has a warning."""
    execute(system.url, "truncate vpc")
    with lineage_server() as server:
        report = imported(system, write_csv(tmp_path / "a.csv", [vpc(1)]), OPENLINEAGE_URL=server.address)
        assert [(each["eventType"], each["run"]["runId"]) for each in server.events] == [
            ("START", report["runId"]),
            ("COMPLETE", report["runId"]),
        ]
        for event in server.events:
            check_event(event)
    away = {"TYPE": "http", "URL": server.address, "RETRY": '{"total": 0}'}
    variables = {f"OPENLINEAGE__TRANSPORT__{name}": value for name, value in away.items()}
    report = imported(system, write_csv(tmp_path / "b.csv", [vpc(2)]), **variables)
    assert (report["status"], report["counts"]["create"]) == ("completed", 1)
    logs = {"flow_run_id": {"any_": [report["runId"]]}, "level": {"ge_": 30}}

    def warnings() -> list[str]:
        found = system.ask_prefect("POST", "/logs/filter", logs=logs)
        return [line["message"] for line in found if line["message"].startswith("An OpenLineage event was not sent: ")]

    wait_until(lambda: len(warnings()) == 2)
