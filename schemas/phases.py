"""The phases of a run, each with its label and its share of the run's time."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What a run is doing: its name in progress and in the API, its label, and its share of a run in percent.

    A run's progress is at `start` when it enters a phase and at `end` when it leaves it. Validating reads and stages
    every row; the rest of an import is one transaction. A phase that waits has no share: a run waits when it begins,
    or later for others that write the same types.
    """

    label: str
    start: int
    end: int

    def __new__(cls, name: str, label: str = "", start: int = 0, end: int = 0) -> Phase:
        """Make a member of its name, label and share."""
        phase = str.__new__(cls, name)
        phase._value_ = name
        phase.label, phase.start, phase.end = label, start, end
        return phase

    QUEUED = "waiting for a worker", "Waiting for a worker"
    STARTING = "initializing", "Starting"
    FETCH = "fetch", "Fetching the source", 0, 2
    EXTRACT = "extract", "Reading the source", 0, 2
    WAITING = "waiting", "Waiting for another run of this type"
    VALIDATE = "validate", "Validating", 2, 55
    CHECK = "check", "Checking against the stored records", 55, 60
    PLAN = "plan", "Planning", 60, 65
    APPLY = "apply", "Applying", 65, 99
    QUERY = "query", "Selecting records", 0, 2
    WRITE = "write", "Writing the file", 2, 99
    CANCELLING = "cancelling", "Cancelling"
    CANCELLED = "cancelled", "Cancelled", 100, 100
    DONE = "done", "Done", 100, 100

    @property
    def counts_records(self) -> bool:
        """Whether what a run reports in this phase is how many records it has processed."""
        return self in (Phase.VALIDATE, Phase.WRITE, Phase.DONE)
