"""The context of a run of an import, a sync or a plan that is applied."""

from __future__ import annotations

import contextlib
import errno
import getpass
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl

from schemas.custom import Rule
from schemas.errors import AlreadyRunning, CmdbError, PlanDrifted, StorageFull, TooManyErrors
from schemas.job_options.choices import Drift
from schemas.jobs import ApplyJob, ImportJob, LoadOptions, SyncJob
from schemas.model.resource import Resource
from schemas.reports import Outcome, Progress, Report, silent
from schemas.resources import RESOURCES
from schemas.settings import Settings
from tasks.rules.load import load_rules, rules_for
from tasks.runtime.lifecycle import RunEntry, ledger_run
from tasks.store import ledger
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.session import Session, WorkerSession
from tasks.store.staging.names import drop_staging


@dataclass(frozen=True)
class RunRequest:
    """What another process needs to validate shards of a run; it can be pickled, and holds the database's password."""

    job: LoadOptions
    url: str
    settings: Settings
    run_id: UUID
    workdir: Path


@dataclass(frozen=True)
class RunContext:
    """One run of an import, a sync or a plan that is applied: its request and its means; nothing changes it.

    `plan` is the run whose frozen plan is applied, and `moved` what is done about records that changed since.
    `started` is on the monotonic clock, in seconds.
    """

    job: LoadOptions
    session: Session
    settings: Settings
    workdir: Path
    progress: Progress
    plan: UUID | None = None
    moved: Drift | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def run_id(self) -> UUID:
        """The run's identity; under Prefect, the flow run's."""
        return self.session.run_id

    @property
    def request(self) -> RunRequest:
        """What another process needs to validate shards of this run."""
        return RunRequest(self.job, self.session.url, self.settings, self.run_id, self.workdir)

    @property
    def staged_by(self) -> UUID:
        """The run that has staged the rows; of a plan that may be applied in part, a copy is this run's own."""
        return self.plan if self.plan and self.moved is Drift.REFUSE else self.run_id

    @property
    def duration(self) -> float:
        """Seconds since the run started."""
        return round(time.monotonic() - self.started, 3)

    def rules_of(self, chosen: Resource) -> tuple[Rule, ...]:
        """Return the user's own rules of a type that hold for this run."""
        return rules_for(load_rules(self.settings.rules), chosen, self.job.without_rules)[0]

    def lock_types(self, types: Iterable[Resource]) -> None:
        """Keep other runs from writing these types, and the records that are referred to from changing.

        Locks are taken in one order, so that no two runs wait for each other.
        """
        own = {chosen.type: chosen for chosen in types}
        named = {to for chosen in own.values() for to in chosen.related}
        for name in reversed(list(RESOURCES)):
            if name in own:
                self.session.lock(RESOURCES[name], self.progress)
            elif name in named:
                self.session.lock(RESOURCES[name], self.progress, shared=True)

    def close(self, outcome: Outcome, message: str | None = None) -> None:
        """Enter the end of a run that applied nothing, unless its end is in the ledger."""
        with self.session.transaction() as connection:
            ledger.end_run(connection, self.run_id, outcome, message, self.duration)


def report_of(run: RunContext) -> Report:
    """Return the report of a run that has ended."""
    with database_errors(), engine(run.session.url).connect() as connection:
        return ledger.read_report(connection, run.run_id, samples=run.settings.samples)


@contextlib.contextmanager
def open_run(
    job: ImportJob | SyncJob | ApplyJob,
    url: str,
    settings: Settings,
    progress: Progress = silent,
    run_id: UUID | None = None,
) -> Iterator[RunContext]:
    """Enter a run in the ledger, clean up after dead ones, and see to it that this one ends in the ledger too.

    A run that its thresholds stop ends here as failed, and one that is not needed as cancelled; every other error goes
    on to the caller.
    """
    with Session(url, run_id or uuid4()) as session:
        run, entry = _context(job, session, settings, progress)
        try:
            with ledger_run(session, entry):
                with disk_errors():
                    run.workdir.mkdir(parents=True, exist_ok=True)
                with session.transaction() as connection:
                    # A run that is started again, as its process died, stages everything again.
                    drop_staging(connection, run.run_id)
                yield run
        except (TooManyErrors, PlanDrifted, AlreadyRunning):
            pass  # the report says why
        finally:
            shutil.rmtree(run.workdir, ignore_errors=True)
            # Where this can't be done, the next run does it.
            with contextlib.suppress(CmdbError), session.transaction() as connection:
                for staged in filter(None, (run.run_id, run.plan)):
                    if not ledger.is_kept(connection, staged):
                        drop_staging(connection, staged)


@contextlib.contextmanager
def open_worker(request: RunRequest, progress: Progress = silent) -> Iterator[RunContext]:
    """Take part in a run of another process, over a connection of one's own; raises Cancelled where it has ended.

    The run itself holds its lock and those of the types that it writes: whoever gives out shards takes the latter
    first (`RunContext.lock_types`).
    """
    with WorkerSession(request.url, request.run_id) as session:
        yield RunContext(request.job, session, request.settings, request.workdir, progress)


def _context(
    job: ImportJob | SyncJob | ApplyJob, session: Session, settings: Settings, progress: Progress
) -> tuple[RunContext, RunEntry]:
    """Return the context of a run, and what the ledger has of it from its start."""
    options, more = _options_of(job, session)
    who = job.requested_by or user()
    entry = RunEntry(job.source, options.mode, options.dry_run, job.options(), who, more)
    plan, moved = (job.plan, job.moved) if isinstance(job, ApplyJob) else (None, None)
    workdir = settings.temporary / session.run_id.hex
    return RunContext(options, session, settings, workdir, progress, plan, moved), entry


def _options_of(job: ImportJob | SyncJob | ApplyJob, session: Session) -> tuple[LoadOptions, dict[str, Any]]:
    """The options that hold for a run, and what the ledger keeps of it; of a plan, those it was made with."""
    if isinstance(job, ImportJob):
        return job, {}
    if isinstance(job, SyncJob):
        return job, {"sync": job.source}
    with session.transaction() as connection:
        kept = ledger.read_plan(connection, job.plan)
    known = {name: value for name, value in kept.options.items() if name in LoadOptions.model_fields}
    options = LoadOptions.model_validate(known | {"mode": kept.mode, "dry_run": False})
    entry = {"applies": job.plan, "sync": kept.sync, "source_version": kept.version, "sha256": kept.sha256}
    # What is applied came from the plan's source, under whose name it is found again.
    return options, entry | {"source": kept.source, "options": kept.options | job.options()}


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def disk_errors(
    what: str = "the run's temporary files: make room, or set CMDB_HOME to a larger disk",
) -> Iterator[None]:
    """Turn a full disk under a run's working folder, or for `what`, into what to do about it."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        # What a library in Rust writes has the number in its text alone.
        is_full = any(f"(os error {number})" in str(error) for number in _NO_ROOM)
        if is_full or (isinstance(error, OSError) and error.errno in _NO_ROOM):
            raise StorageFull(f"No space left for {what}.", path=getattr(error, "filename", None)) from error
        raise


def user() -> str:
    """Return the name of the person whose process this is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
