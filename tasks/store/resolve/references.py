"""References by another name than the key: read as the key where only one record has that name, before the checks.

A reference names a record by its natural key. A VRF's name, a site's slug, a VLAN's number or another case is read as
the key of the record that has it, if only one has; what could mean several is left, with what it could mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.issues import Severity
from schemas.language.spelling import nearest_of
from schemas.model.resource import NATURAL_KEY, Resource
from schemas.model.rules import Reference
from schemas.model.tables import ROW_NUMBER, TABLES
from schemas.resources import RESOURCES
from tasks.store.connection.copy import copy_frame
from tasks.store.connection.temp_tables import temporary
from tasks.store.merge.target import Target, records_of
from tasks.store.resolve.ambiguous_values import AmbiguousValue

RULE, AMBIGUOUS = "reference_name", "ambiguous_reference"
"""The rules of a reference that was read as a key, and of one that could mean several records."""

# Names of which it is said what they could mean, names that a near miss is looked for among, and records that a message
# lists.
_MOST, _MOST_NAMES, _MOST_LISTED = 1_000, 20_000, 3

# The ranks of records without a place, and of those of another place than the row's, which are never meant.
_NOWHERE, _ELSEWHERE = 2, 4


@dataclass(frozen=True)
class Named:
    """The values of one reference that are not keys: a table of `value`, `near`, `rank`, `keys` and `how`."""

    rule: Reference
    table: Table


def references(target: Target) -> Iterator[Reference]:
    """Give the rules of the import's fields that refer to types whose records have other names."""
    for rule in target.resource.rules(Reference):
        if rule.field in target.fields and RESOURCES[rule.to].other_names:
            yield rule


def named(connection: Connection, target: Target, rule: Reference) -> Named | None:
    """Find what the values of a reference that are no keys could mean; None where all of them are keys."""
    to = RESOURCES[rule.to]
    values = temporary(connection, "unknown_value", _unknown(target, rule))
    if connection.scalar(select(literal(1)).select_from(values).limit(1)) is None:
        return None
    value = target.s.c[rule.field]
    each = select(value.label("value"), _near(target, rule).label("near")).join_from(
        target.s, values, values.c.value == value
    )
    unknown = temporary(connection, "unknown_name", each.distinct())
    spelt = _spelt(to, rule, target)
    matched = select(unknown.c.value, unknown.c.near, spelt.c.key, spelt.c.how, _rank(unknown, spelt)).join_from(
        unknown, spelt, func.lower(spelt.c.name) == func.lower(unknown.c.value)
    )
    match = matched.subquery()
    keys = func.array_agg(match.c.key.distinct(), type_=ARRAY(Text))
    ranked = select(match.c.value, match.c.near, match.c.rank, keys.label("keys"), func.min(match.c.how).label("how"))
    ranked = ranked.group_by(match.c.value, match.c.near, match.c.rank)
    of_each = (match.c.value, match.c.near)
    best = ranked.distinct(*of_each).order_by(*of_each, match.c.rank).subquery()
    found = select(unknown.c.value, unknown.c.near, best.c.rank, best.c["keys"], best.c.how)
    same = and_(best.c.value == unknown.c.value, best.c.near.is_not_distinct_from(unknown.c.near))
    return Named(rule, temporary(connection, "named", found.join_from(unknown, best, same, isouter=True)))


def _unknown(target: Target, rule: Reference) -> Select[Any]:
    """The distinct values that are no keys of what is stored or comes in the same run."""
    to = RESOURCES[rule.to]
    value = target.s.c[rule.field]
    distinct = select(value.label("value")).where(value.is_not(None)).distinct().subquery()
    stored = TABLES[rule.to].c[to.key_column]
    query = select(distinct).where(~exists(select(literal(1)).where(stored == distinct.c.value)))
    if other := target.earlier.get(rule.to):
        query = query.where(~exists(select(literal(1)).where(other.staged_key == distinct.c.value)))
    return query


def _near(target: Target, rule: Reference) -> ColumnElement[Any]:
    """What a staged row's record will have in the field by which the record that it names is near."""
    if rule.near is None:
        return cast(null(), Text)
    stored = select(target.t.c[rule.near]).where(target.stored_key == target.match_key)
    known = stored.correlate(target.s).scalar_subquery()
    return func.coalesce(target.s.c[rule.near], known) if rule.near in target.s.c else known


