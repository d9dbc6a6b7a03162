"""What every client did, and the check of it against a model: each run was applied completely or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

State = str | None
"""The revision that all records of a client have; None where it has no records."""


class Kind(StrEnum):
    """What a client asked for."""

    IMPORT = "import"
    CANCEL = "import, then cancel"
    PLAN = "preview, then execute the plan"
    UNDO = "undo"


@dataclass(frozen=True)
class Step:
    """One run of a client: what it should change, and the status that the API answered for it at its end."""

    client: int
    kind: Kind
    run: str
    revision: State = None
    undoes: str | None = None
    answered: str = ""

    def __str__(self) -> str:
        """Return the step as a line of a history."""
        what = f"undoes {self.undoes}" if self.undoes else f"to revision {self.revision}"
        return f"client {self.client}: {self.kind} ({what}), run {self.run}: {self.answered}"


@dataclass(frozen=True)
class Stored:
    """What was found when all runs had ended: statuses of runs by their id, and the revisions by client."""

    ledger: Mapping[str, str]
    prefect: Mapping[str, str]
    api: Mapping[str, str]
    revisions: Mapping[int, Mapping[str, int]]
    """How many records of a client have a revision."""


def violations(history: Iterable[Step], stored: Stored, records: int) -> Iterator[str]:
    """Yield what the history and the stored state contradict; `records` is the number of records of each client."""
    by_client: dict[int, list[Step]] = {}
    for step in history:
        by_client.setdefault(step.client, []).append(step)
    for client, steps in by_client.items():
        found = dict(stored.revisions.get(client, {}))
        wrong = [*_ends(steps, stored), *_state(_expected(steps, stored), found, records)]
        # A later state depends on all runs before it, so that the shortest history is what led to the first violation.
        yield from (f"{each}\n  {chr(10).join(f'  {step}' for step in steps)}" for each in wrong[:1])


def _ends(steps: Iterable[Step], stored: Stored) -> Iterator[str]:
    for step in steps:
        told = {
            "the client": step.answered,
            "the API": stored.api.get(step.run, "unknown"),
            "the ledger": stored.ledger.get(step.run, "unknown"),
            "Prefect": stored.prefect.get(step.run, "unknown"),
        }
        # A run that ended before it reached the ledger changed nothing, and only Prefect knows it.
        if told["the ledger"] == "unknown" and told["the API"] in ("failed", "cancelled"):
            del told["the ledger"]
        if len(set(told.values())) > 1:
            yield f"run {step.run} has several ends: {told}"


def _expected(steps: Iterable[Step], stored: Stored) -> State:
    """Return the state after all runs that the ledger says were completed, one after the other."""
    state: State = None
    before: dict[str, State] = {}
    for step in steps:
        if stored.ledger.get(step.run) == "completed":
            before[step.run] = state
            state = before[step.undoes] if step.undoes else step.revision
    return state


def _state(expected: State, found: dict[str, int], records: int) -> Iterator[str]:
    wanted = {expected: records} if expected else {}
    if found != wanted:
        yield f"expected {wanted or 'no records'}, found {found or 'no records'}"
