"""The lifecycle of a run: from its entry in the ledger as running to its outcome there, however it ends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from polars.exceptions import PanicException

from schemas.errors import AlreadyRunning, Cancelled, CmdbError, PlanDrifted, TooManyErrors
from schemas.job_options.choices import Mode
from schemas.language.outcome_messages import NO_MEMORY
from schemas.reports import Outcome
from tasks.store import ledger
from tasks.store.connection.session import Session


@dataclass(frozen=True)
class RunEntry:
    """What the ledger has of a run from its start; `more` has further columns of `import_run` by name."""

    source: str
    mode: Mode
    dry_run: bool
    options: dict[str, Any]
    requested_by: str
    more: dict[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def ledger_run(session: Session, entry: RunEntry) -> Iterator[None]:
    """Clean up after dead runs, enter a run as running, and enter the outcome of an error that ends it.

    A run that goes well enters its end itself, in the transaction that applies it. Every error goes on to the caller;
    where the database is gone, the next run enters the end.
    """
    ledger.reap(session)
    started = time.monotonic()
    entered: dict[str, Any] = {"mode": entry.mode, "dry_run": entry.dry_run, "options": entry.options}
    ledger.open_run(session, who=entry.requested_by, **{"source": entry.source} | entered | entry.more)
    try:
        yield
    except BaseException as error:
        outcome, message = outcome_after(error)
        with contextlib.suppress(CmdbError), session.transaction() as connection:
            ledger.end_run(connection, session.run_id, outcome, message, round(time.monotonic() - started, 3))
        raise


_OUTCOMES: dict[type[BaseException], Outcome] = {
    TooManyErrors: Outcome.REJECTED,
    PlanDrifted: Outcome.DRIFTED,
    AlreadyRunning: Outcome.SKIPPED,
}


def outcome_after(error: BaseException) -> tuple[Outcome, str | None]:
    """Return how a run ended that raised an error, and what to say in addition to the outcome."""
    # A fault of Polars is a panic; so is Ctrl-C in the middle of one of its calls.
    fault = isinstance(error, PanicException) and "KeyboardInterrupt" not in str(error)
    if isinstance(error, Cancelled) or not (fault or isinstance(error, Exception)):
        return Outcome.CANCELLED, None
    if isinstance(error, MemoryError):
        return Outcome.LIMITED, NO_MEMORY
    message = error.message if isinstance(error, CmdbError) else str(error)
    return _OUTCOMES.get(type(error), Outcome.FAILED), message
