"""A worker: Prefect's own, with a warm process beside it that its runs are forked from."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deployments.served import POOL, register
from deployments.start_run import SOCKET
from schemas.errors import Unavailable
from schemas.settings import Settings
from tasks.store.engine import engine
from tasks.store.migrate import upgrade

# Seconds between two looks for new runs: each costs the server about ten milliseconds.
_LOOK = "0.25"


def work(settings: Settings, name: str | None = None) -> None:
    """Register the deployments and become Prefect's worker; needs a Prefect server and CMDB_DATABASE_URL."""
    if settings.database_url is None:
        raise Unavailable("A worker needs the database that the runs write to: set CMDB_DATABASE_URL.")
    upgrade(engine(settings.database_url.get_secret_value()))
    asyncio.run(register())
    folder = Path(tempfile.mkdtemp(prefix="cmdb-worker-"))
    environment = os.environ | {
        # `python` in the command of a run is this one.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", _LOOK),
        SOCKET: str(folder / "socket"),
    }
    warm = [sys.executable, "-m", "deployments.warm", environment[SOCKET]]
    ends, ours = os.pipe()
    subprocess.Popen(warm, env=environment, stdin=ends, start_new_session=True)
    os.close(ends)
    # The other end stays open in the worker that this process becomes: when it ends, so does the warm process.
    os.set_inheritable(ours, True)
    command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    command += ["--limit", str(settings.max_runs), *(["--name", name] if name else [])]
    os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606  # it becomes the program
