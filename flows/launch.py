"""Where a run takes place: as a flow run of a Prefect server when one answers, else in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ssl import create_default_context
from typing import overload

from flows.registry import BULK, BulkFlow, Job
from flows.server.sign_in import CLIENT, client_secret, credentials, secret_file, sign_in
from schemas.errors import CmdbError, Forbidden, Unavailable
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Exported, Progress, Report, Status
from schemas.settings import Settings, prefect_server, prefect_variables
from tasks.runtime.context import user
from tasks.store.access import access_log
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine

Say = Callable[[str], None]

# A server on this machine answers within milliseconds; nobody should wait longer for one that is away.
_PATIENCE = 0.5
START_PATIENCE = 30
"""How long, in seconds, a service waits for a busy Prefect server when it starts."""


@overload
def carry_out(job: ExportJob, settings: Settings, progress: Progress, say: Say) -> Exported: ...


@overload
def carry_out(
    job: ImportJob | SyncJob | ApplyJob | UndoJob, settings: Settings, progress: Progress, say: Say
) -> Report: ...


def carry_out(job: Job, settings: Settings, progress: Progress, say: Say) -> Report | Exported:
    """Run the pipeline of a job and return its report, or what an export wrote; `say` gets where it runs."""
    spec = BULK[type(job)]
    if server := _server(settings, say):
        _under(server, settings)
        from flows.bulk import run_here  # it imports Prefect, which only a run of a server pays for

        with database(settings) as url:
            return _entered(url, spec, job, lambda: run_here(job, progress))
    with database(settings) as url:
        return _entered(url, spec, job, lambda: spec.pipeline(job, url, settings, progress=progress))


def _entered(url: str, spec: BulkFlow, job: Job, run: Callable[[], Report | Exported]) -> Report | Exported:
    """Carry a run out, and enter in the access log what was asked for at the command line and how it ended."""
    dry = not isinstance(job, ApplyJob | ExportJob) and job.dry_run
    what = "preview" if dry else spec.logged_as
    target = job.what if isinstance(job, ExportJob) else job.source
    event = access_log.Event(what, who=user(), target=target, address=access_log.COMMAND_LINE)
    try:
        ended = run()
    except BaseException as error:
        # What stopped the run is told, also where the database is gone.
        with suppress(CmdbError):
            _enter(url, replace(event, result="refused" if isinstance(error, Forbidden) else "failed"))
        raise
    failed = isinstance(ended, Report) and ended.status is Status.FAILED
    _enter(url, replace(event, result="failed" if failed else "done", detail={"run": ended.run_id}))
    return ended


def _enter(url: str, event: access_log.Event) -> None:
    with database_errors(), engine(url).begin() as connection:
        access_log.add(connection, [event])


def _server(settings: Settings, say: Say) -> str | None:
    """The Prefect server that runs are handed to, if it answers."""
    server = prefect_server(settings)
    if server and answers(server):
        say(f"as a flow run of the Prefect server at {server}")
        return server
    if server:
        say(f"The Prefect server at {server} does not respond; running in this process instead.")
    return None


def _under(server: str, settings: Settings) -> None:
    """Set Prefect up before it is imported, which takes a second: only a run that it watches pays for it."""
    _use(server, settings)
    # The server keeps the run's log; the terminal gets our own words.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def hand_over_to_prefect(settings: Settings, within: float = _PATIENCE) -> str:
    """Set Prefect up before it is imported; returns the address of its server.

    Raises Unavailable where it does not answer within so many seconds.
    """
    server = prefect_server(settings)
    if not server or not answers(server, within):
        raise Unavailable("No Prefect server answers: set PREFECT_API_URL, or start everything with `cmdb up`.")
    _use(server, settings)
    return server


def _use(server: str, settings: Settings) -> None:
    """Let Prefect's client use a server; raises Unavailable where that refuses our secret."""
    os.environ["PREFECT_API_URL"] = server
    sign_in(server, settings)
    secret = client_secret()
    if not prefect_variables().api_key.get_secret_value() and _status_of(
        server, "version", secret, within=START_PATIENCE
    ) in (401, 403):
        wrong = f"another secret than that of {CLIENT}" if secret else "a secret"
        raise Unavailable(
            f"The Prefect server at {server} asks for {wrong}: set {CLIENT} to it. "
            f"`cmdb up` keeps that of its server in {secret_file(settings)}.",
            server=server,
        )


def answers(server: str, within: float = _PATIENCE) -> bool:
    """Say whether a Prefect server is healthy."""
    return _status_of(server, "health", within=within) == 200


def _status_of(server: str, what: str, secret: str | None = None, within: float = _PATIENCE) -> int | None:
    """Return the status that a Prefect server answers with; None where it does not answer."""
    import httpx

    # No proxy of the environment, and the authorities that the operating system trusts.
    verify = create_default_context() if server.startswith("https:") else False
    try:
        with httpx.Client(trust_env=False, verify=verify, timeout=within) as client:
            return client.get(f"{server.rstrip('/')}/{what}", headers=credentials(secret)).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
