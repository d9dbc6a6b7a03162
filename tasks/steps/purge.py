"""Purge: retired records go for good when they have been kept for long enough; a purge is a run, and can be undone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from schemas.issues import Severity, issues_frame
from schemas.job_options.choices import Empty, Missing, Mode
from schemas.model.resource import Resource
from schemas.model.tables import TABLES
from schemas.reports import Counts, Outcome, PartReport, Report, silent
from schemas.resources import RESOURCES
from schemas.settings import Settings
from tasks.runtime.context import user
from tasks.runtime.lifecycle import RunEntry, ledger_run
from tasks.store import ledger
from tasks.store.connection.session import Session
from tasks.store.merge.deletions import MissingRecords
from tasks.store.merge.target import Target

SOURCE = "retired records"
"""What a purge is called in reports."""


def purge(url: str, settings: Settings, run_id: UUID) -> Report | None:
    """Delete what was retired `keep_retired_days` ago and that no record refers to, in one transaction.

    Returns None where there is nothing of the kind; then there is no run either.
    """
    days = settings.keep_retired_days
    oldest = datetime.now(UTC) - timedelta(days=days)
    with Session(url, run_id) as session:
        types = _types(session, oldest) if days else []
        if not types:
            return None
        with ledger_run(session, RunEntry(SOURCE, Mode.SYNC, False, {"keep_retired_days": days}, user())):
            for chosen in types:
                session.lock(chosen, silent)
            _delete(session, types, oldest)
        with session.transaction() as connection:
            return ledger.read_report(connection, run_id, samples=settings.samples)


def _types(session: Session, oldest: datetime) -> list[Resource]:
    """The types that have old records, those first that refer to others; none where all of them have to stay."""
    found: list[Resource] = []
    any_may_go = False
    with session.transaction() as connection:
        for number, chosen in enumerate(reversed(RESOURCES.values())):
            missed = _old_records(connection, chosen, number, session.run_id, oldest)
            if missed.count(0).delete:
                found.append(chosen)
                missed.spare()
                any_may_go = any_may_go or missed.count(0).delete > 0
    return found if any_may_go else []


def _old_records(
    connection: Connection, chosen: Resource, number: int, run_id: UUID, oldest: datetime
) -> MissingRecords:
    table = TABLES[chosen.type]
    # Nothing is staged: what is there stands on both sides.
    missed = MissingRecords(connection, Target(chosen, table, table, (), Empty.KEEP, number), Missing.DELETE, run_id)
    missed.find_retired(oldest)
    return missed


def _delete(session: Session, types: list[Resource], oldest: datetime) -> None:
    """Delete type by type, so that what only other old records referred to goes with them."""
    began, run_id = time.monotonic(), session.run_id
    parts: list[PartReport] = []
    spared = 0
    with session.transaction() as connection:
        for number, chosen in enumerate(types):
            missed = _old_records(connection, chosen, number, run_id, oldest)
            warnings = missed.spare()
            ledger.add_issues(connection, run_id, issues_frame(warnings), number)
            spared += len(warnings)
            parts.append(PartReport(chosen.type, SOURCE, Counts(warnings=len(warnings), delete=missed.count(0).delete)))
            missed.remove()
        ending: dict[str, Any] = {"duration": round(time.monotonic() - began, 3)}
        ending |= {"rules": [["referred_to", Severity.WARNING, spared]]} if spared else {}
        one = len(parts) == 1
        ending |= {"resource_type": types[0].type} if one else {"parts": ledger.parts_to_json(parts)}
        total = sum((part.counts for part in parts), Counts())
        ledger.close_run(connection, run_id, Outcome.APPLIED, total, **ending)
