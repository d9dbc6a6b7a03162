"""What passes between the steps of an import or sync: frozen values, from the sources to the outcome."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

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
    """One type's share of a run: its columns → fields.

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

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both."""
        return Tally(
            self.read + other.read,
            self.passed + other.passed,
            self.rejected + other.rejected,
            self.keyless + other.keyless,
            self.kept + other.kept,
            self.rules + other.rules,
        )

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
    """Return the issues of a batch for the ledger: every error, and as many others as there is room for.

    The first of these are those of the first rows, wherever batches and shards are cut.
    """
    error = pl.col("severity") == Severity.ERROR
    if batch.issues.is_empty():
        return batch.issues
    others = batch.issues.filter(~error)
    if len(others) > room:
        others = others.sort("row", maintain_order=True).head(max(room, 0))
    return pl.concat([batch.issues.filter(error), others])


@dataclass(frozen=True)
class Shard:
    """The rows of a mapped source from `first` to `last` (None: its end), which are validated apart from the others.

    It can be pickled and validated by another process, which has to see the source's file. `kept` is how many warnings
    and repairs of earlier shards the ledger has, where that is known.
    """

    source: MappedSource
    number: int = 0
    first: int = 0
    last: int | None = None
    kept: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its source."""
        return self.first == 0 and self.last is None

    @property
    def title(self) -> str:
        """What it is called: by its type, and by its rows where it is not all of its source."""
        name = self.source.resource.type
        return name if self.is_whole else f"{name}, rows {self.first:,} to {f'{self.last:,}' if self.last else 'end'}"

    @property
    def extracted(self) -> Extracted | None:
        """The source with the rows of the shard alone."""
        whole = self.source.extracted
        return whole if whole is None or self.is_whole else whole.between(self.first, self.last)


@dataclass(frozen=True)
class StagedShard:
    """The validated rows of a shard: what is staged of them, and their tally."""

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
