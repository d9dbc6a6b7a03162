"""Where a run stands, by its state in Prefect and the progress that it publishes, or by the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType

from flows.job_parameter import members
from flows.registry import NEEDS_INPUT, BulkFlow
from schemas.phases import Phase
from schemas.reports import Report, Status

OWNER_TAG = "by:"

_STATUS = {
    StateType.RUNNING: "processing",
    StateType.CANCELLING: "processing",
    StateType.COMPLETED: "completed",
    StateType.FAILED: "failed",
    StateType.CRASHED: "failed",
    StateType.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class Standing:
    """Where a run stands; the fields are those of the facade's answer."""

    run_id: UUID
    flow: BulkFlow
    status: str
    phase: Phase
    processed: int = 0
    total: int | None = None
    rejected: int = 0
    percent: float = 0.0
    per_second: int = 0
    eta: float | None = None
    started: datetime | None = None
    updated: datetime | None = None
    message: str | None = None
    code: str | None = None
    exported: dict[str, Any] | None = None
    owner: str | None = None
    job: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self.status in ("completed", "failed", "cancelled")


def standing_of(run: FlowRun, flow: BulkFlow, shown: dict[str, Any]) -> Standing:
    """Return where a run stands, by its state in Prefect and the progress that it published last."""
    state = run.state
    kind = state.type if state else StateType.SCHEDULED
    status = _STATUS.get(kind, "initializing")
    if (state and state.name == NEEDS_INPUT) or shown.get("held"):
        status = "failed"
    ended = status in ("completed", "failed", "cancelled")
    owner = next((tag.removeprefix(OWNER_TAG) for tag in run.tags if tag.startswith(OWNER_TAG)), None)
    reported = Phase(shown.get("phase", Phase.QUEUED))
    phase = Phase.CANCELLING if kind is StateType.CANCELLING else reported
    return Standing(
        run_id=run.id,
        flow=flow,
        status=status,
        phase={"completed": Phase.DONE, "cancelled": Phase.CANCELLED}.get(status, phase),
        processed=shown.get("processedRecords", 0),
        total=shown.get("totalRecords"),
        rejected=shown.get("rejectedRecords", 0),
        percent=100.0 if status == "completed" else min(shown.get("percent", 0.0), 99.9),
        per_second=shown.get("recordsPerSecond", 0),
        eta=None if ended else shown.get("etaSeconds"),
        started=run.start_time,
        updated=updated_at(run, shown),
        message=_message(run, status, shown),
        code=shown.get("code") if status == "failed" else None,
        exported=shown.get("exported"),
        owner=owner,
        job=members(run.parameters.get("job")),
    )


def standing_of_report(report: Report, flow: BulkFlow) -> Standing:
    """Return where a run stands that Prefect does not have: that of a command in its own process, or an old one."""
    phase = {"completed": Phase.DONE, "cancelled": Phase.CANCELLED}.get(report.status, Phase.STARTING)
    return Standing(
        run_id=UUID(report.run_id),
        flow=flow,
        status="processing" if report.status is Status.RUNNING else report.status.value,
        phase=phase,
        percent=100.0 if report.status is Status.COMPLETED else 0.0,
        started=report.started,
        message=report.message,
        owner=report.requested_by,
    )


def updated_at(run: FlowRun, shown: dict[str, Any]) -> datetime | None:
    """Return when a run changed its state or published its progress last."""
    times = [run.state.timestamp] if run.state else []
    if "updatedAt" in shown:
        times.append(datetime.fromisoformat(shown["updatedAt"]))
    return max(times, default=None)


_UNFORESEEN_ERROR = "The run failed in a way that was not foreseen: see its log in Prefect."


def _message(run: FlowRun, status: str, shown: dict[str, Any]) -> str | None:
    """Return what to say about a run that did not complete.

    A flow that fails publishes its own message with its progress; where it has none, the fault is the program's, which
    its state in Prefect describes. The other states have a message of ours.
    """
    if status not in ("failed", "cancelled") or run.state is None:
        return None
    if shown.get("held"):
        return shown.get("message")
    if run.state.type is StateType.FAILED:
        return shown.get("message") or _UNFORESEEN_ERROR
    if run.state.type is StateType.CRASHED:
        return run.state.message or None
    # The state's own message is in the words of Prefect's page.
    return shown.get("message") or run.state.message or None
