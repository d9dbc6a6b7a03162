"""Load: check the staged rows against each other and the database, plan, and apply the plan in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from schemas.choices import Moved
from schemas.errors import PlanMoved, TooManyErrors
from schemas.issues import Issue, Severity, issues_frame
from schemas.reports import Change, Outcome
from schemas.resources import RESOURCES
from schemas.sources import ROW
from tasks.planning.create_missing import settle_created
from tasks.planning.missing_records import find_absent, incomplete, is_frozen, spare, targets_of
from tasks.planning.resolve_keys import settle
from tasks.rules.evaluate import OfRecords, of_cells
from tasks.runtime.context import Run
from tasks.runtime.type_load import Part
from tasks.security.redaction import without_secrets
from tasks.store import ledger
from tasks.store.checks.run import Broken, Checked, check_again, compare_again, run_checks
from tasks.store.merge.deletions import Gone, Missed
from tasks.store.merge.frozen_plan import Frozen
from tasks.store.merge.plan import Planner
from tasks.store.merge.rekeyed import Followed, Following
from tasks.store.merge.sides import Target

# Rejected rows that are read from the source and kept at once.
_SLICE = 50_000

# Records that moved since a plan was made are told one by one up to this many.
_MOST_MOVED = 10_000


def load(run: Run) -> None:
    """Load the staged rows of all parts, or find out what loading them would do; the ledger has the outcome.

    Raises TooManyErrors when the job's thresholds forbid it, PlanMoved when a frozen plan no longer holds. It may be
    tried again after a Transient error: whatever was committed is found as it is.
    """
    if _already_done(run):
        return
    if not run.job.dry_run:
        run.hold_still()
    _check_kept(run)
    if run.moved is Moved.SKIP:
        _leave_out(run)
    _check(run)
    _keep_rejected(run)
    counts = run.counts
    problem = run.job.too_many(counts.rejected, counts.read)
    if problem and not run.job.dry_run:
        raise TooManyErrors(f"{problem} Nothing was changed.")
    _apply(run, problem)


def _already_done(run: Run) -> bool:
    with run.session.transaction() as connection:
        return ledger.is_completed(connection, run.run_id)


def _check_kept(run: Run) -> None:
    """See to it that what is staged is there, and that no other run has applied the plan while this one waited."""
    if run.plan:
        with run.session.transaction() as connection:
            ledger.read_plan(connection, run.plan)
    for part in run.parts:
        part.staging.check_whole()


def _check(run: Run) -> None:
    """Ask the rules over many records of what the run will leave, and compare what is left with what is stored."""
    run.progress("check", 0, None)
    for part, target in _pairs(run):
        settle(run, part, target)
    find_absent(run)
    reverted: set[str] = set()
    for part, target in _pairs(run):
        if part.staging.checked:
            part.comparison = compare_again(part.staging, target)
        elif _checked(run, part, target):
            reverted.add(part.resource.type)
    while _leaves_more(run, reverted):
        rejected = [part.resource.type for part, target in _pairs(run) if _checked_again(run, part, target)]
        reverted = set(rejected)
    if run.moved is not Moved.REFUSE:
        settle_created(run, targets_of(run))


def _pairs(run: Run) -> Iterator[tuple[Part, Target]]:
    """The parts with their two sides."""
    return zip(run.parts, targets_of(run), strict=True)


def _checked(run: Run, part: Part, target: Target) -> int:
    """Ask the rules of a part; returns how many rows they reject."""
    keep = max(run.settings.max_issues - run.kept, 0)
    with _no_row_rejected(run, part) as whole:
        checked = run_checks(part.staging, target, part.mapping, run.job.mode, keep, _own(run, part), whole=whole)
    _take(run, part, checked)
    part.staging.checked = True
    return checked.rejected


def _checked_again(run: Run, part: Part, target: Target) -> int:
    """Ask the rules of a part again; returns how many more rows they reject."""
    with _no_row_rejected(run, part) as whole:
        checked = check_again(part.staging, target, part.mapping, run.job.mode, whole=whole)
    _take(run, part, checked)
    return checked.rejected


def _take(run: Run, part: Part, checked: Checked) -> None:
    part.tally.take(checked.rules, again=run.moved is not None)
    part.tally.rejected += checked.rejected
    part.comparison = checked.comparison


@contextmanager
def _no_row_rejected(run: Run, part: Part) -> Iterator[bool]:
    """Refuse a plan of which rows break rules now; gives whether there is one that none may be taken out of."""
    try:
        yield run.moved is Moved.REFUSE
    except Broken as broken:
        raise _refused(run, part, broken) from broken


def _leaves_more(run: Run, reverted: set[str]) -> bool:
    """Say whether more records stay than the checks went by: of rejected rows, or those that such records refer to.

    A type is checked with the rows of later types as they are in the source, and these may have been rejected since.
    """
    spared = False
    if any(part.absent and part.absent.listed for part in run.parts):
        with run.session.transaction() as connection:
            spared = spare(run, connection, checked=True)
    earlier: set[str] = set()
    for part in run.parts:
        if part.resource.type in reverted & earlier:
            return True
        earlier.update(part.resource.related)
    return spared


def _own(run: Run, part: Part) -> OfRecords:
    """The user's own rules that are asked of all records, or of what is stored too."""
    mapping, some = part.mapping, part.staging.untouched
    rules = tuple(rule for rule in part.rules if some or not of_cells(rule, mapping, run.job.mode, run.job.empty))
    return OfRecords(rules, mapping, run.workdir, run.settings.batch_size)


