"""Decisions about frozen plans: approved or rejected, by whom and why. The first decision about a plan wins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, null, select, update

from schemas.errors import UsageError
from schemas.job_options.choices import Verdict
from schemas.model.tables import IMPORT_RUN
from schemas.reports import Decision, Outcome, Status
from tasks.store.ledger.codec import decision_from_json, decision_to_json
from tasks.store.ledger.liveness import is_dead
from tasks.store.ledger.plans import read_plan


def approve(connection: Connection, run_id: UUID, decision: Decision) -> Decision | None:
    """Record that the plan of a run is approved, unless a decision holds; returns the one that did.

    Whoever rejects the plan at the same time waits for the end of the transaction.
    """
    plan = _locked_plan(connection, run_id)
    if plan is None:
        return None
    holding = _holding(connection, plan)
    if holding is None:
        _record(connection, run_id, plan, decision)
    return holding


def reject(connection: Connection, run_id: UUID, decision: Decision) -> None:
    """Record that the plan of a held sync is rejected: it cannot be applied any more.

    Raises UsageError where the run does not await approval, or somebody has decided before.
    """
    plan = _locked_plan(connection, run_id)
    read_plan(connection, run_id)
    if not decision.reason:
        raise UsageError("Give the reason of the rejection, for whoever asks why nothing was changed.")
    held = select(IMPORT_RUN.c.outcome == Outcome.HELD).where(IMPORT_RUN.c.run_id == run_id)
    if plan is None or not connection.scalar(held):
        raise UsageError(f"Run {run_id} is not a sync that awaits approval.")
    if holding := _holding(connection, plan):
        raise UsageError(f"{holding.sentence} Run {holding.run} applies the plan of run {run_id}.")
    _record(connection, run_id, plan, decision)
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan_until=null()))


def holding_decision(connection: Connection, run_id: UUID) -> Decision | None:
    """Return the decision about the plan of a run; None while anybody may still decide."""
    plan = connection.scalar(select(IMPORT_RUN.c.plan).where(IMPORT_RUN.c.run_id == run_id))
    return _holding(connection, plan) if plan else None


def withdraw_approval(connection: Connection, run_id: UUID, applying: UUID) -> None:
    """Remove the approval whose run was cancelled before it began, so that anybody may decide again."""
    plan = _locked_plan(connection, run_id)
    decision = decision_from_json(plan.get("decision")) if plan else None
    if plan and decision and decision.run == str(applying) and not plan.get("applied"):
        left = {name: value for name, value in plan.items() if name != "decision"}
        connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan=left))


def _locked_plan(connection: Connection, run_id: UUID) -> dict[str, Any] | None:
    """Return the plan of a run, about which nobody else decides until the transaction ends."""
    locked = select(IMPORT_RUN.c.plan).where(IMPORT_RUN.c.run_id == run_id).with_for_update()
    plan: dict[str, Any] | None = connection.scalar(locked)
    return plan


def _holding(connection: Connection, plan: dict[str, Any]) -> Decision | None:
    """Return the decision about a plan, unless it is an approval whose run ended without applying the plan."""
    decision = decision_from_json(plan.get("decision"))
    if decision is None or decision.verdict is Verdict.REJECTED or plan.get("applied") or decision.run is None:
        return decision
    run_id = UUID(decision.run)
    status = connection.scalar(select(IMPORT_RUN.c.status).where(IMPORT_RUN.c.run_id == run_id))
    # A run that is not in the ledger waits for a worker.
    going_on = status is None or (status == Status.RUNNING and not is_dead(connection, run_id))
    return decision if going_on else None


def _record(connection: Connection, run_id: UUID, plan: dict[str, Any], decision: Decision) -> None:
    decided = plan | {"decision": decision_to_json(decision)}
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan=decided))
