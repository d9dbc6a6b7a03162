"""What a service meets: killed parts, a restarted PostgreSQL, Ctrl-C; no run hangs, and nothing is half-applied."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks import data
from deployments.server import free_port
from tasks.store.embedded import server
from tests.api.system import ENDED, System, execute, follow, running, wait_for
from tests.support import execute as sql
from tests.support import vpc, write_csv

ROWS = 400_000


def rows(url: str) -> int:
    """Return how many VPCs are stored."""
    [(count,)] = sql(url, "select count(*) from vpc")
    return int(count)


def end_of(system: System, run: str, patience: float = 60) -> str:
    """Return how a run ends, asking whoever answers."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            found = httpx.get(f"{system.address}/api/import/progress/{run}", timeout=10).json()
        except httpx.HTTPError:
            found = {}
        if found.get("status") in ENDED:
            return str(found["status"])
        time.sleep(0.2)
    raise AssertionError(f"no end after {patience} s: {found}")


def restart_postgres(system: System) -> None:
    """Let PostgreSQL crash and start again, as after a cut of power."""
    [(folder,)] = sql(system.url, "show data_directory")
    owner = Path(folder).stat()
    pid = int(Path(folder, "postmaster.pid").read_text().splitlines()[0])
    programs = Path(psutil.Process(pid).exe()).parent
    command = [programs / "pg_ctl", "restart", "-D", folder, "-m", "immediate", "-w", "-l", f"{folder}/restarted.log"]
    subprocess.run(command, check=True, capture_output=True, user=owner.st_uid, group=owner.st_gid, cwd="/", timeout=60)


def kill(name: str) -> Callable[[System], None]:
    """Return what kills a part at once."""
    return lambda system: system.part(name).kill()


KILLED = ("worker", "prefect worker", "warm", "api", "server")

TROUBLES = {name: kill(name) for name in KILLED} | {"postgres": restart_postgres}

READING, LOADING = ("validate",), ("check", "plan", "apply")


CASES = [*((name, READING) for name in ("worker", "warm", "api", "server")), *(("postgres", LOADING),)]


@pytest.mark.parametrize(("trouble", "phases"), [*CASES, ("prefect worker", LOADING)])
def test_trouble_in_the_middle_of_a_run(system: System, tmp_path: Path, trouble: str, phases: tuple[str, ...]) -> None:
    """The run ends within a minute, all of it applied or nothing, as it says; then everything works as before."""
    sql(system.url, "truncate vpc")
    path = data.write(data.vpcs(ROWS), tmp_path / "vpcs.csv")
    with system.client() as client:
        run = execute(client, path, resourceType="vpc")
        wait_for(client, run, *phases)
    TROUBLES[trouble](system)
    status = end_of(system, run)
    system.wait_ready()
    # A crash may be told before the run is over for good: what it then says is what was done.
    time.sleep(1)
    applied = {"completed": ROWS}.get(status, 0)
    assert (end_of(system, run), rows(system.url)) in ((status, applied), ("completed", ROWS))
    if trouble in ("api", "server"):
        assert status == "completed"
    with system.client() as client:
        again = execute(client, write_csv(tmp_path / "again.csv", [vpc(10**6)]))
        assert follow(client, again)[-1]["status"] == "completed"


def test_ctrl_c_stops_everything(home: Path, tmp_path: Path) -> None:
    """With the database that comes along: a run that is under way is rolled back, and no process is left."""
    path = data.write(data.vpcs(ROWS), tmp_path / "vpcs.csv")
    with running(None, home) as system:
        with system.client() as client:
            run = execute(client, path, resourceType="vpc")
            wait_for(client, run, "validate")
        parts = system.parts()
        system.process.send_signal(signal.SIGINT)
        assert system.process.wait(timeout=40) == 0
        assert not psutil.wait_procs(parts, timeout=5)[1]
    with server(home) as url:
        assert rows(url) == 0


def test_a_port_that_is_taken(system: System, home: Path) -> None:
    """It refuses to start beside another, and says which setting helps."""
    taken = system.environment | {"CMDB_HOME": str(home), "CMDB_PREFECT_PORT": str(free_port())}
    done = subprocess.run(system.process.args, env=taken, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "CMDB_API_PORT" in done.stderr
