"""Absent: which records the sources of a sync no longer have, found before the rules are checked.

It depends on the keys that the source has alone, not on which rows are rejected: so the rules can be checked against
the records that the sync leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from schemas.issues import NOT_WHOLE, Issue, Severity
from schemas.job_options.choices import Drift, Missing, Mode
from schemas.language.wording import some_of
from tasks.planning.create_missing import created_types
from tasks.runtime.context import RunContext
from tasks.runtime.type_load import AbsentRecords, Loads, TypeLoad
from tasks.runtime.values import Scope
from tasks.store.merge.deletions import MissingRecords, unplaced
from tasks.store.merge.frozen_plan import Frozen
from tasks.store.merge.target import Target, missing_records, target_of
from tasks.store.resolve.missing_references import keep_referred

# A report names this many reasons and places; of more, it says how many.
_SHOWN = 3


def targets_of(run: RunContext, loads: Loads) -> list[Target]:
    """Return the target of each type; each knows the others, and which records the run retires or deletes."""
    leaving = {load.resource.type: missing_records(load.number) for load in loads if load.leaves}
    found: list[Target] = []
    for load in loads:
        earlier = {target.resource.type: target for target in found}
        found.append(target_of(load.staging, run.job.empty, earlier, leaving=leaving))
    for number, target in enumerate(found):
        target.later.update({other.resource.type: other for other in found[number + 1 :]})
    return found


def is_frozen(run: RunContext) -> bool:
    """Say whether a run applies a plan as it was made."""
    return run.moved is not None and run.moved is not Drift.REBASE


def with_absent(run: RunContext, connection: Connection, loads: Loads) -> Loads:
    """List the records that a sync deletes or retires: those in its scope without a row, or those of a frozen plan.

    Returns the types with what is listed of each.
    """
    if run.job.mode is not Mode.SYNC or run.job.missing is Missing.IGNORE:
        return loads
    targets = targets_of(run, loads)
    found: list[TypeLoad] = []
    for load, target in zip(loads, targets, strict=True):
        if load.source.referred:
            found.append(load)
            continue
        missed = MissingRecords(connection, target, run.job.missing, run.run_id)
        if is_frozen(run):
            found.append(replace(load, absent=_recalled(run, missed)))
            continue
        placed = replace(load, unplaced=unplaced(connection, target))
        found.append(replace(placed, absent=_absent_records(run, placed, missed, targets)))
    return tuple(found) if is_frozen(run) else spare(run, connection, tuple(found), checked=False)[0]


def _recalled(run: RunContext, missed: MissingRecords) -> AbsentRecords:
    Frozen(missed.connection, missed.target, run.staged_by).list_missing()
    missed.index()
    return AbsentRecords(0, missed.any())


def _absent_records(run: RunContext, load: TypeLoad, missed: MissingRecords, targets: list[Target]) -> AbsentRecords:
    scope = authoritative_scope(load)
    if scope is None:
        return AbsentRecords(missed.there(load.source.scope))
    there = missed.find(scope)
    if load.resource in created_types(run.job):
        # Its source has such a record by referring to it, and would create it again.
        keep_referred(missed.connection, missed.target, missed.keys, targets)
    missed.index()
    return AbsentRecords(there, missed.any())


def spare(run: RunContext, connection: Connection, loads: Loads, *, checked: bool) -> tuple[Loads, bool]:
    """Keep the records that a sync would delete and others refer to; returns whether there are any more of them."""
    if run.job.missing is not Missing.DELETE:
        return loads, False
    found: list[TypeLoad] = []
    spared = False
    # Those that refer to others first, so that both may go.
    for load, target in reversed([*zip(loads, targets_of(run, loads), strict=True)]):
        if load.absent and load.absent.any_listed:
            kept = MissingRecords(connection, target, run.job.missing, run.run_id).spare(checked=checked)
            spared = spared or bool(kept)
            found.append(replace(load, absent=replace(load.absent, kept=(*load.absent.kept, *kept))))
        else:
            found.append(load)
    return tuple(reversed(found)), spared


# The scope of a source ----------------------------------------------------------------------------------------------


def authoritative_scope(load: TypeLoad) -> Scope | None:
    """Return the scope in which records that have no row are gone: all of it without alternatives; None: nowhere."""
    scope = load.source.scope
    if load.tally.keyless or load.unplaced or any(not each.constants for each in load.lacks):
        return None
    if not scope:
        return None if load.lacks else ()
    read = tuple(values for values in scope if all(_are_disjoint(values, each.constants) for each in load.lacks))
    return read or None


def _are_disjoint(one: dict[str, str], other: dict[str, str]) -> bool:
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def incomplete(run: RunContext, load: TypeLoad) -> tuple[Issue, ...]:
    """Return the warning that a sync keeps missing records of a type, and why; none where it keeps none."""
    if run.job.mode is not Mode.SYNC or run.job.missing is Missing.IGNORE or is_frozen(run):
        return ()
    scope = authoritative_scope(load)
    if load.source.referred or scope == load.source.scope:
        return ()
    does = "deleted" if run.job.missing is Missing.DELETE else "retired"
    left = [values for values in load.source.scope if scope and values not in scope]
    where = f" of {_joined_reasons([_place(values) for values in left])}" if left else ""
    message = f"no {load.resource.title} record{where} is {does}: {_joined_reasons(_reasons(load))}"
    return (Issue(NOT_WHOLE, message, Severity.WARNING, part=load.number),)


def _reasons(load: TypeLoad) -> list[str]:
    count, unplaced = load.tally.keyless, load.unplaced
    rows = "1 row has no readable key" if count == 1 else f"{count:,} rows have no readable key"
    named = "1 row names" if unplaced == 1 else f"{unplaced:,} rows name"
    reasons = [*([rows] if count else []), *([f"{named} an unknown record in its key"] if unplaced else [])]
    return [*reasons, *dict.fromkeys(each.why.rstrip(".") for each in load.lacks)]


def _place(values: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())


def _joined_reasons(reasons: Sequence[str]) -> str:
    return some_of(reasons, _SHOWN, separator="; ")
