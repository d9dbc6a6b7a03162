"""A run: its session, its working folder and its tally, from the ledger's first entry to its last."""

from __future__ import annotations

import contextlib
import errno
import getpass
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl
from polars.exceptions import PanicException

from schemas.custom import Rule
from schemas.errors import Cancelled, CmdbError, StorageFull, TooManyErrors
from schemas.jobs import ImportJob
from schemas.reports import Counts, Progress, Report, Severity, Status, silent
from schemas.resource import Resource
from schemas.settings import Settings
from tasks.store import ledger
from tasks.store.plan import Plan
from tasks.store.session import Session
from tasks.validate import Batch


@dataclass
class Tally:
    """What was found so far; the counts of rules are exact, also where issues are no longer kept one by one."""

    read: int = 0
    passed: int = 0
    rejected: int = 0
    kept: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, batch: Batch, keep: int) -> pl.DataFrame:
        """Count a batch in; returns those of its issues that are to be kept: every error, `keep` others in all."""
        self.read += batch.read
        self.passed += batch.passed
        self.rejected += len(batch.rejected)
        for rule, severity, count in batch.issues.group_by("rule", "severity").len().iter_rows():
            self.rules[rule, severity] += count
        error = pl.col("severity") == Severity.ERROR
        others = batch.issues.filter(~error).head(max(keep - self.kept, 0))
        self.kept += len(others)
        return pl.concat([batch.issues.filter(error), others]) if len(batch.issues) else batch.issues

    def of(self, severity: Severity) -> int:
        """How many issues of this severity there are."""
        return sum(count for (_, kind), count in self.rules.items() if kind == severity)

    def counts(self, plan: Plan | None = None) -> Counts:
        """The counts of a report."""
        return Counts(
            read=self.read,
            create=plan.create if plan else 0,
            update=plan.update if plan else 0,
            unchanged=plan.unchanged if plan else 0,
            rejected=self.rejected,
            warnings=self.of(Severity.WARNING),
            repairs=self.of(Severity.REPAIR),
        )


class Run:
    """One run of an import."""

    def __init__(self, job: ImportJob, session: Session, settings: Settings, workdir: Path, progress: Progress) -> None:
        self.job = job
        self.session = session
        self.settings = settings
        self.workdir = workdir
        self.progress = progress
        self.tally = Tally()
        self.rules: tuple[Rule, ...] = ()
        self.started = time.monotonic()
        self._resource: Resource | None = None
        self._report: Report | None = None

    @property
    def run_id(self) -> UUID:
        """The run's identity; under Prefect, the flow run's."""
        return self.session.run_id

    def count_again(self) -> None:
        """Forget what was counted and kept, before the source is validated from its beginning."""
        self.tally = Tally()
        with self.session.transaction() as connection:
            ledger.forget_issues(connection, self.run_id)

    def keep_issues(self, issues: pl.DataFrame) -> None:
        """Enter issues in the ledger."""
        with self.session.transaction() as connection:
            ledger.add_issues(connection, self.run_id, issues)

    def ending(self) -> dict[str, Any]:
        """What the ledger keeps of the end of a run beside its counts."""
        rules = [[rule, severity, count] for (rule, severity), count in sorted(self.tally.rules.items())]
        return {"rules": rules, "duration": round(time.monotonic() - self.started, 3)}

    @property
    def resource(self) -> Resource:
        """The type that the run imports, known once its columns are mapped."""
        if self._resource is None:
            raise LookupError("the run has no type before it is mapped")
        return self._resource

    def begin(self, resource: Resource) -> None:
        """Set the type that the run imports."""
        self._resource = resource

    @property
    def report(self) -> Report:
        """The run's report, once it has ended."""
        if self._report is None:
            raise LookupError("the run has no report before its end")
        return self._report

    def read_report(self) -> None:
        """Read the report from the ledger."""
        with self.session.transaction() as connection:
            self._report = ledger.read_report(connection, self.run_id, samples=self.settings.samples)

    def close(self, status: Status, message: str) -> None:
        """Enter the end of a run that applied nothing."""
        with self.session.transaction() as connection:
            if not ledger.is_completed(connection, self.run_id):
                counts = self.tally.counts()
                ledger.close_run(connection, self.run_id, status, counts, message=message, **self.ending())


@contextlib.contextmanager
def open_run(
    job: ImportJob, url: str, settings: Settings, progress: Progress = silent, run_id: UUID | None = None
) -> Iterator[Run]:
    """Enter a run in the ledger, clean up after dead ones, and see to it that this one ends in the ledger too.

    A run that its thresholds stop ends here as failed, with its report; every other error goes on to the caller.
    """
    with Session(url, run_id or uuid4()) as session:
        ledger.reap(session)
        who = job.requested_by or user()
        ledger.open_run(session, source=job.source, mode=job.mode, dry_run=job.dry_run, options=job.options(), who=who)
        workdir = settings.temporary / session.run_id.hex
        run = Run(job, session, settings, workdir, progress)
        try:
            with disk_watched():
                workdir.mkdir(parents=True, exist_ok=True)
            yield run
            run.read_report()
        except TooManyErrors as error:
            run.close(Status.FAILED, str(error))
            run.read_report()
        except BaseException as error:
            _close_after(run, error)
            raise
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
            # Where this can't be done, the next run does it.
            with contextlib.suppress(CmdbError), session.transaction() as connection:
                ledger.drop_staging(connection, session.run_id)


def _close_after(run: Run, error: BaseException) -> None:
    """Enter a failure or, for an interrupt, a cancellation; where the database is gone, the next run does it."""
    with contextlib.suppress(CmdbError):
        run.close(*status_after(error))


def status_after(error: BaseException) -> tuple[Status, str]:
    """Return how a run ended that was left by an error, and what there is to say of it."""
    # A fault of Polars is a panic; so is Ctrl-C in the middle of one of its calls.
    fault = isinstance(error, PanicException) and "KeyboardInterrupt" not in str(error)
    if isinstance(error, Cancelled) or not (fault or isinstance(error, Exception)):
        return Status.CANCELLED, "The run was stopped; nothing of it was applied."
    return Status.FAILED, str(error)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def disk_watched(
    what: str = "the run's temporary files: make room, or set CMDB_HOME to a larger disk",
) -> Iterator[None]:
    """Turn a full disk under a run's working folder, or for `what`, into what to do about it."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        # What a library in Rust writes has the number in its text alone.
        told = any(f"(os error {number})" in str(error) for number in _NO_ROOM)
        if told or (isinstance(error, OSError) and error.errno in _NO_ROOM):
            raise StorageFull(f"There is no room left for {what}.") from error
        raise


def user() -> str:
    """Return the name of the person whose process this is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
