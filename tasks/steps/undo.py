"""Undo: take back what a run did, but for what somebody has edited since; an undo is a run, and can be undone."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

from schemas.errors import UsageError
from schemas.issues import Issue, Severity, issues_frame
from schemas.jobs import UndoJob
from schemas.language.remedies import option
from schemas.model.resource import Resource
from schemas.phases import Phase
from schemas.reports import Change, Counts, Outcome, PartReport, Progress, Report, Status, silent
from schemas.resources import RESOURCES
from schemas.settings import Settings
from tasks.runtime.context import user
from tasks.runtime.lifecycle import RunEntry, ledger_run
from tasks.store import ledger
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.session import Session
from tasks.store.merge.undo import TypeUndo, UndoCounts

# Records that somebody has edited since are told one by one up to this many.
_MOST = 10_000


def undo(job: UndoJob, url: str, settings: Settings, progress: Progress = silent, run_id: UUID | None = None) -> Report:
    """Take a run back in one transaction; raises UsageError where there is nothing to take back.

    Tried again after its commit, it returns the report of what it has done.
    """
    began = time.monotonic()
    if run_id and (done := _report_of_earlier_attempt(url, run_id, settings)):
        return done
    types, changed = _checked(job, url)
    with Session(url, run_id or uuid4()) as session:
        with ledger_run(session, _entry(job, types)):
            if not job.dry_run:
                for chosen in types:
                    session.lock(chosen, progress)
            nothing = None if changed else f"Run {job.run} changed nothing: nothing to undo."
            _undo_types(job, types, session, settings, progress, began, nothing)
        with session.transaction() as connection:
            return ledger.read_report(connection, session.run_id, samples=settings.samples)


def _report_of_earlier_attempt(url: str, run_id: UUID, settings: Settings) -> Report | None:
    """Return the report of an undo that was tried before and is complete; None if it is not."""
    with database_errors(), engine(url).begin() as connection:
        if not ledger.is_completed(connection, run_id):
            return None
        return ledger.read_report(connection, run_id, samples=settings.samples)


def _checked(job: UndoJob, url: str) -> tuple[list[Resource], bool]:
    """The types of a run that can be taken back, those first that refer to others; and whether it changed anything."""
    with database_errors(), engine(url).begin() as connection:
        if ledger.status_of(connection, job.run) is None:
            raise ledger.no_such_run(connection, f"Unknown run {job.run}")
        report = ledger.read_report(connection, job.run, samples=0)
        by = ledger.undone_by(connection, job.run)
        types = ledger.types_of(connection, job.run)
    if report.dry_run or report.status is not Status.COMPLETED:
        what = "was a dry run" if report.dry_run else f"has {report.status}"
        raise UsageError(f"Run {job.run} {what} and changed nothing: nothing to undo.", run=job.run)
    if by and not job.force:
        raise UsageError(
            f"Run {job.run} was already undone by run {by}: undo that run to apply it again.", run=job.run, by=by
        )
    did = report.counts
    changed = did.create + did.update + did.delete + did.retire > 0
    return [RESOURCES[name] for name in reversed(list(RESOURCES)) if name in types], changed


def _entry(job: UndoJob, types: list[Resource]) -> RunEntry:
    """Return what the ledger has of an undo from its start."""
    if len(types) == 1:
        more: dict[str, Any] = {"resource_type": types[0].type}
    else:
        more = {"parts": ledger.parts_to_json([PartReport(each.type, job.source, Counts()) for each in types])}
    who = job.requested_by or user()
    return RunEntry(job.source, job.mode, job.dry_run, job.options(), who, more | {"undoes": job.run})


def _undo_types(
    job: UndoJob,
    types: list[Resource],
    session: Session,
    settings: Settings,
    progress: Progress,
    began: float,
    nothing: str | None,
) -> None:
    progress(Phase.PLAN, 0, None)
    with session.transaction() as connection:
        ledger.hold_run(connection, job.run)
        parts: list[PartReport] = []
        changes: list[Change] = []
        undos: list[TypeUndo] = []
        rules: Counter[str] = Counter()
        for number, chosen in enumerate(types):
            undos.append(
                TypeUndo(connection, chosen, job.run, session.run_id, force=job.force, part=number, before=tuple(undos))
            )
            found = undos[-1].plan()
            rules += Counter(edited_since=found.moved, referred_to=found.kept)
            changes += undos[-1].changes(settings.samples)
            ledger.add_issues(connection, session.run_id, issues_frame(_conflicts(undos[-1])), number)
            parts.append(PartReport(chosen.type, job.source, _counts(found)))
        total = sum((part.counts for part in parts), Counts())
        if not job.dry_run:
            progress(Phase.APPLY, 0, total.read - total.rejected)
            for each in undos:
                each.apply()
        ending = _ending(parts, changes, rules, round(time.monotonic() - began, 3))
        if not total.read:
            unchanged = f"Everything is as it was before run {job.run}: nothing to undo."
            ending["message"] = nothing or unchanged
        outcome = Outcome.PREVIEWED if job.dry_run else Outcome.APPLIED
        ledger.close_run(connection, session.run_id, outcome, total, **ending)
    done = total.read - total.rejected
    progress(Phase.DONE, done, done)


def _ending(parts: list[PartReport], changes: list[Change], rules: Counter[str], duration: float) -> dict[str, Any]:
    """Return what the ledger keeps of an undo at its end, in addition to its counts."""
    ending: dict[str, Any] = {
        "rules": [[rule, Severity.ERROR, count] for rule, count in sorted(rules.items())],
        "changes": [ledger.change_to_json(change) for change in changes],
        "duration": duration,
    }
    return ending | ({"parts": ledger.parts_to_json(parts)} if len(parts) > 1 else {})


def _conflicts(undo: TypeUndo) -> list[Issue]:
    """What stays as it is, and why; told one by one up to a number of each kind."""
    force = f"{option('force')} undoes it all the same"
    title = undo.resource.title
    edited = [
        Issue("edited_since", f"'{key}' was edited since: it stays as it is; {force}", row=row, value=key)
        for key, row in undo.moved(_MOST)
    ]
    referred = [
        Issue("referred_to", f"{title} '{key}' stays: {kind} '{by}' refers to it; {force}", value=key)
        for key, kind, by in undo.kept(_MOST)
    ]
    return edited + referred


def _counts(found: UndoCounts) -> Counts:
    stay = found.moved + found.kept
    read = found.delete + found.update + found.create + stay
    return Counts(read=read, create=found.create, update=found.update, rejected=stay, delete=found.delete)
