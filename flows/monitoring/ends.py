"""How a run ends in Prefect: in which state, under which name and with what message; and what the API says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from prefect import states
from prefect.client.schemas.objects import State

from flows.commands import OPERATORS
from flows.registry import HELD, NEEDS_INPUT, Job
from schemas.errors import AlreadyRunning, Cancelled, CmdbError, MappingError, UnknownType
from schemas.jobs import ApplyJob, ExportJob
from schemas.language.outcome_messages import counts_sentence, export_sentence
from schemas.language.remedies import worded
from schemas.reports import Exported, Outcome, Report, Status
from tasks.prefect_tasks import message_of_error

_NAMES = {
    Outcome.HELD: HELD,
    Outcome.REJECTED: "Rejected",
    Outcome.DRIFTED: "Drifted",
    Outcome.SKIPPED: "Skipped",
}


@dataclass(frozen=True)
class End:
    """The end of a run: its state in Prefect, its status and message in the API, and the sentence of its progress.

    `code` is that of the error that ended it, `exported` is what an export wrote, and `report` that of any other run.
    The state's data is the run's id where there is a report, what an export wrote, or the error.
    """

    state: State[Any]
    status: str
    message: str | None = None
    code: str | None = None
    exported: Exported | None = None
    report: Report | None = None

    @property
    def held(self) -> bool:
        """Whether the run awaits approval."""
        return self.state.name == HELD

    @property
    def summary(self) -> str:
        """The end in a sentence."""
        name = self.state.name or self.status
        return f"{name}: {self.state.message}" if self.state.message else name


def end_of_result(result: Report | Exported) -> End:
    """Return how a run ends that has a result."""
    if isinstance(result, Exported):
        return End(states.Completed(message=export_sentence(result), data=result), "completed", exported=result)
    return replace(_end_of_report(result), report=result)


def _end_of_report(report: Report) -> End:
    name, message = _NAMES.get(report.outcome) if report.outcome else None, report.message
    # The state is for Prefect's page; the API puts the message in the words of its caller.
    report = report.worded(OPERATORS)
    if report.status is Status.COMPLETED:
        said = report.message if report.outcome is Outcome.UNCHANGED else counts_sentence(report)
        return End(states.Completed(message=said, data=report.run_id), "completed")
    if report.status is Status.CANCELLED:
        return End(states.Cancelled(name=name or "Cancelled", message=report.message), "cancelled", message)
    said = ". ".join(part.rstrip(".") for part in (report.message, counts_sentence(report)) if part)
    return End(states.Failed(name=name or "Failed", message=said, data=report.run_id), "failed", message)


def end_of_error(error: CmdbError | MemoryError, job: Job) -> End:
    """Return how a run ends that an error stopped which is no fault of the program."""
    message = message_of_error(error)
    shown = worded(message, OPERATORS) if message else message
    if isinstance(error, AlreadyRunning):
        return End(states.Cancelled(name="Skipped", message=shown, data=error), "cancelled", message)
    if isinstance(error, Cancelled):
        return End(states.Cancelled(message=shown, data=error), "cancelled", message)
    if isinstance(error, MappingError | UnknownType) and is_preview(job):
        return End(states.Completed(name=NEEDS_INPUT, message=shown, data=error), "failed", message, error.code)
    code = error.code if isinstance(error, CmdbError) else None
    return End(states.Failed(message=shown, data=error), "failed", message, code)


def is_preview(job: Job) -> bool:
    """Whether a run of the job changes nothing: a dry run."""
    return not isinstance(job, ApplyJob | ExportJob) and job.dry_run
