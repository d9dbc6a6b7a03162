"""Runs of imports over HTTP: progress, result, rejected rows, cancel, undo and history."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection
from starlette.responses import FileResponse

from api.pages.wording import PAGE
from api.rest import results
from api.rest.accepted import accepted
from api.rest.downloads import TABLES, declared, sent
from api.rest.models.results import Day, History, HistoryQuery, RejectedPage, RejectedRow, Result
from api.rest.models.runs import Accepted, ImportCancelled, ImportProgress, UndoRequest
from api.rest.problems import Refused, responses
from api.rest.security.access import AnyKey, Importer
from api.rest.security.access_log import note
from api.rest.service import CurrentService
from api.rest.streams import add_streams
from flows.registry import IMPORT
from schemas.access.permissions import Action
from schemas.issues import Severity
from schemas.reports import Report
from schemas.resources import RESOURCES, resource
from tasks.steps.rejects import write_rejects
from tasks.store import ledger

router = APIRouter(prefix="/api", tags=["imports"])


@router.get("/import/progress/{import_id}", responses=responses(404))
async def get_import_progress(import_id: UUID, service: CurrentService, caller: AnyKey) -> ImportProgress:
    """Show the progress of an import."""
    return ImportProgress.of(await service.visible(import_id, IMPORT, caller, approving=True), service.prefect_page)


add_streams(router, "/import/progress/{import_id}", "import", IMPORT)


@router.get("/import/result/{import_id}", responses=responses(404, 409))
async def get_import_result(
    request: Request,
    import_id: UUID,
    service: CurrentService,
    caller: AnyKey,
    limit: Annotated[int, Query(ge=0, le=1000, description="How many issues.")] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31, description="How many to skip.")] = 0,
    severity: Annotated[Severity | None, Query(description="Only issues of this severity.")] = None,
    rule: Annotated[str | None, Query(description="Only issues of this rule.", max_length=100)] = None,
) -> Result:
    """Show the result of an import; of a dry run, its plan."""
    standing = await service.visible(import_id, IMPORT, caller, approving=True)
    await service.check_known(import_id, caller)
    return await results.result(request, service, standing, limit=limit, offset=offset, severity=severity, rule=rule)


@router.get("/import/result/{import_id}/rejects", responses=responses(404, 409))
async def list_rejected_rows(
    request: Request,
    import_id: UUID,
    service: CurrentService,
    caller: AnyKey,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many rows.")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="How many to skip.")] = 0,
) -> RejectedPage:
    """List the rejected rows as they are in the source, each with its errors."""
    results.check_ended(await service.visible(import_id, IMPORT, caller, approving=True))
    await service.check_known(import_id, caller)

    def read(connection: Connection) -> tuple[int, list[RejectedRow]]:
        # Rows of a plan that was applied were rejected as it was made.
        made = ledger.plan_run(connection, import_id)
        total, found = ledger.rejected_page(connection, made, limit=limit, offset=offset)
        names = results.types(ledger.read_report(connection, made, samples=0)) if found else ()
        return total, [results.rejected_row(each, names) for each in found]

    total, rows = await service.read(read)
    more = request.url.include_query_params(limit=limit, offset=offset + limit) if offset + limit < total else None
    return RejectedPage(items=rows, total=total, next=results.relative(more))


@router.get(
    "/import/result/{import_id}/rejects.{ending}",
    response_class=FileResponse,
    responses=responses(404, 409) | declared("The rejected rows, to fix and import.", *TABLES),
)
async def download_rejected_rows(
    import_id: UUID,
    ending: Literal["csv", "xlsx"],
    service: CurrentService,
    caller: AnyKey,
    guard: Annotated[bool, Query(description="Put an apostrophe before text that looks like a formula.")] = True,
) -> FileResponse:
    """Download the rejected rows as they are in the source, each with its errors; a workbook marks the cells."""
    results.check_ended(await service.visible(import_id, IMPORT, caller, approving=True))
    await service.check_known(import_id, caller)
    path = Path(tempfile.mkdtemp(dir=service.temporary()), f"rejects.{ending}")
    # A person reads the file, whoever fetches it.
    await service.read(lambda connection: write_rejects(connection, import_id, path, guard=guard, wording=PAGE))
    return sent(path, f"rejects-{str(import_id)[:8]}.{ending}", once=True)


@router.delete("/import/{import_id}", responses=responses(404))
async def cancel_import(import_id: UUID, service: CurrentService, caller: Importer) -> ImportCancelled:
    """Cancel an import. Nothing is applied if this is in time."""
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
    """Undo an import: delete the records that it created, and restore those that it updated or deleted.

    Records that were edited since, or that other records refer to, are left as they are, unless `force` is set. The
    undo is a run of its own, with progress and a result, and can be undone.
    """
    standing = await service.visible(import_id, IMPORT, caller)
    if standing.status != "completed":
        raise Refused(409, f"The import is {standing.status}: only a completed import can be undone.", "not-completed")
    caller.check(Action.IMPORT, await service.types_of(import_id))
    job = (asked or UndoRequest()).job(import_id, caller.name)
    run = await service.start(job, caller.name)
    note(request, import_id, run=str(run.id), force=job.force, dryRun=job.dry_run)
    return accepted(request, response, run)


@router.get("/imports/daily", responses=responses())
async def count_daily_imports(
    service: CurrentService,
    caller: AnyKey,
    days: Annotated[int, Query(ge=1, le=366, description="How many days, today included.")] = 30,
) -> list[Day]:
    """Count the records of each day's imports (UTC) by what became of them. Days without imports are left out.

    A key that may not read all types sees the imports that were requested with it.
    """
    owner = caller.name if caller.permissions.lacks(Action.READ, RESOURCES) else None
    found = await service.read(lambda connection: ledger.daily(connection, days=days, requested_by=owner))
    return [Day.model_validate(each) for each in found]


@router.get("/imports", responses=responses(404))
async def list_imports(
    request: Request,
    service: CurrentService,
    caller: AnyKey,
    query: Annotated[HistoryQuery, Query()],
) -> History:
    """List the imports, the newest first: those requested with this key, or all for a key of the scope admin."""
    chosen = resource(query.type).type if query.type else None
    owner = None if caller.admin else caller.name

    def read(connection: Connection) -> list[Report]:
        return ledger.list_runs(
            connection,
            limit=query.limit,
            resource_type=chosen,
            status=query.status,
            requested_by=owner,
            sync=query.sync,
            dry_run=query.dry_run,
            after=query.after,
        )

    found = await service.read(read)
    more = request.url.include_query_params(after=found[-1].run_id) if len(found) == query.limit else None
    return History(items=[results.summary(report) for report in found], next=results.relative(more))
