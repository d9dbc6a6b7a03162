"""The load of one resource type: what is staged of it, and what the checks and the plan found so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from schemas.fetched import Unread
from schemas.issues import Issue, Severity
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.reports import Counts, PartReport
from tasks.runtime.values import MappedSource, Rules, StagedShard, Tally
from tasks.store.ledger import mapping_to_json
from tasks.store.merge.diff import Diff

if TYPE_CHECKING:
    from tasks.store.merge.plan import Plan
    from tasks.store.staging.table import Staging


@dataclass(frozen=True)
class AbsentRecords:
    """How many records there are in the scope of a sync, whether it lists any that go, and those that stay though."""

    there: int = 0
    any_listed: bool = False
    kept: tuple[Issue, ...] = ()


@dataclass(frozen=True)
class TypeLoad:
    """The load of one resource type; each phase of the load returns another one.

    Of `unplaced` rows it is not known which records they are, as their keys name other records that are not known.
    `created` are warnings about the records that are created because rows of this type refer to them.
    """

    source: MappedSource
    staging: Staging
    tally: Tally = field(default_factory=Tally)
    diff: Diff = field(default_factory=Diff)
    absent: AbsentRecords | None = None
    unplaced: int = 0
    created: tuple[Issue, ...] = ()
    plan: Plan | None = None

    @property
    def number(self) -> int:
        """The number of the type in its run."""
        return self.source.number

    @property
    def resource(self) -> Resource:
        """The resource type."""
        return self.source.resource

    @property
    def mapping(self) -> Mapping:
        """Its columns → fields."""
        return self.source.mapping

    @property
    def lacks(self) -> tuple[Unread, ...]:
        """The records that may be missing from the source."""
        return self.source.lacks

    @property
    def leaves(self) -> bool:
        """Whether a sync lists records of the type to be retired or deleted."""
        return self.absent is not None and self.absent.any_listed

    @property
    def report(self) -> PartReport:
        """Its share of the run's report."""
        return self.source.report(self.tally.counts(self.plan))

    def with_warnings(self, issues: tuple[Issue, ...]) -> TypeLoad:
        """Return the load with warnings of one rule counted."""
        return replace(self, tally=self.tally.with_count(issues[0].rule, Severity.WARNING, len(issues)))

    def frozen(self) -> dict[str, Any]:
        """Return what the ledger keeps of it with a frozen plan."""
        return {
            "number": self.number,
            "type": self.resource.type,
            "referred": self.source.referred,
            "source": self.source.name,
            "mapping": mapping_to_json(self.mapping),
            "seen": self.mapping.seen is not None,
            "rows": self.staging.rows,
            "scope": list(self.source.scope),
            "unread": [asdict(each) for each in self.lacks],
            "keyless": self.tally.keyless,
            "aside": self.staging.rejected_rows,
            "untouched": self.staging.untouched,
            "counts": asdict(self.report.counts),
            "rules": rules_to_json(self.tally.rules),
        }


Loads = tuple[TypeLoad, ...]
"""The types of a run, in the order of loading."""


def loads_of(staged: tuple[StagedShard, ...]) -> Loads:
    """Return the types of a run whose rows are staged, each with all of its shards."""
    loads: dict[int, TypeLoad] = {}
    for each in staged:
        load = loads.get(each.source.number)
        if load is None:
            loads[each.source.number] = TypeLoad(each.source, each.staging, each.tally)
        else:
            loads[load.number] = replace(load, staging=load.staging.joined(each.staging), tally=load.tally + each.tally)
    return tuple(loads.values())


def counts_of(loads: Loads) -> Counts:
    """Return the counts of all types together."""
    return sum((load.report.counts for load in loads), Counts())


def kept_issues(loads: Loads) -> int:
    """Return how many warnings and repairs are in the ledger so far."""
    return sum(load.tally.kept for load in loads)


def rules_of(loads: Loads) -> Rules:
    """Return how often each rule was found, over all types."""
    return sum((load.tally.rules for load in loads), Counter[tuple[str, str]]())


def rules_to_json(rules: Rules) -> list[list[Any]]:
    """Return how often each rule was found, as the ledger keeps it."""
    return [[rule, severity, count] for (rule, severity), count in sorted(rules.items())]


def part_reports(loads: Loads, *, referred: bool) -> list[PartReport]:
    """Return the share of each type in the order of their numbers; of types without rows of the source, if `referred`.

    Those without rows are the types whose records are only created for references.
    """
    ordered = sorted(loads, key=lambda load: load.number)
    return [load.report for load in ordered if referred or not load.source.referred]
