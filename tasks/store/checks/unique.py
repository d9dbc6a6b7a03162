"""The check of values that one record only may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    func,
    select,
)

from schemas.model.resource import Resource
from schemas.model.rules import STATE, Unique
from schemas.model.tables import ROW_NUMBER
from tasks.store.checks.findings import CheckContext, finding, shown
from tasks.store.merge.projected import CHANGED, KEY
from tasks.store.merge.tombstones import alive


def unique(context: CheckContext, rule: Unique) -> Iterator[Select[Any]]:
    """Find the records that have the value of another, each with one of the others."""
    resource = context.target.resource
    everything = context.projected_records(resource.checked_fields(rule))
    values = [everything.c[name] for name in rule.checked_fields]
    conditions: list[ColumnElement[bool]] = [column.is_not(None) for column in values]
    if resource.dead:
        conditions.append(alive(resource, everything.c[STATE]))
    if rule.only is not None:
        conditions.append(everything.c[rule.field] == rule.only)
    first, last = func.min(everything.c[KEY]), func.max(everything.c[KEY])
    groups = select(*values, first.label("first"), last.label("last")).where(*conditions).group_by(*values)
    several = groups.having(first != last, func.bool_or(everything.c[CHANGED])).subquery()
    other = case((several.c.first == everything.c[KEY], several.c.last), else_=several.c.first)
    says, row = _says(resource, rule), everything.c[ROW_NUMBER]
    yield (
        finding(rule, row, shown(everything.c[rule.field]), says, other)
        .join_from(everything, several, and_(*(several.c[name] == everything.c[name] for name in rule.checked_fields)))
        .where(everything.c[CHANGED], *conditions)
    )


def _says(resource: Resource, rule: Unique) -> str:
    title = resource.fields[rule.field].title
    same = " and ".join(resource.fields[name].title for name in rule.within)
    if rule.only is None:
        return f"'%s' is the {title} of %s, too" + (f", which has the same {same}" if same else "")
    return f"{title} is '%s' for %s, too: it may be so once" + (f" with the same {same}" if same else "")
