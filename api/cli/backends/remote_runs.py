"""Runs on a server: requested, followed to their end, and reported as a run on this machine is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from api.cli.backends.client import Client, failed_run
from api.cli.backends.follow import followed
from api.cli.backends.problems import error_of_code
from api.cli.backends.requests import Sent, form_fields, members, upload_name
from api.cli.watch import Watch
from api.json_reports import exported_from_json, report_from_json
from schemas.errors import Cancelled, CmdbError, MappingError, SourceError, Unavailable, UsageError
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Exported, Outcome, Report
from schemas.settings import Settings
from tasks.runtime.export_context import compressed, format_of

_SENDING, _RECEIVING = "Sending the file", "Receiving the file"


def run_import(client: Client, job: ImportJob, watch: Watch, settings: Settings) -> Report:
    """Send a file and import or preview it; returns the report."""
    if job.more:
        raise UsageError(
            "A server imports one file in a run: import each file by itself, or put them into one workbook."
        )
    if not job.path.stat().st_size:
        raise SourceError(f"{job.source} is empty: nothing to import.")
    watch.say(f"on the server at {client.server}")
    try:
        run_id = _sent(client, job, watch, upload_name(job, settings))
    except OSError as error:
        raise SourceError(f"{job.path} cannot be read: {error.strerror}.") from error
    return _reported(client, run_id, watch, settings.samples)


def _sent(client: Client, job: ImportJob, watch: Watch, name: str) -> str:
    """Send the file of an import, and return the run that was started for it."""

    def show(done: int, size: int) -> None:
        watch.transfer(_SENDING, done, size)

    fields = form_fields(job, name)
    with job.path.open("rb") as file:
        sent = Sent(file, job.path.stat().st_size, show)
        files = {"file": (name, sent, "application/octet-stream")}
        try:
            if job.keep_plan:
                return _preview(client, data=fields, files=files)
            headers = {"Idempotency-Key": str(uuid4())}
            answer = client.request("POST", "/api/import/execute", data=fields, files=files, headers=headers)
            return str(answer.json()["importId"])
        except KeyboardInterrupt:
            if sent.is_whole:
                raise _unknown_start() from None
            raise


def _preview(client: Client, **form: Any) -> str:
    """Request the plan of an import, and return its run: it may have ended, well or not, or go on."""

    def is_known(answer: httpx.Response) -> bool:
        return answer.is_success or failed_run(answer) is not None

    answer = client.request("POST", "/api/import/preview", repeatable=False, accepted=is_known, **form)
    found = answer.json()
    return str(failed_run(answer) or found.get("planId") or found["importId"])


def run_job(client: Client, job: SyncJob | ApplyJob | UndoJob, watch: Watch, samples: int) -> Report:
    """Run a sync, apply a plan or undo a run; returns the report."""
    watch.say(f"on the server at {client.server}")
    try:
        run_id = _started(client, job)
    except KeyboardInterrupt:
        raise _unknown_start() from None
    return _reported(client, run_id, watch, samples)


def _started(client: Client, job: SyncJob | ApplyJob | UndoJob) -> str:
    if isinstance(job, SyncJob):
        if Path(job.url).exists() and not client.is_local:
            raise UsageError(f"{job.url} is on this machine, and the server cannot read it: use `cmdb import`.")
        return str(client.post("/api/sync", members(job), once=True)["importId"])
    if isinstance(job, ApplyJob):
        return str(client.post(f"/api/import/{job.plan}/approve", members(job), once=True)["importId"])
    return str(client.post(f"/api/import/{job.run}/undo", members(job))["importId"])


def _unknown_start() -> CmdbError:
    return Unavailable("Stopped while the server was starting the run: `cmdb runs` shows whether it did.")


def _reported(client: Client, run_id: str, watch: Watch, samples: int) -> Report:
    """Follow a run to its end and return its report; raises the error of one that failed without one."""
    last = followed(client, "import", run_id, watch)
    try:
        report = report_from_json(client.get(f"/api/runs/{run_id}", issues=samples))
    except UsageError:
        if last["status"] == "completed":
            raise
        raise _failure(last) from None  # it never began
    if report.outcome is not Outcome.FAILED:
        return report
    if report.mapping and last["code"] == UsageError.code:
        raise MappingError(report.message or "", report.mapping)
    raise _failure(last, report.message)


def _failure(last: dict[str, Any], message: str | None = None) -> CmdbError:
    said = message or last["message"] or f"The run is {last['status']}."
    return Cancelled(said) if last["status"] == "cancelled" else error_of_code(last["code"], said)


def run_export(client: Client, job: ExportJob, watch: Watch) -> Exported:
    """Export records on the server, and download their file."""
    form = {"format": format_of(job).name, "compress": compressed(job)}
    try:
        export_id = str(client.post("/api/export", members(job) | form, once=True)["exportId"])
    except KeyboardInterrupt:
        raise _unknown_start() from None
    last = followed(client, "export", export_id, watch)
    if last["status"] != "completed":
        raise _failure(last)
    exported = exported_from_json(client.get(f"/api/export/result/{export_id}"), job.path)

    def show(done: int, size: int) -> None:
        watch.transfer(_RECEIVING, done, size)

    client.download(f"/api/export/download/{export_id}", job.path, exported.size, show)
    _remove(client, export_id)
    return exported


def _remove(client: Client, export_id: str) -> None:
    """Free the space that the file takes on the server, which otherwise does so after a while."""
    try:
        client.delete(f"/api/export/{export_id}")
    except CmdbError:
        return
