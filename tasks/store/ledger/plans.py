"""Frozen plans: keep one, read it to apply it, and end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, cast, func, literal, null, select, update
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects import postgresql

from schemas.errors import UsageError
from schemas.issues import Issue
from schemas.job_options.choices import Mode, Verdict
from schemas.language.remedies import Action, action
from schemas.model.tables import IMPORT_RUN
from tasks.store.ledger.codec import decision_from_json, issue_from_row
from tasks.store.ledger.retention import no_such_run


def keep_plan(connection: Connection, run_id: UUID, plan: dict[str, Any], hours: float) -> None:
    """Keep a frozen plan, and its staged rows for this many hours."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    connection.execute(update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan=plan, plan_until=until))


def is_kept(connection: Connection, run_id: UUID) -> bool:
    """Return whether a run has a plan whose staged rows are still kept."""
    kept = select(literal(1)).where(IMPORT_RUN.c.run_id == run_id, IMPORT_RUN.c.plan_until > func.now())
    return connection.scalar(kept) is not None


def has_plan(connection: Connection, run_id: UUID) -> bool:
    """Return whether a run made a plan, applied or not."""
    made = select(literal(1)).where(IMPORT_RUN.c.run_id == run_id, IMPORT_RUN.c.plan.is_not(None))
    return connection.scalar(made) is not None


@dataclass(frozen=True)
class KeptPlan:
    """A frozen plan in the ledger: its request, its staged rows, and the notices and rule counts of its run."""

    mode: Mode
    source: str
    options: dict[str, Any]
    notices: list[Issue]
    plan: dict[str, Any]
    rules: list[tuple[str, str, int]]
    sync: str | None
    version: str | None
    sha256: str | None
    requested_by: str | None


def read_plan(connection: Connection, run_id: UUID) -> KeptPlan:
    """Return the frozen plan of a run; raises UsageError for none, or one that was applied, rejected or expired."""
    run = connection.execute(select(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id)).one_or_none()
    if run is None:
        raise no_such_run(connection, f"Unknown run {run_id}")
    if run.plan is None:
        raise UsageError(f"Run {run_id} has no plan: {action(Action.PLAN)} makes one.", run=run_id)
    if run.plan.get("applied"):
        raise UsageError(
            f"The plan of run {run_id} was applied by run {run.plan['applied']} already.",
            run=run_id,
            by=run.plan["applied"],
        )
    decision = decision_from_json(run.plan.get("decision"))
    if decision and decision.verdict is Verdict.REJECTED:
        raise UsageError(f"The plan of run {run_id} cannot be applied. {decision.sentence}", run=run_id)
    if not is_kept(connection, run_id):
        raise UsageError(
            f"The plan of run {run_id} was kept until {run.plan_until:%Y-%m-%d %H:%M %Z}: plan again.",
            run=run_id,
            time=run.plan_until.isoformat(),
        )
    notices = [issue_from_row(notice) for notice in run.notices or ()]
    rules = [(rule, severity, count) for rule, severity, count in run.rules or ()]
    return KeptPlan(
        Mode(run.mode),
        run.source,
        run.options,
        notices,
        run.plan,
        rules,
        run.sync,
        run.source_version,
        run.sha256,
        run.requested_by,
    )


def end_plan(connection: Connection, run_id: UUID, applied_by: UUID) -> None:
    """Enter which run applied a plan; it cannot be applied again."""
    plan = func.jsonb_set(IMPORT_RUN.c.plan, postgresql.array(["applied"]), func.to_jsonb(cast(applied_by, SqlText)))
    ended = update(IMPORT_RUN).where(IMPORT_RUN.c.run_id == run_id).values(plan=plan, plan_until=null())
    connection.execute(ended)
