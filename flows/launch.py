"""Where a run is carried out: as a flow run of a Prefect server when one answers, else in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from ssl import create_default_context
from typing import TypeVar

from flows.pipelines import apply_plan, export_file, import_file, sync_source
from flows.sign_in import CLIENT, credentials, secret_file, sign_in
from schemas.errors import CmdbError, Forbidden, Unavailable
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Exported, Progress, Report, Status
from schemas.settings import Settings
from tasks.runtime.context import user
from tasks.steps.undo import undo
from tasks.store.access import access_log
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine

Say = Callable[[str], None]
Job = ImportJob | SyncJob | ApplyJob | ExportJob | UndoJob
Result = TypeVar("Result", Report, Exported)

_SENTENCES: dict[type, tuple[str, Callable[..., Report]]] = {
    ImportJob: ("bulk_import", import_file),
    SyncJob: ("bulk_sync", sync_source),
    ApplyJob: ("bulk_apply", apply_plan),
}

_ENTERED = {
    "bulk_import": "import",
    "bulk_sync": "sync",
    "bulk_apply": "approval",
    "bulk_export": "export",
    "bulk_undo": "undo",
}
"""What the access log calls each flow."""

COMMAND_LINE = "command line"
"""What the access log has as the address of a command."""

# A server on this machine answers within milliseconds; nobody should wait longer for one that is away.
_PATIENCE = 0.5
START_PATIENCE = 30
"""How long, in seconds, a service waits for a busy Prefect server when it starts."""


def carry_out(job: ImportJob | SyncJob | ApplyJob, settings: Settings, progress: Progress, say: Say) -> Report:
    """Carry an import, a sync or a plan out and return its report; `say` is told where."""
    flow, sentence = _SENTENCES[type(job)]
    return _carried_out(job, flow, sentence, settings, progress, say)


def carry_out_export(job: ExportJob, settings: Settings, progress: Progress, say: Say) -> Exported:
    """Carry an export out and return what it wrote; `say` is told where."""
    return _carried_out(job, "bulk_export", export_file, settings, progress, say)


def carry_out_undo(job: UndoJob, settings: Settings, progress: Progress, say: Say) -> Report:
    """Take a run back and return the report of that; `say` is told where."""
    return _carried_out(job, "bulk_undo", undo, settings, progress, say)


def _carried_out(
    job: Job, flow: str, plain: Callable[..., Result], settings: Settings, progress: Progress, say: Say
) -> Result:
    if server := _server(settings, say):
        _under(server, settings)
        run_here: Callable[..., Result] = import_module(f"flows.{flow}").run_here
        with database(settings) as url:
            return _entered(url, flow, job, lambda: run_here(job, progress))
    with database(settings) as url:
        return _entered(url, flow, job, lambda: plain(job, url, settings, progress=progress))


def _entered(url: str, flow: str, job: Job, run: Callable[[], Result]) -> Result:
    """Carry a run out, and enter in the access log what was asked for at the command line and how it ended."""
    dry = not isinstance(job, ApplyJob | ExportJob) and job.dry_run
    what = _ENTERED.get(flow, flow) if not dry else "preview"
    target = job.what if isinstance(job, ExportJob) else job.source
    event = access_log.Event(what, who=user(), target=target, address=COMMAND_LINE)
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
    server = settings.prefect_api_url or os.environ.get("PREFECT_API_URL")
    if server and answers(server):
        say(f"as a flow run of the Prefect server at {server}")
        return server
    if server:
        say(f"The Prefect server at {server} does not answer: the run is carried out in this process.")
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
    server = settings.prefect_api_url or os.environ.get("PREFECT_API_URL")
    if not server or not answers(server, within):
        raise Unavailable("No Prefect server answers: set PREFECT_API_URL, or start everything with `cmdb up`.")
    _use(server, settings)
    return server


def _use(server: str, settings: Settings) -> None:
    """Let Prefect's client use a server; raises Unavailable where that refuses our secret."""
    os.environ["PREFECT_API_URL"] = server
    sign_in(server, settings)
    secret = os.environ.get(CLIENT)
    if not os.environ.get("PREFECT_API_KEY") and _asked(server, "version", secret, within=START_PATIENCE) in (401, 403):
        wrong = f"another secret than that of {CLIENT}" if secret else "a secret"
        raise Unavailable(
            f"The Prefect server at {server} asks for {wrong}: set {CLIENT} to it. "
            f"`cmdb up` keeps that of its server in {secret_file(settings)}."
        )


def answers(server: str, within: float = _PATIENCE) -> bool:
    """Say whether a Prefect server is healthy."""
    return _asked(server, "health", within=within) == 200


def _asked(server: str, what: str, secret: str | None = None, within: float = _PATIENCE) -> int | None:
    """Return the status that a Prefect server answers with; None where it does not answer."""
    import httpx

    # No proxy of the environment, and the authorities that the operating system trusts.
    verify = create_default_context() if server.startswith("https:") else False
    try:
        with httpx.Client(trust_env=False, verify=verify, timeout=within) as client:
            return client.get(f"{server.rstrip('/')}/{what}", headers=credentials(secret)).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
