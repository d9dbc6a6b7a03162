"""The flow `bulk-apply`: a frozen plan is applied, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.job_parameter import AS_TEXT_TOO
from flows.pipelines import apply_plan
from flows.reported import reported, reported_here
from schemas.jobs import ApplyJob
from schemas.reports import Progress, Report
from schemas.settings import settings
from tasks.prefect_tasks import WATCHED


def _run_name() -> str:
    return f"apply {flow_run.parameters['job'].source}"


@flow(name="bulk-apply", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_apply(job: Annotated[ApplyJob, AS_TEXT_TOO, Field(description="Which plan to apply.")]) -> Any:
    """Apply a frozen plan: that of a preview, or of a sync that was held back."""
    return reported(lambda url, told, run: apply_plan(job, url, settings(), steps=WATCHED, progress=told, run_id=run))


def run_here(job: ApplyJob, progress: Progress) -> Report:
    """Carry the flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    return reported_here(bulk_apply, job, progress)
