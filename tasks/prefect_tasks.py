"""What Prefect shows of a run: its steps as tasks, its progress and its report as artifacts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import orjson
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from schemas.errors import Cancelled, CmdbError, Transient, UnderWay
from schemas.issues import Severity
from schemas.outcome_messages import NO_MEMORY, sentence
from schemas.phases import Phase
from schemas.reports import Exported, Outcome, Progress, Report, silent
from tasks.markdown import escaped
from tasks.steps import export, registry, undo

Step = TypeVar("Step", bound=Callable[..., Any])

LISTENER: ContextVar[Progress] = ContextVar("listener", default=silent)
"""Who else in this process is told of a run's progress, such as a terminal."""

# Seconds between two updates of a progress artifact: each costs the server about 20 ms.
_PULSE = 0.5


def _passing(task: Any, run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001  # Prefect's signature
    """Try again after a passing fault only: a lost connection, a deadlock."""
    try:
        state.result()
    except Transient:
        return True
    except Exception:  # whatever else failed is not tried again
        return False
    return False


def _as_task(step: Step, name: str, **options: Any) -> Step:
    """Wrap a step as a task; its arguments are live objects and frames, which Prefect must neither hash nor keep."""
    wrapped: Any = task(name=name, cache_policy=NO_CACHE, persist_result=False, **options)(step)
    return wrapped  # type: ignore[no-any-return]  # a task is called as its function is


_RETRIES: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [1, 5, 15], "retry_condition_fn": _passing}

WATCHED = registry.Steps(
    _as_task(registry.extract, "extract", task_run_name="extract {job.source}"),
    _as_task(registry.fetch, "fetch", task_run_name="fetch {job.source}", **_RETRIES),
    _as_task(registry.read, "read", task_run_name="read {job.source}", **_RETRIES),
    _as_task(registry.map, "map", task_run_name="map the columns", **_RETRIES),
    _as_task(registry.validate, "validate", task_run_name="validate {shard.title}", **_RETRIES),
    _as_task(registry.load, "load", task_run_name="load", **_RETRIES),
)
"""The steps of an import as Prefect tasks, which appear as task runs of the flow run."""

WATCHED_EXPORT = export.Steps(
    _as_task(export.query, "query", task_run_name="query {chosen.type}"),
    _as_task(export.validate, "validate", task_run_name="validate {queried.resource.type}"),
    _as_task(export.map, "map", task_run_name="map {validated.queried.resource.type}"),
    _as_task(export.write, "write", task_run_name="write {context.job.path.name}"),
)
"""The steps of an export as Prefect tasks."""


watched_undo = _as_task(undo.undo, "undo", task_run_name="undo {job.run}", **_RETRIES)
"""An undo, which is one step, as a Prefect task."""


def heard(flow: Callable[..., Any], job: str, progress: Progress, **options: Any) -> Any:
    """Carry a flow out in this process, and tell `progress` too."""
    token = LISTENER.set(progress)
    try:
        with without_heartbeat():
            return flow(job, **options)
    finally:
        LISTENER.reset(token)


@dataclass
class Pulse:
    """A run's progress as it is published: the newest state, written by the run and read by the publisher."""

    artifact: UUID
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    phase: Phase = Phase.STARTING
    processed: int = 0
    total: int | None = None
    rejected: int = 0
    percent: float = 0.0
    since: float = field(default_factory=time.monotonic)
    due: float | None = None
    message: str | None = None
    news: threading.Event = field(default_factory=threading.Event)

    def __call__(self, phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:
        """Take note of how far the run is."""
        LISTENER.get()(phase, done, total, rejected)
        if self.phase != phase:
            self.phase = phase
            self.news.set()
        self.rejected = max(self.rejected, rejected)
        if phase.counts_records:
            self.processed, self.total = done, total
        part = min(done / total, 1.0) if total else 0.0
        self.percent = max(self.percent, phase.start + (phase.end - phase.start) * part)
        now = time.monotonic()
        # What is left takes as long for each percent as what is done; until more is heard, the time left runs down.
        self.due = now + (now - self.since) * (100 - self.percent) / self.percent if self.percent >= 1 else None

    def status(self, status: str = "processing") -> dict[str, Any]:
        """Return the state as the artifact holds it."""
        now = time.monotonic()
        elapsed = now - self.since
        left = self.due - now if self.due and self.due > now else None
        return {
            "status": status,
            "phase": self.phase,
            "processedRecords": self.processed,
            "totalRecords": self.total,
            "rejectedRecords": self.rejected,
            "percent": round(self.percent, 1),
            "recordsPerSecond": round(self.processed / elapsed) if elapsed > 0 else 0,
            "etaSeconds": round(left, 1) if left is not None and status == "processing" else None,
            "startedAt": self.started.isoformat(),
            "updatedAt": datetime.now(UTC).isoformat(),
            "message": self.message,
        }


def without_heartbeat() -> AbstractContextManager[Any]:
    """Keep Prefect's heartbeat off, which holds the end of every flow up for up to a second.

    A run whose process died is known by its lock in PostgreSQL.
    """
    return temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})


