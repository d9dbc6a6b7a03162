"""Events for automations: how a run ended, emitted to Prefect with the counts of its report.

An event names its run, its sync, its flow run and its deployment, and nothing else: each of them is a row in Prefect's
database. Runs that change nothing by design, the previews, emit none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from prefect import states
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run

from flows.monitoring.ends import End, is_preview
from flows.registry import BULK, Job
from schemas.issues import Severity
from schemas.jobs import ExportJob, SyncJob
from schemas.reports import Outcome
from schemas.settings import settings


class RunEvent(StrEnum):
    """The events that automations may expect."""

    COMPLETED = "cmdb.run.completed"
    FAILED = "cmdb.run.failed"
    HELD = "cmdb.run.held"
    REJECTED_ROWS = "cmdb.run.rejected-rows"
    DRIFT = "cmdb.sync.drift"


MEANINGS = {
    RunEvent.COMPLETED: "a run is done: records were written, or nothing had to change",
    RunEvent.FAILED: "a run failed, and changed nothing",
    RunEvent.HELD: "a sync awaits approval, and changed nothing",
    RunEvent.REJECTED_ROWS: "a run rejected rows; it follows one of the events above",
    RunEvent.DRIFT: "records of a held sync changed before its plan was applied; it follows `cmdb.run.failed`",
}
"""When each event is emitted."""


@dataclass(frozen=True)
class Emitted:
    """One event of a run: its name, the resource that it is about, related ones, and what it says."""

    event: RunEvent
    resource: dict[str, str]
    related: list[dict[str, str]]
    payload: dict[str, Any]


def with_events(job: Job, run_id: UUID, run: Callable[[], End]) -> End:
    """Return how a run ends, and emit its events; those of a fault of the program, too."""
    try:
        end = run()
    except Exception:
        emit_end(job, run_id, End(states.Failed(message="An unexpected error; see the log of the run."), "failed"))
        raise
    emit_end(job, run_id, end)
    return end


def emit_end(job: Job, run_id: UUID, end: End) -> None:
    """Emit the events of a run's end; what keeps one from being emitted is a warning in the run's log."""
    for each in events_of(job, run_id, end):
        # Outside the flow run, or Prefect would relate the event to flow, queue, pool and tags too: a row for each.
        emit = partial(emit_event, event=each.event, resource=each.resource, related=each.related, payload=each.payload)
        try:
            outside = copy_context()
            outside.run(FlowRunContext.__var__.set, None)  # type: ignore[arg-type]  # "no flow run" is None there
            outside.run(emit)
        except Exception as error:  # a run ends as it did, whatever becomes of its events
            get_run_logger().warning("The event %s was not emitted: %s", each.event, error)


def events_of(job: Job, run_id: UUID, end: End) -> Iterator[Emitted]:
    """Return the events of a run that has ended; those that were cancelled or skipped, and previews, have none."""
    report = end.report
    if is_preview(job) or end.state.type is StateType.CANCELLED:
        return
    sync = job.source if isinstance(job, SyncJob) else report and report.sync
    run = {"prefect.resource.id": f"cmdb.run.{run_id}", "prefect.resource.name": flow_run.name or str(run_id)}
    of_sync = {"prefect.resource.id": f"cmdb.sync.{sync}", "prefect.resource.name": str(sync)} if sync else None
    related = [*([of_sync | {"prefect.resource.role": "sync"}] if of_sync else []), *_of_prefect(run_id)]
    said = _payload(job, run_id, end)
    yield Emitted(_ending(end), run, related, said)
    if report and report.counts.rejected:
        rules = {each.rule: each.count for each in report.rules if each.severity is Severity.ERROR}
        yield Emitted(RunEvent.REJECTED_ROWS, run, related, said | {"rules": rules})
    if of_sync and report and report.outcome is Outcome.DRIFTED:
        yield Emitted(RunEvent.DRIFT, of_sync, [run | {"prefect.resource.role": "run"}, *_of_prefect(run_id)], said)


def _ending(end: End) -> RunEvent:
    if end.report and end.report.outcome is Outcome.HELD:
        return RunEvent.HELD
    return RunEvent.COMPLETED if end.state.type is StateType.COMPLETED else RunEvent.FAILED


def _of_prefect(run_id: UUID) -> list[dict[str, str]]:
    of_run = {
        "prefect.resource.id": f"prefect.flow-run.{run_id}",
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": flow_run.name or str(run_id),
    }
    if not deployment.id:
        return [of_run]
    return [
        of_run,
        {
            "prefect.resource.id": f"prefect.deployment.{deployment.id}",
            "prefect.resource.role": "deployment",
            "prefect.resource.name": deployment.name or "",
        },
    ]


def _payload(job: Job, run_id: UUID, end: End) -> dict[str, Any]:
    """What the events of a run have as their payload; it holds no cell of the source."""
    report = end.report
    counts: dict[str, int] = asdict(report.counts) if report else {}
    if end.exported:
        counts = {"read": end.exported.records}
    return {
        "runId": str(run_id),
        "kind": BULK[type(job)].logged_as,
        "source": job.what if isinstance(job, ExportJob) else report.source if report else job.source,
        "resourceType": report.resource_type if report else end.exported and end.exported.resource_type,
        "outcome": report.outcome if report else end.status,
        "message": end.state.message,
        "counts": counts,
        "link": f"{settings().public_address}/#/{'export/run' if isinstance(job, ExportJob) else 'history'}/{run_id}",
    }
