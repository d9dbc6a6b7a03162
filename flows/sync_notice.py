"""The flow `sync-notice`: the webhook of a sync is told that its process died.

Started by an automation of Prefect (`flows.sync_watch`). Needs a Prefect server (`PREFECT_API_URL`) and the settings of
`schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

import time
from typing import Annotated
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.logging import get_run_logger
from pydantic import Field
from sqlalchemy import Connection

from flows.commands import OPERATORS
from flows.registry import SYNC_NOTICE
from flows.sync_watch import job_of, page_of
from schemas.jobs import SyncJob
from schemas.language.outcome_messages import sentence
from schemas.reports import Outcome, Report, Status
from schemas.settings import settings
from tasks.notifications.notifications import Circumstances, Event, tell
from tasks.store import ledger
from tasks.store.connection.database import database
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.session import is_alive

# PostgreSQL sees within seconds that a process is gone, once the statement that it asked for is over.
_LOOKS, _LOOK = 10, 1.0


@flow(name=SYNC_NOTICE.name, flow_run_name="crash of {run}", persist_result=False)
def sync_notice(run: Annotated[UUID, Field(description="The run that Prefect takes for crashed.")]) -> None:
    """Tell the webhook of a sync that its run crashed, unless it was cancelled, was applied, or told so itself."""
    job = _crashed(run)
    if job is None or job.notify is None or job.dry_run:
        return
    with database(settings()) as url:
        for _ in range(_LOOKS):
            with database_errors(), engine(url).begin() as connection:
                goes_on = is_alive(connection, run)
                is_told, report = _ledger_entry(connection, run)
            if not goes_on:
                break
            time.sleep(_LOOK)
    if not goes_on and not is_told:
        seen = Circumstances(page_of(str(run)), wording=OPERATORS, warn=get_run_logger().warning)
        limit = report.message if report and _ended_abruptly(report) else None
        tell(job, Event.CRASHED, run, seen, report, limit or sentence(Outcome.CRASHED))


def _crashed(run: UUID) -> SyncJob | None:
    """What a run was asked to do that is crashed still and that nobody stopped."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run)
        stopped = any(state.type is StateType.CANCELLING for state in client.read_flow_run_states(run))
    crashed = found.state is not None and found.state.type is StateType.CRASHED
    return job_of(found.parameters) if crashed and not stopped else None


def _ledger_entry(connection: Connection, run: UUID) -> tuple[bool, Report | None]:
    """Whether a run was applied or told how it failed, and what the ledger has of it."""
    if ledger.status_of(connection, run) is None:
        return False, None
    report = ledger.read_report(connection, run)
    failed_itself = report.status is Status.FAILED and not _ended_abruptly(report)
    return report.status is Status.COMPLETED or failed_itself, report


def _ended_abruptly(report: Report) -> bool:
    return report.outcome is not None and report.outcome.is_abrupt
