"""A run: its session, its working folder and its tally, from the ledger's first entry to its last."""

from __future__ import annotations

import contextlib
import errno
import getpass
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl
from polars.exceptions import PanicException

from schemas.choices import Moved
from schemas.errors import Cancelled, CmdbError, PlanMoved, StorageFull, TooManyErrors, UnderWay
from schemas.fetched import Unread
from schemas.issues import Issue
from schemas.jobs import ApplyJob, ImportJob, LoadOptions, SyncJob
from schemas.outcome_messages import NO_MEMORY
from schemas.reports import Counts, Outcome, PartReport, Progress, Report, silent
from schemas.resources import RESOURCES
from schemas.settings import Settings
from tasks.runtime.type_load import Part, Tally
from tasks.store import ledger
from tasks.store.connection.session import Session
from tasks.store.staging.names import drop_staging


class Run:
    """One run of an import, a sync or a plan that is applied: its request, and its parts, one for each type."""

    def __init__(
        self, job: LoadOptions, session: Session, settings: Settings, workdir: Path, progress: Progress
    ) -> None:
        self.job = job
        self.session = session
        self.settings = settings
        self.workdir = workdir
        self.progress = progress
        self.parts: tuple[Part, ...] = ()
        self.notices: list[Issue] = []
        self.unread: list[Unread] = []
        self.scopes: dict[str, tuple[dict[str, str], ...]] = {}
        self.plan: UUID | None = None
        self.moved: Moved | None = None
        self.started = time.monotonic()
        self._report: Report | None = None

    @property
    def run_id(self) -> UUID:
        """The run's identity; under Prefect, the flow run's."""
        return self.session.run_id

    def hold_still(self) -> None:
        """Keep other runs from writing these types, and the records that are referred to from changing.

        Locks are taken in one order, so that no two runs wait for each other.
        """
        own = {part.resource.type for part in self.parts}
        named = {to for part in self.parts for to in part.resource.related}
        for name in reversed(list(RESOURCES)):
            if name in own:
                self.session.lock(RESOURCES[name], self.progress)
            elif name in named:
                self.session.lock(RESOURCES[name], self.progress, shared=True)

    def count_again(self, part: Part) -> None:
        """Forget what was counted and kept of a part, before its source is validated from its beginning."""
        part.tally = Tally()
        with self.session.transaction() as connection:
            ledger.forget_issues(connection, self.run_id, part.number)

    def keep_issues(self, part: Part, issues: pl.DataFrame) -> None:
        """Enter issues in the ledger."""
        with self.session.transaction() as connection:
            ledger.add_issues(connection, self.run_id, issues, part.number)

    @property
    def staged_by(self) -> UUID:
        """The run that has staged the rows; of a plan that may be applied in part, a copy is this run's own."""
        return self.plan if self.plan and self.moved is Moved.REFUSE else self.run_id

    @property
    def counts(self) -> Counts:
        """The counts of all parts together."""
        return sum((part.report.counts for part in self.parts), Counts())

    @property
    def kept(self) -> int:
        """How many warnings and repairs are kept one by one so far."""
        return sum(part.tally.kept for part in self.parts)

    def ending(self) -> dict[str, Any]:
        """What the ledger keeps of the end of a run beside its counts."""
        rules = sum((part.tally.rules for part in self.parts), Counter[tuple[str, str]]())
        told = [[rule, severity, count] for (rule, severity), count in sorted(rules.items())]
        ending: dict[str, Any] = {"rules": told, "duration": round(time.monotonic() - self.started, 3)}
        created = any(part.referred and part.tally.read for part in self.parts)
        did = [part.report for part in self._numbered] if created else self.described
        if len(did) > 1:
            ending["parts"] = ledger.parts_to_json(did)
        return ending

    @property
    def described(self) -> list[PartReport]:
        """What is known of the parts that are in the source, in the order of their numbers."""
        return [part.report for part in self._numbered if not part.referred]

    @property
    def _numbered(self) -> list[Part]:
        return sorted(self.parts, key=lambda part: part.number)

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

    def close(self, outcome: Outcome, message: str | None = None) -> None:
        """Enter the end of a run that applied nothing."""
        with self.session.transaction() as connection:
            if not ledger.is_completed(connection, self.run_id):
                for part in self.parts:
                    part.plan = None
                ledger.close_run(connection, self.run_id, outcome, self.counts, message=message, **self.ending())


@contextlib.contextmanager
def open_run(
    job: ImportJob | SyncJob | ApplyJob,
    url: str,
    settings: Settings,
    progress: Progress = silent,
    run_id: UUID | None = None,
) -> Iterator[Run]:
    """Enter a run in the ledger, clean up after dead ones, and see to it that this one ends in the ledger too.

    A run that its thresholds stop ends here as failed, and one that is not needed as cancelled, with its report; every
    other error goes on to the caller.
    """
    with Session(url, run_id or uuid4()) as session:
        ledger.reap(session)
        asked, more = _asked(job, session)
        who = job.requested_by or user()
        known: dict[str, Any] = {
            "source": job.source,
            "mode": asked.mode,
            "dry_run": asked.dry_run,
            "options": job.options(),
        }
        ledger.open_run(session, who=who, **known | more)
        workdir = settings.temporary / session.run_id.hex
        run = Run(asked, session, settings, workdir, progress)
        try:
            with disk_watched():
                workdir.mkdir(parents=True, exist_ok=True)
            yield run
            run.read_report()
        except (TooManyErrors, PlanMoved, UnderWay) as error:
            run.close(*outcome_after(error))
            run.read_report()
        except BaseException as error:
            _close_after(run, error)
            raise
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
            # Where this can't be done, the next run does it.
            with contextlib.suppress(CmdbError), session.transaction() as connection:
                for staged in filter(None, (session.run_id, run.plan)):
                    if not ledger.is_kept(connection, staged):
                        drop_staging(connection, staged)


def _asked(job: ImportJob | SyncJob | ApplyJob, session: Session) -> tuple[LoadOptions, dict[str, Any]]:
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


def _close_after(run: Run, error: BaseException) -> None:
    """Enter a failure or, for an interrupt, a cancellation; where the database is gone, the next run does it."""
    with contextlib.suppress(CmdbError):
        run.close(*outcome_after(error))


_OUTCOMES: dict[type[BaseException], Outcome] = {
    TooManyErrors: Outcome.REJECTED,
    PlanMoved: Outcome.DRIFTED,
    UnderWay: Outcome.SKIPPED,
}


def outcome_after(error: BaseException) -> tuple[Outcome, str | None]:
    """Return how a run ended that raised an error, and what to say in addition to the outcome."""
    # A fault of Polars is a panic; so is Ctrl-C in the middle of one of its calls.
    fault = isinstance(error, PanicException) and "KeyboardInterrupt" not in str(error)
    if isinstance(error, Cancelled) or not (fault or isinstance(error, Exception)):
        return Outcome.CANCELLED, None
    if isinstance(error, MemoryError):
        return Outcome.LIMITED, NO_MEMORY
    return _OUTCOMES.get(type(error), Outcome.FAILED), str(error)


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
