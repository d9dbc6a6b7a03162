"""cmdb from Python: import, plan, apply, undo, export, sync, list records, and write rules of your own.

    import cmdb

    report = cmdb.import_file(cmdb.ImportJob(path="vpcs.csv", mode="update"))
    print(report.counts.update, report.counts.rejected)

A job says what to do, with every option that the command line has; a file's name alone stands for an import of it with
the usual options. Everything runs in this process, on the database of the settings (`CMDB_DATABASE_URL`, else the
embedded one); give `settings` for another. A run that fails raises a `CmdbError`, and has changed nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from flows import pipelines
from schemas.custom import Rule, rule
from schemas.errors import CmdbError, MappingError, RunFailed, SourceError, Unavailable, UnknownType, UsageError
from schemas.issues import Issue, Severity
from schemas.job_options.choices import Drift, Empty, Missing, Mode, OnError, Overlap, Stale, Unknown
from schemas.job_options.filters import Filter, parse
from schemas.job_options.read_options import ReadOptions, SheetOptions
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob, WriteOptions
from schemas.language.remedies import NEUTRAL
from schemas.reports import Change, Counts, Exported, Outcome, Progress, Report, Status, silent
from schemas.resources import resource
from schemas.settings import Settings
from schemas.settings import settings as settings_of_the_process
from tasks.steps import undo as undoing
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine
from tasks.store.read import record_pages

__all__ = [
    "ApplyJob",
    "Change",
    "CmdbError",
    "Counts",
    "Drift",
    "Empty",
    "ExportJob",
    "Exported",
    "Filter",
    "ImportJob",
    "Issue",
    "MappingError",
    "Missing",
    "Mode",
    "OnError",
    "Outcome",
    "Overlap",
    "Progress",
    "ReadOptions",
    "Report",
    "Rule",
    "RunFailed",
    "Settings",
    "Severity",
    "SheetOptions",
    "Stale",
    "Status",
    "SyncJob",
    "Unavailable",
    "UndoJob",
    "Unknown",
    "UnknownType",
    "UsageError",
    "WriteOptions",
    "apply_plan",
    "export_file",
    "import_file",
    "list_records",
    "parse_filter",
    "plan_file",
    "rule",
    "sync",
    "undo",
]

parse_filter = parse
"""Read a filter such as `region = us-east-1 and name like core`; raises UsageError."""

_ALL = 2**31


def import_file(
    job: ImportJob | Path | str, *, settings: Settings | None = None, progress: Progress = silent
) -> Report:
    """Import a file, or with `dry_run` find out what that would do."""
    used = settings or settings_of_the_process()
    with database(used) as url:
        return pipelines.import_file(_import(job), url, used, progress=progress).worded(NEUTRAL)


def plan_file(job: ImportJob | Path | str, *, settings: Settings | None = None, progress: Progress = silent) -> Report:
    """Freeze what an import would do: `report.plan` has its hash, and `apply_plan` carries exactly that out."""
    frozen = _import(job).model_copy(update={"dry_run": True, "keep_plan": True})
    return import_file(frozen, settings=settings, progress=progress)


def apply_plan(
    job: ApplyJob | Report | UUID | str, *, settings: Settings | None = None, progress: Progress = silent
) -> Report:
    """Apply a frozen plan: that of a report, of a run's id, or of a job with options. Raises PlanDrifted."""
    used = settings or settings_of_the_process()
    if isinstance(job, Report):
        job = ApplyJob(plan=UUID(job.run_id), hash=job.plan.hash if job.plan else None)
    elif not isinstance(job, ApplyJob):
        job = ApplyJob(plan=UUID(str(job)))
    with database(used) as url:
        return pipelines.apply_plan(job, url, used, progress=progress).worded(NEUTRAL)


def sync(job: SyncJob | str, *, settings: Settings | None = None, progress: Progress = silent) -> Report:
    """Bring the records of a source, such as `aws://core/eu-central-1`, into the CMDB."""
    used = settings or settings_of_the_process()
    asked = job if isinstance(job, SyncJob) else SyncJob(url=job)
    with database(used) as url:
        return pipelines.sync_source(asked, url, used, progress=progress).worded(NEUTRAL)


def undo(
    job: UndoJob | Report | UUID | str, *, settings: Settings | None = None, progress: Progress = silent
) -> Report:
    """Undo a run: that of a report, of a run's id, or of a job with options."""
    used = settings or settings_of_the_process()
    if not isinstance(job, UndoJob):
        job = UndoJob(run=UUID(job.run_id if isinstance(job, Report) else str(job)))
    with database(used) as url:
        return undoing.undo(job, url, used, progress=progress).worded(NEUTRAL)


def export_file(job: ExportJob, *, settings: Settings | None = None, progress: Progress = silent) -> Exported:
    """Export records to a file, which is there whole or not at all."""
    used = settings or settings_of_the_process()
    with database(used) as url:
        return pipelines.export_file(job, url, used, progress=progress)


def list_records(
    type: str,  # the argument's name
    *,
    where: Filter | str | None = None,
    sort: tuple[str, ...] = (),
    limit: int | None = None,
    settings: Settings | None = None,
) -> list[dict[str, Any]]:
    """Return the records of a type in service, each with its `key` and fields; raises UsageError.

    They are all in memory: export more than some thousands instead.
    """
    asked = parse(where) if isinstance(where, str) else where
    wanted = record_pages.Wanted(resource(type), asked, sort=sort, limit=_ALL if limit is None else limit)
    with database(settings or settings_of_the_process()) as url, database_errors(), engine(url).connect() as connection:
        return record_pages.page(connection, wanted)[1]


def _import(job: ImportJob | Path | str) -> ImportJob:
    wanted = job if isinstance(job, ImportJob) else ImportJob(path=Path(job))
    for path in (wanted.path, *wanted.more):
        if not path.exists():
            raise SourceError(f"{path} does not exist: name a file.")
    return wanted
