"""Rules over many records, checked in SQL on the staged rows and the database together.

Each check gives rows of (row, field, value, rule, severity, message) into a temporary table `found`; `run_checks` moves
them to the ledger and takes the rows that an error rejects out of staging.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlalchemy import (
    Connection,
    Select,
    delete,
    insert,
)

from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode
from tasks.store.checks.duplicate_keys import duplicate_keys
from tasks.store.checks.findings import CheckContext
from tasks.store.checks.found import FOUND, CheckOptions, count_found, remove_rejected, store_issues
from tasks.store.checks.registry import network_checks, reference_checks
from tasks.store.checks.staged_rows import blocked_moves, staged_row_checks, stale_rows
from tasks.store.connection.copy import copy_frame
from tasks.store.ledger import read_issues
from tasks.store.merge.diff import Diff, diff_of
from tasks.store.merge.projected import other_records
from tasks.store.merge.target import Target
from tasks.store.resolve import partial_keys
from tasks.store.resolve.references import drop_doubts, keep_ambiguous_values
from tasks.store.resolve.source_ids import replaced
from tasks.store.staging.table import Staging

# Rows of a frozen plan that break rules are reported one by one up to this many.
_MAX_ISSUES = 10_000

# Rounds of checks in which rejected rows leave their records in the way of others.
_MAX_ROUNDS = 10


@dataclass(frozen=True)
class Checked:
    """What the checks found: how often each (rule, severity) was broken, what is left staged, and the diff."""

    rules: dict[tuple[str, str], int]
    rejected: int
    staging: Staging
    diff: Diff


CustomRules = Callable[[Connection, Target], Iterator[pl.DataFrame]]
"""The user's own rules: frames of issues, read once the rows are staged."""


class Broken(Exception):
    """Rows of a frozen plan break rules now: how often each, how many rows, and the first of what is wrong."""

    def __init__(self, rules: dict[tuple[str, str], int], rejected: int, issues: list[Issue]) -> None:
        super().__init__(f"{rejected} rows break rules")
        self.rules = rules
        self.rejected = rejected
        self.issues = issues


def run_checks(
    connection: Connection, staging: Staging, target: Target, own: CustomRules, options: CheckOptions
) -> Checked:
    """Check every rule over many records; raises Broken where a row would be rejected and none may be.

    After Broken, everything is as it was. Overlaps are checked last, and only for the rows that are new or moved: a
    block that stays where it was has been checked before.
    """
    with connection.begin_nested() if options.whole else nullcontext():
        FOUND.create(connection, checkfirst=False)
        flawed = replace(target, s=staging.flawed)
        targets = [target, *([flawed] if staging.any_flawed else [])]
        keep_ambiguous_values(connection, targets, [*staging.ambiguous_values])
        for issues in own(connection, target):
            copy_frame(connection, FOUND, issues.select(FOUND.c.keys()))
        check_run = _CheckRun(connection, staging, target, options)
        queries = [*duplicate_keys(connection, target, staging), *check_run.row_checks(target)]
        queries += [*partial_keys.ambiguous(connection, target), *replaced(target)]
        if staging.any_flawed:
            # Rows that are rejected already are checked, too, so that all of their errors are reported at once.
            queries += check_run.row_checks(flawed)
        check_run.run(queries)
        check_run.diff_rows()
        if check_run.run([*stale_rows(target)]):
            check_run.diff_rows()
        check_run.check_networks()
        checked = check_run.checked()
        drop_doubts(connection)
        FOUND.drop(connection)
    return checked


def check_again(connection: Connection, staging: Staging, target: Target, options: CheckOptions) -> Checked:
    """Check the rules again after other records turned out to stay as they are stored; only errors are new."""
    with connection.begin_nested() if options.whole else nullcontext():
        FOUND.create(connection, checkfirst=False)
        check_run = _CheckRun(connection, staging, target, replace(options, keep=0), errors_only=True)
        check_run.run([*reference_checks(check_run.context(target))])
        check_run.diff_rows()
        check_run.check_networks()
        checked = check_run.checked()
        FOUND.drop(connection)
    return checked


class _CheckRun:
    """The checks of one type's staged rows, inside a transaction: the issues found and the rows that are left."""

    def __init__(
        self,
        connection: Connection,
        staging: Staging,
        target: Target,
        options: CheckOptions,
        *,
        errors_only: bool = False,
    ) -> None:
        self.connection = connection
        self.staging = staging
        self.target = target
        self.options = options
        self.keep = options.keep
        self.errors_only = errors_only
        self.counts: Counter[tuple[str, str]] = Counter()
        self.rejected = 0
        self.diff = Diff()

    def context(self, target: Target) -> CheckContext:
        """Return what the checks of rules look at: staged rows, and what they change as far as it is known."""
        left = self.staging.rows - self.rejected
        return CheckContext(self.connection, target, self.diff, self.staging.prefilter, left, other_records(target))

    def row_checks(self, target: Target) -> Iterator[Select[Any]]:
        """Give the queries that find the rows that the mode, a required field or a reference rejects."""
        yield from staged_row_checks(target, self.options.mode)
        yield from reference_checks(self.context(target))

    def diff_rows(self) -> None:
        """Compare the rows that are left with the stored records."""
        self.diff = diff_of(self.connection, self.target)

    def checked(self) -> Checked:
        """Return what was found; raises Broken where no row may be rejected, and one is."""
        if self.options.whole and self.rejected:
            run_id, part = self.options.run_id, self.staging.part
            issues = read_issues(self.connection, run_id, limit=_MAX_ISSUES, part=part)
            raise Broken(dict(self.counts), self.rejected, issues)
        kept = self.rejected if self.options.mode is Mode.SYNC else 0
        rows, rejected_rows = self.staging.rows - self.rejected, self.staging.rejected_rows + kept
        staging = replace(self.staging, rows=rows, rejected_rows=rejected_rows)
        return Checked(dict(self.counts), self.rejected, staging, self.diff)

    def run(self, queries: list[Select[Any]]) -> int:
        """Move what the queries find to the ledger, and take the rows that are rejected out; returns how many."""
        for query in queries:
            self.connection.execute(insert(FOUND).from_select(FOUND.c.keys(), query))
        if self.errors_only:
            self.connection.execute(delete(FOUND).where(FOUND.c.severity != Severity.ERROR))
        counts = count_found(self.connection)
        if not counts:
            return 0
        self.counts += counts
        store_issues(self.connection, self.staging, self.options, max(self.keep, 0))
        self.keep -= sum(count for (_, severity), count in counts.items() if severity != Severity.ERROR)
        rejected = remove_rejected(self.connection, self.staging, self.target, self.options.mode)
        self.rejected += rejected
        self.connection.execute(delete(FOUND))
        return rejected

    def check_networks(self) -> None:
        """Check overlaps and networks until each remaining row fits the records as they will be.

        A record whose row is rejected stays where it is stored, where another row may have taken its place.
        """
        rounds = 0
        while self._check_networks_once():
            known = self.diff.known
            self.diff_rows()
            if self.diff.known == known:
                return
            self.errors_only = True
            rounds += 1
            if rounds == _MAX_ROUNDS:
                self.run([blocked_moves(self.target)])
                self.diff_rows()

    def _check_networks_once(self) -> int:
        return self.run([*network_checks(self.context(self.target))])
