"""The flow `bulk-undo`: what a run did is taken back, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.job_parameter import AS_TEXT_TOO
from flows.reported import reported, reported_here
from schemas.jobs import UndoJob
from schemas.reports import Progress, Report
from schemas.settings import settings
from tasks.prefect_tasks import watched_undo


def _run_name() -> str:
    return f"undo of {flow_run.parameters['job'].run}"


@flow(name="bulk-undo", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_undo(job: Annotated[UndoJob, AS_TEXT_TOO, Field(description="What to take back, and how.")]) -> Any:
    """Take a run back. The state tells the end, and an artifact holds the report."""
    return reported(lambda url, told, run: watched_undo(job, url, settings(), told, run))


def run_here(job: UndoJob, progress: Progress) -> Report:
    """Carry the flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    return reported_here(bulk_undo, job, progress)
