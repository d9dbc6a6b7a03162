"""The flow `bulk-import`: a file into the CMDB, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.job_parameter import AS_TEXT_TOO
from flows.pipelines import import_file
from flows.reported import reported, reported_here
from schemas.jobs import ImportJob
from schemas.reports import Progress, Report
from schemas.settings import settings
from tasks.prefect_tasks import WATCHED


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return f"{job.mode} {job.resource_type or 'records'} from {job.source}"


@flow(name="bulk-import", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_import(job: Annotated[ImportJob, AS_TEXT_TOO, Field(description="What to import, and how.")]) -> Any:
    """Import a file: extract, map, validate, load. The state tells the end, and an artifact holds the report."""
    return reported(lambda url, told, run: import_file(job, url, settings(), steps=WATCHED, progress=told, run_id=run))


def run_here(job: ImportJob, progress: Progress) -> Report:
    """Carry the flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    return reported_here(bulk_import, job, progress)
