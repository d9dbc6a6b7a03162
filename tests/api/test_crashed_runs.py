"""A run whose process was killed: every reader reports it as crashed, before any later run has closed it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from cmdb import Outcome
from schemas.language.outcome_messages import sentence
from schemas.reports import Status
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tests.api.facade import Facade
from tests.api.support import Cli
from tests.api.system import System, follow
from tests.api.system import execute as start_import
from tests.conftest import OwnProcess
from tests.locks import WHILE_APPLYING, held
from tests.support import execute, vpc, write_csv
from tests.waiting import wait_until

MESSAGE = sentence(Outcome.CRASHED)


def test_a_killed_run_is_shown_as_crashed(
    database_url: str, tmp_path: Path, own_process: OwnProcess, cli: Cli, alone: Facade
) -> None:
    """Kill -9 while it validates: the ledger still has it as running, and nobody shows that."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    killed = own_process("-m", "tests.flows.run_and_die", database_url, path, "validate")
    assert killed.wait(timeout=60) == -signal.SIGKILL
    assert execute(database_url, "select status, outcome from import_run") == [("running", None)]

    with engine(database_url).begin() as connection:
        [report] = ledger.list_runs(connection, limit=5)
        assert ledger.list_runs(connection, limit=5, status=Status.RUNNING) == []
        assert ledger.list_runs(connection, limit=5, status=Status.FAILED) == [report]
        assert [figure.status for figure in ledger.figures(connection)] == [Status.FAILED]
    assert (report.status, report.outcome, report.message) == (Status.FAILED, Outcome.CRASHED, MESSAGE)

    assert "crashed" in cli("runs").out
    [shown] = json.loads(cli("runs", "--json").out)
    assert (shown["status"], shown["outcome"], shown["message"]) == ("failed", "crashed", MESSAGE)
    with alone.client() as client:
        assert client.get("/api/imports", params={"status": "running"}).json()["items"] == []
        [item] = client.get("/api/imports").json()["items"]
    assert (item["status"], item["outcome"], item["message"]) == ("failed", "crashed", MESSAGE)
    assert execute(database_url, "select status from import_run") == [("running",)], "readers change nothing"


def test_a_run_that_waits_is_running(database_url: str, tmp_path: Path, own_process: OwnProcess) -> None:
    """A run that stands still in the middle of its transaction holds its lock: it is running."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    with held(database_url, WHILE_APPLYING) as lock:
        process = own_process("-m", "tests.flows.run_and_die", database_url, path, "never")
        lock.wait_for_writer()
        with engine(database_url).begin() as connection:
            [report] = ledger.list_runs(connection, limit=5)
        assert (report.status, report.outcome) == (Status.RUNNING, None)
    assert process.wait(timeout=60) == 0


def test_a_run_that_is_killed_while_it_is_cancelled(system: System, tmp_path: Path) -> None:
    """It does not answer to its cancellation any more: it is cancelled for the ledger, the API and Prefect."""
    execute(system.url, "truncate vpc")
    with held(system.url, WHILE_APPLYING) as lock, system.client() as client:
        run = start_import(client, write_csv(tmp_path / "vpcs.csv", [vpc(1)]))
        lock.wait_for_writer()
        [process] = system.part("warm").children()
        process.suspend()
        system.ask_prefect("POST", f"/flow_runs/{run}/set_state", state={"type": "CANCELLING"})
        process.kill()
        status = "select status from import_run where run_id = cast(:run as uuid)"
        wait_until(lambda: execute(system.url, status, run=run) == [("cancelled",)])
        assert follow(client, run)[-1]["status"] == "cancelled"
    wait_until(lambda: system.ask_prefect("GET", f"/flow_runs/{run}")["state_type"] == "CANCELLED")
    assert execute(system.url, "select count(*) from vpc") == [(0,)]
