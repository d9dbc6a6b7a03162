"""The single-flight lock of a sync: one run at a time; the next one is refused or queued."""

from __future__ import annotations

import time

from schemas.errors import AlreadyRunning
from schemas.job_options.choices import Overlap
from schemas.jobs import SyncJob
from schemas.phases import Phase
from tasks.runtime.context import RunContext
from tasks.store.connection.session import name_lock
from tasks.store.ledger.sync_locks import holder

# Seconds between two looks at whether the other run is over.
_LOOK = 0.2


def acquire_sync_lock(run: RunContext, job: SyncJob) -> None:
    """Hold the lock of a sync until the run ends; raises AlreadyRunning where this run may not wait for another.

    At most one run waits: it reads the source as it is when it gets the lock, so that a third one would find nothing.
    """
    if job.dry_run:
        return
    lock, queue = name_lock("sync", job.source), name_lock("queue of sync", job.source)
    if run.session.try_hold(lock):
        return
    if job.overlap is Overlap.REFUSE:
        raise AlreadyRunning(f"{_other(run, job, lock)} is active. Nothing was changed.", sync=job.source)
    if not run.session.try_hold(queue):
        raise AlreadyRunning(
            f"{_other(run, job, lock)} is active, and {_other(run, job, queue)} waits for its end. "
            "Nothing was changed.",
            sync=job.source,
        )
    while not run.session.try_hold(lock):
        run.progress(Phase.WAITING, 0, None)
        time.sleep(_LOOK)
    run.session.free(queue)


def _other(run: RunContext, job: SyncJob, key: int) -> str:
    """Say which run holds a lock of a sync; it may just have let go of it."""
    with run.session.transaction() as connection:
        found = holder(connection, job.source, key)
    return f"run {found.run_id} of this sync, since {found.started:%H:%M:%S %Z}," if found else "another run of it"
