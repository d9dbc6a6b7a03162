"""Totals over many runs: by type and status, and by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select, text

from schemas.model.tables import IMPORT_RUN
from schemas.reports import Status
from tasks.store.ledger.liveness import current_status, dead_runs


@dataclass(frozen=True)
class Figures:
    """The totals of all imports of one type and status, without dry runs."""

    resource_type: str
    status: str
    runs: int
    seconds: float
    records: dict[str, int]


def figures(connection: Connection) -> list[Figures]:
    """Return the totals of all imports by type and status."""
    run = IMPORT_RUN.c
    status = current_status(dead_runs(connection)).label("status")
    actions = ("created", "updated", "deleted", "retired", "unchanged", "rejected")
    query = select(
        func.coalesce(run.resource_type, case((run.parts.is_(None), "unknown"), else_="several")).label(
            "resource_type"
        ),
        status,
        func.count().label("runs"),
        func.coalesce(func.sum(run.duration), 0.0).label("seconds"),
        *(func.sum(run[f"records_{action}"]).label(action) for action in actions),
    )
    grouped = query.where(~run.dry_run).group_by(text("1"), text("2"))
    return [
        Figures(row.resource_type, row.status, row.runs, float(row.seconds), {a: int(getattr(row, a)) for a in actions})
        for row in connection.execute(grouped)
    ]


def daily(connection: Connection, *, days: int, requested_by: str | None = None) -> list[dict[str, Any]]:
    """Return the counts of records by day (UTC) over the last days, without dry runs; of all callers or one."""
    run = IMPORT_RUN.c
    actions = ("created", "updated", "unchanged", "rejected")
    day = func.date(func.timezone("UTC", run.started_at)).label("day")
    query = select(day, *(func.sum(run[f"records_{action}"]).label(action) for action in actions))
    since = func.now() - func.make_interval(0, 0, 0, days)
    query = (
        query.where(~run.dry_run, run.started_at >= since, run.status == Status.COMPLETED).group_by(day).order_by(day)
    )
    query = query if requested_by is None else query.where(run.requested_by == requested_by)
    return [
        {"day": row.day, **{action: int(getattr(row, action)) for action in actions}}
        for row in connection.execute(query)
    ]
