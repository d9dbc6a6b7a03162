"""What each flow says, once: the same words with Prefect and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

from flows.commands import OPERATORS
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Exported, Outcome, Progress, Report, silent
from schemas.settings import Settings
from tasks.notifications.notifications import Circumstances, noticed
from tasks.runtime.context import open_run, report_of
from tasks.runtime.export_context import open_export
from tasks.runtime.sync_definition import keep_definition
from tasks.runtime.sync_lock import acquire_sync_lock
from tasks.steps import export as exporting
from tasks.steps.kept_source import with_source
from tasks.steps.registry import PLAIN, Steps, validate_all
from tasks.steps.restore_plan import staged_plan
from tasks.steps.undo import undo


def import_file(
    job: ImportJob,
    url: str,
    settings: Settings,
    *,
    steps: Steps = PLAIN,
    progress: Progress = silent,
    run_id: UUID | None = None,
) -> Report:
    """Import a file, or with `dry_run` find out what that would do; a run that its thresholds stop has a report too."""
    with open_run(job, url, settings, progress, run_id) as run:
        mapped = steps.map(run, steps.extract(run, job))
        steps.load(run, validate_all(steps, run, mapped))
    return report_of(run)


def sync_source(
    job: SyncJob,
    url: str,
    settings: Settings,
    *,
    steps: Steps = PLAIN,
    progress: Progress = silent,
    run_id: UUID | None = None,
    seen: Callable[[SyncJob], Circumstances] = lambda _: Circumstances(),
) -> Report:
    """Bring the records of a source into the CMDB; a source that is as it was changes nothing.

    Its webhook, if it has one, is told of an end that somebody should know of; `seen` returns what
    Prefect knows of the run.
    """
    run_id, asked = run_id or uuid4(), job
    job = with_source(job)
    known = replace(seen(job), wording=OPERATORS)
    with noticed(job, url, run_id, known), open_run(job, url, settings, progress, run_id) as run:
        acquire_sync_lock(run, job)
        keep_definition(run, asked)
        fetched = steps.fetch(run, job)
        if fetched is None:
            run.close(Outcome.UNCHANGED)
        else:
            mapped = steps.map(run, steps.read(run, job, fetched))
            steps.load(run, validate_all(steps, run, mapped))
    return report_of(run)


def apply_plan(
    job: ApplyJob,
    url: str,
    settings: Settings,
    *,
    steps: Steps = PLAIN,
    progress: Progress = silent,
    run_id: UUID | None = None,
) -> Report:
    """Apply a frozen plan: nothing is read or validated again, and what moved since is seen."""
    with open_run(job, url, settings, progress, run_id) as run:
        steps.load(run, staged_plan(run, job))
    return report_of(run)


def export_file(
    job: ExportJob,
    url: str,
    settings: Settings,
    *,
    steps: exporting.Steps = exporting.PLAIN,
    progress: Progress = silent,
    run_id: UUID | None = None,
) -> Exported:
    """Export the records of a type, or of several, to a file, which is there whole or not at all."""
    with open_export(job, url, settings, progress, run_id) as run:
        tables = [steps.map(run, steps.validate(run, steps.query(run, chosen))) for chosen in run.resources]
        return steps.write(run, tables)


def undo_run(
    job: UndoJob,
    url: str,
    settings: Settings,
    *,
    step: Callable[[UndoJob, str, Settings, Progress, UUID | None], Report] = undo,
    progress: Progress = silent,
    run_id: UUID | None = None,
) -> Report:
    """Undo a run, in a run of its own that has a report and can be undone."""
    return step(job, url, settings, progress, run_id)
