"""Exports over HTTP: ask for one, watch it, fetch its file, cancel it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from api.rest.accepted import IdempotencyKey
from api.rest.downloads import declared, sent
from api.rest.models.exports import ExportRequest, ExportResult, UnfitValues
from api.rest.models.records import Count, CountRequest
from api.rest.models.runs import ExportAccepted, ExportCancelled, ExportProgress
from api.rest.problems import Refused, responses
from api.rest.security.access import AnyKey, Exporter
from api.rest.security.access_log import note
from api.rest.security.quotas import check_storage, owner_file
from api.rest.service import CurrentService
from api.rest.streams import add_streams
from flows.job_parameter import members
from flows.registry import EXPORT
from flows.server.standing import Standing
from schemas.access.permissions import Action
from schemas.jobs import ExportJob
from schemas.model.resource import Resource
from schemas.resources import RESOURCES, resource
from tasks.formats import FORMATS, format_named
from tasks.runtime.context import disk_errors
from tasks.steps.export import check_selection
from tasks.store.read.query import Selection

_MEDIA = ("application/gzip", *sorted({format.facts.media for format in FORMATS.values() if format.write}))

router = APIRouter(prefix="/api/export", tags=["exports"])


@router.post("", status_code=202, responses=responses(404, 409, 413, 507))
async def start_export(
    request: Request,
    response: Response,
    asked: ExportRequest,
    service: CurrentService,
    caller: Exporter,
    idempotency_key: IdempotencyKey = None,
) -> ExportAccepted:
    """Export records of one type, several or all to a file, which is downloaded when the export is completed."""
    format = format_named(asked.format)
    if asked.compress and not format.facts.compressible:
        raise Refused(422, f"{format.title} is compressed by itself: leave 'compress' out.", "wrong-request")
    chosen = [resource(name) for name in (asked.types or [asked.resource_type or ""]) if not asked.all]
    types = [each.type for each in chosen] or list(RESOURCES)
    caller.check(Action.EXPORT, types)
    if len(chosen) != 1 and format.write_all is None:
        raise Refused(422, f"{format.title} holds one type: ask for 'excel' or 'json'.", "wrong-request")
    name = _file_name(chosen, f"{format.suffixes[0]}{'.gz' if asked.compress else ''}")
    folder = service.settings.storage / "exports" / str(uuid4())
    job = await run_sync(asked.job, str(folder / name), caller.name)
    await run_sync(check_selection, job)
    await run_sync(check_storage, service.settings, caller.name)
    with disk_errors():
        await run_sync(_make, folder, caller.name)
    try:
        run = await service.start(job, caller.name, idempotency_key)
    except BaseException:
        await run_sync(_unmake, folder)
        raise
    before = ExportJob.model_validate(members(run.parameters["job"]))
    note(request, run.id, types="all" if asked.all else types, format=asked.format)
    if before.path != job.path:  # the key was used before
        await run_sync(_unmake, folder)
        if before.model_copy(update={"path": job.path}) != job:
            raise Refused(409, "This Idempotency-Key came with another request before: use a new one.", "key-reused")
    links = _links(request, run.id)
    response.headers["Location"] = links["progress"]
    return ExportAccepted(export_id=run.id, links=links)


def _file_name(chosen: list[Resource], suffix: str) -> str:
    """Return the name of an export of today: `vpc-2026-11-24.csv`."""
    what = chosen[0].table.replace("_", "-") if len(chosen) == 1 else "cmdb"
    return f"{what}-{datetime.now(UTC).date().isoformat()}{suffix}"


def _links(request: Request, export_id: UUID) -> dict[str, str]:
    return {
        "progress": request.url_for("get_export_progress", export_id=export_id).path,
        "events": request.url_for("watch_export", export_id=export_id).path,
        "download": request.url_for("download_export", export_id=export_id).path,
        "cancel": request.url_for("cancel_export", export_id=export_id).path,
    }


def _make(folder: Path, owner: str) -> None:
    folder.mkdir(parents=True)
    said = owner_file(folder)
    said.parent.mkdir(exist_ok=True)
    said.write_text(owner)


def _unmake(folder: Path) -> None:
    owner_file(folder).unlink(missing_ok=True)
    shutil.rmtree(folder)


@router.post("/count", responses=responses(404))
async def count_records(asked: CountRequest, service: CurrentService, caller: Exporter) -> Count:
    """Count the records that match a filter."""
    chosen = resource(asked.resource_type)
    caller.check(Action.EXPORT, [chosen.type])
    selection = Selection(chosen, (), await run_sync(lambda: asked.filter))
    return Count(records=await service.read(selection.count))


@router.get("/progress/{export_id}", responses=responses(404))
async def get_export_progress(export_id: UUID, service: CurrentService, caller: AnyKey) -> ExportProgress:
    """Show the progress of an export."""
    return ExportProgress.of(await service.visible(export_id, EXPORT, caller), service.prefect_page)


add_streams(router, "/progress/{export_id}", "export", EXPORT)


@router.get("/result/{export_id}", responses=responses(404, 409))
async def get_export_result(export_id: UUID, service: CurrentService, caller: AnyKey) -> ExportResult:
    """Return what an export wrote: the records of each type, the size of the file, and notices."""
    standing = await service.visible(export_id, EXPORT, caller)
    caller.check(Action.EXPORT, _types(standing))
    wrote = standing.exported
    if standing.status != "completed" or wrote is None:
        detail = standing.message or f"The export is {standing.status}: it has no result."
        raise Refused(409, detail, "not-completed")
    names = ("resource_type", "format", "columns", "records", "types", "notices")
    return ExportResult(
        export_id=export_id,
        file_name=wrote["path"],
        size_bytes=wrote["size"],
        duration_seconds=wrote["duration"],
        unfit=[UnfitValues(field=field, rule=rule, count=count) for field, rule, count in wrote["unfit"]],
        **{name: wrote[name] for name in names},
    )


@router.get(
    "/download/{export_id}",
    response_class=FileResponse,
    responses=responses(404, 409, 410) | declared("The file.", *_MEDIA),
)
async def download_export(request: Request, export_id: UUID, service: CurrentService, caller: AnyKey) -> FileResponse:
    """Download the file of an export, or a range of it."""
    standing = await service.visible(export_id, EXPORT, caller)
    caller.check(Action.EXPORT, _types(standing))
    if standing.status != "completed":
        raise Refused(409, standing.message or f"The export is {standing.status}: read its progress.", "not-completed")
    path = _path(standing)
    if not path.is_file():
        raise Refused(410, "The file was removed: exports are kept for a while only. Ask for it again.")
    note(request, export_id, file=path.name, types=_types(standing))
    return sent(path, path.name, media=_media(standing, path))


@router.delete("/{export_id}", responses=responses(404))
async def cancel_export(export_id: UUID, service: CurrentService, caller: AnyKey) -> ExportCancelled:
    """Cancel an export, or delete its file if it is completed."""
    standing = await service.visible(export_id, EXPORT, caller)
    if standing.status == "completed":
        message = await _removed(standing)
        return ExportCancelled(export_id=export_id, status="completed", in_time=False, message=message)
    status, in_time, message = await service.cancelled(export_id, EXPORT, caller)
    return ExportCancelled(export_id=export_id, status=status, in_time=in_time, message=message)


async def _removed(standing: Standing) -> str:
    folder = _path(standing).parent
    if not folder.is_dir():
        return "The export was done, and its file is gone already."
    await run_sync(_unmake, folder)
    return "The export was done; its file is removed."


def _types(standing: Standing) -> list[str]:
    job = ExportJob.model_validate(standing.job)
    named = [job.resource_type] if job.resource_type else list(job.resource_types)
    return [resource(name).type for name in named] or list(RESOURCES)


def _path(standing: Standing) -> Path:
    return ExportJob.model_validate(standing.job).path


def _media(standing: Standing, path: Path) -> str:
    format = format_named(ExportJob.model_validate(standing.job).format or "csv")
    return "application/gzip" if path.suffix == ".gz" else format.facts.media
