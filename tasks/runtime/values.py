"""What passes between the steps of an import or sync: frozen values, from the sources to the outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from schemas.custom import Rule
from schemas.errors import RunFailed
from schemas.fetched import Unread
from schemas.issues import Issue, Severity
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.reports import Counts, Outcome, PartReport
from schemas.sources import Extracted

if TYPE_CHECKING:
    from tasks.store.merge.plan import Plan
    from tasks.store.staging.table import Staging
    from tasks.values.validator import Batch

Scope = tuple[dict[str, str], ...]
"""Which records a source is authoritative for: alternatives of field → value; none means all of the type."""


@dataclass(frozen=True)
class Sources:
    """What is read of a source: one `extracted` for each type, and what is known of all of it.

    `unread` are the records that may be missing from it, and `scopes` the places it was read from, by type.
    """

    extracted: tuple[Extracted, ...]
    notices: tuple[Issue, ...] = ()
    unread: tuple[Unread, ...] = ()
    scopes: dict[str, Scope] = field(default_factory=dict)

    def lacks_of(self, resource_type: str) -> tuple[Unread, ...]:
        """Return which records of a type may be missing."""
        return tuple(each for each in self.unread if each.resource_type in (None, resource_type))


@dataclass(frozen=True)
class MappedSource:
    """One type's share of a run: its columns → fields, and the user's own rules of the type.

    `extracted` is None where a frozen plan is applied, whose source was read before, and for `referred` types: they
    have no rows of the source, and their records are created because rows of other types refer to them. `unread` says
    which records in `scope` may be missing without being gone; `lacks` adds the source's own gaps.
    """

    number: int
    resource: Resource
    name: str
    mapping: Mapping
    extracted: Extracted | None = None
    scope: Scope = ()
    rules: tuple[Rule, ...] = ()
    unread: tuple[Unread, ...] = ()
    referred: bool = False

    @property
    def lacks(self) -> tuple[Unread, ...]:
        """The records that may be missing from the source: pages, files and places, and what its own list says."""
        gaps = self.extracted.gaps if self.extracted else ()
        return (*self.unread, *(Unread(gap.message, self.resource.type) for gap in gaps))

    def report(self, counts: Counts = Counts()) -> PartReport:  # noqa: B008  # it is frozen
        """Return its share of the run's report."""
        origin = self.extracted.origin if self.extracted else None
        return PartReport(self.resource.type, self.name, counts, self.mapping, origin)


Rules = Counter[tuple[str, str]]
"""How often each (rule, severity) was found; never changed once it is in a value."""


@dataclass(frozen=True)
class Tally:
    """The counts of one type; those of rules are exact, also where issues are no longer kept one by one.

    `passed` are the rows of the source, blank ones included. `keyless` are the rejected rows whose key can't be read:
    which records they are is not known. `kept` are the warnings and repairs in the ledger.
    """

    read: int = 0
    passed: int = 0
    rejected: int = 0
    keyless: int = 0
    kept: int = 0
    rules: Rules = field(default_factory=Counter)

    def with_batch(self, batch: Batch, kept: int) -> Tally:
        """Return the tally with a validated batch, of which `kept` warnings and repairs are in the ledger."""
        found = {(rule, severity): n for rule, severity, n in batch.issues.group_by("rule", "severity").len().rows()}
        return replace(
            self,
            read=self.read + batch.read,
            passed=self.passed + batch.passed,
            rejected=self.rejected + len(batch.rejected),
            keyless=self.keyless + batch.keyless,
            kept=self.kept + kept,
            rules=self.rules + Counter(found),
        )

    def with_rules(self, rules: dict[tuple[str, str], int], *, planned: bool = False) -> Tally:
        """Return the tally with what rules over many records found.

        Where a plan is applied that was `planned` before, warnings found then are found again.
        """
        total = Counter(self.rules)
        for key, count in rules.items():
            again = planned and key[1] != Severity.ERROR
            total[key] = max(total[key], count) if again else total[key] + count
        return replace(self, rules=total)

    def with_count(self, rule: str, severity: Severity, count: int) -> Tally:
        """Return the tally in which a rule was found so often."""
        return replace(self, rules=Counter({**self.rules, (rule, str(severity)): count}))

    def of(self, severity: Severity) -> int:
        """Return how many issues of this severity there are."""
        return sum(count for (_, kind), count in self.rules.items() if kind == severity)

    def counts(self, plan: Plan | None = None) -> Counts:
        """Return the counts of a report."""
        found = Counts(
            read=self.read,
            rejected=self.rejected,
            warnings=self.of(Severity.WARNING),
            repairs=self.of(Severity.REPAIR),
        )
        if plan is None:
            return found
        return replace(
            found,
            create=plan.create,
            update=plan.update,
            unchanged=plan.unchanged,
            delete=plan.delete,
            retire=plan.retire,
        )


def issues_to_keep(batch: Batch, room: int) -> pl.DataFrame:
    """Return the issues of a batch for the ledger: every error, and as many others as there is room for."""
    error = pl.col("severity") == Severity.ERROR
    if batch.issues.is_empty():
        return batch.issues
    return pl.concat([batch.issues.filter(error), batch.issues.filter(~error).head(max(room, 0))])


@dataclass(frozen=True)
class StagedShard:
    """The validated rows of a mapped source: what is staged of them, and their tally."""

    source: MappedSource
    staging: Staging
    tally: Tally


@dataclass(frozen=True)
class LoadResult:
    """How a load ended, as the ledger has it. `refusal` says why nothing was applied."""

    outcome: Outcome
    counts: Counts
    message: str | None = None
    refusal: RunFailed | None = None
