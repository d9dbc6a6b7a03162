"""Settle: which records the staged rows mean and refer to, where they name them by less or other than the key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, Text, case, cast, func, insert, literal, null, select

from schemas.choices import Moved
from schemas.issues import Severity
from schemas.model.tables import IMPORT_ISSUE
from tasks.planning.create_missing import Creating
from tasks.runtime.context import Run
from tasks.runtime.type_load import Part
from tasks.store.merge.sides import Target
from tasks.store.resolve import partial_keys, references
from tasks.store.resolve.doubts import AmbiguousValue
from tasks.store.resolve.source_ids import find_renamed


def settle(run: Run, part: Part, target: Target) -> None:
    """Write the keys that a part's rows mean in the places of other names, and report each as a repair.

    A frozen plan stays as it was shown.
    """
    if part.staging.checked or run.moved in (Moved.REFUSE, Moved.SKIP):
        return
    staging = part.staging
    tables = [staging.table, *([staging.flawed] if staging.any_flawed else [])]
    found: list[AmbiguousValue] = []
    with run.session.transaction() as connection:
        settling = _Settling(run, part, connection)
        for table in tables:
            one = replace(target, s=table)
            found += settling.records(one, settling.references(one))
            settling.keys(one)
            find_renamed(connection, one)
    # Only now is it so: a transaction that fails writes nothing.
    settling.finish()
    staging.doubts = list(dict.fromkeys(found))


class _Settling:
    """The settling of one part, inside a transaction."""

    def __init__(self, run: Run, part: Part, connection: Connection) -> None:
        self.run = run
        self.part = part
        self.connection = connection
        self.counts: dict[str, int] = {}
        self.rekeyed = False
        self.unclear = 0
        self.creating = Creating(run, part, connection)

    def references(self, target: Target) -> list[AmbiguousValue]:
        """Read other names as keys; returns what can be said of those that are left."""
        left: list[AmbiguousValue] = []
        for rule in references.references(target):
            found = references.named(self.connection, target, rule)
            if found is None:
                continue
            if self._report(references.RULE, references.repairs(target, found)):
                references.write_keys(self.connection, target, found)
                self.part.staging.sketch.distrust(rule.field)
                self.rekeyed = self.rekeyed or rule.field in target.resource.key
            left += references.doubts(self.connection, target, found)
        return left

    def records(self, target: Target, left: list[AmbiguousValue]) -> list[AmbiguousValue]:
        """Create what the references that are left name, where the run may; returns what can be said of the others."""
        refused = self.creating.create(target, left)
        if self.creating.created:
            # Another case of the name of a record that is created now means that record.
            left = self.references(target)
        return [*(doubt for doubt in left if (doubt.field, doubt.value) not in refused), *refused.values()]

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
        room = max(self.run.settings.max_issues - self.run.kept, 0)
        row, field, value, message = rows.c
        columns = {match.field: match.column for match in self.part.mapping.matches}
        told = select(
            literal(self.run.run_id),
            literal(self.part.number),
            row,
            cast(case(columns, value=field) if columns else null(), Text),
            field,
            value,
            literal(rule),
            literal(str(Severity.REPAIR)),
            message,
        )
        into = ["run_id", "part", "row", "column", "field", "value", "rule", "severity", "message"]
        self.connection.execute(insert(IMPORT_ISSUE).from_select(into, told.order_by(row).limit(room)))
        self.counts[rule] = self.counts.get(rule, 0) + count
        return count

    def finish(self) -> None:
        """Count what was found."""
        self.creating.finish()
        part, tally = self.part, self.part.tally
        for rule, count in self.counts.items():
            if count:
                tally.rules[rule, Severity.REPAIR] += count
                tally.kept += count
        part.staging.rekeyed = part.staging.rekeyed or self.rekeyed
        # A sync must not take away what such a row may mean.
        tally.keyless += self.unclear
