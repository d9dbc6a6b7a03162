"""What every flow that writes does alike: it tells its progress, keeps its report, and ends in a state that says how.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import states
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import BaseModel

from flows.job_parameter import as_text
from schemas.errors import Cancelled, RunFailed, UnderWay
from schemas.reports import Progress, Report, Status
from schemas.settings import settings
from tasks.prefect_tasks import heard, publish_report, published
from tasks.private_files import keep_private
from tasks.steps.rejects import write_rejects
from tasks.store import ledger
from tasks.store.connection.database import database
from tasks.store.connection.engine import engine


def reported(carry_out: Callable[[str, Progress, UUID], Report]) -> Any:
    """Carry a run out on the database, and return what its flow ends with; raises RunFailed where nothing was applied.

    The state tells the end, and an artifact holds the report.
    """
    keep_private()  # a stock worker has not done so
    try:
        with published() as progress, database(settings()) as url:
            report = carry_out(url, progress, UUID(flow_run.id))
            publish_report(report, _rejects_file(report, url))
            if report.status is Status.CANCELLED:
                raise UnderWay(report.message)
            if report.status is not Status.COMPLETED:
                raise RunFailed(report.message)
    except Cancelled as stopped:
        return states.Cancelled(message=str(stopped))
    except UnderWay as skipped:
        return states.Cancelled(name="Skipped", message=str(skipped))
    return report.run_id


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


def reported_here(flow: Callable[..., Any], job: BaseModel, progress: Progress) -> Report:
    """Carry a flow out in this process, telling `progress` too; returns the report, raises what went wrong."""
    return _report_of(heard(flow, as_text(job), progress, return_state=True))


def _report_of(state: State[Any]) -> Report:
    """Return the report of a flow run that has one; raises what kept the others from having one."""
    has_one = state.is_completed() or state.name == "Skipped"
    if not has_one and not isinstance(error := state.result(raise_on_failure=False), RunFailed):
        raise error
    with database(settings()) as url, engine(url).connect() as connection:
        run_id = ledger.find_run(connection, str(state.state_details.flow_run_id))
        return ledger.read_report(connection, run_id, samples=settings().samples)
