"""Frozen plans over HTTP: what a preview said is done, and a sync that was held back is approved or rejected."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from prefect.client.schemas.objects import FlowRun
from sqlalchemy import Connection

from api.rest.accepted import IdempotencyKey, accepted, check_same
from api.rest.models.plans import ApproveRequest, PlanDecision, RejectRequest
from api.rest.models.runs import Accepted
from api.rest.problems import Refused, responses
from api.rest.security.access import Caller, Importer
from api.rest.security.access_log import note
from api.rest.service import CurrentService, Service
from flows.registry import APPLY, IMPORT
from schemas.access.permissions import Action
from schemas.errors import UsageError
from schemas.job_options.choices import Verdict
from schemas.jobs import ApplyJob
from schemas.reports import Decision, FrozenPlan
from tasks.steps.restore_plan import FOUR_EYES
from tasks.store import ledger

router = APIRouter(prefix="/api", tags=["imports"])


@router.post("/import/{import_id}/approve", status_code=202, responses=responses(404, 409, 410))
async def approve_plan(
    request: Request,
    response: Response,
    import_id: UUID,
    service: CurrentService,
    caller: Importer,
    asked: ApproveRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Apply the plan of a held sync, or of a preview."""
    job = (asked or ApproveRequest()).job(import_id, caller.name)
    return accepted(request, response, await applied(request, service, job, caller, idempotency_key))


async def applied(request: Request, service: Service, job: ApplyJob, caller: Caller, key: str | None) -> FlowRun:
    """Ask for a plan to be applied; raises Refused where the caller sees none, or it can't be applied any more.

    One's own preview is imported; what was held back, and what somebody else previewed, is approved.
    """
    standing = await service.visible(job.plan, IMPORT, caller, approving=True)
    note(request, job.plan, hash=job.hash, moved=job.moved.value)
    own_preview = standing.owner == caller.name and bool((standing.job or {}).get("dry_run"))
    caller.check(Action.IMPORT if own_preview else Action.APPROVE, await service.types_of(job.plan))
    if service.settings.four_eyes and standing.owner == caller.name:
        raise Refused(403, FOUR_EYES, "four-eyes")
    # Asked again with its key, an import that has applied its plan by now is given again.
    run = await service.runs.asked_before(APPLY, caller.name, key)
    if run is None:
        _check(await service.read(lambda connection: _plan(connection, job.plan)), job)
        await _check_undecided(service, job.plan)
        run = await service.start(job, caller.name, key)
        note(request, run=str(run.id))
        approval = Decision(Verdict.APPROVED, caller.name, datetime.now(UTC), job.reason, str(run.id))
        await service.read(lambda connection: ledger.approve(connection, job.plan, approval))
    check_same(run, job)
    return run


async def _check_undecided(service: Service, plan: UUID) -> None:
    """Refuse to decide about a plan whose approval holds; one whose run was cancelled before it began does not."""
    holding = await service.read(lambda connection: ledger.holding_decision(connection, plan))
    if holding is None or holding.run is None:
        return
    applying = UUID(holding.run)
    standing = await service.runs.standing(applying, APPLY)
    if standing is not None and not standing.ended:
        raise Refused(409, f"{holding.sentence} The import {applying} applies it.", "plan-approved")
    await service.read(lambda connection: ledger.withdraw_approval(connection, plan, applying))


@router.post("/import/{import_id}/reject", responses=responses(404, 409, 410))
async def reject_plan(
    request: Request, import_id: UUID, service: CurrentService, caller: Importer, asked: RejectRequest
) -> PlanDecision:
    """Reject the plan of a held sync: it cannot be applied any more."""
    standing = await service.visible(import_id, IMPORT, caller, approving=True)
    note(request, import_id, reason=asked.reason)
    caller.check(Action.APPROVE, await service.types_of(import_id))
    plan = await service.read(lambda connection: _plan(connection, import_id))
    _check(plan, ApplyJob(plan=import_id))
    if (standing.job or {}).get("dry_run"):
        raise Refused(409, "A preview does not await approval: it expires by itself.", "not-held")
    await _check_undecided(service, import_id)
    rejection = Decision(Verdict.REJECTED, caller.name, datetime.now(UTC), asked.reason)
    try:
        await service.read(lambda connection: ledger.reject(connection, import_id, rejection))
    except UsageError as error:  # somebody else was quicker
        raise Refused(409, str(error), "plan-decided") from error
    await service.runs.settle(import_id)
    return PlanDecision.model_validate(asdict(rejection))


def _plan(connection: Connection, run_id: UUID) -> FrozenPlan | None:
    there = ledger.status_of(connection, run_id)
    return ledger.read_report(connection, run_id, samples=0).plan if there else None


def _check(plan: FrozenPlan | None, job: ApplyJob) -> None:
    if plan is None:
        raise Refused(404, "This run has no plan: only a preview has one, and a sync that is held back.", "no-plan")
    if plan.applied:
        raise Refused(409, f"This plan was applied before, by the import {plan.applied}.", "plan-applied")
    if plan.decision and plan.is_rejected:
        raise Refused(409, f"This plan cannot be applied. {plan.decision.sentence}", "plan-rejected")
    if plan.until is None or plan.until < datetime.now(UTC):
        raise Refused(410, "This plan is kept no longer: make a new one.", "plan-expired")
    if job.hash and job.hash != plan.hash:
        raise Refused(409, "The plan of that id has another hash: make a new one.", "another-plan")
