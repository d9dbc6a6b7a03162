"""Scopes that the CMDB holds: the accounts and regions of which it has records of a type."""

from __future__ import annotations

from sqlalchemy import CTE, ColumnElement, Text, and_, cast, exists, func, literal, null, or_, select, union
from sqlalchemy import false as sql_false

from schemas.job_options.choices import Empty
from schemas.model.rules import Reference
from schemas.model.tables import TABLES
from schemas.resources import RESOURCES
from tasks.store.merge.target import Target

_ACCOUNT, _REGION = "account_id", "region"


def out_of_scope(target: Target, rule: Reference) -> ColumnElement[bool]:
    """Say whether a staged row refers to a scope of which the CMDB holds no record of the rule's type.

    What the row does not name, the account or the region, is any. A row that names neither is never out of scope, nor
    is one that names a region alone where no record of the type is stored: it was probably forgotten.
    """
    fields = target.resource.fields
    owners = [name for name in rule.owners if name in fields]
    if not {_ACCOUNT, _REGION} <= RESOURCES[rule.to].fields.keys() or not owners:
        return sql_false()
    account = func.coalesce(*(_projected_value(target, name) for name in owners), null())
    region = _projected_value(target, rule.region) if rule.region in fields else cast(null(), Text)
    scopes = _known_scopes(target, rule)
    same = [or_(named.is_(None), scopes.c[name] == named) for name, named in ((_ACCOUNT, account), (_REGION, region))]
    any_held = exists(select(literal(1)).select_from(scopes))
    names_a_scope = or_(account.is_not(None), and_(region.is_not(None), any_held))
    return and_(names_a_scope, ~exists(select(literal(1)).select_from(scopes).where(*same)))


def _projected_value(target: Target, name: str) -> ColumnElement[str]:
    """What the record of a staged row will have in a field."""
    same = target.stored_key == target.match_key
    stored = select(target.t.c[name]).where(same).correlate(target.s).scalar_subquery()
    if name not in target.s.c:
        return stored
    return func.coalesce(target.s.c[name], stored) if target.empty is Empty.KEEP else target.s.c[name]


def _known_scopes(target: Target, rule: Reference) -> CTE:
    """The scopes of the records of a type that are stored, or come in the same run."""
    stored = TABLES[rule.to]
    parts = [select(stored.c[_ACCOUNT], stored.c[_REGION])]
    if other := target.earlier.get(rule.to):
        columns = (other.value(name).label(name) for name in (_ACCOUNT, _REGION))
        both = other.s.join(other.t, other.stored_key == other.staged_key, isouter=True)
        parts.append(select(*columns).select_from(both))
    # Once for all rows, and not once for each.
    return union(*parts).cte("held").prefix_with("MATERIALIZED", dialect="postgresql")
