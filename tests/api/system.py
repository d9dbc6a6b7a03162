"""The whole system, as `cmdb up` starts it, and a client of its API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from deployments.server import free_port

CMDB = Path(sys.executable).with_name("cmdb")

ENDED = ("completed", "failed", "cancelled")


@dataclass
class System:
    """A running system: its parts' addresses, its process, its database and its folder."""

    address: str
    prefect: str
    process: subprocess.Popen[bytes]
    url: str
    home: Path
    environment: dict[str, str]

    def client(self, **more: Any) -> httpx.Client:
        """Return a client of the API."""
        return httpx.Client(base_url=self.address, timeout=60, **more)

    def part(self, name: str) -> psutil.Process:
        """Return the process of a part: server, worker, warm or api."""
        fits = _NAMES[name]
        # What a part has forked looks like itself.
        found = [
            each for each in self.parts() if fits(each.cmdline()) and not fits(psutil.Process(each.ppid()).cmdline())
        ]
        assert len(found) == 1, (name, [each.cmdline() for each in self.parts()])
        return found[0]

    def parts(self) -> list[psutil.Process]:
        """Return every process that the system has started."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def wait_ready(self, patience: float = 60) -> None:
        """Wait until every part answers."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready: {httpx.get(f'{self.address}/readyz').text}")


_NAMES: dict[str, Any] = {
    "server": lambda words: "server" in words and "start" in words,
    "worker": lambda words: words[-1:] == ["worker"],
    "prefect worker": lambda words: "worker" in words and "start" in words,
    "warm": lambda words: "deployments.warm" in words,
    "api": lambda words: words[-1:] == ["api"],
}


@contextmanager
def running(url: str | None, home: Path, **more: str) -> Iterator[System]:
    """Start the system on a database while this lasts; at its end, no process of it may be left."""
    ports = {"CMDB_API_PORT": str(free_port()), "CMDB_PREFECT_PORT": str(free_port())}
    own = {"CMDB_HOME": str(home), "CMDB_PREFECT_DATABASE": f"prefect_{uuid4().hex[:8]}"}
    own |= {"CMDB_DATABASE_URL": url} if url else {}
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"} | ports | own | more
    log = home / "up.log"
    with log.open("wb") as file:
        process = subprocess.Popen([str(CMDB), "up"], env=environment, stdout=file, stderr=file)
    try:
        end = time.monotonic() + 90
        while b"Ctrl-C stops" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        api, prefect = (f"http://127.0.0.1:{port}" for port in ports.values())
        yield System(api, prefect, process, url or "", home, environment)
    finally:
        left = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
        _, alive = psutil.wait_procs(left, timeout=5)
        assert not alive, [each.cmdline() for each in alive]


@contextmanager
def facade(system: System, **more: str) -> Iterator[str]:
    """Start one more copy of the facade beside a system's own, with other settings; gives its address."""
    port = str(free_port())
    environment = system.environment | {"PREFECT_API_URL": f"{system.prefect}/api", "CMDB_API_PORT": port} | more
    with (system.home / "facade.log").open("wb") as log:
        process = subprocess.Popen([str(CMDB), "api"], env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 30
        while not _answers(f"{address}/healthz"):
            assert process.poll() is None, (system.home / "facade.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.HTTPError:
        return False


def file(path: Path, **fields: str) -> dict[str, Any]:
    """Return what a client sends as a form with a file."""
    return {"files": {"file": (path.name, path.read_bytes(), "text/csv")}, "data": fields}


def execute(client: httpx.Client, path: Path, **fields: str) -> str:
    """Ask for an import; returns its id."""
    answer = client.post("/api/import/execute", **file(path, **fields))
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["importId"]
    return found


def follow(client: httpx.Client, run_id: str, *, what: str = "import", patience: float = 60) -> list[dict[str, Any]]:
    """Read a run's progress until its end; returns all that was read."""
    end = time.monotonic() + patience
    seen: list[dict[str, Any]] = []
    while time.monotonic() < end:
        seen.append(client.get(f"/api/{what}/progress/{run_id}").json())
        if seen[-1].get("status") in ENDED:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"no end: {json.dumps(seen[-3:], indent=1)}")


def wait_for(client: httpx.Client, run_id: str, *phases: str) -> dict[str, Any]:
    """Wait until a run is in one of these phases."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found: dict[str, Any] = client.get(f"/api/import/progress/{run_id}").json()
        if found["phase"] in phases:
            return found
        assert found["status"] not in ENDED, found
        time.sleep(0.03)
    raise AssertionError(f"never in {phases}: {found}")