def _refused(run: Run, part: Part, broken: Broken) -> PlanMoved:
    """Say why a plan is refused whose rows break rules now: as its records moved, or what they go with did."""
    with run.session.transaction() as connection:
        moved = _tell_moved(run, connection)
        if not moved:
            ledger.add_issues(connection, run.run_id, issues_frame(broken.issues), part.number)
            part.tally.rules.update(broken.rules)
    if moved:
        return PlanMoved(_moved_message(moved))
    return PlanMoved(
        f"{broken.rejected:,} {part.resource.title} records no longer keep the rules, as what they go with was "
        "changed since the plan was made. Nothing was changed: plan again, or leave them out with --moved skip."
    )


def _leave_out(run: Run) -> None:
    """Take what moved since the plan was made out of this run's copy of it."""
    found: list[tuple[Part, int]] = []
    with run.session.transaction() as connection:
        _tell_moved(run, connection)
        found += [(part, frozen.leave_out()) for part, frozen in _frozen(run, connection)]
    # Only now is it so: a transaction that fails takes nothing out.
    for part, left_out in found:
        part.staging.rows -= left_out
        part.tally.rejected += left_out


def _tell_moved(run: Run, connection: Connection) -> int:
    """Enter what moved since the plan was made in the ledger; returns how many records that are."""
    total = 0
    for part, frozen in _frozen(run, connection):
        count, issues = frozen.conflicts(_MOST_MOVED)
        if count:
            ledger.add_issues(connection, run.run_id, issues_frame(issues), part.number)
            part.tally.rules["moved", Severity.ERROR] = count
        total += count
    return total


def _moved_message(count: int) -> str:
    return (
        f"{count:,} record{'' if count == 1 else 's'} moved since the plan was made. Nothing was changed: plan "
        "again, or apply with --moved skip to leave them out, or --moved rebase to plan them again."
    )


def _frozen(run: Run, connection: Connection) -> list[tuple[Part, Frozen]]:
    return [(part, Frozen(connection, target, run.staged_by)) for part, target in _pairs(run)]


def _keep_rejected(run: Run) -> None:
    """Keep the rejected rows as they stand in the source, so that they can be fixed and imported again."""
    for part in run.parts:
        extracted = part.extracted
        if not part.tally.rejected or extracted is None:
            continue
        with run.session.transaction() as connection:
            numbers = ledger.rejected_numbers(connection, run.run_id, part.number)
            ledger.forget_rejected_rows(connection, run.run_id, part.number)
            columns = [name for name in extracted.columns if name not in part.mapping.secret]
            rows = without_secrets(extracted, part.resource).rows(numbers).select(ROW, *columns)
            for batch in rows.collect_batches(chunk_size=_SLICE, maintain_order=True):
                ledger.add_rejected_rows(connection, run.run_id, batch, part.number)


def _apply(run: Run, problem: str | None) -> None:
    rows = sum(part.staging.rows for part in run.parts)
    run.progress("plan", 0, rows, run.counts.rejected)
    with run.session.transaction() as connection:
        planned = Planned(run, connection)
        planned.hold_still()
        planned.make()
        moved = planned.moved()
        if not moved:
            _carry_out(run, planned, problem)
    if moved:
        raise PlanMoved(_moved_message(moved))
    counts = run.counts
    run.progress("done", counts.read, counts.read, counts.rejected)


def _carry_out(run: Run, planned: Planned, problem: str | None) -> None:
    """Apply the plans, or keep what they would do; the ledger's entry is in the same transaction."""
    held = None if run.moved else planned.held()
    counts = run.counts
    shown: dict[str, Any] = {}
    if run.job.dry_run or held:
        shown = planned.shown()
        if run.job.keep_plan or held:
            planned.freeze()
    else:
        run.progress("apply", 0, counts.create + counts.update + counts.delete + counts.retire)
        planned.apply()
    outcome = Outcome.PREVIEWED if run.job.dry_run else Outcome.HELD if held else Outcome.APPLIED
    ending = run.ending() | shown | {"message": problem or held}
    ledger.close_run(planned.connection, run.run_id, outcome, counts, **ending)


