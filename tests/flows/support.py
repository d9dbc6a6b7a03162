"""What tests of plans, syncs and undos do: plan, apply, sync, take back, and look at what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from flows.pipelines import apply_plan, sync_source
from schemas.jobs import ApplyJob, SyncJob, UndoJob
from schemas.model.tables import LINEAGE, TABLES
from schemas.reports import Progress, Report, silent
from schemas.settings import settings
from tasks.steps.undo import undo
from tests.databases import EMPTY
from tests.support import execute, issues_of, staging_tables, stored

Record = dict[str, Any]


def apply(url: str, report: Report, progress: Progress = silent, **options: Any) -> Report:
    """Apply the plan of a run."""
    return apply_plan(ApplyJob(plan=UUID(report.run_id), **options), url, settings(), progress=progress)


def sync(url: str, source: str | Path, progress: Progress = silent, **options: Any) -> Report:
    """Sync a source; a path is a file."""
    address = f"file://{source}" if isinstance(source, Path) else source
    used = options.pop("settings", None) or settings()
    return sync_source(SyncJob(url=address, **options), url, used, progress=progress)


def at(**doing: Callable[[], object]) -> Progress:
    """Progress that does something whenever a phase is told."""

    def told(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        if phase in doing:
            doing[phase]()

    return told


def undo_of(url: str, report: Report, **options: Any) -> Report:
    """Undo a run."""
    return undo(UndoJob(run=UUID(report.run_id), **options), url, settings())


def records(url: str, resource_type: str = "vpc") -> list[Record]:
    """Return the records of a type without their lineage, but with whether each is retired."""
    return [
        {name: value for name, value in record.items() if name not in LINEAGE}
        | {"retired": record["retired_at"] is not None}
        for record in stored(url, resource_type)
    ]


def everything(url: str) -> dict[str, list[Record]]:
    """Return the records of every type that has some."""
    return {name: found for name in TABLES if (found := records(url, name))}


def names(url: str) -> dict[str, str]:
    """Return the names of the VPCs that are there and not retired, by the last digits of their ids."""
    return {record["vpc_id"][-2:]: record["name"] for record in records(url) if not record["retired"]}


def forget_everything(url: str) -> None:
    """Empty every table, for the next example of a property."""
    execute(url, EMPTY)


@dataclass(frozen=True)
class End:
    """All that a run leaves: its report but for what is its own, the records, and what the ledger has of it."""

    report: Report
    issues: list[Any]
    records: dict[str, list[dict[str, Any]]]
    rejected: list[Any]
    changes: list[Any]
    seen: list[Any]
    staging: list[str]


def end_of(url: str, report: Report) -> End:
    """Return all that a run has left."""
    run = UUID(report.run_id)
    plan = replace(report.plan, hash="", until=None) if report.plan else None
    return End(
        replace(report, run_id="", duration=0.0, started=None, repeats=None, plan=plan, undoes=None, applies=None),
        issues_of(url, report),
        everything(url),
        execute(url, "select part, row, data from rejected_row where run_id = :run order by part, row", run=run),
        execute(
            url, "select resource_type, key, row, after from all_changes where run_id = :run order by 1, 2", run=run
        ),
        execute(url, "select source_version is null, sha256, rules from import_run where run_id = :run", run=run),
        sorted(name[len("run_") + 32 :] for name in staging_tables(url)),
    )
