"""Notices: a webhook is told that a sync failed, waits for a yes, is not whole, or goes well again.

A run tells what it sees of its own end; that it is late, or that its process died, `flows.sync_watch` has Prefect tell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from schemas.errors import CmdbError
from schemas.issues import NOT_WHOLE, Severity
from schemas.jobs import SyncJob
from schemas.language.outcome_messages import sentence
from schemas.language.remedies import NEUTRAL, Action, ActionCall, Wording, worded
from schemas.reports import Outcome, Report, Status
from tasks.notifications.webhook import post
from tasks.runtime.lifecycle import outcome_after
from tasks.security.secrets import secret_named
from tasks.store import ledger
from tasks.store.connection.engine import database_errors, engine
from tasks.store.ledger.sync_locks import EarlierRun, earlier_run

# Issues that a notice shows.
_ISSUES = 10


class Event(StrEnum):
    """What there is to tell of a sync; that it is late, Prefect tells (`flows.sync_watch`)."""

    FAILED = "failed"
    HELD = "held"
    INCOMPLETE = "incomplete"
    CRASHED = "crashed"
    RECOVERED = "recovered"


SAID = {
    Event.FAILED: "failed",
    Event.HELD: "awaits approval",
    Event.INCOMPLETE: "is not whole",
    Event.CRASHED: "crashed",
    Event.RECOVERED: "goes well again",
}
"""How a person is told each event."""


@dataclass(frozen=True)
class Circumstances:
    """What Prefect knows of a run, its page and that it began late; `warn` gets what could not be sent.

    `wording` has the words of those who read the notices.
    """

    link: str | None = None
    late: bool = False
    wording: Wording = NEUTRAL
    warn: Callable[[str], None] = logging.getLogger("cmdb").warning


@contextmanager
def noticed(job: SyncJob, url: str, run_id: UUID, seen: Circumstances) -> Iterator[None]:
    """Tell the webhook of a sync how its run ends, where there is something to tell; a webhook never fails a sync."""
    if job.notify is None or job.dry_run:
        yield
        return
    try:
        yield
    except BaseException as error:
        outcome, detail = outcome_after(error)
        if outcome.status is Status.FAILED:
            report, _ = _ended(url, job, run_id)
            tell(job, Event.FAILED, run_id, seen, report, sentence(outcome, detail))
        raise
    report, earlier = _ended(url, job, run_id)
    if report and (event := _event(report, earlier, seen)):
        tell(job, event, run_id, seen, report, report.message)


def _ended(url: str, job: SyncJob, run_id: UUID) -> tuple[Report | None, EarlierRun | None]:
    """The report of a run, and how things stood before it; nothing where the database does not answer."""
    try:
        with database_errors(), engine(url).connect() as connection:
            if ledger.status_of(connection, run_id) is None:
                return None, None
            report = ledger.read_report(connection, run_id, samples=_ISSUES)
            return report, earlier_run(connection, job.source, run_id)
    except CmdbError:
        return None, None


def _event(report: Report, earlier: EarlierRun | None, seen: Circumstances) -> Event | None:
    """What there is to tell of a run that ended."""
    if report.status is Status.CANCELLED:
        return None
    recovered = Event.RECOVERED if seen.late or _was_wrong(earlier, report) else None
    return _wrong(report) or recovered


def _wrong(report: Report) -> Event | None:
    if report.status is Status.FAILED:
        return Event.HELD if report.outcome is Outcome.HELD else Event.FAILED
    unread = any(notice.severity is Severity.ERROR for notice in report.notices)
    unread = unread or any(each.rule == NOT_WHOLE for each in report.rules)
    return Event.INCOMPLETE if unread or report.counts.rejected else None


def _was_wrong(earlier: EarlierRun | None, report: Report) -> bool:
    """Whether something was wrong until this run, which went well."""
    wrong = _wrong(earlier.report) if earlier else None
    if wrong is Event.INCOMPLETE:
        # A source that is as it was has the same rows that were rejected.
        return report.outcome is not Outcome.UNCHANGED
    return wrong is not None and not (earlier and earlier.unchanged_since)


def tell(
    job: SyncJob, event: Event, run_id: UUID, seen: Circumstances, report: Report | None, message: str | None
) -> None:
    """Tell the webhook of a sync one event; what keeps it from being told is a warning."""
    if job.notify is None:
        return
    try:
        why = post(secret_named(job.notify), _payload(job, event, run_id, seen, report, message))
    except CmdbError as error:
        why = str(error)
    if why:
        seen.warn(f"No notice was given that {job.source} {SAID[event]}: {why}")


def _payload(
    job: SyncJob, event: Event, run_id: UUID, seen: Circumstances, report: Report | None, message: str | None
) -> dict[str, Any]:
    show, approve = (seen.wording.name(ActionCall(action, str(run_id))) for action in (Action.SHOW_RUN, Action.APPROVE))
    links = {
        "prefect": seen.link,
        "report": show if report else None,
        "approve": approve if event is Event.HELD else None,
    }
    message = worded(message, seen.wording) if message else message
    text = f"Sync {job.source} {SAID[event]}{f': {message}' if message else '.'}"
    return {
        "event": event,
        "sync": job.source,
        "runId": str(run_id),
        "at": datetime.now(UTC).isoformat(),
        "text": text,
        "message": message,
        "report": _summary(report.worded(seen.wording)) if report else None,
        "links": {name: link for name, link in links.items() if link},
    }


def _summary(report: Report) -> dict[str, Any]:
    messages = [issue.message for issue in (*report.notices, *report.issues) if issue.severity is not Severity.REPAIR]
    return {
        "status": report.status,
        "resourceType": report.resource_type,
        "started": report.started,
        "duration": report.duration,
        "counts": asdict(report.counts),
        "issues": messages[:_ISSUES],
    }
