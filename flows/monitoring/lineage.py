"""OpenLineage events of runs: start and end, what was read and written, by which columns, and how much.

They are sent only where the client's own variables say where to (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG` or
`OPENLINEAGE__TRANSPORT__…`); a server that is away is a warning in the log of the run. No event holds a cell.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from importlib import metadata
from threading import Thread
from typing import Any
from uuid import UUID

from prefect import states
from prefect.client.schemas.objects import StateType
from prefect.logging import get_run_logger

from flows.monitoring.ends import End, is_preview
from flows.registry import BULK, Job
from schemas.jobs import ExportJob, SyncJob
from schemas.reports import Outcome

_VARIABLES = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT", "OPENLINEAGE__TRANSPORT__TYPE")
"""The client's variables of which one names a server, or where else events go."""

_SECONDS = 10
"""For how long a run waits until an event is sent."""


def is_configured() -> bool:
    """Whether the variables of the OpenLineage client say where events go; without them it would print each."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    return any(os.environ.get(name) for name in _VARIABLES)


def with_lineage(job: Job, run_id: UUID, run: Callable[[], End]) -> End:
    """Return how a run ends, and send events of its start and its end; previews send none."""
    if is_preview(job) or not is_configured():
        return run()
    _send(job, run_id, None)
    try:
        end = run()
    except Exception:
        _send(job, run_id, End(states.Failed(message="An unexpected error; see the log of the run."), "failed"))
        raise
    _send(job, run_id, end)
    return end


def _send(job: Job, run_id: UUID, end: End | None) -> None:
    """Send an event, and wait for it for a while; what keeps it from being sent is a warning."""
    sent: Future[None] = Future()

    def send() -> None:
        try:
            from openlineage.client import OpenLineageClient

            client = OpenLineageClient()
            client.emit(_event(job, run_id, end))
            client.close(_SECONDS)
            sent.set_result(None)
        except ModuleNotFoundError as error:
            sent.set_exception(RuntimeError(f'{error.name} is missing. Run: pip install "cmdb[lineage]"'))
        except Exception as error:  # a run ends as it did, whatever becomes of its lineage
            sent.set_exception(error)

    # Its retries take longer than a run should wait.
    Thread(target=send, name="lineage", daemon=True).start()
    try:
        sent.result(_SECONDS)
    except TimeoutError:
        get_run_logger().warning("An OpenLineage event was not sent within %s s.", _SECONDS)
    except Exception as error:
        get_run_logger().warning("An OpenLineage event was not sent: %s: %s", type(error).__name__, error)


def _event(job: Job, run_id: UUID, end: End | None) -> Any:
    from openlineage.client.event_v2 import Job as LineageJob
    from openlineage.client.event_v2 import Run, RunEvent
    from openlineage.client.facet_v2 import error_message_run, job_type_job, processing_engine_run

    version = metadata.version("cmdb")
    engine = processing_engine_run.ProcessingEngineRunFacet(version=version, name="cmdb")
    facets: dict[str, Any] = {"processing_engine": engine}
    if end and end.state.type is StateType.FAILED:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(end.state.message or "failed", "PYTHON")
    kind = job_type_job.JobTypeJobFacet("BATCH", "CMDB", jobType=BULK[type(job)].logged_as.upper())
    inputs, outputs = _datasets(job, end)
    return RunEvent(
        eventType=_type_of(end),
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(str(run_id), facets),
        job=LineageJob(os.environ.get("OPENLINEAGE_NAMESPACE") or "cmdb", _job_name(job), {"jobType": kind}),
        inputs=inputs,
        outputs=outputs,
        producer=f"urn:cmdb:{version}",
    )


def _type_of(end: End | None) -> Any:
    from openlineage.client.event_v2 import RunState

    if end is None:
        return RunState.START
    if end.state.type is StateType.COMPLETED:
        return RunState.COMPLETE
    is_held = end.report is not None and end.report.outcome is Outcome.HELD
    return RunState.ABORT if is_held or end.state.type is StateType.CANCELLED else RunState.FAIL


def _job_name(job: Job) -> str:
    """Return what all runs of one sync, or imports from files of one name, are called."""
    what = job.what if isinstance(job, ExportJob) else job.source
    return f"{BULK[type(job)].logged_as}.{what}"


def _datasets(job: Job, end: End | None) -> tuple[list[Any], list[Any]]:
    from flows.monitoring.lineage_datasets import datasets_of_export, datasets_of_report
    from tasks.steps.kept_source import with_source

    if end and end.exported and isinstance(job, ExportJob):
        return datasets_of_export(job, end.exported)
    if end and end.report:
        return datasets_of_report(with_source(job) if isinstance(job, SyncJob) else job, end.report)
    return [], []
