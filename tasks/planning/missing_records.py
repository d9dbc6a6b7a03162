"""Absent: which records the sources of a sync no longer have, found before the rules are checked.

It depends on the keys that the source has alone, not on which rows are rejected: so the rules can be checked against
the records that the sync leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from schemas.choices import Missing, Mode, Moved
from schemas.issues import NOT_WHOLE, Issue, Severity
from tasks.planning.create_missing import created_types
from tasks.runtime.context import Run
from tasks.runtime.type_load import Absent, Part
from tasks.store.merge.deletions import Missed, unplaced
from tasks.store.merge.frozen_plan import Frozen
from tasks.store.merge.sides import Target, missing_records, target_of
from tasks.store.resolve.missing_references import keep_referred

Scope = tuple[dict[str, str], ...]

# A report names this many reasons and places; of more, it says how many.
_SHOWN = 3


def targets_of(run: Run) -> list[Target]:
    """Return the two sides of each part; each knows the others, and which records the run takes away."""
    leaving = {
        part.resource.type: missing_records(part.number) for part in run.parts if part.absent and part.absent.listed
    }
    found: list[Target] = []
    for part in run.parts:
        beside = {target.resource.type: target for target in found}
        found.append(target_of(part.staging, run.job.empty, beside, leaving=leaving))
    for number, target in enumerate(found):
        target.later.update({other.resource.type: other for other in found[number + 1 :]})
    return found


def is_frozen(run: Run) -> bool:
    """Say whether a run applies a plan as it was made."""
    return run.moved is not None and run.moved is not Moved.REBASE


def find_absent(run: Run) -> None:
    """List the records that a sync takes away: those in its scope that have no row; of a frozen plan, those it has."""
    for part in run.parts:
        part.absent = None
    if run.job.mode is not Mode.SYNC or run.job.missing is Missing.IGNORE:
        return
    with run.session.transaction() as connection:
        for part, target in zip(run.parts, targets_of(run), strict=True):
            if part.referred:
                continue
            missed = Missed(connection, target, run.job.missing, run.run_id)
            part.unplaced = 0 if is_frozen(run) else unplaced(connection, target)
            part.absent = _recalled(run, missed) if is_frozen(run) else _found(run, part, missed)
        if not is_frozen(run):
            spare(run, connection, checked=False)


def _recalled(run: Run, missed: Missed) -> Absent:
    Frozen(missed.connection, missed.target, run.staged_by).recall_missing()
    missed.index()
    return Absent(0, missed.any())


def _found(run: Run, part: Part, missed: Missed) -> Absent:
    scope = judged(part)
    if scope is None:
        return Absent(missed.there(part.scope))
    there = missed.find(scope)
    if part.resource in created_types(run.job):
        # Its source has such a record by referring to it, and would create it again.
        keep_referred(missed.connection, missed.target, missed.keys, targets_of(run))
    missed.index()
    return Absent(there, missed.any())


def spare(run: Run, connection: Connection, *, checked: bool) -> bool:
    """Keep the records that a sync would delete and others refer to; says whether there are any more of them."""
    if run.job.missing is not Missing.DELETE:
        return False
    found = False
    # Those that refer to others first, so that both may go.
    for part, target in reversed([*zip(run.parts, targets_of(run), strict=True)]):
        if part.absent and part.absent.listed:
            kept = Missed(connection, target, run.job.missing, run.run_id).spare(checked=checked)
            part.absent.kept += kept
            found = found or bool(kept)
    return found


# What a source speaks of ----------------------------------------------------------------------------------------------


def judged(part: Part) -> Scope | None:
    """Return the scope in which records that have no row are gone: all of it without alternatives; None: nowhere."""
    if part.tally.keyless or part.unplaced or any(not each.constants for each in part.lacks):
        return None
    if not part.scope:
        return None if part.lacks else ()
    read = tuple(values for values in part.scope if all(_apart(values, each.constants) for each in part.lacks))
    return read or None


def _apart(one: dict[str, str], other: dict[str, str]) -> bool:
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def incomplete(run: Run) -> Iterator[tuple[Part, Issue]]:
    """Yield, for each type of which a sync takes nothing or not all away, why that is so."""
    if run.job.mode is not Mode.SYNC or run.job.missing is Missing.IGNORE or is_frozen(run):
        return
    does = "deleted" if run.job.missing is Missing.DELETE else "retired"
    for part in run.parts:
        scope = judged(part)
        if part.referred or scope == part.scope:
            continue
        left = [values for values in part.scope if scope and values not in scope]
        where = f" of {_listed([_place(values) for values in left])}" if left else ""
        message = f"no {part.resource.title} record{where} is {does}: {_listed(_reasons(part))}"
        yield part, Issue(NOT_WHOLE, message, Severity.WARNING, part=part.number)


def _reasons(part: Part) -> list[str]:
    count, unplaced = part.tally.keyless, part.unplaced
    rows = "1 row has no readable key" if count == 1 else f"{count:,} rows have no readable key"
    named = "1 row names" if unplaced == 1 else f"{unplaced:,} rows name"
    reasons = [*([rows] if count else []), *([f"{named} an unknown record in its key"] if unplaced else [])]
    return [*reasons, *dict.fromkeys(each.why.rstrip(".") for each in part.lacks)]


def _place(values: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())


def _listed(reasons: Sequence[str]) -> str:
    more = f" and {len(reasons) - _SHOWN:,} more" if len(reasons) > _SHOWN else ""
    return "; ".join(reasons[:_SHOWN]) + more
