"""Imports over HTTP: preview, execute, progress, result, cancel and history."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from anyio import move_on_after
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, ServerSentEvent
from prefect.client.schemas.objects import FlowRun
from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.datastructures import FormData, UploadFile
from starlette.responses import FileResponse, JSONResponse

from api.json_output import mapping_json, sheets_json
from api.rest import progress as pushing
from api.rest import results
from api.rest.accepted import IdempotencyKey, accepted, links, reused
from api.rest.downloads import TABLES, declared, sent
from api.rest.models.imports import ImportOptions, ImportRequest
from api.rest.models.plans import PlanRequest
from api.rest.models.results import Day, History, Preview, RejectedPage, RejectedRow, Result, SavedMapping, UploadDetail
from api.rest.models.runs import Accepted, ImportCancelled, ImportProgress, UndoRequest
from api.rest.problems import Refused, answer, responses
from api.rest.routes import uploads
from api.rest.routes.plans import applied
from api.rest.routes.uploads import Upload
from api.rest.security.access import AnyKey, Caller, Importer, Previewer, caller_of
from api.rest.security.access_log import note, note_also
from api.rest.service import CurrentService, Service
from flows.job_parameter import members
from flows.runs import IMPORT, UNDO, Standing
from schemas.issues import Severity
from schemas.jobs import ImportJob, UndoJob
from schemas.permissions import Action, Authority
from schemas.reports import Report, Status
from schemas.resources import RESOURCES, resource
from tasks.steps.rejects import write_rejects
from tasks.store import ledger
from tasks.store.access.definitions import check_mapping, saved_mappings

router = APIRouter(prefix="/api", tags=["imports"])


def _options_schema() -> dict[str, Any]:
    fields = ImportOptions.model_json_schema(by_alias=True, ref_template="#/components/schemas/{model}")["properties"]
    part = {"type": "string", "contentMediaType": "application/octet-stream", "description": "The file."}
    form = {name: _as_part(schema) for name, schema in fields.items()}
    upload = {"type": "string", "format": "uuid", "description": "In the file's place."}
    return {"type": "object", "properties": {"file": part, "uploadId": upload, **form}}


def _as_part(schema: dict[str, Any]) -> dict[str, Any]:
    """A field as a part of a form, where an object is JSON text."""
    if schema.get("type") == "object":
        return {"type": "string", "description": f"{schema.get('description', '')} As JSON."}
    return {name: value for name, value in schema.items() if name not in ("$ref", "default")} | (
        {} if "type" in schema or "anyOf" in schema else {"type": "string"}
    )


def _body(*models: str) -> dict[str, Any]:
    schemas = [{"$ref": f"#/components/schemas/{name}"} for name in models]
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}},
            "multipart/form-data": {"schema": _options_schema()},
        },
    }


@router.post(
    "/import/preview",
    openapi_extra={"requestBody": _body("ImportRequest")},
    responses=responses(404, 413, 415, 507)
    | {202: {"model": Accepted, "description": "It takes longer: read its progress."}},
    response_model=Preview,
)
async def preview(request: Request, service: CurrentService, caller: Previewer) -> Any:
    """Send a file and learn what it holds and what importing it would do; nothing is changed.

    The answer has the plan's id, by which exactly that is executed, and the upload's id, by which it is previewed with
    other options.
    """
    options, upload = await _asked(request, service, caller)
    authority = _authority(options, caller, Action.PREVIEW)
    job = options.job(upload.path, upload.name, caller.name, authority, dry_run=True, keep_plan=True)
    run = await service.start(IMPORT, job, caller.name)
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
        raise Refused(409, "The plan of this preview was applied before it was told: see its result.", "plan-applied")
    kept = {"plan_id": plan.plan_id, "hash": plan.hash, "until": plan.until}
    return Preview(**upload.shown().model_dump(), **kept, result=found)


async def _failed(request: Request, service: Service, standing: Standing, upload: Upload) -> JSONResponse:
    """A preview that could not be made is a problem, which has the file's columns and what they were matched with."""

    def read(connection: Connection) -> Report | None:
        there = ledger.status_of(connection, standing.run_id)
        return ledger.read_report(connection, standing.run_id, samples=0) if there else None

    report = await service.asked(read)
    found = upload.shown().model_dump(mode="json", by_alias=True)
    if report and report.origin:
        found |= {"columns": list(report.origin.columns), "samples": report.origin.samples}
        found["sheets"] = sheets_json(report)
    if report and report.mapping:
        found |= {"resourceType": report.resource_type, "mapping": mapping_json(report.mapping)}
    detail = standing.message or "The preview was stopped."
    return answer(422, detail, request.url.path, "run-failed", upload=found)


