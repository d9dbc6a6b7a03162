"""Imports over HTTP: preview and execute, uploads and saved mappings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from anyio import move_on_after
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from prefect.client.schemas.objects import FlowRun
from sqlalchemy import Connection
from starlette.responses import JSONResponse

from api.json_output import mapping_json, sheets_json
from api.rest import results, uploads
from api.rest.accepted import IdempotencyKey, accepted, links, reused
from api.rest.import_requests import find_upload, form_body, requested_import, requested_plan
from api.rest.models.results import Preview, SavedMapping, UploadDetail
from api.rest.models.runs import Accepted
from api.rest.problems import Refused, answer, responses
from api.rest.routes.plans import applied
from api.rest.security.access import AnyKey, Caller, Importer, Previewer
from api.rest.security.access_log import note
from api.rest.service import CurrentService, Service
from api.rest.uploads import Upload
from flows.job_parameter import members
from flows.registry import IMPORT
from flows.server.standing import Standing
from schemas.access.permissions import Action
from schemas.jobs import ImportJob
from schemas.reports import Report
from schemas.resources import resource
from tasks.store import ledger
from tasks.store.access.definitions import check_mapping, saved_mappings

router = APIRouter(prefix="/api", tags=["imports"])


@router.post(
    "/import/preview",
    openapi_extra=form_body("PreviewForm"),
    responses=responses(404, 413, 415, 507)
    | {202: {"model": Accepted, "description": "The preview takes longer: read its progress, then its result."}},
    response_model=Preview,
)
async def preview_import(request: Request, service: CurrentService, caller: Previewer) -> Any:
    """Upload a file and show what importing it would do. Nothing is changed.

    The response has the id of the plan, to execute exactly this plan, and the id of the upload, to preview the file
    again with other options. The members of the form are also accepted as JSON (`ImportRequest`).
    """
    options, upload = await requested_import(request, service, caller)
    job = options.job(str(upload.path), upload.name, caller.name)
    job = _authorized(job, caller, Action.PREVIEW).model_copy(update={"dry_run": True, "keep_plan": True})
    run = await service.start(job, caller.name)
    note(request, run.id, upload=upload.id, file=upload.name)
    standing = await _end_of(service, run)
    if standing is None:
        begun = Accepted(import_id=run.id, links=links(request, run.id), upload_id=UUID(upload.id))
        headers = {"Location": begun.links["progress"]}
        return JSONResponse(begun.model_dump(mode="json", by_alias=True), 202, headers=headers)
    if standing.status != "completed":
        return await _failed(request, service, standing, upload)
    found = await results.result(request, service, standing)
    plan = found.plan
    if plan is None or plan.until is None:
        raise Refused(409, "The plan of this preview has already been applied: see its result.", "plan-applied")
    kept = {"plan_id": plan.plan_id, "hash": plan.hash, "until": plan.until}
    return Preview(**upload.shown().model_dump(), **kept, result=found)


async def _failed(request: Request, service: Service, standing: Standing, upload: Upload) -> JSONResponse:
    """A preview that could not be made is a problem, which has the file's columns and what they were matched with."""

    def read(connection: Connection) -> Report | None:
        there = ledger.status_of(connection, standing.run_id)
        return ledger.read_report(connection, standing.run_id, samples=0) if there else None

    report = await service.read(read)
    found = upload.shown().model_dump(mode="json", by_alias=True)
    if report and report.origin:
        found |= {"columns": list(report.origin.columns), "samples": report.origin.samples}
        found["sheets"] = sheets_json(report)
    if report and report.mapping:
        found |= {"resourceType": report.resource_type, "mapping": mapping_json(report.mapping)}
    detail = standing.message or "The preview was stopped."
    return answer(422, detail, request.url.path, "run-failed", upload=found, importId=str(standing.run_id))


async def _end_of(service: Service, run: FlowRun) -> Standing | None:
    """Wait for a run's end for as long as a preview may take."""
    with move_on_after(service.settings.preview_seconds):
        async for progress in service.watches.follow(run.id, IMPORT):
            if progress and progress.ended:
                return await service.runs.standing(run.id, IMPORT)
    return None


@router.post(
    "/import/execute",
    status_code=202,
    openapi_extra=form_body("ExecuteForm"),
    responses=responses(404, 409, 410, 413, 415, 507),
)
async def execute_import(
    request: Request,
    response: Response,
    service: CurrentService,
    caller: Importer,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Import a new file (`file`), an uploaded file (`uploadId`), or the plan of a preview (`planId`).

    The response is sent before the import is finished. If records of a plan have changed since the preview, the import
    fails and changes nothing, unless `moved` says otherwise. The members of the form are also accepted as JSON
    (`ImportRequest`, `PlanRequest`).
    """
    if plan := await requested_plan(request):
        frozen = plan.job(plan.plan_id, caller.name)
        return accepted(request, response, await applied(request, service, frozen, caller, idempotency_key))
    options, upload = await requested_import(request, service, caller)
    job = options.job(str(upload.path), upload.name, caller.name)
    job = _authorized(job, caller, Action.PREVIEW if job.dry_run else Action.IMPORT)
    await _check_mapping(service, job, caller)
    run = await service.start(job, caller.name, idempotency_key)
    note(request, run.id, upload=upload.id, file=upload.name, sha256=upload.sha256, dryRun=job.dry_run)
    await _check_same(service, run, job, upload)
    return accepted(request, response, run)


def _authorized(job: ImportJob, caller: Caller, action: Action) -> ImportJob:
    """The job with what its run may do; refuses at once where the type is named, or none is allowed."""
    caller.check(action, [resource(job.resource_type).type] if job.resource_type else [])
    return job.model_copy(update={"authority": caller.authority(action)})


async def _check_mapping(service: Service, job: ImportJob, caller: Caller) -> None:
    """Refuse to save over the mapping of another owner."""
    if name := job.save_mapping:
        await service.read(lambda connection: check_mapping(connection, name, caller.name, admin=caller.admin))


async def _check_same(service: Service, run: FlowRun, job: ImportJob, upload: Upload) -> None:
    """A key that was used before has to come with the same request: the same options and the same bytes."""
    before = ImportJob.model_validate(members(run.parameters["job"]))
    if before == job:
        return
    known = await run_sync(uploads.find, UUID(before.path.parent.name), service.settings)
    same = before.model_copy(update={"path": job.path}) == job
    if not same or known is None or known.sha256 != upload.sha256:
        raise reused()


@router.get("/uploads/{upload_id}", responses=responses(404))
async def get_upload(upload_id: UUID, service: CurrentService, caller: AnyKey) -> UploadDetail:
    """Show an uploaded file, while it is kept."""
    return (await find_upload(service, str(upload_id), caller)).shown()


@router.get("/mappings", responses=responses())
async def list_mappings(service: CurrentService, caller: AnyKey) -> list[SavedMapping]:
    """List the saved mappings of the types for which the key has a permission."""
    found = await service.read(saved_mappings)
    return [SavedMapping.model_validate(each) for each in found if caller.knows([each["resource_type"]])]
