"""The flow `bulk-sync`: the records of a source into the CMDB, and away what it no longer has, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.job_parameter import AS_TEXT_TOO
from flows.pipelines import sync_source
from flows.reported import reported, reported_here
from flows.sync_watch import circumstances
from schemas.jobs import SyncJob
from schemas.reports import Progress, Report
from schemas.settings import settings
from tasks.prefect_tasks import WATCHED


def _run_name() -> str:
    return f"sync {flow_run.parameters['job'].source}"


@flow(name="bulk-sync", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_sync(job: Annotated[SyncJob, AS_TEXT_TOO, Field(description="What to sync, and how.")]) -> Any:
    """Sync a source: fetch, read, map, validate, load. A source that is as it was changes nothing."""
    seen = circumstances(job)
    return reported(
        lambda url, told, run: sync_source(job, url, settings(), steps=WATCHED, progress=told, run_id=run, seen=seen)
    )


def run_here(job: SyncJob, progress: Progress) -> Report:
    """Carry the flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    return reported_here(bulk_sync, job, progress)
