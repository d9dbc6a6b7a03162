"""The flow `bulk-export`: records of the CMDB into a file, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from prefect import flow, states
from prefect.runtime import flow_run
from pydantic import Field

from flows.job_parameter import AS_TEXT_TOO, as_text
from flows.pipelines import export_file
from schemas.errors import Cancelled
from schemas.jobs import ExportJob
from schemas.reports import Exported, Progress
from schemas.settings import settings
from tasks.prefect_tasks import WATCHED_EXPORT, heard, publish_export, published
from tasks.private_files import keep_private
from tasks.store.connection.database import database


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return f"{job.what} to {job.path.name}"


@flow(name="bulk-export", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_export(job: Annotated[ExportJob, AS_TEXT_TOO, Field(description="What to export, and where to.")]) -> Any:
    """Export records to a file: query, validate, map, write. An artifact holds what was written."""
    keep_private()  # a stock worker has not done so
    try:
        with published() as progress, database(settings()) as url:
            run_id = UUID(flow_run.id)
            exported = export_file(job, url, settings(), steps=WATCHED_EXPORT, progress=progress, run_id=run_id)
            publish_export(exported)
    except Cancelled as stopped:
        return states.Cancelled(message=str(stopped))
    return exported


def run_here(job: ExportJob, progress: Progress) -> Exported:
    """Carry the flow out in this process, telling `progress` too; raises what went wrong."""
    exported = heard(bulk_export, as_text(job), progress)
    assert isinstance(exported, Exported)  # noqa: S101  # for the type checker
    return exported
