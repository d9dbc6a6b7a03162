"""A part: one resource type's share of a run, from the columns of its source to what is staged of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from schemas.custom import Rule
from schemas.fetched import Unread
from schemas.issues import Issue, Severity
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.reports import Counts, PartReport
from schemas.sources import Extracted
from tasks.store.ledger import mapping_to_json
from tasks.store.merge.diff import Comparison

if TYPE_CHECKING:
    from tasks.store.merge.plan import Plan
    from tasks.store.staging.table import Staging
    from tasks.values.validator import Batch


@dataclass
class Tally:
    """What was found so far; the counts of rules are exact, also where issues are no longer kept one by one.

    `keyless` counts the rejected rows whose key can't be read: which records they are is not known.
    """

    read: int = 0
    passed: int = 0
    rejected: int = 0
    keyless: int = 0
    kept: int = 0
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, batch: Batch, keep: int) -> pl.DataFrame:
        """Count a batch in; returns those of its issues that are to be kept: every error, `keep` others in all."""
        self.read += batch.read
        self.passed += batch.passed
        self.rejected += len(batch.rejected)
        self.keyless += batch.keyless
        for rule, severity, count in batch.issues.group_by("rule", "severity").len().iter_rows():
            self.rules[rule, severity] += count
        error = pl.col("severity") == Severity.ERROR
        others = batch.issues.filter(~error).head(max(keep - self.kept, 0))
        self.kept += len(others)
        return pl.concat([batch.issues.filter(error), others]) if len(batch.issues) else batch.issues

    def take(self, rules: dict[tuple[str, str], int], *, again: bool) -> None:
        """Count what the rules over many records found; where they are asked `again`, of what was warned of before."""
        for key, count in rules.items():
            warned = again and key[1] != Severity.ERROR
            self.rules[key] = max(self.rules[key], count) if warned else self.rules[key] + count

    def of(self, severity: Severity) -> int:
        """How many issues of this severity there are."""
        return sum(count for (_, kind), count in self.rules.items() if kind == severity)

    def counts(self, plan: Plan | None = None) -> Counts:
        """The counts of a report."""
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


@dataclass
class Absent:
    """How many records there are in the scope of a sync, whether it lists any that go, and those that stay though."""

    there: int = 0
    listed: bool = False
    kept: list[Issue] = field(default_factory=list)


@dataclass
class Part:
    """One type's share of a run; `extracted` is None where a frozen plan is applied, whose source was read before.

    `scope` says which records the source speaks of, as alternatives of field → value; none means all of the type.
    `unread` says which of them it may lack without their being gone, as `lacks` does with its own gaps. Of `unplaced`
    rows it is not known which records they are, as their keys name other records that are not known. A `referred` part
    has no rows of the source: its records are created because rows of other parts refer to them. `created` are warnings
    about the records that are created because rows of this part refer to them.
    """

    number: int
    resource: Resource
    source: str
    mapping: Mapping
    extracted: Extracted | None = None
    scope: tuple[dict[str, str], ...] = ()
    rules: tuple[Rule, ...] = ()
    unread: tuple[Unread, ...] = ()
    unplaced: int = 0
    tally: Tally = field(default_factory=Tally)
    comparison: Comparison = field(default_factory=Comparison)
    plan: Plan | None = None
    absent: Absent | None = None
    referred: bool = False
    created: tuple[Issue, ...] = ()
    _staging: Staging | None = None

    @property
    def staging(self) -> Staging:
        """Where its sound rows are staged, once they are validated."""
        if self._staging is None:
            raise LookupError(f"the rows of {self.resource.type} are not staged before they are validated")
        return self._staging

    def stage(self, staging: Staging) -> None:
        """Set where its rows are staged."""
        self._staging = staging

    @property
    def lacks(self) -> tuple[Unread, ...]:
        """What the source may lack of its records: pages, files and places, and what its own list says."""
        gaps = self.extracted.gaps if self.extracted else ()
        return (*self.unread, *(Unread(gap.message, self.resource.type) for gap in gaps))

    @property
    def report(self) -> PartReport:
        """What is told of it so far."""
        origin = self.extracted.origin if self.extracted else None
        return PartReport(self.resource.type, self.source, self.tally.counts(self.plan), self.mapping, origin)

    def frozen(self) -> dict[str, Any]:
        """What the ledger keeps of it with a frozen plan."""
        told = self.report
        rules = self.tally.rules
        return {
            "number": self.number,
            "type": self.resource.type,
            "referred": self.referred,
            "source": self.source,
            "mapping": mapping_to_json(self.mapping),
            "seen": self.mapping.seen is not None,
            "rows": self.staging.rows,
            "scope": list(self.scope),
            "unread": [asdict(each) for each in self.lacks],
            "keyless": self.tally.keyless,
            "aside": self.staging.aside,
            "untouched": self.staging.untouched,
            "counts": asdict(told.counts),
            "rules": [[rule, severity, count] for (rule, severity), count in sorted(rules.items())],
        }
