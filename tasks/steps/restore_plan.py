"""Restoring a plan: what its run staged of each type, to be applied by another run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from schemas.errors import Forbidden, PlanDrifted, UsageError
from schemas.fetched import Unread
from schemas.job_options.choices import Drift, Verdict
from schemas.jobs import ApplyJob
from schemas.reports import Counts, Decision
from schemas.resources import RESOURCES
from tasks.runtime.context import RunContext, user
from tasks.runtime.type_load import loads_of, part_reports
from tasks.runtime.values import MappedSource, StagedShard, Tally
from tasks.steps.registry import keep_mapping, try_rules
from tasks.store import ledger
from tasks.store.merge.frozen_plan import Frozen
from tasks.store.merge.target import target_of
from tasks.store.staging.prefilter import Prefilter
from tasks.store.staging.table import Staging

FOUR_EYES = "You requested this plan or sync, so somebody else must approve it (CMDB_FOUR_EYES)."
"""What is said to whoever would approve their own request."""

_EARLIER = {"why": "the plan was made by an earlier version, which did not keep the rejected rows: sync again"}


def staged_plan(run: RunContext, job: ApplyJob) -> tuple[StagedShard, ...]:
    """Return what is staged for a frozen plan; raises UsageError or PlanDrifted where it is no longer what it was."""
    approval = Decision(Verdict.APPROVED, job.requested_by or user(), datetime.now(UTC), job.reason, str(run.run_id))
    with run.session.transaction() as connection:
        ledger.approve(connection, job.plan, approval)
        kept = ledger.read_plan(connection, job.plan)
        if job.hash and job.hash != kept.plan["hash"]:
            raise UsageError(f"The plan of run {job.plan} is another one than the file's: plan again.", run=job.plan)
        if run.settings.four_eyes and (job.requested_by or user()) == kept.requested_by:
            raise Forbidden(FOUR_EYES)
    parts = kept.plan["parts"]
    sources = tuple(_source(number, data) for number, data in enumerate(parts))
    try_rules(run, sources)
    staged = tuple(_staged(run, job.plan, *each) for each in zip(sources, parts, strict=True))
    run.lock_types(source.resource for source in sources)
    with run.session.transaction() as connection:
        ledger.read_plan(connection, job.plan)  # another run may have applied it while this one waited
    ledger.describe_run(run.session, kept.sha256 or "", part_reports(loads_of(staged), referred=False), kept.notices)
    # It belongs to whoever made the plan, not to whoever approves it.
    first = next(source for source in sources if not source.referred)
    keep_mapping(run, first, kept.requested_by or user(), admin=kept.plan.get("admin", False))
    return tuple(_own(run, job, shard, data["checksum"]) for shard, data in zip(staged, parts, strict=True))


def _source(at: int, data: dict[str, Any]) -> MappedSource:
    """Return the source of one type of a plan, as it was mapped then."""
    return MappedSource(
        data.get("number", at),
        RESOURCES[data["type"]],
        data["source"],
        ledger.mapping_from_json(data["mapping"]),
        scope=tuple(data["scope"]),
        unread=tuple(Unread(**each) for each in data.get("unread", [_EARLIER])),
        referred=data.get("referred", False),
    )


def _staged(run: RunContext, plan: UUID, source: MappedSource, data: dict[str, Any]) -> StagedShard:
    """Return what the plan's run staged of one type."""
    counts = Counts(**data["counts"])
    rules = Counter({(rule, severity): count for rule, severity, count in data["rules"]})
    tally = Tally(read=counts.read, rejected=counts.rejected, keyless=data.get("keyless", 0), rules=rules)
    fields = source.mapping.fields
    staging = Staging(
        plan,
        source.resource,
        fields,
        Prefilter(run.workdir, source.resource, fields, source.number),
        source.number,
        seen=data["seen"],
        untouched=data.get("untouched", False),
        rows=data["rows"],
        rejected_rows=data.get("aside", 0),
    )
    return StagedShard(source, staging, tally)


def _own(run: RunContext, job: ApplyJob, staged: StagedShard, checksum: str) -> StagedShard:
    """Return what is staged, or a copy of it for a run that may take records out: the plan stays what it is.

    Raises PlanDrifted when it is not what the plan was made of: a database that crashes loses it.
    """
    with run.session.transaction() as connection:
        frozen = Frozen(connection, target_of(staged.staging, run.job.empty), job.plan)
        if not frozen.is_there() or frozen.checksum() != checksum:
            raise PlanDrifted("The database has lost what was staged for this plan: plan again.")
        if job.moved is Drift.REFUSE:
            return staged
        frozen.copy(run.run_id)
        return replace(staged, staging=staged.staging.copy_for(connection, run.run_id, run.workdir))
