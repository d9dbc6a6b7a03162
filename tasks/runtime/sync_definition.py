"""Definition: what a sync is, kept under its name for its owner."""

from __future__ import annotations

from schemas.jobs import SyncJob
from tasks.runtime.context import RunContext, user
from tasks.store.access.definitions import define


def keep_definition(run: RunContext, job: SyncJob) -> None:
    """Keep the source and the options of a sync as they are asked for; raises Forbidden where it is another owner's."""
    with run.session.transaction() as connection:
        define(connection, job, job.requested_by or user())
