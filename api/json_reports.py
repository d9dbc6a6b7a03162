"""Reports, differences and exports read back from the JSON that the REST API answers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode, Verdict
from schemas.mapping import Join, Mapping, Match, Measure
from schemas.reports import (
    Change,
    Counts,
    Decision,
    Exported,
    FrozenPlan,
    Outcome,
    PartReport,
    Report,
    RuleCount,
    Status,
)
from schemas.sources import Origin, Sheet


def report_from_json(data: dict[str, Any]) -> Report:
    """Return the report of `GET /api/runs/{run}`: `api.json_output.report_json` gives the same JSON for it again."""
    samples = data.get("samples")
    # Of a plan, the samples are records; else they are values of the columns of a source that was read.
    records = samples if isinstance(samples, list) else []
    origin = _origin(data, {} if isinstance(samples, list) else samples or {})
    plan = data["plan"]
    return Report(
        run_id=data["runId"],
        status=Status(data["status"]),
        resource_type=data["resourceType"] or "",
        source=data["source"],
        mode=Mode(data["mode"]),
        dry_run=data["dryRun"],
        counts=Counts(**data["counts"]),
        duration=data["durationSeconds"],
        message=data["message"],
        outcome=Outcome(data["outcome"]) if data["outcome"] else None,
        mapping=_mapping(data.get("mapping")),
        rules=tuple(RuleCount(each["rule"], Severity(each["severity"]), each["count"]) for each in data["rules"]),
        issues=tuple(map(_issue, data["issues"])),
        changes=tuple(map(change_from_json, data.get("changes") or ())),
        samples=tuple({("row_number" if name == "row" else name): value for name, value in s.items()} for s in records),
        notices=tuple(map(_issue, data["notices"])),
        origin=origin,
        repeats=data["repeats"],
        started=time_from_json(data["startedAt"]),
        requested_by=data["requestedBy"],
        undoes=data["undoes"],
        applies=data["applies"],
        parts=tuple(_part(part, origin) for part in data["parts"]),
        plan=_plan(plan) if plan else None,
        sync=data["sync"],
        version=data["sourceVersion"],
    )


def change_from_json(data: dict[str, Any]) -> Change:
    """Return a change of a plan, or of the difference between two runs."""
    fields = {name: (each["before"], each["after"]) for name, each in data["fields"].items()}
    return Change(data["key"], data["action"], data.get("row"), fields, data["resourceType"])


def exported_from_json(data: dict[str, Any], path: Path) -> Exported:
    """Return what `GET /api/export/result/{id}` says of an export whose file is at `path`."""
    return Exported(
        run_id=data["exportId"],
        resource_type=data["resourceType"],
        path=path,
        format=data["format"],
        columns=tuple(data["columns"]),
        records=data["records"],
        size=data["sizeBytes"],
        duration=data["durationSeconds"],
        unfit=tuple((each["field"], each["rule"], each["count"]) for each in data["unfit"]),
        types=data["types"],
        notices=tuple(data["notices"]),
    )


def time_from_json(text: str | None) -> datetime | None:
    """Return a point in time; None for none."""
    return datetime.fromisoformat(text) if text else None


def _plan(data: dict[str, Any]) -> FrozenPlan:
    # A server of an earlier version has no decisions.
    made = data.get("decision")
    known = {"verdict": Verdict(made["verdict"]), "at": datetime.fromisoformat(made["at"])} if made else {}
    decision = Decision(**made | known) if made else None
    return FrozenPlan(data["hash"], time_from_json(data["until"]), data["applied"], decision)


def _issue(data: dict[str, Any]) -> Issue:
    # What an issue proposes is in its message.
    known = {name: value for name, value in data.items() if name != "remedy"}
    return Issue(**known | {"severity": Severity(data["severity"])})


def _mapping(data: dict[str, Any] | None) -> Mapping | None:
    if data is None:
        return None
    return Mapping(
        tuple(Match(**each) for each in data["columns"]),
        data["constants"],
        tuple(data["unknown"]),
        overrides=tuple(data["overrides"]),
        joins=tuple(Join(**each | {"measure": Measure(each["measure"])}) for each in data["joins"]),
    )


def _origin(data: dict[str, Any], samples: dict[str, Any]) -> Origin | None:
    if data.get("format") is None:
        return None
    return Origin(
        format=data["format"],
        columns=tuple(data["columns"]),
        size=data["sizeBytes"],
        sha256=data["sha256"],
        encoding=data["encoding"],
        delimiter=data["delimiter"],
        sheet=data["sheet"],
        header_row=data["headerRow"],
        document=data["document"],
        samples={name: tuple(values) for name, values in samples.items()},
        sheets=tuple(_sheet(each, number) for number, each in enumerate(data.get("sheets") or ())),
    )


def _sheet(data: dict[str, Any], number: int) -> Sheet:
    columns = tuple((each["column"], each["field"] or "") for each in data["columns"])
    return Sheet(data["name"], number, data["resourceType"] if data["read"] else "", columns)


def _part(data: dict[str, Any], origin: Origin | None) -> PartReport:
    columns = data["columns"]
    own = Origin(origin.format, tuple(columns), origin.size, origin.sha256) if origin and columns is not None else None
    return PartReport(data["type"], data["source"], Counts(**data["counts"]), _mapping(data["mapping"]), own)