def _spelt(to: Resource, rule: Reference, target: Target) -> FromClause:
    """Every other name of every record in service: `key`, `name`, `near`, and `how`, what the name is."""
    fields = {name for form in to.other_names for name in form} | ({rule.near} if rule.near else set())
    there = records_of(to, tuple(sorted(fields)), target.earlier, in_service=True)
    near = there.c[rule.near] if rule.near else cast(null(), Text)
    forms = []
    for form in to.other_names:
        parts: list[ColumnElement[str]] = [cast(there.c[each], Text) for each in form]
        name = parts[0]
        for other in parts[1:]:
            name = name + literal("/") + other
        how = " and ".join(to.fields[each].title for each in form)
        columns = (cast(there.c.key, Text).label("key"), name.label("name"), near.label("near"))
        forms.append(select(*columns, literal(how).label("how")).where(name.is_not(None)))
    return union_all(*forms).subquery()


def _rank(unknown: FromClause, spelt: FromClause) -> ColumnElement[int]:
    """How surely a record is meant: one of the same place before one of none, and the same case before another."""
    place = case(
        (unknown.c.near.is_(None), 0),
        (unknown.c.near == spelt.c.near, 0),
        (spelt.c.near.is_(None), _NOWHERE),
        else_=_ELSEWHERE,
    )
    rank = case((place == _ELSEWHERE, _ELSEWHERE), else_=place + case((spelt.c.name == unknown.c.value, 0), else_=1))
    return rank.label("rank")


# What is read as a key ------------------------------------------------------------------------------------------------


def repairs(target: Target, found: Named) -> Select[Any]:
    """Return (row, field, value, message) of the rows whose reference is read as a key."""
    table, to, field = found.table, RESOURCES[found.rule.to], found.rule.field
    title = f"{to.title} of that "
    near = target.resource.fields[found.rule.near].title if found.rule.near else ""
    in_place = and_(table.c.near.is_not(None), table.c.rank < _NOWHERE, func.strpos(table.c.how, near) == 0)
    message = func.format(
        "'%s' read as '%s': the %s%s%s%s",
        table.c.value,
        table.c["keys"][1],
        title,
        table.c.how,
        case((in_place, f" in the same {near}"), else_="") if near else "",
        case((table.c.rank % 2 == 1, ", in another case"), else_=""),
    )
    rows = select(target.s.c[ROW_NUMBER], literal(field), table.c.value, message)
    return rows.join_from(target.s, table, _is_its(target, found)).where(_sure(table))


def write_keys(connection: Connection, target: Target, found: Named) -> None:
    """Write the keys in the places of other names, also into the natural keys that have them."""
    table, field = found.table, found.rule.field
    key = cast(table.c["keys"][1], Text)
    values: dict[str, ColumnElement[Any]] = {field: key}
    if field in target.resource.key_parts[0] and NATURAL_KEY in target.s.c:
        own = target.s.c[NATURAL_KEY]
        first = target.resource.key_parts[0]
        before = [target.s.c[name].is_(None) for name in first[: first.index(field)] if name in target.s.c]
        moved = key + func.substr(own, func.length(target.s.c[field]) + 1)
        values[NATURAL_KEY] = case((and_(*before), moved), else_=own) if before else moved
    connection.execute(update(target.s).where(_is_its(target, found), _sure(table)).values(values))


def _is_its(target: Target, found: Named) -> ColumnElement[bool]:
    near = _near(target, found.rule)
    same = found.table.c.near.is_not_distinct_from(near) if found.rule.near else literal(value=True)
    return and_(target.s.c[found.rule.field] == found.table.c.value, same)


def _sure(table: Table) -> ColumnElement[bool]:
    return and_(table.c.rank < _ELSEWHERE, func.cardinality(table.c["keys"]) == 1)


# What is left ---------------------------------------------------------------------------------------------------------


def ambiguous_values(connection: Connection, target: Target, found: Named) -> list[AmbiguousValue]:
    """Return what can be said of the first values that are left: what they could mean, or what is spelt like them."""
    table, rule, to = found.table, found.rule, RESOURCES[found.rule.to]
    left = select(table.c.value, table.c.near, table.c.rank, table.c["keys"])
    left = left.where(or_(table.c.rank.is_(None), ~_sure(table))).order_by(table.c.value, table.c.near).limit(_MOST)
    rows = connection.execute(left).all()
    values = [_ambiguous_value(rule, to, target.resource, *row) for row in rows if row[-1]]
    unspelt = [(value, near) for value, near, _, keys in rows if not keys]
    if unspelt:
        spelt = _spelt(to, rule, target)
        names = dict(connection.execute(select(spelt.c.name, spelt.c.key).limit(_MOST_NAMES)).tuples().all())
        like = nearest_of({value for value, _ in unspelt}, [*names.values(), *names])
        values += [
            AmbiguousValue(rule.field, value, near, None, names.get(like[value], like[value]), ambiguous=False)
            for value, near in unspelt
            if value in like
        ]
    return values


