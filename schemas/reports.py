"""Reports: what a run did, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode, Verdict
from schemas.language.remedies import Remedy, Wording, remedy_of, worded
from schemas.mapping import Mapping
from schemas.phases import Phase
from schemas.sources import Origin


class Status(StrEnum):
    """The state of a run in the ledger."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How a run ended, and why. It decides the status."""

    APPLIED = "applied"
    PREVIEWED = "previewed"
    UNCHANGED = "unchanged"
    HELD = "held"
    REJECTED = "rejected"
    DRIFTED = "drifted"
    FAILED = "failed"
    LIMITED = "limited"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def status(self) -> Status:
        """The status of a run that ended so."""
        return _STATUSES.get(self, Status.FAILED)

    @property
    def is_abrupt(self) -> bool:
        """Whether the process of the run was ended or died, so that it could not report its end itself."""
        return self in (Outcome.CRASHED, Outcome.LIMITED)


_STATUSES = {
    Outcome.APPLIED: Status.COMPLETED,
    Outcome.PREVIEWED: Status.COMPLETED,
    Outcome.UNCHANGED: Status.COMPLETED,
    Outcome.CANCELLED: Status.CANCELLED,
    Outcome.SKIPPED: Status.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records were read, and what became of them: `read` = create + update + unchanged + rejected.

    A sync also deletes or retires the records that its source no longer has: `delete` and `retire`; an undo reads what
    it deletes.
    """

    read: int = 0
    create: int = 0
    update: int = 0
    unchanged: int = 0
    rejected: int = 0
    warnings: int = 0
    repairs: int = 0
    delete: int = 0
    retire: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Those of two types together."""
        return Counts(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(Counts)))


@dataclass(frozen=True, slots=True)
class Change:
    """One record of a plan: its key, what would be done, and the fields that differ, before → after."""

    key: str
    action: str
    row: int | None
    fields: dict[str, tuple[Any, Any]]
    resource_type: str = ""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule failed."""

    rule: str
    severity: Severity
    count: int


@dataclass(frozen=True)
class PartReport:
    """What a run of several types did with one of them."""

    resource_type: str
    source: str
    counts: Counts
    mapping: Mapping | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class Decision:
    """Who approved or rejected a plan, when and why; `run` is the run that applies an approved one.

    A rejection is final. An approval is final once its run has applied the plan; where that run ends without, the plan
    can be decided about again.
    """

    verdict: Verdict
    by: str
    at: datetime
    reason: str | None = None
    run: str | None = None

    @property
    def sentence(self) -> str:
        """The decision as people read it: who, and why."""
        why = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"{self.verdict.capitalize()} by {self.by}{why}."


@dataclass(frozen=True)
class FrozenPlan:
    """A frozen plan: what is staged, kept until `until`, and the hash by which it is known to be the same.

    `applied` is the run that applied it; once it is applied or rejected, it is kept no longer.
    """

    hash: str
    until: datetime | None
    applied: str | None = None
    decision: Decision | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether somebody rejected it, so that it cannot be applied any more."""
        return self.decision is not None and self.decision.verdict is Verdict.REJECTED

    @property
    def is_open(self) -> bool:
        """Whether it was neither applied nor rejected; it may have expired."""
        return self.applied is None and not self.is_rejected


@dataclass(frozen=True)
class Report:
    """What a run did, for people and for scripts; of a dry run, what it would have done, with sample records."""

    run_id: str
    status: Status
    resource_type: str
    source: str
    mode: Mode
    dry_run: bool
    counts: Counts
    duration: float
    message: str | None = None
    outcome: Outcome | None = None
    mapping: Mapping | None = None
    rules: tuple[RuleCount, ...] = ()
    issues: tuple[Issue, ...] = ()
    changes: tuple[Change, ...] = ()
    samples: tuple[dict[str, Any], ...] = ()
    notices: tuple[Issue, ...] = ()
    origin: Origin | None = None
    repeats: str | None = None
    started: datetime | None = None
    requested_by: str | None = None
    undoes: str | None = None
    applies: str | None = None
    parts: tuple[PartReport, ...] = ()
    plan: FrozenPlan | None = None
    sync: str | None = None
    version: str | None = None

    @property
    def remedy(self) -> Remedy | None:
        """The options and actions that the message proposes, if any."""
        return remedy_of(self.message)

    def worded(self, wording: Wording) -> Report:
        """Return the report with its messages in the words of a front end."""
        return replace(
            self,
            message=worded(self.message, wording) if self.message else self.message,
            issues=tuple(issue.worded(wording) for issue in self.issues),
            notices=tuple(notice.worded(wording) for notice in self.notices),
        )

    @property
    def state(self) -> str:
        """The word for the state of the run that people read: the status, or `crashed`."""
        return self.outcome if self.outcome is Outcome.CRASHED else self.status

    @property
    def is_planned(self) -> bool:
        """Whether the counts and changes are those of a plan that this run did not apply."""
        return self.dry_run or self.outcome is Outcome.HELD


@dataclass(frozen=True)
class Exported:
    """What an export wrote; `unfit` counts the stored values that the type's rules of today would reject.

    A document of several types has no `resource_type` and no `columns` of one, but `types`: the records of each.
    """

    run_id: str
    resource_type: str | None
    path: Path
    format: str
    columns: tuple[str, ...]
    records: int
    size: int
    duration: float
    unfit: tuple[tuple[str, str, int], ...] = ()
    types: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What was exported, in a few words."""
        return self.resource_type or f"{len(self.types)} types"


class Progress(Protocol):
    """Called with the progress of a run."""

    def __call__(self, phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:
        """Take the phase, the records done, those in all where that is known, and how many are rejected so far."""


def silent(phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:
    """Ignore the progress of a run."""
