"""What each flow says, once: the same words with Prefect and without."""

from __future__ import annotations

from uuid import UUID

from schemas.jobs import ExportJob, ImportJob
from schemas.reports import Exported, Progress, Report, silent
from schemas.settings import Settings
from tasks import export as exporting
from tasks.run import open_run
from tasks.steps import PLAIN, Steps


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
        source = steps.extract(run)
        mapping = steps.map(run, source)
        staging = steps.validate(run, source, mapping)
        steps.load(run, staging, source, mapping)
    return run.report


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
    with exporting.open_export(job, url, settings, progress, run_id) as run:
        tables = []
        for part in run.parts:
            records = steps.query(part)
            sound = steps.validate(part, records)
            tables.append(exporting.Table(part, sound, steps.map(part, sound)))
        return steps.write(run, tables)
