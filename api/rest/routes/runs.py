"""Runs as the ledger has them, whoever started them: for clients that show what `cmdb runs` and `cmdb show` do."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from api.json_output import change_json, part_json, report_json
from api.rest.models.run_reports import RunReport
from api.rest.problems import Refused, responses
from api.rest.security.access import AnyKey, Caller
from api.rest.service import CurrentService, Service
from api.rest.wording import chosen
from schemas.errors import UsageError
from schemas.reports import PartReport, Report
from schemas.resources import resource
from tasks.store import ledger

router = APIRouter(prefix="/api/runs", tags=["runs"])


@router.get("", responses=responses(404), response_model_exclude_unset=True)
async def list_runs(
    service: CurrentService,
    caller: AnyKey,
    type: Annotated[str | None, Query(description="Only runs of this type.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many.")] = 20,
) -> list[RunReport]:
    """Return the reports of the newest runs, without issues: those of this key, or all with the scope admin.

    Runs of types that the key has no permission for have no details of their source and changes.
    """
    chosen = resource(type).type if type else None
    owner = None if caller.admin else caller.name

    def read(connection: Connection) -> list[Report]:
        return ledger.list_runs(connection, limit=limit, resource_type=chosen, requested_by=owner)

    found = await service.read(read)
    return [_shown(report if caller.knows(_types(report)) else _without_details(report)) for report in found]


@router.get("/{run}", responses=responses(404), response_model_exclude_unset=True)
async def get_run(
    run: Annotated[str, Path(description="The id of a run, its beginning, or `last`.", max_length=36)],
    service: CurrentService,
    caller: AnyKey,
    issues: Annotated[int, Query(ge=0, le=100_000, description="How many issues.")] = 10,
    applied: Annotated[
        bool, Query(description="Whether `last` passes over dry runs and runs that changed nothing.")
    ] = False,
) -> RunReport:
    """Return the report of a run with its first issues."""
    run_id = await _named_run(service, caller, run, applied=applied)
    await service.check_known(run_id, caller)
    return _shown(await service.read(lambda connection: ledger.read_report(connection, run_id, samples=issues)))


async def _named_run(service: Service, caller: Caller, run: str, *, applied: bool) -> UUID:
    """The run that is named, among those that the caller sees; raises Refused."""
    owner = None if caller.admin else caller.name

    def find(connection: Connection) -> UUID:
        return ledger.find_run(connection, run, applied=applied, requested_by=owner)

    try:
        return await service.read(find)
    except UsageError as error:
        # Whoever approves a plan sees the run that made it, by its whole id.
        other = _run_id(run)
        if other and await service.exists(other) and await service.may_approve(other, caller):
            return other
        raise Refused(404, error.message) from error


def _run_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _types(report: Report) -> list[str]:
    return [part.resource_type for part in report.parts] or [report.resource_type]


def _without_details(report: Report) -> Report:
    parts = tuple(PartReport(part.resource_type, part.source, part.counts) for part in report.parts)
    nothing: dict[str, Any] = {"origin": None, "mapping": None}
    return replace(report, parts=parts, notices=(), rules=(), issues=(), changes=(), samples=(), **nothing)


def _shown(report: Report) -> RunReport:
    """What `--json` prints, with what a client needs in addition to show it to people."""
    parts = [part_json(part) | {"columns": list(part.origin.columns) if part.origin else None} for part in report.parts]
    more: dict[str, Any] = {"requestedBy": report.requested_by, "parts": parts}
    if report.dry_run or report.plan:
        more["changes"] = [change_json(each) | {"resourceType": each.resource_type} for each in report.changes]
    return RunReport.model_validate(report_json(report, chosen()) | more)