@contextmanager
def published() -> Iterator[Pulse]:
    """Publish a run's progress from a thread, twice a second and at each phase; an absent server holds nothing up."""
    pulse = Pulse(_artifact())
    over = threading.Event()
    thread = threading.Thread(target=_publish, args=(pulse, over), name="progress", daemon=True)
    thread.start()
    end = "completed"
    try:
        yield pulse
    except BaseException as error:
        stopped = isinstance(error, Cancelled | UnderWay) or not isinstance(error, Exception)
        end = "cancelled" if stopped else "failed"
        pulse.message = message_of_error(error)
        raise
    finally:
        over.set()
        pulse.news.set()
        thread.join(timeout=5)
        with get_client(sync_client=True) as client:
            _send(client, pulse, end)


def message_of_error(error: BaseException) -> str | None:
    """Return what a person reads about an error that ended a run; None for a fault of the program."""
    if isinstance(error, MemoryError):
        return sentence(Outcome.LIMITED, NO_MEMORY)
    return str(error) if isinstance(error, CmdbError) else None


def _artifact() -> UUID:
    made = create_progress_artifact(progress=0.0, description="{}")
    assert isinstance(made, UUID)  # noqa: S101  # from synchronous code, Prefect's function is synchronous
    return made


def _publish(pulse: Pulse, over: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        # A new phase is told at once, how far it is in its turn.
        while not over.is_set():
            pulse.news.wait(_PULSE)
            pulse.news.clear()
            if not over.is_set():
                _send(client, pulse, "processing")


def _send(client: SyncPrefectClient, pulse: Pulse, status: str) -> None:
    state = orjson.dumps(pulse.status(status)).decode()
    try:
        client.update_artifact(pulse.artifact, ArtifactUpdate(data=pulse.percent, description=state))
    except Exception as error:  # progress is told as well as it can be; the run goes on
        get_run_logger().debug("progress was not published: %s", error)


def publish_report(report: Report, rejects: Path | None) -> None:
    """Keep the report of a run as an artifact of its flow run, with a link to its file of rejected rows."""
    create_markdown_artifact(
        key=f"import-{report.run_id}",
        markdown=report_markdown(report, rejects),
        description=escaped(f"{report.resource_type} from {report.source}"),
    )


def publish_export(exported: Exported) -> None:
    """Keep what an export wrote as an artifact of its flow run, with a link to the file."""
    lines = [f"# {exported.records:,} records of {escaped(exported.what)}", ""]
    address = exported.path.absolute().as_uri()
    lines += [f"{escaped(exported.path.name)}: [the file]({address}), {exported.size:,} bytes", ""]
    # Types, fields and rules have names of ours.
    lines += [f"- {count:,} of {name}" for name, count in exported.types.items() if exported.resource_type is None]
    lines += [f"- {escaped(notice)}" for notice in exported.notices]
    lines += [f"- {count:,} values of {name} no longer fit its rules ({rule})" for name, rule, count in exported.unfit]
    create_markdown_artifact(
        key=f"export-{exported.run_id}",
        markdown="\n".join(lines),
        description=escaped(f"{exported.what} to {exported.path.name}"),
    )


def report_markdown(report: Report, rejects: Path | None) -> str:
    """Return a report as Markdown: the counts, the first rejects and how to get all of them."""
    counts = report.counts
    figures = {
        "read": counts.read,
        "created": counts.create,
        "updated": counts.update,
        "unchanged": counts.unchanged,
        "rejected": counts.rejected,
        "deleted": counts.delete,
        "retired": counts.retire,
        "warnings": counts.warnings,
        "repairs": counts.repairs,
    }
    dry = " (dry run: nothing was changed)" if report.dry_run else ""
    lines = [f"# {escaped(f'{report.resource_type} from {report.source}')}: {report.status}{dry}", ""]
    lines += [escaped(report.message), ""] if report.message else []
    lines += ["| | records |", "| --- | ---: |", *(f"| {name} | {number:,} |" for name, number in figures.items()), ""]
    errors = [issue for issue in report.issues if issue.severity is Severity.ERROR]
    if errors:
        lines += ["## First rejects", "", "| row | column | what |", "| ---: | --- | --- |"]
        lines += [
            f"| {issue.row or ''} | {escaped(issue.column or '')} | {escaped(issue.message)} |" for issue in errors
        ]
    if rejects:
        lines += ["", f"All rejected rows: [the file]({rejects.as_uri()}), or marked in a workbook with", ""]
        lines += [f"    cmdb rejects {report.run_id} -o rejects.xlsx"]
    return "\n".join(lines)