def _ambiguous_value(
    rule: Reference, to: Resource, own: Resource, value: str, near: str | None, rank: int, keys: list[str]
) -> AmbiguousValue:
    shown = [f"'{key}'" for key in keys[:_MOST_LISTED]]
    choices = f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else shown[0]
    more = f" (and {len(keys) - _MOST_LISTED:,} more)" if len(keys) > _MOST_LISTED else ""
    only = keys[0] if len(keys) == 1 else None
    if rank == _ELSEWHERE and rule.near:
        place = own.fields[rule.near].title
        message = f"'{value}' is not a {to.title} of the same {place}: write {choices}{more} if that one is meant"
        return AmbiguousValue(rule.field, value, near, message, only, ambiguous=False)
    message = f"'{value}' could mean {to.title} {choices}{more}: write the one that is meant"
    return AmbiguousValue(rule.field, value, near, message, only, ambiguous=True)


DOUBTS = Table(
    "doubtful_reference",
    MetaData(),
    Column("row", Integer, nullable=False),
    Column("field", Text, nullable=False),
    Column("message", Text),
    Column("suggestion", Text),
    Column("ambiguous", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
"""What can be said of the references of rows that name no record, while the checks look for them."""

_COLUMNS = ("field", "value", "near", "message", "suggestion", "ambiguous")


def keep_ambiguous_values(connection: Connection, targets: list[Target], found: list[AmbiguousValue]) -> None:
    """Put what can be said of references where `clarify` and `suggestion` find it, until the transaction ends."""
    if not found:
        return
    DOUBTS.create(connection, checkfirst=False)
    kinds = {name: Boolean if name == "ambiguous" else Text for name in _COLUMNS}
    table = Table("doubt", MetaData(), *(Column(*each) for each in kinds.items()), prefixes=["TEMPORARY"])
    table.create(connection, checkfirst=False)
    copy_frame(connection, table, pl.DataFrame([{name: getattr(each, name) for name in _COLUMNS} for each in found]))
    for target in targets:
        for rule in references(target):
            same = and_(table.c.value == target.s.c[rule.field], table.c.near.is_not_distinct_from(_near(target, rule)))
            columns = (target.s.c[ROW_NUMBER], *(table.c[name] for name in DOUBTS.c.keys()[1:]))
            rows = select(*columns).join_from(target.s, table, same).where(table.c.field == rule.field)
            connection.execute(insert(DOUBTS).from_select(DOUBTS.c.keys(), rows))
    table.drop(connection)


def drop_doubts(connection: Connection) -> None:
    """Drop what `keep_ambiguous_values` has put there."""
    connection.execute(text(f'drop table if exists pg_temp."{DOUBTS.name}"'))


def _has_doubts(connection: Connection) -> bool:
    return connection.scalar(text(f"select to_regclass('pg_temp.{DOUBTS.name}')")) is not None


def clarify(connection: Connection, findings: Table) -> None:
    """Say of references that name no record what they could mean; what could mean several records is an error."""
    if not _has_doubts(connection):
        return
    f = findings.c
    same = _is_of(findings)
    several = DOUBTS.c.ambiguous
    connection.execute(
        update(findings)
        .where(same, DOUBTS.c.message.is_not(None))
        .values(
            message=DOUBTS.c.message,
            rule=case((several, AMBIGUOUS), else_=f.rule),
            severity=case((several, str(Severity.ERROR)), else_=f.severity),
        )
    )


def suggestion(connection: Connection, findings: Table) -> ColumnElement[Any]:
    """Return the near miss of a finding, if there is one."""
    if not _has_doubts(connection):
        return cast(null(), Text)
    near = select(DOUBTS.c.suggestion).where(_is_of(findings)).limit(1)
    return near.correlate(findings).scalar_subquery()


def _is_of(findings: Table) -> ColumnElement[bool]:
    f = findings.c
    return and_(f.rule == Reference.name, f.row == DOUBTS.c.row, f.field == DOUBTS.c.field)
