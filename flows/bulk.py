"""The bulk flows: each pipeline of the registry as a Prefect flow, its steps as tasks and its result as an artifact.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from prefect import Flow, flow, states
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from flows.job_parameter import AS_TEXT_TOO, as_text
from flows.registry import APPLY, BULK, EXPORT, IMPORT, SYNC, UNDO, BulkFlow, Job
from flows.sync_watch import circumstances
from schemas.errors import Cancelled, RunFailed, UnderWay
from schemas.reports import Exported, Progress, Report, Status
from schemas.settings import settings
from tasks.prefect_tasks import WATCHED, WATCHED_EXPORT, heard, publish_export, publish_report, published, watched_undo
from tasks.private_files import keep_private
from tasks.steps.rejects import write_rejects
from tasks.store import ledger
from tasks.store.connection.database import database
from tasks.store.connection.engine import engine


def _bulk_flow(spec: BulkFlow, **options: Any) -> Flow[..., Any]:
    """Return the flow of a spec: its pipeline with the given options, on the database, with published progress."""

    def run(job: Any) -> Any:
        keep_private()  # a stock worker has not done so
        try:
            with published() as progress, database(settings()) as url:
                run_id = UUID(flow_run.id)
                return _published(spec.pipeline(job, url, settings(), progress=progress, run_id=run_id, **options), url)
        except Cancelled as stopped:
            return states.Cancelled(message=str(stopped))
        except UnderWay as skipped:
            return states.Cancelled(name="Skipped", message=str(skipped))

    # Prefect reads name, import path, description and parameters of a flow from its function.
    run.__name__ = run.__qualname__ = spec.function
    run.__doc__ = spec.pipeline.__doc__
    run.__annotations__ = {"job": Annotated[spec.job, AS_TEXT_TOO], "return": Any}
    return flow(
        name=spec.name,
        flow_run_name=lambda: spec.title(flow_run.parameters["job"]),
        validate_parameters=True,
        persist_result=False,
    )(run)


bulk_import = _bulk_flow(IMPORT, steps=WATCHED)
bulk_export = _bulk_flow(EXPORT, steps=WATCHED_EXPORT)
bulk_sync = _bulk_flow(SYNC, steps=WATCHED, seen=circumstances)
bulk_apply = _bulk_flow(APPLY, steps=WATCHED)
bulk_undo = _bulk_flow(UNDO, step=watched_undo)


def run_here(job: Job, progress: Progress) -> Report | Exported:
    """Run the flow of a job in this process, which reports to `progress` too; raises what kept it from a result."""
    bulk_flow: Flow[..., Any] = getattr(sys.modules[__name__], BULK[type(job)].function)
    state: State[Any] = heard(bulk_flow, as_text(job), progress, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exported):
        return result
    has_report = state.is_completed() or state.name == "Skipped" or isinstance(result, RunFailed)
    if not has_report:
        raise result
    with database(settings()) as url, engine(url).connect() as connection:
        run_id = ledger.find_run(connection, str(state.state_details.flow_run_id))
        return ledger.read_report(connection, run_id, samples=settings().samples)


def _published(result: Report | Exported, url: str) -> Any:
    """Publish a result as an artifact, and return the flow's value; raises where nothing was applied."""
    if isinstance(result, Exported):
        publish_export(result)
        return result
    publish_report(result, _rejects_file(result, url))
    if result.status is Status.CANCELLED:
        raise UnderWay(result.message)
    if result.status is not Status.COMPLETED:
        raise RunFailed(result.message)
    return result.run_id


def _rejects_file(report: Report, url: str) -> Path | None:
    """Write the rejected rows of a run to a file in the storage folder, where the report links to it."""
    if not report.counts.rejected or report.undoes or report.applies:
        return None
    path = (
        settings().storage / "rejects" / f"{report.run_id}.{'xlsx' if report.parts and not report.mapping else 'csv'}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with engine(url).connect() as connection:
        write_rejects(connection, UUID(report.run_id), path)
    return path
