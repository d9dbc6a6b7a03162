"""Blocks that lie in no container of their scope, though it has some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    cast,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import CIDR

from schemas.rules import Contained
from schemas.tables import ROW_NUMBER
from tasks.store.after import FRESH, Records, after
from tasks.store.blocks import BLOCK, STARTS, swept
from tasks.store.compare import Comparison
from tasks.store.findings import finding
from tasks.store.target import Target


def contained(
    connection: Connection, target: Target, rule: Contained, comparison: Comparison, _: Records
) -> Iterator[Select[Any]]:
    """Find the blocks beside the containers of their scope, by looking up the nearest container before each.

    The widest containers are disjoint, so that the one which holds a block is the last that does not sort after it.
    """
    everything = after(target, comparison, rule.watched)
    name, value = rule.container
    scope, block = _scope(everything, rule.within), everything.c[rule.field]
    containers = _containers(
        connection, select(scope.label("scope"), block.label(BLOCK)).where(everything.c[name] == value)
    )
    scopes = select(containers.c.scope, func.family(containers.c.block).label("family")).distinct().subquery()
    nearest = (
        select(containers.c.block.op(">>=")(block))
        .where(containers.c.scope == scope, containers.c.block <= block)
        .order_by(containers.c.block.desc())
        .limit(1)
        .scalar_subquery()
    )
    outside = ~func.coalesce(nearest, literal(value=False))
    same = " and ".join(target.resource.fields[name].title for name in rule.within)
    says = f"'%s' lies in no {value} of its {same}, which has some"
    yield (
        finding(rule, everything.c[ROW_NUMBER], cast(block, Text), says)
        .join_from(everything, scopes, and_(scopes.c.scope == scope, scopes.c.family == func.family(block)))
        .where(everything.c[FRESH], everything.c[name].is_distinct_from(value), outside)
    )


def _scope(records: FromClause, within: tuple[str, ...]) -> ColumnElement[Any]:
    parts = [func.coalesce(cast(records.c[name], Text), "") for name in within]
    return parts[0] if len(parts) == 1 else func.concat_ws("/", *parts)


def _containers(connection: Connection, all_of_them: Select[Any]) -> Table:
    """List the widest containers of each scope in a temporary table."""
    table = Table(
        "widest_container",
        MetaData(),
        Column("scope", Text(collation="C")),
        Column(BLOCK, CIDR),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    table.create(connection)
    marked = swept(all_of_them.subquery(), ("scope",), BLOCK)
    widest = select(marked.c.scope, marked.c.block).where(marked.c[STARTS] == 1)
    connection.execute(insert(table).from_select(["scope", BLOCK], widest))
    Index("widest_container_order", table.c.scope, table.c.block).create(connection)
    connection.execute(text('analyze "widest_container"'))
    return table