# The longest part of a form that is no file: a mapping of many columns.
_PART = 1 << 19


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
    openapi_extra={"requestBody": _body("ImportRequest", "PlanRequest")},
    responses=responses(404, 409, 410, 413, 415, 507),
)
async def execute(
    request: Request,
    response: Response,
    service: CurrentService,
    caller: Importer,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Import a file that is sent along, one that was sent before, or exactly what a preview said (its `planId`).

    The answer comes before it is done. An import of a plan fails, and changes nothing, where records that it speaks of
    were changed since; `moved` says what to do about them.
    """
    if plan := await _plan_asked(request):
        return accepted(request, response, await applied(request, service, plan, caller, idempotency_key))
    options, upload = await _asked(request, service, caller)
    authority = _authority(options, caller, Action.PREVIEW if options.dry_run else Action.IMPORT)
    await _check_mapping(service, options, caller)
    job = options.job(upload.path, upload.name, caller.name, authority)
    run = await service.start(IMPORT, job, caller.name, idempotency_key)
    note(request, run.id, upload=upload.id, file=upload.name, sha256=upload.sha256, dryRun=options.dry_run)
    await _check_same(service, run, job, upload)
    return accepted(request, response, run)


def _authority(options: ImportOptions, caller: Caller, action: Action) -> Authority:
    """What the run may do; refuses at once where the type is named, or none is allowed."""
    caller.check(action, [resource(options.resource_type).type] if options.resource_type else [])
    return caller.authority(action)


async def _check_mapping(service: Service, options: ImportOptions, caller: Caller) -> None:
    """Refuse to save over the mapping of another owner."""
    if name := options.save_mapping:
        await service.asked(lambda connection: check_mapping(connection, name, caller.name, admin=caller.admin))


async def _plan_asked(request: Request) -> PlanRequest | None:
    """The plan that a request names in place of a file."""
    if _is_form(request):
        return None
    try:
        body = json.loads(await request.body())
        return PlanRequest.model_validate(body) if isinstance(body, dict) and "planId" in body else None
    except ValidationError as error:
        raise _invalid(error, "body") from error
    except (ValueError, RecursionError):
        return None  # what is wrong with it is told where a file is asked for


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _asked(request: Request, service: Service, caller: Caller) -> tuple[ImportOptions, Upload]:
    """What a request asks for, and the file that it sends or names."""
    if _is_form(request):
        async with request.form(max_files=1, max_fields=60, max_part_size=_PART) as form:
            options = _options(form)
            if "file" in form:
                upload = await _kept(service, form, caller)
                note_also(request, "upload", upload.id, file=upload.name, size=upload.size, sha256=upload.sha256)
                return options, upload
            return options, await _found(service, str(form.get("uploadId", "")), caller)
    try:
        asked = ImportRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise _invalid(error, "body") from error
    return asked, await _found(service, str(asked.upload_id), caller)


def _invalid(error: ValidationError, where: str) -> RequestValidationError:
    found = error.errors(include_url=False, include_context=False)
    return RequestValidationError([{**each, "loc": (where, *each["loc"])} for each in found])


def _options(form: FormData) -> ImportOptions:
    """The options of a form: each a part of its own, what is no text as JSON."""
    given: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in ("file", "uploadId"):
            continue
        if isinstance(value, UploadFile):
            raise Refused(422, f"The part '{name}' is a file: only 'file' may be one.", "wrong-request")
        if name in ("withoutRules", "createMissing", "columns", "null"):
            given.setdefault(name, []).extend([value] if value else [])
        elif value:
            given[name] = _json(name, value) if name in ("mapping", "constants", "sheets") else value
    try:
        return ImportOptions.model_validate(given)
    except ValidationError as error:
        raise _invalid(error, "form") from error


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Refused(422, f"The part '{name}' is not JSON: {error}", "wrong-request") from error


async def _kept(service: Service, form: FormData, caller: Caller) -> Upload:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refused(422, "Send the file as a form's part 'file', with its name.", "wrong-request")
    return await run_sync(uploads.keep, file, caller.name, service.settings)


async def _found(service: Service, upload_id: str, caller: Caller) -> Upload:
    try:
        upload = await run_sync(uploads.find, UUID(upload_id), service.settings)
    except ValueError:
        raise Refused(422, "Send the file as 'file', or the id of an upload as 'uploadId'.", "wrong-request") from None
    if upload is None or not caller.sees(upload.owner):
        raise Refused(404, "There is no upload of that id; they are kept for a while only: send the file again.")
    return upload


async def _check_same(service: Service, run: FlowRun, job: ImportJob, upload: Upload) -> None:
    """A key that was used before has to come with the same request: the same options and the same bytes."""
    before = ImportJob.model_validate(members(run.parameters["job"]))
    if before == job:
        return
    known = await run_sync(uploads.find, UUID(before.path.parent.name), service.settings)
    same = before.model_copy(update={"path": job.path}) == job
    if not same or known is None or known.sha256 != upload.sha256:
        raise reused()


# Progress -------------------------------------------------------------------------------------------------------------


@router.get("/import/progress/{import_id}", responses=responses(404))
async def import_progress(import_id: UUID, service: CurrentService, caller: AnyKey) -> ImportProgress:
    """Where an import stands."""
    return ImportProgress.of(await service.visible(import_id, IMPORT, caller, approving=True), service.prefect_page)


async def visible_import(import_id: UUID, service: CurrentService, caller: AnyKey) -> Standing:
    """Refuse before the answer begins what this caller may not see."""
    return await service.visible(import_id, IMPORT, caller, approving=True)


@router.get(
    "/import/progress/{import_id}/events",
    response_class=EventSourceResponse,
    responses=responses(404),
    dependencies=[Depends(visible_import)],
)
async def import_events(
    service: CurrentService,
    import_id: UUID,
    last_event_id: Annotated[str | None, Header(description="The id of the last event that came through.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The same, pushed as server-sent events: `progress` at each change, `end` at the end."""
    async for event in pushing.events(service.watches, import_id, IMPORT, last_event_id):
        yield event


@router.websocket("/import/progress/{import_id}/ws")
async def import_socket(socket: WebSocket, service: CurrentService, import_id: UUID) -> None:
    """The same, pushed over a WebSocket."""
    await service.visible(import_id, IMPORT, await caller_of(socket), approving=True)
    await pushing.push(service.watches, socket, import_id, IMPORT)


# Result ---------------------------------------------------------------------------------------------------------------


@router.get("/import/result/{import_id}", responses=responses(404, 409))
async def import_result(
    request: Request,
    import_id: UUID,
    service: CurrentService,
    caller: AnyKey,
    limit: Annotated[int, Query(ge=0, le=1000, description="How many issues.")] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31, description="After how many of them.")] = 0,
    severity: Annotated[Severity | None, Query(description="Only issues of this severity.")] = None,
    rule: Annotated[str | None, Query(description="Only issues of this rule.", max_length=100)] = None,
) -> Result:
    """What an import did; of a dry run, what it would have done."""
    standing = await service.visible(import_id, IMPORT, caller, approving=True)
    await service.check_known(import_id, caller)
    return await results.result(request, service, standing, limit=limit, offset=offset, severity=severity, rule=rule)


