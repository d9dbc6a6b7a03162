"""The whole system under load: how long a small import takes from request to end, and fifty at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx

from deployments.server import free_port

_ENDED = ("completed", "failed", "cancelled")


@contextmanager
def running(url: str, home: Path) -> Iterator[httpx.Client]:
    """Start everything as `cmdb up` does, on a database; gives a client of the API."""
    port = free_port()
    environment = os.environ | {
        "CMDB_DATABASE_URL": url,
        "CMDB_HOME": str(home),
        "CMDB_API_PORT": str(port),
        "CMDB_PREFECT_PORT": str(free_port()),
        "CMDB_RATE_LIMIT": "100000/minute",
    }
    log = home / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        command = [str(Path(sys.executable).with_name("cmdb")), "up"]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        while b"Ctrl-C stops" not in log.read_bytes():
            if process.poll() is not None:
                sys.exit(f"cmdb up has ended:\n{log.read_text()}")
            time.sleep(0.1)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def start(client: httpx.Client, file: Path) -> str:
    """Ask for an import of VPCs; returns its id."""
    form = {"file": (file.name, file.read_bytes(), "text/csv")}
    answer = client.post("/api/import/execute", files=form, data={"resourceType": "vpc"})
    answer.raise_for_status()
    found: str = answer.json()["importId"]
    return found


def end(client: httpx.Client, run: str) -> datetime:
    """Wait until an import is completed; returns when its process began."""
    while True:
        found = client.get(f"/api/import/progress/{run}").json()
        if found["status"] in _ENDED:
            if found["status"] != "completed":
                sys.exit(f"an import has {found['status']}: {found['message']}")
            return datetime.fromisoformat(found["startedAt"])
        time.sleep(0.05)
