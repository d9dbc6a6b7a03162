"""Settle: which records the staged rows mean and refer to, where they name them by less or other than the key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, Text, case, cast, func, insert, literal, null, select

from schemas.issues import Severity
from schemas.job_options.choices import Drift
from schemas.model.tables import IMPORT_ISSUE
from tasks.planning.create_missing import Creating
from tasks.runtime.context import RunContext
from tasks.runtime.type_load import Loads, TypeLoad, kept_issues
from tasks.store.merge.target import Target
from tasks.store.resolve import partial_keys, references
from tasks.store.resolve.ambiguous_values import AmbiguousValue
from tasks.store.resolve.source_ids import find_renamed


def resolve_keys(run: RunContext, connection: Connection, loads: Loads, at: int, target: Target) -> Loads:
    """Replace other names in the rows of one type by the keys that they mean, and report each as a repair.

    Returns the types as they are then; a frozen plan stays as it was shown.
    """
    if run.moved in (Drift.REFUSE, Drift.SKIP):
        return loads
    staging = loads[at].staging
    ambiguous: list[AmbiguousValue] = []
    resolution = _KeyResolution(run, connection, loads, at)
    for table in (staging.table, *([staging.flawed] if staging.any_flawed else [])):
        one = replace(target, s=table)
        ambiguous += resolution.records(one, resolution.references(one))
        resolution.keys(one)
        find_renamed(connection, one)
    return resolution.resolved(loads, ambiguous)


class _KeyResolution:
    """The resolution of the keys of one type, inside a transaction: what was found so far."""

    def __init__(self, run: RunContext, connection: Connection, loads: Loads, at: int) -> None:
        self.run = run
        self.connection = connection
        self.load = loads[at]
        self.room = max(run.settings.max_issues - kept_issues(loads), 0)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.outdated: set[str] = set()
        self.rekeyed = False
        self.unclear = 0
        self.creating = Creating(run, connection, loads)

    def references(self, target: Target) -> list[AmbiguousValue]:
        """Read other names as keys; returns what can be said of those that are left."""
        left: list[AmbiguousValue] = []
        for rule in references.references(target):
            found = references.named(self.connection, target, rule)
            if found is None:
                continue
            if self._report(references.RULE, references.repairs(target, found)):
                references.write_keys(self.connection, target, found)
                self.outdated.add(rule.field)
                self.rekeyed = self.rekeyed or rule.field in target.resource.key
            left += references.ambiguous_values(self.connection, target, found)
        return left

    def records(self, target: Target, left: list[AmbiguousValue]) -> list[AmbiguousValue]:
        """Create what the references that are left name, where the run may; returns what can be said of the others."""
        refused = self.creating.create(target, left)
        if self.creating.created:
            # Another case of the name of a record that is created now means that record.
            left = self.references(target)
        return [*(value for value in left if (value.field, value.value) not in refused), *refused.values()]

    def keys(self, target: Target) -> None:
        """Complete the keys that mean a single record."""
        found = partial_keys.meant(self.connection, target)
        if found is None:
            return
        if self._report(partial_keys.RULE, partial_keys.repairs(target, found)):
            partial_keys.write_keys(self.connection, target, found)
            self.rekeyed = True
        several = select(func.count()).select_from(found).where(func.cardinality(found.c["keys"]) > 1)
        self.unclear += int(self.connection.scalar(several) or 0)

    def _report(self, rule: str, query: Select[Any]) -> int:
        """Enter repairs in the ledger, as far as there is room; returns how many there are."""
        rows = query.subquery()
        count = int(self.connection.scalar(select(func.count()).select_from(rows)) or 0)
        row, field, value, message = rows.c
        columns = {match.field: match.column for match in self.load.mapping.matches}
        repairs = select(
            literal(self.run.run_id),
            literal(self.load.number),
            row,
            cast(case(columns, value=field) if columns else null(), Text),
            field,
            value,
            literal(rule),
            literal(str(Severity.REPAIR)),
            message,
        )
        into = ["run_id", "part", "row", "column", "field", "value", "rule", "severity", "message"]
        self.connection.execute(insert(IMPORT_ISSUE).from_select(into, repairs.order_by(row).limit(self.room)))
        self.counts[rule, str(Severity.REPAIR)] += count
        return count

    def resolved(self, loads: Loads, ambiguous: list[AmbiguousValue]) -> Loads:
        """Return the types with what was found and created."""
        made = self.creating.loads
        return tuple(
            self._resolved(load, ambiguous) if load.number == self.load.number else load
            for load in (made.get(each.resource.type, each) for each in loads)
        )

    def _resolved(self, load: TypeLoad, ambiguous: list[AmbiguousValue]) -> TypeLoad:
        tally = load.tally.with_rules(+self.counts)
        # A sync must not delete or retire what such a row may mean.
        tally = replace(tally, kept=tally.kept + self.counts.total(), keyless=tally.keyless + self.unclear)
        staging = replace(
            load.staging,
            prefilter=load.staging.prefilter.without(self.outdated),
            rekeyed=load.staging.rekeyed or self.rekeyed,
            ambiguous_values=tuple(dict.fromkeys(ambiguous)),
        )
        return replace(load, tally=tally, staging=staging)
