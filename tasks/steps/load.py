"""Load: check the staged rows against each other and the database, plan, and apply the plan, in one transaction.

All of it is one transaction, the ledger's entry included: a load that fails has done nothing, and can be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from schemas.errors import PlanDrifted, RunFailed, TooManyErrors
from schemas.issues import issues_frame
from schemas.job_options.choices import Drift
from schemas.language.remedies import option
from schemas.phases import Phase
from schemas.reports import Outcome, Status
from schemas.sources import ROW
from tasks.planning.create_missing import without_unreferred
from tasks.planning.missing_records import spare, targets_of, with_absent
from tasks.planning.resolve_keys import resolve_keys
from tasks.planning.run_plan import RunPlan, frozen_plans, moved_message, plan_of, with_conflicts
from tasks.rules.evaluate import OfRecords, of_cells
from tasks.runtime.context import RunContext, disk_errors
from tasks.runtime.lifecycle import outcome_after
from tasks.runtime.type_load import (
    Loads,
    TypeLoad,
    counts_of,
    kept_issues,
    loads_of,
    part_reports,
    rules_of,
    rules_to_json,
)
from tasks.runtime.values import LoadResult, StagedShard
from tasks.security.redaction import without_secrets
from tasks.store import ledger
from tasks.store.checks.found import CheckOptions
from tasks.store.checks.run import Broken, Checked, check_again, run_checks
from tasks.store.merge.target import Target
from tasks.store.staging.unchanged import stage_differing

# Rejected rows that are read from the source and kept at once.
_SLICE = 50_000


def load(run: RunContext, staged: tuple[StagedShard, ...]) -> LoadResult:
    """Load the staged rows of all types, or find out what loading them would do; the ledger has the outcome.

    Raises TooManyErrors when the job's thresholds forbid it, PlanDrifted when a frozen plan no longer holds. It may be
    tried again after a Transient error: an outcome that is in the ledger is returned as it is.
    """
    loads = loads_of(staged)
    if (result := _begun(run, loads)) is not None:
        return result
    if not run.job.dry_run:
        run.lock_types(load.resource for load in loads)
    with run.session.transaction() as connection:
        result = _loaded(run, connection, loads)
    if result.refusal:
        raise result.refusal
    run.progress(Phase.DONE, result.counts.read, result.counts.read, result.counts.rejected)
    return result


def _begun(run: RunContext, loads: Loads) -> LoadResult | None:
    """Return the outcome that an earlier attempt has entered; none: enter what validation found, and begin."""
    with run.session.transaction() as connection:
        status = ledger.status_of(connection, run.run_id)
        if status not in (None, Status.RUNNING):
            report = ledger.read_report(connection, run.run_id, samples=0)
            return LoadResult(report.outcome or Outcome.FAILED, report.counts, report.message)
        reports = part_reports(loads, referred=False)
        ledger.describe_staged(connection, run.run_id, counts_of(loads), rules_to_json(rules_of(loads)), reports)
        if kept_issues(loads) > run.settings.max_issues:
            ledger.limit_issues(connection, run.run_id, run.settings.max_issues)
        for load in loads:
            if run.plan is None and load.source.extracted and not load.staging.spools:
                load.staging.analyze(connection)
    return None


def _loaded(run: RunContext, connection: Connection, loads: Loads) -> LoadResult:
    """Check, plan and apply, inside the transaction."""
    _check_staged(run, connection, loads)
    if run.plan is None:
        with disk_errors():
            staged = (stage_differing(connection, each.staging.take_prefilter(connection)) for each in loads)
            loads = tuple(replace(load, staging=staging) for load, staging in zip(loads, staged, strict=True))
    try:
        loads = _checked(run, connection, _without_moved(run, connection, loads))
    except _Refused as refused:
        return _failed(run, connection, refused.loads, PlanDrifted(refused.message, run=run.plan))
    _keep_rejected(run, connection, loads)
    counts = counts_of(loads)
    problem = run.job.too_many(counts.rejected, counts.read)
    if problem and not run.job.dry_run:
        return _failed(
            run,
            connection,
            loads,
            TooManyErrors(
                f"{problem} Nothing was changed.", rejected=counts.rejected, read=counts.read, limit=run.job.max_errors
            ),
        )
    run.progress(Phase.PLAN, 0, sum(load.staging.rows + load.staging.unchanged for load in loads), counts.rejected)
    plan, moved = plan_of(run, connection, loads).with_moved()
    if moved:
        unplanned = tuple(replace(load, plan=None) for load in plan.loads)
        return _failed(run, connection, unplanned, PlanDrifted(moved_message(moved), run=run.plan, changed=moved))
    return _carried_out(run, plan, problem)


def _check_staged(run: RunContext, connection: Connection, loads: Loads) -> None:
    """See to it that what is staged is there, and that no other run has applied the plan while this one waited."""
    if run.plan:
        ledger.read_plan(connection, run.plan)
    for load in loads:
        load.staging.check_complete(connection)


# Checks ---------------------------------------------------------------------------------------------------------------


def _checked(run: RunContext, connection: Connection, loads: Loads) -> Loads:
    """Ask the rules over many records of what the run will leave, and compare what is left with what is stored."""
    run.progress(Phase.CHECK, 0, None)
    for at, target in enumerate(targets_of(run, loads)):
        loads = resolve_keys(run, connection, loads, at, target)
    loads = with_absent(run, connection, loads)
    reverted: set[str] = set()
    for at, target in enumerate(targets_of(run, loads)):
        loads, rejected = _with_checks(_Checks(run, connection, loads, at, target), again=False)
        reverted |= {loads[at].resource.type} if rejected else set()
    loads, more = _leaves_more(run, connection, loads, reverted)
    while more:
        reverted = set()
        for at, target in enumerate(targets_of(run, loads)):
            loads, rejected = _with_checks(_Checks(run, connection, loads, at, target), again=True)
            reverted |= {loads[at].resource.type} if rejected else set()
        loads, more = _leaves_more(run, connection, loads, reverted)
    if run.moved is Drift.REFUSE:
        return loads
    return without_unreferred(run, connection, loads, targets_of(run, loads))


class _Refused(Exception):
    """A frozen plan is refused, as its rows break rules now: the types with what was found, and the message."""

    def __init__(self, loads: Loads, message: str) -> None:
        super().__init__(message)
        self.loads = loads
        self.message = message


@dataclass(frozen=True)
class _Checks:
    """The checks of the type at a place among those of a run."""

    run: RunContext
    connection: Connection
    loads: Loads
    at: int
    target: Target

    @property
    def load(self) -> TypeLoad:
        return self.loads[self.at]

    def others_with(self, load: TypeLoad) -> Loads:
        """Return all types, with another value for this one."""
        return (*self.loads[: self.at], load, *self.loads[self.at + 1 :])

    def result(self, *, again: bool) -> Checked:
        """Ask the rules; raises Broken where rows of a frozen plan break them."""
        run, load = self.run, self.load
        keep = max(run.settings.max_issues - kept_issues(self.loads), 0)
        options = CheckOptions(run.run_id, load.mapping, run.job.mode, keep, whole=run.moved is Drift.REFUSE)
        if again:
            return check_again(self.connection, load.staging, self.target, options)
        return run_checks(self.connection, load.staging, self.target, _own_rules(run, load), options)


def _with_checks(checks: _Checks, *, again: bool) -> tuple[Loads, int]:
    """Ask the rules of a type; returns the types with what was found, and how many rows of it are rejected."""
    load, run = checks.load, checks.run
    try:
        checked = checks.result(again=again)
    except Broken as broken:
        raise _refused(checks, broken) from broken
    tally = load.tally.with_rules(checked.rules, planned=run.moved is not None)
    tally = replace(tally, rejected=tally.rejected + checked.rejected)
    load = replace(load, staging=checked.staging, tally=tally, diff=checked.diff)
    return checks.others_with(load), checked.rejected


def _leaves_more(run: RunContext, connection: Connection, loads: Loads, reverted: set[str]) -> tuple[Loads, bool]:
    """Say whether more records stay than the checks went by: of rejected rows, or those that such records refer to.

    A type is checked with the rows of later types as they are in the source, and these may have been rejected since.
    """
    spared = False
    if any(load.leaves for load in loads):
        loads, spared = spare(run, connection, loads, checked=True)
    earlier: set[str] = set()
    for load in loads:
        if load.resource.type in reverted & earlier:
            return loads, True
        earlier.update(load.resource.related)
    return loads, spared


def _own_rules(run: RunContext, load: TypeLoad) -> OfRecords:
    """The user's own rules that are asked of all records, or of what is stored too."""
    mapping, some = load.mapping, load.staging.untouched
    rules = run.rules_of(load.resource)
    rules = tuple(rule for rule in rules if some or not of_cells(rule, mapping, run.job.mode, run.job.empty))
    return OfRecords(rules, mapping, run.workdir, run.settings.batch_size)


