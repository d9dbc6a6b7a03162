"""A Prefect server on this machine, with its state in the same PostgreSQL as the CMDB, in a database of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from flows.launch import answers
from schemas.errors import Unavailable
from schemas.settings import Settings
from tasks.store.database import address
from tasks.store.engine import engine, told_plainly

DATABASE = "prefect"

# A first start migrates an empty database, which takes about ten seconds; twelve times that is a machine in trouble.
_PATIENCE = 120


@contextmanager
def prefect_server(settings: Settings, port: int | None = None, database: str = DATABASE) -> Iterator[str]:
    """Run a Prefect server on loopback while this lasts; gives the address of its API. Raises Unavailable.

    Its state is in `database`, beside the CMDB's own.
    """
    with address(settings) as url:
        port = port or _free_port()
        log = settings.home / "prefect" / "server.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        process = _start(_own_database(url, database), port, log)
        try:
            api = f"http://127.0.0.1:{port}/api"
            _wait(process, api, log)
            yield api
        finally:
            _stop(process)


def _own_database(url: str, name: str) -> str:
    """Create the server's database when it is not there; returns its address for asyncpg, which Prefect uses."""
    with told_plainly(), engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        there = text("select 1 from pg_database where datname = :name")
        if not connection.scalar(there, {"name": name}):
            connection.execute(text(f'create database "{name}"'))
    own = make_url(url).set(drivername="postgresql+asyncpg", database=name)
    return own.render_as_string(hide_password=False)


def _start(database: str, port: int, log: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "PREFECT_HOME": str(log.parent),
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as file:
        # A session of its own: Ctrl-C in the terminal is ours to handle, and stops the server in its turn.
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], api: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not answers(api):
        if process.poll() is not None or time.monotonic() > end:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise Unavailable(f"The Prefect server did not start; its log, {log}, ends with:\n{last}")
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and what it started."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, sent)
        try:
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