@router.get("/import/result/{import_id}/rejects", responses=responses(404, 409))
async def rejected(
    request: Request,
    import_id: UUID,
    service: CurrentService,
    caller: AnyKey,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many rows.")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="After how many of them.")] = 0,
) -> RejectedPage:
    """The rejected rows as they stood in the source, with what is wrong with each."""
    results.check_ended(await service.visible(import_id, IMPORT, caller, approving=True))
    await service.check_known(import_id, caller)

    def read(connection: Connection) -> tuple[int, list[RejectedRow]]:
        # Rows of a plan that was applied were rejected as it was made.
        made = ledger.plan_run(connection, import_id)
        total, found = ledger.rejected_page(connection, made, limit=limit, offset=offset)
        names = results.types(ledger.read_report(connection, made, samples=0)) if found else ()
        return total, [results.rejected_row(each, names) for each in found]

    total, rows = await service.asked(read)
    more = request.url.include_query_params(limit=limit, offset=offset + limit) if offset + limit < total else None
    return RejectedPage(items=rows, total=total, next=results.relative(more))


@router.get(
    "/import/result/{import_id}/rejects.{ending}",
    response_class=FileResponse,
    responses=responses(404, 409) | {200: declared("The rejected rows, to fix and import.", *TABLES)},
)
async def rejects(
    import_id: UUID,
    ending: Literal["csv", "xlsx"],
    service: CurrentService,
    caller: AnyKey,
    guard: Annotated[bool, Query(description="Write what looks like a formula with an apostrophe before it.")] = True,
) -> FileResponse:
    """The rejected rows as they stood in the source, with what is wrong with each; in a workbook, cell by cell."""
    results.check_ended(await service.visible(import_id, IMPORT, caller, approving=True))
    await service.check_known(import_id, caller)
    path = Path(tempfile.mkdtemp(dir=service.temporary()), f"rejects.{ending}")
    await service.asked(lambda connection: write_rejects(connection, import_id, path, guard=guard))
    return sent(path, f"rejects-{str(import_id)[:8]}.{ending}", once=True)