def _told_to_follow(followed: Followed) -> Iterator[Issue]:
    """Say how many records of each type follow those that get another key."""
    for name, count in followed.counts.items():
        said = f"{RESOURCES[name].title} records that follow others to another key, to which they refer: {count:,}"
        yield Issue("followed", said, Severity.WARNING)
    for name, count in followed.left.items():
        title = RESOURCES[name].title
        said = f"{title} records that refer to others under a key of before, as their own new key is taken: {count:,}"
        yield Issue("followed", said, Severity.WARNING)


class Planned:
    """The plans of all parts of a run, inside the transaction that makes them and may apply them."""

    def __init__(self, run: Run, connection: Connection) -> None:
        self.run = run
        self.connection = connection
        self.targets = targets_of(run)
        self.following, self.followed = Following(connection, self.targets, run.run_id), Followed()
        pairs = zip(run.parts, self.targets, strict=True)
        self.planners = [Planner(connection, part.staging, target, part.comparison) for part, target in pairs]
        self.missed = {
            part.number: Missed(connection, target, run.job.missing, run.run_id)
            for part, target in zip(run.parts, self.targets, strict=True)
            if part.absent and part.absent.listed
        }

    def make(self) -> None:
        """Find out what would become of every record."""
        for part, issue in incomplete(self.run):
            self._report(part, [issue])
        for part in self.run.parts:
            self._report(part, [*part.created])
        for part, planner in zip(self.run.parts, self.planners, strict=True):
            part.plan = planner.make(self._gone(part))
        self.followed = self.following.plan(self.run.settings.samples)
        self._report(self.run.parts[0], [*_told_to_follow(self.followed)])

    def _gone(self, part: Part) -> Gone | None:
        """What the source of a part no longer has, and what of that stays all the same."""
        if part.absent is None:
            return None
        self._report(part, part.absent.kept)
        missed = self.missed.get(part.number)
        return missed.count(part.absent.there) if missed else Gone(0, 0, part.absent.there)

    def _report(self, part: Part, issues: list[Issue]) -> None:
        if issues:
            part.tally.rules[issues[0].rule, Severity.WARNING] = len(issues)
            ledger.add_issues(self.connection, self.run.run_id, issues_frame(issues), part.number)

    def hold_still(self) -> None:
        """Let nobody write the records of a frozen plan from here on, cmdb or not."""
        if is_frozen(self.run):
            for _, frozen in _frozen(self.run, self.connection):
                frozen.hold_still()

    def moved(self) -> int:
        """Say how many records of a frozen plan moved since it was made; none of a plan that is made again."""
        if not is_frozen(self.run):
            return 0
        kept = sum(len(part.absent.kept) for part in self.run.parts if part.absent)
        return _tell_moved(self.run, self.connection) + (kept if self.run.moved is Moved.REFUSE else 0)

    def held(self) -> str | None:
        """Say why a sync must wait for a yes."""
        for part in self.run.parts:
            if part.plan:
                taken = part.plan.delete + part.plan.retire
                if why := self.run.job.held_back(part.plan.update, taken, part.plan.there):
                    approve = f"`cmdb approve {str(self.run.run_id)[:8]}` applies exactly this plan."
                    return f"{part.resource.title}: {why} Nothing was changed; {approve}"
        return None

    def shown(self) -> dict[str, Any]:
        """What a run that changes nothing shows beside its counts."""
        most = self.run.settings.samples
        changes: list[Change] = []
        samples: list[dict[str, Any]] = []
        for part, planner in zip(self.run.parts, self.planners, strict=True):
            changes += planner.changes(most)
            if part.number in self.missed:
                changes += self.missed[part.number].changes(most)
            # Records of several types do not fit into one table.
            samples += planner.staged(most) if len(self.run.described) == 1 and not part.referred else []
        changes += self.followed.changes
        return {"changes": [ledger.change_to_json(change) for change in changes], "samples": samples}

    def freeze(self) -> None:
        """Keep the plan, so that exactly it can be applied later."""
        run = self.run
        parts = []
        for part, frozen in _frozen(run, self.connection):
            checksum = frozen.freeze(missing=part.number in self.missed)
            parts.append(part.frozen() | {"checksum": checksum})
        text = json.dumps([str(run.run_id), run.job.model_dump(mode="json"), parts], sort_keys=True)
        plan = {"hash": hashlib.sha256(text.encode()).hexdigest(), "parts": parts, "admin": run.job.authority.admin}
        hours = run.settings.plan_hours if run.job.dry_run else run.settings.held_plan_hours
        ledger.keep_plan(self.connection, run.run_id, plan, hours)

    def apply(self) -> None:
        """Carry all plans out: what others refer to first, and taken away last."""
        for part, planner in zip(self.run.parts, self.planners, strict=True):
            if part.plan:
                planner.apply(part.plan)
        for missed in reversed(list(self.missed.values())):
            missed.remove()
        self.following.apply()
        if self.run.plan:
            ledger.end_plan(self.connection, self.run.plan, self.run.run_id)
