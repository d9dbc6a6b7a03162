"""Reports as the API tells them: the result of a run, its line in the history, and what lies between two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import Connection

from api import json_output
from api.rest.models import syncs
from api.rest.models.plans import PlanDecision, PlanDetail
from api.rest.models.results import ImportSummary, Issue, Page, Part, PartSummary, RejectedRow, Result
from api.rest.problems import Refused
from api.rest.service import Service
from api.rest.wording import remedy_in
from flows.server.standing import Standing
from schemas import issues as report_issues
from schemas import reports, sources
from schemas.issues import Severity
from schemas.reports import Change, Report, Status
from tasks.store import ledger
from tasks.store.read.run_diff import Difference

_STATES = {Status.RUNNING: "processing"}


def check_ended(standing: Standing) -> None:
    """Refuse what a run has only at its end."""
    if not standing.ended:
        raise Refused(409, f"The import is still {standing.status}: read its progress.", "not-ended")


async def result(
    request: Request,
    here: Service,
    standing: Standing,
    *,
    limit: int = 100,
    offset: int = 0,
    severity: Severity | None = None,
    rule: str | None = None,
) -> Result:
    """Return what a run did, with some of its issues; raises Refused where it has not ended, or never began."""
    check_ended(standing)

    def read(connection: Connection) -> tuple[Report, Page] | None:
        if ledger.status_of(connection, standing.run_id) is None:
            return None
        report = _whole(connection, standing.run_id)
        found = ledger.read_issues(
            connection, standing.run_id, limit=limit, offset=offset, severity=severity, rule=rule
        )
        total = ledger.count_issues(connection, standing.run_id, severity, rule)
        more = offset + len(found) < total and found
        following = request.url.include_query_params(limit=limit, offset=offset + limit) if more else None
        return report, Page(items=issues(found, types(report)), total=total, next=relative(following))

    read_back = await here.read(read)
    if read_back is None:
        raise Refused(
            409, standing.message or f"The import was {standing.status} before it began: ask for it again.", "no-result"
        )
    report, page = read_back
    return _result(report, page, standing, _links(request, here, report))


def _result(report: Report, page: Page, standing: Standing, links: dict[str, str]) -> Result:
    shown = report.dry_run or report.plan is not None
    return Result(
        **_common(report) | {"status": standing.status, **_message(report.message or standing.message)},
        repeats=report.repeats,
        source_version=report.version,
        parts=[_part(part, report.origin) for part in report.parts],
        origin=json_output.origin_json(report) if report.origin else None,
        mapping=json_output.mapping_json(report.mapping) if report.mapping else None,
        rules=[{"rule": each.rule, "severity": each.severity, "count": each.count} for each in report.rules],
        notices=issues(report.notices, types(report)),
        issues=page,
        samples=json_output.samples_json(report) if shown else None,
        changes=[_change(change, report) for change in report.changes] if shown else None,
        links=links,
    )


def _whole(connection: Connection, run_id: UUID) -> Report:
    """The report of a run; that of one which applied a plan tells of the source what was found as it was planned."""
    report = ledger.read_report(connection, run_id, samples=0)
    if report.applies is None:
        return report
    planned = ledger.read_report(connection, UUID(report.applies), samples=0)
    origins = {part.resource_type: part.origin for part in planned.parts}
    parts = tuple(replace(part, origin=origins.get(part.resource_type)) for part in report.parts)
    return replace(report, origin=planned.origin, parts=parts)


def _links(request: Request, here: Service, report: Report) -> dict[str, str]:
    links = {"prefect": f"{here.prefect_page}/runs/flow-run/{report.run_id}"}
    if report.counts.rejected and not report.dry_run:
        # One table can't hold rows of several types.
        for ending in ("xlsx",) if report.parts and not report.mapping else ("csv", "xlsx"):
            address = request.url_for("download_rejected_rows", import_id=report.run_id, ending=ending)
            links[f"rejects{ending.capitalize()}"] = address.path
    if report.plan and report.plan.is_open and not report.dry_run:
        for decide in ("approve", "reject"):
            links[decide] = request.url_for(f"{decide}_plan", import_id=report.run_id).path
    return links


def summary(report: Report) -> ImportSummary:
    """Return the line of a run in the history."""
    parts = [PartSummary(**_part_summary(part)) for part in report.parts]
    return ImportSummary(**_common(report), requested_by=report.requested_by, parts=parts)


def _common(report: Report) -> dict[str, Any]:
    return {
        "import_id": UUID(report.run_id),
        "status": _STATES.get(report.status, report.status.value),
        "outcome": report.outcome,
        # Of one type in the source, a run has parts all the same where it creates records that the source refers to.
        "resource_type": None if report.parts and not report.mapping else report.resource_type or None,
        "source": report.source,
        "mode": report.mode,
        "dry_run": report.dry_run,
        "counts": asdict(report.counts),
        "duration_seconds": report.duration,
        "started_at": report.started,
        "undoes": report.undoes,
        "applies": report.applies,
        "sync": report.sync,
        "plan": _plan(report),
        **_message(report.message),
    }


def _message(text: str | None) -> dict[str, Any]:
    return {"message": text, "remedy": remedy_in(text)}


def _plan(report: Report) -> PlanDetail | None:
    plan = report.plan
    if plan is None:
        return None
    applied = UUID(plan.applied) if plan.applied else None
    decision = PlanDecision.model_validate(asdict(plan.decision)) if plan.decision else None
    return PlanDetail(plan_id=UUID(report.run_id), hash=plan.hash, until=plan.until, applied=applied, decision=decision)


def _part_summary(part: reports.PartReport) -> dict[str, Any]:
    place = (part.origin.sheet or part.origin.document) if part.origin else None
    return {"resource_type": part.resource_type, "source": place or part.source, "counts": asdict(part.counts)}


def _part(part: reports.PartReport, origin: sources.Origin | None) -> Part:
    sheets = origin.sheets if origin else ()
    return Part(
        **_part_summary(part),
        mapping=json_output.mapping_json(part.mapping) if part.mapping else None,
        columns=list(part.origin.columns) if part.origin else [],
        sheets=[sheet.name for sheet in sheets if sheet.type == part.resource_type],
    )


def types(report: Report) -> tuple[str, ...]:
    """The types of a run of several; none where there is one."""
    return tuple(part.resource_type for part in report.parts)


def issues(found: Iterable[report_issues.Issue], names: tuple[str, ...]) -> list[Issue]:
    """Return issues, each with its type where a run has several."""
    return [_issue(issue, names) for issue in found]


def _issue(issue: report_issues.Issue, names: tuple[str, ...]) -> Issue:
    told = asdict(issue)
    part = told.pop("part")
    return Issue(**told, remedy=remedy_in(issue.message), resource_type=names[part] if part < len(names) else None)


def rejected_row(found: dict[str, Any], names: tuple[str, ...]) -> RejectedRow:
    """Return a rejected row of the ledger."""
    part = found["part"]
    named = names[part] if part < len(names) else None
    return RejectedRow(row=found["row"], resource_type=named, data=found["data"], issues=issues(found["issues"], names))


def _change(change: Change, report: Report) -> dict[str, Any]:
    several = {"resourceType": change.resource_type} if report.parts else {}
    return json_output.change_json(change) | several


def difference(found: Difference) -> syncs.Difference:
    """Return what lies between two runs."""
    seen = {"before": json_output.seen_json(found.before), "after": json_output.seen_json(found.after)}
    changes = [
        {name: value for name, value in json_output.change_json(change).items() if name != "row"}
        | {"resourceType": change.resource_type}
        for change in found.changes
    ]
    return syncs.Difference.model_validate({**seen, "counts": found.counts, "changes": changes})


def relative(address: Any) -> str | None:
    """Return an address without its host."""
    return f"{address.path}?{address.query}" if address else None
