"""Reports, plans, syncs, exports and resource types as JSON for scripts; the names are a contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from schemas.errors import CmdbError
from schemas.issues import Issue
from schemas.job_options.filters import Op
from schemas.language.remedies import Remedy, Wording, worded
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.reports import Change, Exported, PartReport, Report
from schemas.sources import Sheet
from tasks.store.access.definitions import Definition
from tasks.store.ledger import SyncState
from tasks.store.read.query import OPERATORS
from tasks.store.read.run_diff import Difference


def syncs_json(found: list[SyncState], scheduled: Iterable[Any], defined: Iterable[Definition]) -> list[dict[str, Any]]:
    """The syncs as scripts read them: those that are defined, and those that are only on schedule yet."""
    on_schedule = {each.job.source: each for each in scheduled}
    ran = {each.name: each for each in found}
    kept = {each.name: each for each in defined}
    rows = []
    for name in sorted({*on_schedule, *kept}):
        plan, state, definition = on_schedule.get(name), ran.get(name), kept.get(name)
        options = plan.job.options() if plan else definition.options if definition else {}
        rows.append(
            {
                "name": name,
                "url": options["url"],
                "options": options,
                "owner": definition.owner if definition else None,
                "changedBy": definition.changed_by if definition else None,
                "changedAt": definition.changed_at if definition else None,
                "lastRun": state.last.started if state else None,
                "lastRunId": state.last.run_id if state else None,
                "status": state.last.status if state else None,
                "lastChange": state.changed.started if state and state.changed else None,
                "nextRun": plan.next_run if plan else None,
                "schedules": list(plan.schedules) if plan else [],
                "active": plan.active if plan else False,
            }
        )
    return rows


def difference_json(found: Difference) -> dict[str, Any]:
    """What lies between two runs, as scripts read it."""
    return {
        "before": seen_json(found.before),
        "after": seen_json(found.after),
        "counts": found.counts,
        "changes": [asdict(change) for change in found.changes],
    }


def seen_json(report: Report) -> dict[str, Any]:
    """What a run saw of its source, as scripts read it."""
    return {
        "runId": report.run_id,
        "startedAt": report.started,
        "source": report.source,
        "sourceVersion": report.version,
        "counts": asdict(report.counts),
    }


def plan_json(report: Report, wording: Wording) -> dict[str, Any]:
    """A frozen plan as a file holds it: what identifies it, and what it would do."""
    plan = report.plan
    return {
        "planId": report.run_id,
        "hash": plan.hash if plan else None,
        "until": plan.until if plan else None,
        **{
            name: value
            for name, value in report_json(report, wording).items()
            if name not in ("runId", "plan", "samples")
        },
    }


def report_json(report: Report, wording: Wording) -> dict[str, Any]:
    """A report as scripts read it, its messages in the words of a front end; the names are a contract."""
    counts = asdict(report.counts)
    result: dict[str, Any] = {
        "runId": report.run_id,
        "status": report.status,
        "outcome": report.outcome,
        "resourceType": report.resource_type or None,
        "source": report.source,
        "mode": report.mode,
        "dryRun": report.dry_run,
        "counts": counts,
        "durationSeconds": report.duration,
        "message": worded(report.message, wording) if report.message else None,
        "remedy": _remedy_json(report.remedy, wording),
        "startedAt": report.started.isoformat() if report.started else None,
        "repeats": report.repeats,
        "undoes": report.undoes,
        "applies": report.applies,
        "sync": report.sync,
        "sourceVersion": report.version,
        "plan": plan_kept_json(report),
        "parts": [part_json(part) for part in report.parts],
        "notices": [issue_json(notice, wording) for notice in report.notices],
        "rules": [{"rule": r.rule, "severity": r.severity, "count": r.count} for r in report.rules],
        "issues": [issue_json(issue, wording) for issue in report.issues],
    }
    if report.origin:
        result |= origin_json(report)
    if report.mapping:
        result["mapping"] = mapping_json(report.mapping)
    if report.dry_run or report.plan:
        result["samples"] = samples_json(report)
        result["changes"] = [change_json(change) for change in report.changes]
    return result


def plan_kept_json(report: Report) -> dict[str, Any] | None:
    """The frozen plan of a run, if it has one."""
    plan = report.plan
    if plan is None:
        return None
    kept = {"id": report.run_id, "hash": plan.hash, "until": plan.until, "applied": plan.applied}
    return kept | {"decision": asdict(plan.decision) if plan.decision else None}


def part_json(part: PartReport) -> dict[str, Any]:
    """What a run did with one of its types, as scripts read it."""
    mapping = mapping_json(part.mapping) if part.mapping else None
    return {"type": part.resource_type, "source": part.source, "counts": asdict(part.counts), "mapping": mapping}


def exported_json(exported: Exported) -> dict[str, Any]:
    """What an export wrote, as scripts read it; the names are a contract."""
    return {
        "runId": exported.run_id,
        "resourceType": exported.resource_type,
        "path": str(exported.path),
        "format": exported.format,
        "columns": list(exported.columns),
        "records": exported.records,
        "types": exported.types,
        "sizeBytes": exported.size,
        "durationSeconds": exported.duration,
        "unfit": [{"field": name, "rule": rule, "count": count} for name, rule, count in exported.unfit],
        "notices": list(exported.notices),
    }


def origin_json(report: Report) -> dict[str, Any]:
    """How the source was read."""
    origin = report.origin
    assert origin is not None  # noqa: S101  # the caller asked
    return {
        "format": origin.format,
        "encoding": origin.encoding,
        "delimiter": origin.delimiter,
        "sheet": origin.sheet,
        "headerRow": origin.header_row,
        "document": origin.document,
        "columns": list(origin.columns),
        "sizeBytes": origin.size,
        "sha256": origin.sha256,
        "records": source_record_count(report),
        **({"samples": origin.samples} if origin.samples else {}),
        **({"sheets": sheets_json(report)} if origin.sheets else {}),
    }


def sheets_json(report: Report) -> list[dict[str, Any]]:
    """The sheets of a workbook: whether each is read, as which type, and which field each of its columns fills."""
    mappings = {part.resource_type: part.mapping for part in report.parts} | {None: report.mapping}
    return [
        {
            "name": sheet.name,
            "read": sheet.type != "",
            "resourceType": (report.resource_type if sheet.type is None else sheet.type) or None,
            "columns": _sheet_columns(sheet, mappings.get(sheet.type) or report.mapping),
        }
        for sheet in (report.origin.sheets if report.origin else ())
    ]


def _sheet_columns(sheet: Sheet, mapping: Mapping | None) -> list[dict[str, str | None]]:
    fields = {match.column: match.field for match in mapping.matches} if mapping else {}
    return [
        {"column": column, "field": (fields.get(column) if field is None else field) or None}
        for column, field in sheet.columns
    ]


def source_record_count(report: Report) -> int:
    """How many records were read from the source; a part without an origin has none of it."""
    own = [part.counts.read for part in report.parts if part.origin]
    return sum(own) if own else report.counts.read


def samples_json(report: Report) -> list[dict[str, Any]]:
    """The first records of a plan, as they would be stored."""
    return [
        {("row" if name == "row_number" else name): value for name, value in sample.items()}
        for sample in report.samples
    ]


def issue_json(issue: Issue, wording: Wording) -> dict[str, Any]:
    """An issue as scripts read it, in the words of a front end."""
    return asdict(issue.worded(wording)) | {"remedy": _remedy_json(issue.remedy, wording)}


def error_json(error: CmdbError, wording: Wording) -> dict[str, Any]:
    """An error as scripts read it, in the words of a front end."""
    return {
        "code": error.code,
        "message": worded(error.message, wording),
        "parameters": error.parameters,
        "remedy": _remedy_json(error.remedy, wording),
    }


def _remedy_json(remedy: Remedy | None, wording: Wording) -> dict[str, Any] | None:
    return remedy.to_json(wording) if remedy else None


def change_json(change: Change) -> dict[str, Any]:
    """A change as scripts read it."""
    fields = {name: {"before": before, "after": after} for name, (before, after) in change.fields.items()}
    return {"key": change.key, "action": change.action, "row": change.row, "fields": fields}


def mapping_json(mapping: Mapping) -> dict[str, Any]:
    """A mapping as scripts read it."""
    return {
        "columns": [asdict(match) for match in mapping.matches],
        "constants": mapping.constants,
        "overrides": list(mapping.overrides),
        "joins": [asdict(join) for join in mapping.joins],
        "unknown": list(mapping.unknown),
    }


def fields_json(resource: Resource) -> dict[str, Any]:
    """A resource type as scripts read it."""
    fields = [
        {
            "field": name,
            "title": spec.title,
            "kind": spec.kind.name,
            "required": spec.required,
            "choices": list(spec.choices) if spec.kind.name == "enum" else None,
            "example": spec.example,
            "description": spec.description,
            "operators": [*OPERATORS[spec.kind.name], Op.IS_NULL, Op.NOT_NULL],
        }
        for name, spec in resource.fields.items()
    ]
    return {"type": resource.type, "title": resource.title, "key": list(resource.key), "fields": fields}