# Refusals -------------------------------------------------------------------------------------------------------------


def _refused(checks: _Checks, broken: Broken) -> _Refused:
    """Say why a plan is refused whose rows break rules now: as its records moved, or what they go with did."""
    run, connection, load = checks.run, checks.connection, checks.load
    loads, moved = with_conflicts(run, connection, checks.loads)
    if moved:
        return _Refused(loads, moved_message(moved))
    ledger.add_issues(connection, run.run_id, issues_frame(broken.issues), load.number)
    found = replace(load, tally=load.tally.with_rules(broken.rules))
    return _Refused(
        checks.others_with(found),
        f"{broken.rejected:,} {load.resource.title} records no longer keep the rules, as what they go with was "
        "changed since the plan was made. Nothing was changed: plan again, or leave them out with "
        f"{option('moved', Drift.SKIP)}.",
    )


def _without_moved(run: RunContext, connection: Connection, loads: Loads) -> Loads:
    """Take what moved since the plan was made out of this run's copy of it, where the run may."""
    if run.moved is not Drift.SKIP:
        return loads
    loads, _ = with_conflicts(run, connection, loads)
    left: list[TypeLoad] = []
    for load, frozen in zip(loads, frozen_plans(run, connection, loads), strict=True):
        count = frozen.leave_out()
        staging = replace(load.staging, rows=load.staging.rows - count)
        left.append(replace(load, staging=staging, tally=replace(load.tally, rejected=load.tally.rejected + count)))
    return tuple(left)


