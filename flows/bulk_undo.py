"""The flow `bulk-undo`: what a run did is taken back, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from prefect import flow, states
from prefect.runtime import flow_run
from pydantic import Field

from schemas.errors import Cancelled
from schemas.jobs import UndoJob
from schemas.reports import Progress, Report
from schemas.settings import settings
from tasks.store import ledger
from tasks.store.database import database
from tasks.store.engine import engine
from tasks.watched import heard, publish_report, published, watched_undo


def _run_name() -> str:
    return f"undo of {flow_run.parameters['job'].run}"


@flow(name="bulk-undo", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_undo(job: Annotated[UndoJob, Field(description="What to take back, and how.")]) -> Any:
    """Take a run back. The state tells the end, and an artifact holds the report."""
    try:
        with database(settings()) as url, published() as progress:
            report = watched_undo(job, url, settings(), progress, UUID(flow_run.id))
            publish_report(report, None)
    except Cancelled as stopped:
        return states.Cancelled(message=str(stopped))
    return report.run_id


def run_here(job: UndoJob, progress: Progress) -> Report:
    """Carry the flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    run_id = heard(bulk_undo, job, progress)
    with database(settings()) as url, engine(url).connect() as connection:
        return ledger.read_report(connection, UUID(run_id), samples=settings().samples)
