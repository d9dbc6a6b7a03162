"""Reopen: the parts of a frozen plan as its run staged them, to be applied by another run."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from schemas.choices import Moved
from schemas.errors import Forbidden, PlanMoved, UsageError
from schemas.fetched import Unread
from schemas.jobs import ApplyJob
from schemas.reports import Counts
from schemas.resources import RESOURCES
from tasks.runtime.context import Run, user
from tasks.runtime.type_load import Part, Tally
from tasks.steps.registry import add_rules, keep_mapping
from tasks.store import ledger
from tasks.store.merge.frozen_plan import Frozen
from tasks.store.merge.sides import target_of
from tasks.store.staging.table import Staging

FOUR_EYES = "You requested this plan or sync, so somebody else must approve it (CMDB_FOUR_EYES)."
"""What is said to whoever would approve their own request."""

_EARLIER = {"why": "the plan was made by an earlier version, which did not keep the rejected rows: sync again"}


def reopen(run: Run, job: ApplyJob) -> tuple[Part, ...]:
    """Give a run the parts of a frozen plan; raises UsageError or PlanMoved where it is no longer what it was."""
    with run.session.transaction() as connection:
        kept = ledger.read_plan(connection, job.plan)
        if job.hash and job.hash != kept.plan["hash"]:
            raise UsageError(f"The plan of run {job.plan} is another one than the file's: plan again.")
        if run.settings.four_eyes and (job.requested_by or user()) == kept.requested_by:
            raise Forbidden(FOUR_EYES)
    run.plan, run.moved = job.plan, job.moved
    run.notices = kept.notices
    run.parts = tuple(_part(run, job.plan, number, data) for number, data in enumerate(kept.plan["parts"]))
    add_rules(run, run.parts)
    run.hold_still()
    with run.session.transaction() as connection:
        ledger.read_plan(connection, job.plan)  # another run may have applied it while this one waited
    ledger.describe_run(run.session, kept.sha256 or "", run.described, run.notices)
    # It belongs to whoever made the plan, not to whoever approves it.
    keep_mapping(run, kept.requested_by or user(), admin=kept.plan.get("admin", False))
    for part, data in zip(run.parts, kept.plan["parts"], strict=True):
        _check_same(run, part, data["checksum"])
        if job.moved is not Moved.REFUSE:
            _copy(run, part)
    return run.parts


def _part(run: Run, plan: UUID, at: int, data: dict[str, Any]) -> Part:
    number = data.get("number", at)
    resource = RESOURCES[data["type"]]
    mapping = ledger.mapping_from_json(data["mapping"])
    counts = Counts(**data["counts"])
    rules = Counter({(rule, severity): count for rule, severity, count in data["rules"]})
    tally = Tally(read=counts.read, rejected=counts.rejected, keyless=data.get("keyless", 0), rules=rules)
    unread = tuple(Unread(**each) for each in data.get("unread", [_EARLIER]))
    part = Part(number, resource, data["source"], mapping, None, tuple(data["scope"]), unread=unread, tally=tally)
    part.referred = data.get("referred", False)
    notes: dict[str, Any] = {"seen": data["seen"], "untouched": data.get("untouched", False)}
    staging = Staging(run.session, resource, mapping.fields, run.workdir, **notes, part=number, run_id=plan)
    staging.rows, staging.aside = data["rows"], data.get("aside", 0)
    part.stage(staging)
    return part


def _check_same(run: Run, part: Part, checksum: str) -> None:
    """Raise when what is staged is not what the plan was made of: a database that crashes loses it."""
    with run.session.transaction() as connection:
        frozen = _frozen(run, connection, part)
        if not frozen.is_there() or frozen.checksum() != checksum:
            raise PlanMoved("The database has lost what was staged for this plan: plan again.")


def _copy(run: Run, part: Part) -> None:
    """Copy what is staged, to take records out of it: a plan that is not applied in the end stays what it is."""
    notes: dict[str, Any] = {"seen": part.mapping.seen is not None, "untouched": part.staging.untouched}
    own = Staging(run.session, part.resource, part.mapping.fields, run.workdir, **notes, part=part.number)
    own.copy(part.staging)
    with run.session.transaction() as connection:
        _frozen(run, connection, part).copy(run.run_id)
    part.stage(own)


def _frozen(run: Run, connection: Connection, part: Part) -> Frozen:
    return Frozen(connection, target_of(part.staging, run.job.empty), run.plan or run.run_id)
