"""The flows `maintenance` and `purge`: what died is ended, and what is too old is removed.

Needs a Prefect server (`PREFECT_API_URL`) and the settings of `schemas.settings` (`CMDB_…`) in its environment.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.monitoring.artifacts import publish_report
from flows.registry import MAINTENANCE, PURGE
from flows.server.runs import Runs, prefect
from flows.sync_watch import register
from schemas.settings import Settings, settings
from tasks.runtime.context import user
from tasks.steps import purge as purging
from tasks.store import ledger
from tasks.store.access import access_log
from tasks.store.connection.database import database
from tasks.store.connection.session import Session, alone


@flow(name=MAINTENANCE.name, persist_result=False)
async def maintenance() -> None:
    """End runs whose process died, and held runs that are decided about or expired; remove what is past its time.

    Removed are runs, plans, uploads, exports and files of rejects.
    The automations that tell of late and crashed syncs are made what the schedules of today ask for.
    """
    log = get_run_logger()
    with database(settings()) as url:
        async with prefect() as client:
            for run in await Runs(client, url).reap(settings()):
                log.info("ended run %s, whose process had died", run)
            await Runs(client, url).settle_held()
            with alone(url, "register"):
                await register(client)
            await _remove_own_runs(client)
        with Session(url, UUID(flow_run.id)) as session:
            for run in ledger.reap(session):
                log.info("removed what run %s had staged", run)
            if deleted := ledger.delete_old_runs(session, settings().keep_runs_days):
                log.info("deleted %s runs that were past their time", deleted)
            with session.transaction() as connection:
                if removed := access_log.remove_old(connection, settings().audit_days, user()):
                    log.info("removed %s entries of the access log that were past their time", removed)
    for path in remove_old(settings()):
        log.info("removed %s", path.name)


# How long completed runs of this flow stay in Prefect's list, and how many are removed at once.
_SHOWN, _AT_ONCE = timedelta(hours=1), 100


async def _remove_own_runs(client: PrefectClient) -> None:
    """Remove completed runs of this flow from Prefect's list, where one every ten minutes would hide all others."""
    ended = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC) - _SHOWN),
    )
    own = FlowFilter(name=FlowFilterName(any_=[MAINTENANCE.name]))
    for run in await client.read_flow_runs(flow_filter=own, flow_run_filter=ended, limit=_AT_ONCE):
        with suppress(ObjectNotFound):  # another worker's maintenance was quicker
            await client.delete_flow_run(run.id)


@flow(name=PURGE.name, persist_result=False)
def purge() -> None:
    """Delete what was retired more than CMDB_KEEP_RETIRED_DAYS ago, in a run of its own, which can be undone."""
    with database(settings()) as url:
        report = purging.purge(url, settings(), UUID(flow_run.id))
        if report:
            publish_report(report, None, url)


def remove_old(settings: Settings) -> list[Path]:
    """Remove what has been kept for long enough; returns it."""
    oldest = time.time() - settings.keep_files_hours * 3600
    old = [path for path in _kept(settings) if path.stat().st_mtime < oldest]
    for path in old:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return old


def _kept(settings: Settings) -> Iterator[Path]:
    folders = [settings.storage / name for name in ("uploads", "exports", "rejects", "owners")]
    # What a process that was killed has left of its run is there too.
    for folder in [*folders, settings.temporary]:
        yield from folder.iterdir() if folder.is_dir() else ()