# Cancel and history ---------------------------------------------------------------------------------------------------


@router.delete("/import/{import_id}", responses=responses(404))
async def cancel_import(import_id: UUID, service: CurrentService, caller: Importer) -> ImportCancelled:
    """Cancel an import: nothing of it stays, if this is in time."""
    status, in_time, message = await service.cancelled(import_id, IMPORT, caller)
    return ImportCancelled(import_id=import_id, status=status, in_time=in_time, message=message)


@router.post("/import/{import_id}/undo", status_code=202, responses=responses(404, 409))
async def undo_import(
    request: Request,
    response: Response,
    import_id: UUID,
    service: CurrentService,
    caller: Importer,
    asked: UndoRequest | None = None,
) -> Accepted:
    """Take an import back: what it created goes, what it updated is as before.

    What was edited since, or is referred to by others, stays.

    The undo is an import in its turn, with progress and a result, and can be undone.
    """
    standing = await service.visible(import_id, IMPORT, caller)
    if standing.status != "completed":
        raise Refused(409, f"The import is {standing.status}: only a completed one can be taken back.", "not-completed")
    wanted = asked or UndoRequest()
    caller.check(Action.IMPORT, await service.types_of(import_id))
    job = UndoJob(run=import_id, force=wanted.force, dry_run=wanted.dry_run, requested_by=caller.name)
    run = await service.start(UNDO, job, caller.name)
    note(request, import_id, run=str(run.id), force=wanted.force, dryRun=wanted.dry_run)
    return accepted(request, response, run)


@router.get("/uploads/{upload_id}", responses=responses(404))
async def upload(upload_id: UUID, service: CurrentService, caller: AnyKey) -> UploadDetail:
    """A file that was sent before, while it is kept."""
    return (await _found(service, str(upload_id), caller)).shown()


@router.get("/mappings", responses=responses())
async def mappings(service: CurrentService, caller: AnyKey) -> list[SavedMapping]:
    """The saved mappings of the types that the key may do something with."""
    found = await service.asked(saved_mappings)
    return [SavedMapping.model_validate(each) for each in found if caller.knows([each["resource_type"]])]


@router.get("/imports/daily", responses=responses())
async def daily(
    service: CurrentService,
    caller: AnyKey,
    days: Annotated[int, Query(ge=1, le=366, description="How many days, today included.")] = 30,
) -> list[Day]:
    """What became of the records of each day's imports (UTC); days without any are left out.

    For a key that may not read all types, of the imports that were asked for with it.
    """
    owner = caller.name if caller.permissions.lacks(Action.READ, RESOURCES) else None
    found = await service.asked(lambda connection: ledger.daily(connection, days=days, requested_by=owner))
    return [Day.model_validate(each) for each in found]


@router.get("/imports", responses=responses(404))
async def imports(
    request: Request,
    service: CurrentService,
    caller: AnyKey,
    type: Annotated[str | None, Query(description="Only imports of this type.", max_length=100)] = None,
    status: Annotated[Status | None, Query(description="Only those that stand there.")] = None,
    sync: Annotated[str | None, Query(description="Only runs of this sync.", max_length=255)] = None,
    dry_run: Annotated[
        bool | None, Query(alias="dryRun", description="Only previews and other dry runs, or only others.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many.")] = 50,
    after: Annotated[UUID | None, Query(description="Those that began before this one.")] = None,
) -> History:
    """The imports that were asked for with this key, or with any by a key that may see all; the newest first."""
    chosen = resource(type).type if type else None
    owner = None if caller.admin else caller.name

    def read(connection: Connection) -> list[Report]:
        return ledger.list_runs(
            connection,
            limit=limit,
            resource_type=chosen,
            status=status,
            requested_by=owner,
            sync=sync,
            dry_run=dry_run,
            after=after,
        )

    found = await service.asked(read)
    more = request.url.include_query_params(after=found[-1].run_id) if len(found) == limit else None
    return History(items=[results.summary(report) for report in found], next=results.relative(more))
