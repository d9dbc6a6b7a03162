"""A worker: Prefect's own, with a warm process beside it that its runs are forked from."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from deployments.definitions import POOL, register
from deployments.environment import of_runs
from deployments.limits import MEMORY, MINUTES
from deployments.process import Part, Say, end_with_parent, run
from deployments.start_run import SOCKET
from schemas.errors import Unavailable
from schemas.settings import Settings
from tasks.store.connection.migrate import ensure_upgraded
from tasks.store.connection.session import alone

# Seconds between two looks for new runs: each costs the server about ten milliseconds.
_LOOK = "0.25"


def work(settings: Settings, say: Say, name: str | None = None) -> None:
    """Register the deployments and carry their runs out until a signal ends it; needs PREFECT_API_URL to be set.

    Raises Unavailable without CMDB_DATABASE_URL: the runs have to write to what others read.
    """
    if settings.database_url is None:
        raise Unavailable("A worker needs the database that the runs write to: set CMDB_DATABASE_URL.")
    ensure_upgraded(settings.database_url.get_secret_value())
    # Of several workers that start at once, each would make what it does not see yet.
    with alone(settings.database_url.get_secret_value(), "register"):
        asyncio.run(register())
    with tempfile.TemporaryDirectory(prefix="cmdb-worker-") as folder:
        run(_parts(settings, Path(folder), name), say)


def _parts(settings: Settings, folder: Path, name: str | None) -> list[Part]:
    path = folder / "socket"
    inherited = of_runs()
    common = inherited | {
        # `python` in the command of a run is this one.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")]),
        "PREFECT_WORKER_QUERY_SECONDS": inherited.get("PREFECT_WORKER_QUERY_SECONDS", _LOOK),
        # Files by their whole path: a run begins in a folder of its own.
        "CMDB_RULES": ",".join(settings.rules),
        SOCKET: str(path),
        MEMORY: str(settings.run_memory_mb),
        MINUTES: str(settings.run_minutes),
    }
    command = [sys.executable, "-m", "deployments.prefect_worker", "worker", "start"]
    command += ["--pool", POOL, "--type", "process"]
    command += ["--limit", str(settings.max_runs), *(["--name", name] if name else [])]
    log = settings.home / "logs" / "worker.log"
    warm = Part("warm process", [sys.executable, "-m", "deployments.warm", str(path)], log, common, path.exists)
    # Prefect keeps a folder of one name for all workers of a machine, which another user's worker may own.
    own = common | {"TMPDIR": str(folder)}
    return [warm, Part("worker", command, log, own, prepare=end_with_parent)]
