"""Load: check the staged rows against each other and the database, plan, and apply the plan in one transaction."""

from __future__ import annotations

from typing import Any

from schemas.errors import TooManyErrors
from schemas.reports import ROW, Extracted, Mapping, Status
from schemas.resource import Resource
from schemas.resources import RESOURCES
from schemas.rules import Inside, Reference
from tasks.rules import OfRecords, of_cells
from tasks.run import Run
from tasks.secrets import without_secrets
from tasks.store import ledger
from tasks.store.checks import compare_again, run_checks
from tasks.store.compare import Comparison
from tasks.store.plan import Planner
from tasks.store.staging import Staging

# Rejected rows that are read from the source and kept at once.
_SLICE = 50_000


def load(run: Run, staging: Staging, extracted: Extracted, mapping: Mapping) -> None:
    """Load the staged rows, or find out what loading them would do; the ledger has the outcome.

    Raises TooManyErrors when the job's thresholds forbid it. It may be tried again after a Transient error: whatever
    was committed is found as it is.
    """
    if _already_done(run):
        return
    staging.check_whole()
    _hold_still(run, staging.resource)
    comparison = _check(run, staging, mapping)
    _keep_rejected(run, extracted, mapping)
    problem = run.job.too_many(run.tally.rejected, run.tally.read)
    if problem and not run.job.dry_run:
        raise TooManyErrors(f"{problem} Nothing was changed.")
    _apply(run, staging, comparison, problem)


def _already_done(run: Run) -> bool:
    with run.session.transaction() as connection:
        return ledger.is_completed(connection, run.run_id)


def _hold_still(run: Run, resource: Resource) -> None:
    """Keep the records that are referred to from changing; locks are taken in one order, so that no two runs block."""
    if run.job.dry_run:
        return
    named = {rule.to for rule in resource.set_rules if isinstance(rule, Reference | Inside)} - {resource.type}
    for name in reversed(list(RESOURCES)):
        if name in named:
            run.session.lock(RESOURCES[name], run.progress, shared=True)


def _check(run: Run, staging: Staging, mapping: Mapping) -> Comparison:
    run.progress("check", 0, None)
    if staging.checked:
        return compare_again(staging, run.job.empty)
    keep = max(run.settings.max_issues - run.tally.kept, 0)
    checked = run_checks(staging, mapping, run.job.mode, run.job.empty, keep, _own(run, mapping))
    run.tally.rules.update(checked.rules)
    run.tally.rejected += checked.rejected
    staging.checked = True
    return checked.comparison


def _own(run: Run, mapping: Mapping) -> OfRecords:
    """The user's own rules that are asked of all records, or of what is stored too."""
    rules = tuple(rule for rule in run.rules if not of_cells(rule, mapping, run.job.mode, run.job.empty))
    return OfRecords(rules, mapping, run.workdir, run.settings.batch_size)


def _keep_rejected(run: Run, extracted: Extracted, mapping: Mapping) -> None:
    """Keep the rejected rows as they stand in the source, so that they can be mended and imported again."""
    if not run.tally.rejected:
        return
    with run.session.transaction() as connection:
        numbers = ledger.rejected_numbers(connection, run.run_id)
        ledger.forget_rejected_rows(connection, run.run_id)
        columns = [name for name in extracted.columns if name not in mapping.secret]
        rows = without_secrets(extracted, run.resource).rows(numbers).select(ROW, *columns)
        for batch in rows.collect_batches(chunk_size=_SLICE, maintain_order=True):
            ledger.add_rejected_rows(connection, run.run_id, batch)


def _apply(run: Run, staging: Staging, comparison: Comparison, problem: str | None) -> None:
    run.progress("plan", 0, staging.rows, run.tally.rejected)
    with run.session.transaction() as connection:
        planner = Planner(connection, staging, run.job.empty, comparison)
        plan = planner.make()
        shown = _shown(planner, run.settings.samples) if run.job.dry_run else {}
        if not run.job.dry_run:
            run.progress("apply", 0, plan.create + plan.update)
            planner.apply(plan)
        ending = run.ending() | shown | {"message": problem}
        ledger.close_run(connection, run.run_id, Status.COMPLETED, run.tally.counts(plan), **ending)
    run.progress("done", run.tally.read, run.tally.read, run.tally.rejected)


def _shown(planner: Planner, most: int) -> dict[str, Any]:
    """What a dry run shows beside its counts."""
    changes = [ledger.change_to_json(change) for change in planner.changes(most)]
    return {"changes": changes, "samples": planner.staged(most)}
