"""The flow `bulk-import`: a file into the CMDB, watched by Prefect.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from prefect import flow, states
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from flows.sentences import import_file
from schemas.errors import Cancelled, RunFailed
from schemas.jobs import ImportJob
from schemas.reports import Progress, Report, Status
from schemas.settings import settings
from tasks.rejects import write_rejects
from tasks.store import ledger
from tasks.store.database import database
from tasks.store.engine import engine
from tasks.watched import WATCHED, heard, publish_report, published


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return f"{job.mode} {job.resource_type or 'records'} from {job.source}"


@flow(name="bulk-import", flow_run_name=_run_name, validate_parameters=True, persist_result=False)
def bulk_import(job: Annotated[ImportJob, Field(description="What to import, and how.")]) -> Any:
    """Import a file: extract, map, validate, load. The state tells the end, and an artifact holds the report."""
    try:
        with database(settings()) as url, published() as progress:
            report = import_file(job, url, settings(), steps=WATCHED, progress=progress, run_id=UUID(flow_run.id))
            publish_report(report, _rejects_file(report, url))
            if report.status is not Status.COMPLETED:
                raise RunFailed(report.message)
    except Cancelled as stopped:
        return states.Cancelled(message=str(stopped))
    return report.run_id


def _rejects_file(report: Report, url: str) -> Path | None:
    """Write the rejected rows of a run to a file in the storage folder, where the report links to it."""
    if not report.counts.rejected:
        return None
    path = settings().storage / "rejects" / f"{report.run_id}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with engine(url).connect() as connection:
        write_rejects(connection, UUID(report.run_id), path)
    return path


def run_here(job: ImportJob, progress: Progress) -> Report:
    """Carry the flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    return _report_of(heard(bulk_import, job, progress, return_state=True))


def _report_of(state: State[Any]) -> Report:
    """Return the report of a flow run that has one; raises what kept the others from having one."""
    if not state.is_completed() and not isinstance(error := state.result(raise_on_failure=False), RunFailed):
        raise error
    with database(settings()) as url, engine(url).connect() as connection:
        run_id = ledger.find_run(connection, str(state.state_details.flow_run_id))
        return ledger.read_report(connection, run_id, samples=settings().samples)
