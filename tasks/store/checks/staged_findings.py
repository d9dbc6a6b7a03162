"""The findings of a rule over staged rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal,
    select,
)

from schemas.issues import Severity
from tasks.store.merge.target import Target


def staged_finding(
    target: Target,
    broken: ColumnElement[bool],
    rule: str,
    message: str,
    field: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Select[Any]:
    """Return the findings of a rule over the staged rows that break it; the message continues after the value."""
    name = field or target.resource.known_by[0]
    shown = target.s.c[name] if field else target.staged_key
    value = cast(shown, Text)
    title = literal(target.resource.fields[name].title)
    text = func.coalesce(literal("'") + value + literal("'"), title) + literal(f" {message}")
    return select(target.s.c.row_number, literal(name), value, literal(rule), literal(str(severity)), text).where(
        broken
    )