# The end --------------------------------------------------------------------------------------------------------------


def _keep_rejected(run: RunContext, connection: Connection, loads: Loads) -> None:
    """Keep the rejected rows as they stand in the source, so that they can be fixed and imported again."""
    for load in loads:
        extracted = load.source.extracted
        if not load.tally.rejected or extracted is None:
            continue
        numbers = ledger.rejected_numbers(connection, run.run_id, load.number)
        columns = [name for name in extracted.columns if name not in load.mapping.secret]
        rows = without_secrets(extracted, load.resource).rows(numbers).select(ROW, *columns)
        for batch in rows.collect_batches(chunk_size=_SLICE, maintain_order=True):
            ledger.add_rejected_rows(connection, run.run_id, batch, load.number)


def _carried_out(run: RunContext, plan: RunPlan, problem: str | None) -> LoadResult:
    """Apply the plans, or keep what they would do; the ledger's entry is in the same transaction."""
    held = None if run.moved else plan.reason_to_hold()
    counts = counts_of(plan.loads)
    shown: dict[str, Any] = {}
    if run.job.dry_run or held:
        shown = plan.shown()
        if run.job.keep_plan or held:
            plan.freeze()
    else:
        run.progress(Phase.APPLY, 0, counts.create + counts.update + counts.delete + counts.retire)
        plan.apply()
    outcome = Outcome.PREVIEWED if run.job.dry_run else Outcome.HELD if held else Outcome.APPLIED
    return _entered(run, plan.connection, LoadResult(outcome, counts, problem or held), plan.loads, **shown)


def _failed(run: RunContext, connection: Connection, loads: Loads, refusal: RunFailed) -> LoadResult:
    """Enter the end of a run that applies nothing."""
    outcome, message = outcome_after(refusal)
    return _entered(run, connection, LoadResult(outcome, counts_of(loads), message, refusal), loads)


def _entered(run: RunContext, connection: Connection, result: LoadResult, loads: Loads, **more: Any) -> LoadResult:
    """Enter the end of a run in the ledger, with what was found of each rule and type."""
    created = any(load.source.referred and load.tally.read for load in loads)
    parts = part_reports(loads, referred=created)
    ending: dict[str, Any] = {"rules": rules_to_json(rules_of(loads)), "duration": run.duration} | more
    if len(parts) > 1:
        ending["parts"] = ledger.parts_to_json(parts)
    ledger.close_run(connection, run.run_id, result.outcome, result.counts, message=result.message, **ending)
    return result
