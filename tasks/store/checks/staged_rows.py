"""Checks of staged rows against the mode of the import and the state of the stored records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    select,
)

from schemas.job_options.choices import Mode, Stale
from schemas.language.remedies import option
from schemas.model.tables import SEEN_AT
from tasks.store.checks.staged_findings import staged_finding
from tasks.store.merge.diff import planned_updates
from tasks.store.merge.target import Target


def blocked_moves(target: Target) -> Select[Any]:
    """Reject what moves after many rounds, of which each found a record that stays in the way of another."""
    moved = select(planned_updates(target.part).c.row_number).where(planned_updates(target.part).c.moved)
    message = "cannot be changed while rows of other records are rejected: correct those first"
    return staged_finding(target, target.s.c.row_number.in_(moved), "overlap", message)


def staged_row_checks(target: Target, mode: Mode) -> Iterator[Select[Any]]:
    """Give the queries that find the rows that the mode or a required field rejects."""
    if mode is Mode.CREATE:
        yield staged_finding(target, target.stored(), "exists", "is already there, and this import only creates")
    if mode is Mode.UPDATE:
        absent = and_(target.staged_key.is_not(None), ~target.stored())
        yield staged_finding(target, absent, "absent", "is not there, and this import only updates")
    elif not target.whole:
        for name in target.resource.required:
            if name in target.fields:
                broken = and_(target.s.c[name].is_(None), ~target.stored())
                yield staged_finding(target, broken, "required", "is required for a new record", name)


def stale_rows(target: Target) -> Iterator[Select[Any]]:
    """Rows of an exported file that would write over what was changed, or recreate what was deleted, since then."""
    if SEEN_AT not in target.s.c:
        return
    s, overwrite = target.s, option("stale", Stale.OVERWRITE)
    then = f"since this file was exported: export again, or import with {overwrite}"
    differs = select(planned_updates(target.part).c.row_number)
    later = select(literal(1)).select_from(target.t)
    moved = later.where(target.stored_key == target.match_key, _changed_at_file_precision(target) != s.c[SEEN_AT])
    changed = and_(s.c.row_number.in_(differs), exists(moved))
    yield staged_finding(target, changed, "stale", f"was changed {then}")
    yield staged_finding(target, and_(s.c[SEEN_AT].is_not(None), ~target.stored()), "stale", f"was deleted {then}")


def _changed_at_file_precision(target: Target) -> ColumnElement[Any]:
    """When a record was changed last, as exactly as the file says it: a spreadsheet keeps minutes, or milliseconds."""
    seen = target.s.c[SEEN_AT]
    units = ("minute", "second", "milliseconds")
    unit = case(*((func.date_trunc(unit, seen) == seen, unit) for unit in units), else_="microseconds")
    return func.date_trunc(unit, target.t.c.updated_at)
