"""A run that takes too much memory or time is ended, and says why."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Failed

from deployments.limits import Limits, watched
from flows.standing import _message
from schemas.outcome_messages import NO_MEMORY, sentence
from schemas.reports import Outcome
from tasks.prefect_tasks import message_of_error
from tasks.runtime.lifecycle import outcome_after
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tests.api.system import Start, execute, follow
from tests.conftest import temporary_home
from tests.databases import database
from tests.locks import WHILE_VALIDATING, held
from tests.support import vpc, write_csv
from tests.waiting import PATIENCE

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


def test_runs_of_a_system_are_limited(
    start_system: Start, postgres_url: str, template_database: str, tmp_path: Path
) -> None:
    """Runs that fork from a warm process too; the API, the ledger and Prefect say why, and nothing was applied."""
    (tmp_path / "greedy.py").write_text(GREEDY)
    limits = {"CMDB_RUN_MEMORY_MB": "500", "CMDB_RUN_MINUTES": "0.15", "CMDB_RULES": str(tmp_path / "greedy.py")}
    with (
        temporary_home() as home,
        database(postgres_url, template_database) as url,
        start_system(url, home, **limits) as system,
        system.client() as client,
    ):
        path = write_csv(tmp_path / "a.csv", [vpc(1), vpc(2, cidr_block="nonsense")])
        with held(url, WHILE_VALIDATING):
            slow = execute(client, path, withoutRules="greedy")
            assert "longer than 0.15 minutes" in follow(client, slow)[-1]["message"]
        greedy = execute(client, path)
        told = follow(client, greedy)[-1]
        assert (told["status"], "more than 500 MB" in told["message"]) == ("failed", True)
        with (
            temporary_settings({PREFECT_API_URL: f"{system.prefect}/api", PREFECT_API_AUTH_STRING: system.secret}),
            get_client(sync_client=True) as prefect,
        ):
            state = prefect.read_flow_run(UUID(greedy)).state
            assert state
            assert state.message == told["message"]
        with engine(url).connect() as connection:
            run = ledger.find_run(connection, greedy)
            said = ledger.read_report(connection, run, samples=0).message
        # The state of a killed run also says what became of the rows that were staged.
        assert told["message"] == f"{said} No staged rows of it are left."
        assert client.get("/api/records/vpc").json()["items"] == []


def test_a_run_that_is_refused_memory_says_so() -> None:
    """Where the process lives on, the ledger has the same outcome as where it died; Prefect's text is not read."""
    assert outcome_after(MemoryError()) == (Outcome.LIMITED, NO_MEMORY)
    state: State[None] = Failed(message="Flow run encountered an exception: MemoryError")
    run = FlowRun(flow_id=uuid4(), state=state)
    assert _message(run, "failed", {"message": message_of_error(MemoryError())}) == sentence(Outcome.LIMITED, NO_MEMORY)
    assert "not foreseen" in str(_message(run, "failed", {}))
