"""Keys that a row does not say whole: the stored record that it means, where there is only one.

A table of VLANs without a column for the group says of each VLAN its site and number, which is what a VLAN without a
group is known by; it may mean one of a group all the same. So its rows mean the only stored record that agrees in what
they say; a row that could mean several is rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.issues import Severity
from schemas.job_options.choices import Empty
from schemas.model.tables import RETIRED_AT, ROW_NUMBER
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.target import Target

RULE, AMBIGUOUS = "key_completed", "ambiguous_key"
"""The rules of a row whose key was completed, and of one whose key could mean several records."""

_MOST_LISTED = 3


def unsaid(target: Target) -> tuple[str, ...]:
    """The fields of the key that the rows of an import, or some of them, do not speak of."""
    loose = target.resource.open_key
    return loose if target.empty is Empty.KEEP else tuple(name for name in loose if name not in target.fields)


def meant(connection: Connection, target: Target) -> Table | None:
    """List the rows whose key means other records than it says, with their `keys`; None where no row can be one."""
    if not unsaid(target) or not target.any_stored(connection):
        return None
    s, t = target.s, target.t
    key = cast(target.stored_key, Text)
    there = func.array_agg(key, type_=ARRAY(Text)).filter(t.c[RETIRED_AT].is_(None))
    keys = func.coalesce(there, func.array_agg(key, type_=ARRAY(Text)))
    query = select(s.c[ROW_NUMBER], cast(target.staged_key, Text).label("own"), keys.label("keys"))
    query = query.join_from(s, t, _agrees_with_row(target)).where(target.staged_key.is_not(None))
    query = query.group_by(s.c[ROW_NUMBER], target.staged_key)
    each = query.subquery()
    other = or_(func.cardinality(each.c["keys"]) > 1, each.c["keys"][1] != each.c.own)
    return temporary(connection, "meant", select(each).where(other))


def _agrees_with_row(target: Target) -> ColumnElement[bool]:
    """Say whether a stored record has the values of what a row says of its key."""
    resource, s, t = target.resource, target.s, target.t
    conditions: list[ColumnElement[bool]] = []
    for part in resource.key_parts:
        present = [name for name in part if name in s.c]
        if len(part) == 1 and present and part[0] in resource.required:
            conditions.append(t.c[part[0]] == s.c[part[0]])
        else:
            conditions += [or_(*_choices(target, present))] if present else []
        if len(present) == len(part) > 1 and not {*part} & {*resource.open_key}:
            # It follows from the others, and can be looked up.
            conditions.append(func.coalesce(*(t.c[each] for each in part)) == func.coalesce(*(s.c[e] for e in part)))
    return and_(*conditions)


def _choices(target: Target, names: list[str]) -> Iterator[ColumnElement[bool]]:
    """The ways in which a part of the key agrees: the first of its fields that has a value, or none of them has one."""
    s, t = target.s, target.t
    before: list[ColumnElement[bool]] = []
    for name in names:
        yield and_(*before, t.c[name] == s.c[name])
        before.append(s.c[name].is_(None))
        if target.empty is Empty.CLEAR or name not in target.resource.open_key:
            before.append(t.c[name].is_(None))
    yield and_(*before)


def repairs(target: Target, found: Table) -> Select[Any]:
    """Return (row, field, value, message) of the rows that mean another record than their key says."""
    absent = " or ".join(target.resource.fields[name].title for name in unsaid(target))
    message = func.format(
        f"'%s' read as '%s': the only {target.resource.title} that fits; the source does not say its {absent}",
        found.c.own,
        found.c["keys"][1],
    )
    field = literal(target.resource.known_by[0])
    return select(found.c[ROW_NUMBER], field, found.c.own, message).where(func.cardinality(found.c["keys"]) == 1)


def write_keys(connection: Connection, target: Target, found: Table) -> None:
    """Write the keys of the records that are meant into the rows that mean one."""
    is_its = and_(found.c[ROW_NUMBER] == target.s.c[ROW_NUMBER], func.cardinality(found.c["keys"]) == 1)
    key = target.staged_key
    connection.execute(update(target.s).where(is_its).values({key.name: found.c["keys"][1]}))


def ambiguous(connection: Connection, target: Target) -> list[Select[Any]]:
    """Return the queries that find the rows whose key could mean several records."""
    found = meant(connection, target)
    queries = [] if found is None else [_ambiguous_rows(target, found)]
    return [*queries, *_shared_key_rows(target)]


def _ambiguous_rows(target: Target, found: Table) -> Select[Any]:
    title = target.resource.title
    absent = " and ".join(target.resource.fields[name].title for name in unsaid(target))
    keys = func.array_to_string(found.c["keys"][1:_MOST_LISTED], "', '")
    message = func.format(
        f"'%s' could mean {title} '%s'%s: add columns for {absent}, or give them for all rows",
        found.c.own,
        keys,
        case((func.cardinality(found.c["keys"]) > _MOST_LISTED, " and others"), else_=""),
    )
    return _finding(target, found.c[ROW_NUMBER], found.c.own, message).select_from(found)


def _shared_key_rows(target: Target) -> list[Select[Any]]:
    """Find the rows whose key is that of a stored record with other values of its fields."""
    resource, s, t = target.resource, target.s, target.t
    free = [part for part in resource.key_parts if isinstance(t.c[part[0]].type, Text)]
    if len(free) < 2 and not resource.first_of:  # joined by a sign that none of the values has
        return []
    message = func.format(
        f"'%s' is also the key of a stored {resource.title} with %s; this row has %s: give one of them another name",
        target.staged_key,
        _description_of(target, t),
        _description_of(target, s),
    )
    other = ~func.coalesce(_agrees_with_row(target), literal(value=False))
    joined = and_(target.staged_key == target.stored_key, ~target.renamed, other)
    return [_finding(target, s.c[ROW_NUMBER], cast(target.staged_key, Text), message).select_from(s.join(t, joined))]


def _description_of(target: Target, records: Table) -> ColumnElement[str]:
    titles = {name: target.resource.fields[name].title for name in target.resource.key if name in records.c}
    values = {name: literal("'") + cast(records.c[name], Text) + literal("'") for name in titles}
    return func.concat_ws(" and ", *(literal(f"{titles[name]} ") + value for name, value in values.items()))


def _finding(
    target: Target, row: ColumnElement[Any], value: ColumnElement[Any], message: ColumnElement[Any]
) -> Select[Any]:
    field = literal(target.resource.known_by[0])
    return select(row, field, value, literal(AMBIGUOUS), literal(str(Severity.ERROR)), message)
