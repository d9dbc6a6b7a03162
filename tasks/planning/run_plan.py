"""The plan of a run: what would become of every record of each of its types, and its application."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from schemas.issues import Issue, Severity, issues_frame
from schemas.job_options.choices import Drift
from schemas.language.remedies import Action, action, option
from schemas.reports import Change
from schemas.resources import RESOURCES
from tasks.planning.missing_records import incomplete, is_frozen, targets_of
from tasks.runtime.context import RunContext
from tasks.runtime.type_load import Loads, TypeLoad, part_reports
from tasks.store import ledger
from tasks.store.merge.deletions import MissingRecords, RemovalCounts
from tasks.store.merge.frozen_plan import Frozen
from tasks.store.merge.plan import Planner
from tasks.store.merge.rekeyed import Followed, Following

# Records that moved since a plan was made are told one by one up to this many.
_MOST_MOVED = 10_000


def frozen_plans(run: RunContext, connection: Connection, loads: Loads) -> list[Frozen]:
    """Return the frozen plan of each type."""
    return [Frozen(connection, target, run.staged_by) for target in targets_of(run, loads)]


def with_conflicts(run: RunContext, connection: Connection, loads: Loads) -> tuple[Loads, int]:
    """Enter what moved since the plan was made in the ledger; returns the types with it, and how many records moved."""
    total = 0
    found: list[TypeLoad] = []
    for load, frozen in zip(loads, frozen_plans(run, connection, loads), strict=True):
        count, issues = frozen.conflicts(_MOST_MOVED)
        if count:
            ledger.add_issues(connection, run.run_id, issues_frame(issues), load.number)
        tally = load.tally.with_count("moved", Severity.ERROR, count) if count else load.tally
        found.append(replace(load, tally=tally))
        total += count
    return tuple(found), total


def moved_message(count: int) -> str:
    """Say how many records moved since a plan was made, and what to do."""
    return (
        f"{count:,} record{'' if count == 1 else 's'} changed since the plan was made. Nothing was applied: plan "
        f"again, or apply with {option('moved', Drift.SKIP)} to leave them out, or "
        f"{option('moved', Drift.REBASE)} to plan them again."
    )


@dataclass(frozen=True)
class RunPlan:
    """The plans of all types of a run, inside the transaction that makes them and may apply them."""

    run: RunContext
    connection: Connection
    loads: Loads
    planners: tuple[Planner, ...]
    missed: dict[int, MissingRecords]
    following: Following
    followed: Followed

    def with_moved(self) -> tuple[RunPlan, int]:
        """Return the plan with what moved since it was frozen, and how many records that are.

        None move of a plan that is made again.
        """
        if not is_frozen(self.run):
            return self, 0
        kept = sum(len(load.absent.kept) for load in self.loads if load.absent)
        loads, count = with_conflicts(self.run, self.connection, self.loads)
        return replace(self, loads=loads), count + (kept if self.run.moved is Drift.REFUSE else 0)

    def reason_to_hold(self) -> str | None:
        """Return why a sync is held until it is approved; None where it is not."""
        for load in self.loads:
            if load.plan:
                taken = load.plan.delete + load.plan.retire
                if why := self.run.job.held_back(load.plan.update, taken, load.plan.there):
                    approve = f"{action(Action.APPROVE, str(self.run.run_id))} applies exactly this plan."
                    return f"{load.resource.title}: {why} Nothing was changed; {approve}"
        return None

    def shown(self) -> dict[str, Any]:
        """Return what a run that changes nothing shows in addition to its counts."""
        most = self.run.settings.samples
        alone = len(part_reports(self.loads, referred=False)) == 1
        changes: list[Change] = []
        samples: list[dict[str, Any]] = []
        for load, planner in zip(self.loads, self.planners, strict=True):
            changes += planner.changes(most)
            if load.number in self.missed:
                changes += self.missed[load.number].changes(most)
            # Records of several types do not fit into one table.
            samples += planner.staged(most) if alone and not load.source.referred else []
        changes += self.followed.changes
        return {"changes": [ledger.change_to_json(change) for change in changes], "samples": samples}

    def freeze(self) -> None:
        """Keep the plan, so that exactly it can be applied later."""
        run = self.run
        parts = []
        for load, frozen in zip(self.loads, frozen_plans(run, self.connection, self.loads), strict=True):
            checksum = frozen.freeze(missing=load.number in self.missed)
            parts.append(load.frozen() | {"checksum": checksum})
        text = json.dumps([str(run.run_id), run.job.model_dump(mode="json"), parts], sort_keys=True)
        plan = {"hash": hashlib.sha256(text.encode()).hexdigest(), "parts": parts, "admin": run.job.authority.admin}
        hours = run.settings.plan_hours if run.job.dry_run else run.settings.held_plan_hours
        ledger.keep_plan(self.connection, run.run_id, plan, hours)

    def apply(self) -> None:
        """Apply all plans: what others refer to first, and what is deleted or retired last."""
        for load, planner in zip(self.loads, self.planners, strict=True):
            if load.plan:
                planner.apply(load.plan)
        for missed in reversed(list(self.missed.values())):
            missed.remove()
        self.following.apply()
        if self.run.plan:
            ledger.end_plan(self.connection, self.run.plan, self.run.run_id)


def plan_of(run: RunContext, connection: Connection, loads: Loads) -> RunPlan:
    """Plan what would become of every record; of a frozen plan, nobody writes its records from here on."""
    if is_frozen(run):
        for frozen in frozen_plans(run, connection, loads):
            frozen.lock_records()
    targets = targets_of(run, loads)
    pairs = [*zip(loads, targets, strict=True)]
    planners = [Planner(connection, run.run_id, load.staging, target, load.diff) for load, target in pairs]
    leaving = [(load, target) for load, target in pairs if load.leaves]
    missed = {load.number: MissingRecords(connection, target, run.job.missing, run.run_id) for load, target in leaving}
    planned = [
        _planned(run, connection, load, planner, missed.get(load.number))
        for load, planner in zip(loads, planners, strict=True)
    ]
    following = Following(connection, targets, run.run_id)
    followed = following.plan(run.settings.samples)
    planned[0] = _warned(run, connection, planned[0], tuple(_followed_notices(followed)))
    return RunPlan(run, connection, tuple(planned), tuple(planners), missed, following, followed)


def _planned(
    run: RunContext, connection: Connection, load: TypeLoad, planner: Planner, missed: MissingRecords | None
) -> TypeLoad:
    """Return a type with its plan and the warnings about it."""
    absent = load.absent
    for issues in (incomplete(run, load), load.created, absent.kept if absent else ()):
        load = _warned(run, connection, load, issues)
    if absent is None:
        return replace(load, plan=planner.make(None))
    removals = missed.count(absent.there) if missed else RemovalCounts(0, 0, absent.there)
    return replace(load, plan=planner.make(removals))


def _warned(run: RunContext, connection: Connection, load: TypeLoad, issues: tuple[Issue, ...]) -> TypeLoad:
    """Enter warnings of one rule in the ledger; returns the type with them."""
    if not issues:
        return load
    ledger.add_issues(connection, run.run_id, issues_frame(issues), load.number)
    return load.with_warnings(issues)


def _followed_notices(followed: Followed) -> Iterator[Issue]:
    """Say how many records of each type follow those that get another key."""
    for name, count in followed.counts.items():
        message = f"{RESOURCES[name].title} records that follow others to another key, to which they refer: {count:,}"
        yield Issue("followed", message, Severity.WARNING)
    for name, count in followed.left.items():
        title = RESOURCES[name].title
        what = f"{title} records that refer to others under a key of before, as their own new key is taken"
        message = f"{what}: {count:,}"
        yield Issue("followed", message, Severity.WARNING)
