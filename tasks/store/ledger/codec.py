"""Rows and JSON values of the ledger as the values of `schemas.reports`, and the way back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode, Verdict
from schemas.language.outcome_messages import sentence
from schemas.mapping import Join, Mapping, Match, Measure
from schemas.ordering import in_declared_order, in_order
from schemas.reports import Change, Counts, Decision, FrozenPlan, Outcome, PartReport, Report, RuleCount, Status
from schemas.sources import Origin, Sheet


def mapping_to_json(mapping: Mapping) -> dict[str, Any]:
    """Return a mapping as the ledger keeps it."""
    return {
        "matches": [asdict(match) for match in mapping.matches],
        "constants": mapping.constants,
        "unknown": list(mapping.unknown),
        "secret": list(mapping.secret),
        "seen": mapping.seen,
        "overrides": list(mapping.overrides),
        "joins": [asdict(join) for join in mapping.joins],
    }


def mapping_from_json(data: dict[str, Any]) -> Mapping:
    """Return a mapping that the ledger kept."""
    matches = tuple(Match(**match) for match in data["matches"])
    joins = tuple(Join(**join | {"measure": Measure(join["measure"])}) for join in data.get("joins", ()))
    return Mapping(
        matches,
        data["constants"],
        tuple(data["unknown"]),
        tuple(data["secret"]),
        data.get("seen"),
        tuple(data.get("overrides", ())),
        joins,
    )


def change_to_json(change: Change) -> dict[str, Any]:
    """Return a change as the ledger keeps it."""
    return asdict(change)


def change_from_json(data: dict[str, Any]) -> Change:
    """Return a change that the ledger kept."""
    fields = {name: (before, after) for name, (before, after) in data["fields"].items()}
    kind = data.get("resource_type", "")
    return Change(data["key"], data["action"], data["row"], in_declared_order(fields, kind), kind)


def parts_to_json(parts: list[PartReport]) -> list[dict[str, Any]]:
    """Return what a run did with each of its types, as the ledger keeps it."""
    return [
        asdict(part)
        | {"mapping": mapping_to_json(part.mapping) if part.mapping else None}
        | {"origin": asdict(part.origin) if part.origin else None}
        for part in parts
    ]


def _part_from_json(data: dict[str, Any]) -> PartReport:
    return PartReport(
        data["resource_type"],
        data["source"],
        Counts(**data["counts"]),
        mapping_from_json(data["mapping"]) if data["mapping"] else None,
        _origin_from_json(data["origin"]) if data["origin"] else None,
    )


def _origin_from_json(data: dict[str, Any]) -> Origin:
    sheets = tuple(
        Sheet(**sheet | {"columns": tuple((column, field) for column, field in sheet["columns"])})
        for sheet in data.get("sheets", ())
    )
    samples = in_order(data.get("samples", {}), data["columns"])
    return Origin(**data | {"columns": tuple(data["columns"]), "sheets": sheets, "samples": samples})


def issue_from_row(row: dict[str, Any]) -> Issue:
    """Return an issue from its columns or its JSON object, by name."""
    return Issue(**{**row, "severity": Severity(row["severity"])})


def report_from_row(row: Row[Any], dead: Collection[UUID], issues: tuple[Issue, ...] = ()) -> Report:
    """Return the report of a row of `import_run` with these issues; one of the `dead` runs has crashed."""
    outcome = Outcome.CRASHED if row.run_id in dead else Outcome(row.outcome) if row.outcome else None
    rules = [RuleCount(rule, Severity(severity), count) for rule, severity, count in row.rules or ()]
    parts = tuple(_part_from_json(part) for part in row.parts or ())
    return Report(
        run_id=str(row.run_id),
        status=outcome.status if outcome else Status(row.status),
        resource_type=row.resource_type or ", ".join(part.resource_type for part in parts),
        source=row.source,
        mode=Mode(row.mode),
        dry_run=row.dry_run,
        counts=_counts_from_row(row),
        duration=row.duration or 0.0,
        message=sentence(outcome, row.message),
        outcome=outcome,
        mapping=mapping_from_json(row.mapping) if row.mapping else None,
        rules=tuple(rules),
        issues=issues,
        changes=tuple(change_from_json(change) for change in row.changes or ()),
        samples=tuple(row.samples or ()),
        origin=_origin_from_json(row.origin) if row.origin else None,
        notices=tuple(issue_from_row(notice) for notice in row.notices or ()),
        repeats=str(row.repeats) if row.repeats else None,
        started=row.started_at,
        requested_by=row.requested_by,
        undoes=str(row.undoes) if row.undoes else None,
        applies=str(row.applies) if row.applies else None,
        parts=parts,
        plan=_plan_from_row(row) if row.plan else None,
        sync=row.sync,
        version=row.source_version,
    )


def _plan_from_row(row: Row[Any]) -> FrozenPlan:
    decision = decision_from_json(row.plan.get("decision"))
    return FrozenPlan(row.plan["hash"], row.plan_until, row.plan.get("applied"), decision)


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as the ledger keeps it."""
    return asdict(decision) | {"at": decision.at.isoformat()}


def decision_from_json(data: dict[str, Any] | None) -> Decision | None:
    """Return a decision that the ledger keeps; None for none."""
    if data is None:
        return None
    return Decision(**data | {"verdict": Verdict(data["verdict"]), "at": datetime.fromisoformat(data["at"])})


def _counts_from_row(row: Row[Any]) -> Counts:
    return Counts(
        read=row.records_read,
        create=row.records_created,
        update=row.records_updated,
        unchanged=row.records_unchanged,
        rejected=row.records_rejected,
        warnings=row.warnings,
        repairs=row.repairs,
        delete=row.records_deleted,
        retire=row.records_retired,
    )
