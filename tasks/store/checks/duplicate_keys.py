"""The check that no two staged rows have the same natural key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.issues import Severity
from schemas.model.resource import SOURCE_ID
from schemas.model.tables import KNOWN_AS, ROW_NUMBER, SEEN_AT
from tasks.store.connection.copy import row_number_table
from tasks.store.merge.target import Target
from tasks.store.staging.table import Staging


def duplicate_keys(connection: Connection, target: Target, staging: Staging) -> Iterator[Select[Any]]:
    """Rows of one key: copies of a row are rejected but for the first, rows that differ are all rejected."""
    repeated = staging.prefilter.repeated()
    if repeated.is_empty() and not staging.rekeyed:
        return
    # The prefilter knows the keys as they were before some were completed.
    suspects = target.s.alias("repeated") if staging.rekeyed else row_number_table(connection, "repeated", repeated)
    group = _rows_of_repeated_keys(target, suspects)
    yield select(
        group.c.row_number,
        literal(target.resource.known_by[0]),
        group.c.key,
        literal("duplicate_key"),
        literal(str(Severity.ERROR)),
        _message(group, target.resource.key_title),
    ).where(or_(~group.c.same, group.c.row_number != group.c.first))


def _rows_of_repeated_keys(target: Target, suspects: FromClause) -> Subquery:
    """Return the rows among the suspects whose key another row has: its first and last row, and if all are the same."""
    s, key = target.s, target.staged_key
    of_suspects = select(key.label("key")).join_from(s, suspects, suspects.c.row_number == s.c.row_number)
    several = of_suspects.group_by(key).having(func.count() > 1).subquery()
    noted = literal([ROW_NUMBER, SEEN_AT, KNOWN_AS], ARRAY(Text))
    content = func.md5(cast(func.to_jsonb(text(f'"{s.name}".*')).op("-")(noted), Text))
    source_id: ColumnElement[Any] = s.c[SOURCE_ID] if SOURCE_ID in s.c else cast(null(), Text)
    rows = (
        select(
            s.c.row_number,
            cast(key, Text).label("key"),
            content.label("content"),
            func.min(s.c.row_number).over(partition_by=key).label("first"),
            func.max(s.c.row_number).over(partition_by=key).label("last"),
            func.min(source_id).over(partition_by=key).label("first_id"),
            func.max(source_id).over(partition_by=key).label("last_id"),
        )
        .join_from(s, several, several.c.key == key)
        .subquery()
    )
    least = func.min(rows.c.content).over(partition_by=rows.c.key)
    greatest = func.max(rows.c.content).over(partition_by=rows.c.key)
    return select(*rows.c, (least == greatest).label("same")).subquery()


def _message(group: Subquery, key_title: str) -> ColumnElement[str]:
    other = case((group.c.row_number == group.c.first, group.c.last), else_=group.c.first)
    return case(
        (group.c.same, func.format("row %s repeats row %s: leave one out", group.c.row_number, group.c.first)),
        (
            group.c.first_id != group.c.last_id,
            # Such as VLANs of two groups that have one name in different scopes.
            func.format(
                "rows %s and %s are different records of their source (%s, %s) and have the same %s '%s': rename one "
                "of them there, or what it belongs to",
                group.c.row_number,
                other,
                group.c.first_id,
                group.c.last_id,
                key_title,
                group.c.key,
            ),
        ),
        else_=func.format(
            "rows %s and %s have the same %s '%s' and differ elsewhere: keep one",
            group.c.row_number,
            other,
            key_title,
            group.c.key,
        ),
    )
