"""What a service meets: killed parts, a restarted PostgreSQL, Ctrl-C; no run hangs, and nothing is half-applied."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest

from deployments.server import free_port
from tasks.store.connection.embedded import server
from tasks.store.connection.engine import engine
from tasks.store.connection.session import is_alive
from tests.api.system import ENDED, Start, System, execute, follow
from tests.locks import WHILE_APPLYING, WHILE_VALIDATING, held
from tests.postgres import restart_postgres
from tests.support import execute as sql
from tests.support import rows, vpc, write_csv
from tests.waiting import PATIENCE, wait_until

RECORDS = 20
ROWS = [*(vpc(n) for n in range(RECORDS)), vpc(RECORDS, region="nowhere")]
"""What is loaded; the last row is rejected, so that the run has something to report while it validates."""


def end_of(system: System, run: str) -> str:
    """Return how a run ends, asking whoever answers."""

    def ended() -> str | None:
        try:
            found = httpx.get(f"{system.address}/api/import/progress/{run}", timeout=10).json()
        except httpx.HTTPError:
            return None
        return found.get("status") if found.get("status") in ENDED else None

    return wait_until(ended) or ""


def lives(system: System, run: str) -> bool:
    """Say whether the process of a run lives, by the lock that it holds."""
    with engine(system.url).begin() as connection:
        return is_alive(connection, UUID(run))


def kill(name: str) -> Callable[[System], None]:
    """Return what kills a part at once."""
    return lambda system: system.part(name).kill()


KILLED = ("worker", "prefect worker", "warm", "api", "server")

TROUBLES = {name: kill(name) for name in KILLED} | {"postgres": lambda system: restart_postgres(system.url)}

CASES = [
    *((name, WHILE_VALIDATING) for name in ("worker", "warm", "api", "server")),
    *((name, WHILE_APPLYING) for name in ("postgres", "prefect worker")),
]


@pytest.mark.parametrize(("trouble", "moment"), CASES)
def test_trouble_in_the_middle_of_a_run(system: System, tmp_path: Path, trouble: str, moment: str) -> None:
    """The run ends, all of it applied or nothing, as it says; then everything works as before."""
    sql(system.url, "truncate vpc")
    with held(system.url, moment) as lock:
        with system.client() as client:
            run = execute(client, write_csv(tmp_path / "vpcs.csv", ROWS), resourceType="vpc")
        lock.wait_for_writer()
        TROUBLES[trouble](system)
    end_of(system, run)
    # A crash may be told before the run is over for good: what it then says is what was done.
    wait_until(lambda: not lives(system, run))
    status = end_of(system, run)
    assert rows(system.url) == (RECORDS if status == "completed" else 0)
    if trouble in ("api", "server"):
        assert status == "completed"
    system.wait_ready()
    with system.client() as client:
        again = execute(client, write_csv(tmp_path / "again.csv", [vpc(10**6)]))
        assert follow(client, again)[-1]["status"] == "completed"


def test_ctrl_c_stops_everything(start_system: Start, home: Path, tmp_path: Path) -> None:
    """With the database that comes along: a run that is under way is rolled back, and no process is left."""
    with start_system(None, home) as system:
        # The run stands still until nobody is left who could let it go on.
        with server(home) as url, held(url, WHILE_VALIDATING) as lock:
            with system.client() as client:
                execute(client, write_csv(tmp_path / "vpcs.csv", ROWS), resourceType="vpc")
            lock.wait_for_writer()
            parts, worker = system.parts(), system.part("prefect worker")
            system.process.send_signal(signal.SIGINT)
            worker.wait(timeout=PATIENCE)
        assert system.process.wait(timeout=PATIENCE) == 0
        assert not psutil.wait_procs(parts, timeout=PATIENCE)[1]
    with server(home) as url:
        assert rows(url) == 0


def test_a_port_that_is_taken(system: System, home: Path) -> None:
    """It refuses to start beside another, and says which setting helps."""
    taken = system.environment | {"CMDB_HOME": str(home), "CMDB_PREFECT_PORT": str(free_port())}
    done = subprocess.run(system.process.args, env=taken, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "CMDB_API_PORT" in done.stderr
