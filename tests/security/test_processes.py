"""A run that takes too much memory or time is ended, and says why."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Failed

from deployments.limits import Limits, watched
from flows.server.standing import _message
from schemas.language.outcome_messages import NO_MEMORY, sentence
from schemas.reports import Outcome
from tasks.prefect_tasks import message_of_error
from tasks.runtime.lifecycle import outcome_after
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tests.api.system import Start, execute, follow
from tests.conftest import temporary_home
from tests.databases import database
from tests.locks import WHILE_APPLYING, held
from tests.support import vpc, write_csv
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory of a process")

SLOWLY = "kept = [bytearray(1 << 20) for _ in range(400)]; import time; time.sleep(3600)"
AT_ONCE = "import ctypes; libc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p; "
AT_ONCE += "libc.abort() if not libc.malloc(ctypes.c_size_t(1 << 40)) else None"


@pytest.mark.parametrize(
    ("program", "limits", "said"),
    [
        (SLOWLY, Limits(memory_mb=200), "more than 200 MB of memory"),
        (AT_ONCE, Limits(memory_mb=200), "more than 200 MB of memory"),
        ("import time; time.sleep(3600)", Limits(minutes=0.002), "longer than 0.002 minutes"),
        ("raise SystemExit(3)", Limits(memory_mb=200, minutes=1), None),
    ],
)
def test_a_process_is_ended_for_what_it_takes(program: str, limits: Limits, said: str | None) -> None:
    """As it grows or all at once, or as time passes; one that stays within its limits is not."""
    started = time.monotonic()
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", f"{RESTRICTED.format(limits)}{program}"], os.environ)
    code, reason = watched(pid, limits)
    assert (said or "nothing") in (reason or "nothing")
    assert (code == 3) == (said is None)
    assert time.monotonic() - started < PATIENCE


RESTRICTED = "from deployments.limits import Limits; {0!r}.restrict(); "

GREEDY = """
import threading

import polars as pl
from schemas.custom import rule

KEPT = []


@rule("vpc", fields=("name",), message="greedy", severity="warning")
def greedy() -> pl.Expr:
    KEPT.append([bytearray(1 << 20) for _ in range(600)])
    threading.Event().wait()  # for its end: a second call would be refused memory before it is measured
    return pl.lit(False)
"""


@pytest.mark.parametrize(
    ("limits", "without_rules", "said", "cleared"),
    [
        ({"CMDB_RUN_MEMORY_MB": "500"}, "", "more than 500 MB", "No staged rows of it are left."),
        ({"CMDB_RUN_MINUTES": "0.15"}, "greedy", "longer than 0.15 minutes", "Its staged rows were removed."),
    ],
)
def test_runs_of_a_system_are_limited(
    start_system: Start,
    postgres_url: str,
    template_database: str,
    tmp_path: Path,
    limits: dict[str, str],
    without_rules: str,
    said: str,
    cleared: str,
) -> None:
    """Runs that fork from a warm process too; the API, the ledger and Prefect say why, and nothing was applied.

    One limit each, so that a slow machine does not reach the time before the memory.
    """
    (tmp_path / "greedy.py").write_text(GREEDY)
    with (
        temporary_home() as home,
        database(postgres_url, template_database) as url,
        start_system(url, home, **limits, CMDB_RULES=str(tmp_path / "greedy.py")) as system,
        system.client() as client,
    ):
        path = write_csv(tmp_path / "a.csv", [vpc(1), vpc(2)])
        with held(url, WHILE_APPLYING) if without_rules else nullcontext():
            run_id = execute(client, path, withoutRules=without_rules)
            # Readers see that its process is gone before the process that ended it says why.
            follow(client, run_id)
            end = wait_until(lambda: _end_of_killed(client, run_id)) or {}
        assert end["status"] == "failed"
        assert said in end["message"]
        with (
            temporary_settings({PREFECT_API_URL: f"{system.prefect}/api", PREFECT_API_AUTH_STRING: system.secret}),
            get_client(sync_client=True) as prefect,
        ):
            state = prefect.read_flow_run(UUID(run_id)).state
            assert state
            assert state.message == end["message"]
        with engine(url).connect() as connection:
            run = ledger.find_run(connection, run_id)
            kept = ledger.read_report(connection, run, samples=0).message
        # The state of a killed run also says what became of the rows that were staged.
        assert end["message"] == f"{kept} {cleared}"
        assert client.get("/api/records/vpc").json()["items"] == []


def _end_of_killed(client: httpx.Client, run_id: str) -> dict[str, Any] | None:
    """Return the progress of a run once it says what became of its staged rows."""
    found: dict[str, Any] = client.get(f"/api/import/progress/{run_id}").json()
    return found if "staged rows" in (found["message"] or "") else None


def test_a_run_that_is_refused_memory_says_so() -> None:
    """Where the process lives on, the ledger has the same outcome as where it died; Prefect's text is not read."""
    assert outcome_after(MemoryError()) == (Outcome.LIMITED, NO_MEMORY)
    state: State[None] = Failed(message="Flow run encountered an exception: MemoryError")
    run = FlowRun(flow_id=uuid4(), state=state)
    assert _message(run, "failed", {"message": message_of_error(MemoryError())}) == sentence(Outcome.LIMITED, NO_MEMORY)
    assert "not foreseen" in str(_message(run, "failed", {}))
