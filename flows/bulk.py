"""The bulk flows: each pipeline of the registry as a Prefect flow, its steps as tasks and its result as an artifact.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run

from flows.approval import can_be_held, hold, is_resumed, resume, settle
from flows.job_parameter import AS_TEXT_TOO, as_text
from flows.monitoring.artifacts import publish_export, publish_failure, publish_report
from flows.monitoring.ends import End, end_of_error, end_of_result
from flows.monitoring.events import with_events
from flows.monitoring.lineage import with_lineage
from flows.monitoring.progress import LISTENER, published
from flows.monitoring.run_log import log, quiet_prefect, report_lines, request_lines, with_log
from flows.registry import APPLY, BULK, EXPORT, HELD, IMPORT, SYNC, UNDO, BulkFlow, Job
from flows.sync_watch import circumstances
from schemas.errors import CmdbError, UsageError
from schemas.jobs import ApplyJob, ExportJob, SyncJob
from schemas.reports import Exported, Progress, Report
from schemas.settings import settings
from tasks.prefect_tasks import WATCHED, WATCHED_EXPORT, watched_undo, without_heartbeat
from tasks.private_files import keep_private
from tasks.store import ledger
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine

Pipeline = Callable[[str], Report | Exported]
"""The pipeline of a run, on a database by its address."""


def _bulk_flow(spec: BulkFlow, **options: Any) -> Flow[..., Any]:
    """Return the flow of a spec: its pipeline with the given options, on the database, with published progress."""

    def run(job: Any) -> Any:
        keep_private()  # a stock worker has not done so
        quiet_prefect()
        run_id = UUID(flow_run.id)
        if isinstance(job, SyncJob) and is_resumed():
            return resume(run_id, _state_of_apply)
        with published() as progress:
            log(request_lines(job))
            given = {"progress": progress, "run_id": run_id, **options}

            def pipeline(url: str) -> Report | Exported:
                _refuse_changes(spec, job)
                return spec.pipeline(job, url, settings(), **given)

            end = with_events(job, run_id, lambda: with_lineage(job, run_id, lambda: _end_of(job, run_id, pipeline)))
            progress.end(
                end.status,
                message=end.message,
                summary=end.summary,
                code=end.code,
                exported=end.exported,
                held=end.held,
            )
        if end.held and can_be_held():
            raise hold(run_id, end.state.message or HELD)
        if isinstance(job, ApplyJob):
            with database(settings()) as url:
                settle(job.plan, url)
        return end.state

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


def _refuse_changes(spec: BulkFlow, job: Any) -> None:
    """Raise UsageError for a run of a deployment for previews that is to change records: its form may say so."""
    if spec.preview and deployment.name == spec.preview and not job.dry_run:
        raise UsageError(
            f"The deployment {spec.preview} changes nothing: leave its dry run on, or run {spec.deployment}."
        )


_STEPS = with_log(WATCHED)

bulk_import = _bulk_flow(IMPORT, steps=_STEPS)
bulk_export = _bulk_flow(EXPORT, steps=WATCHED_EXPORT)
bulk_sync = _bulk_flow(SYNC, steps=_STEPS, seen=circumstances)
bulk_apply = _bulk_flow(APPLY, steps=_STEPS)
bulk_undo = _bulk_flow(UNDO, step=watched_undo)


def _state_of_apply(job: ApplyJob) -> State[Any]:
    """Apply a plan within the present run; returns the state in which that ended."""
    apply: Any = bulk_apply
    state: State[Any] = apply(as_text(job), return_state=True)
    return state


def run_here(job: Job, progress: Progress) -> Report | Exported:
    """Run the flow of a job in this process, which reports to `progress` too; raises what kept it from a result."""
    bulk_flow: Any = getattr(sys.modules[__name__], BULK[type(job)].function)
    token = LISTENER.set(progress)
    try:
        with without_heartbeat():
            state: State[Any] = bulk_flow(as_text(job), return_state=True)
    finally:
        LISTENER.reset(token)
    result = state.result(raise_on_failure=False)
    if isinstance(result, Exported):
        return result
    if isinstance(result, BaseException):
        raise result
    with database(settings()) as url, engine(url).connect() as connection:
        run_id = ledger.find_run(connection, str(state.state_details.flow_run_id))
        return ledger.read_report(connection, run_id, samples=settings().samples)


def _end_of(job: Job, run_id: UUID, pipeline: Pipeline) -> End:
    """Run a pipeline and publish what it did; raises faults of the program alone."""
    try:
        with database(settings()) as url:
            try:
                result = pipeline(url)
            except (CmdbError, MemoryError) as error:
                end = end_of_error(error, job)
                _publish_failure(job, run_id, end.message or "", url)
                return end
            _publish(job, result, url)
            return end_of_result(result)
    except CmdbError as error:  # the database is away
        end = end_of_error(error, job)
        publish_failure(job, run_id, end.message or "")
        return end


def _publish(job: Job, result: Report | Exported, url: str) -> None:
    if isinstance(result, Exported):
        assert isinstance(job, ExportJob)  # noqa: S101  # its pipeline gives nothing else
        publish_export(result, job)
        return
    log(report_lines(result))
    publish_report(result, job, url)


def _publish_failure(job: Job, run_id: UUID, message: str, url: str) -> None:
    """Publish the report that the ledger has of a run which an error ended, or else the error alone."""
    with database_errors(), engine(url).connect() as connection:
        entered = ledger.status_of(connection, run_id)
        report = ledger.read_report(connection, run_id, samples=settings().samples) if entered else None
    if report is None:
        publish_failure(job, run_id, message)
        return
    log(report_lines(report))
    publish_report(report, job, url)
