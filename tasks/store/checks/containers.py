"""Blocks that lie in no container of their scope, though it has some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    MetaData,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import CIDR

from schemas.model.rules import Contained
from schemas.model.tables import ROW_NUMBER
from tasks.store.checks.cidr_sweep import BLOCK, STARTS, swept
from tasks.store.checks.findings import CheckContext, finding
from tasks.store.connection.copy import row_number_table
from tasks.store.merge.projected import CHANGED


def contained(context: CheckContext, rule: Contained) -> Iterator[Select[Any]]:
    """Find the blocks beside the containers of their scope, where the prefilter points at any."""
    everything = context.projected_records(rule.checked_fields)
    containers = _widest(context.connection, everything, rule)
    found = context.connection.execute(select(*containers.c[rule.within], containers.c[BLOCK])).all()
    if not found:
        return
    suspects = None
    if context.target.whole:
        schema = dict.fromkeys((*rule.within, rule.field), pl.String)
        rows = context.prefilter.outside(rule, pl.DataFrame(found, schema=schema, orient="row"))
        if rows is not None and rows.is_empty():
            return
        # Where most are to be looked at, to look at all of them is quicker.
        if rows is not None and len(rows) < context.rows / 2:
            suspects = row_number_table(context.connection, "outside", rows)
    yield _outside(context, rule, everything, containers, suspects)


def _widest(connection: Connection, everything: Subquery, rule: Contained) -> Table:
    """List the widest containers of each scope, which are disjoint, in a temporary table."""
    name, value = rule.container
    columns = [Column(each, Text) for each in rule.within]
    table = Table(
        "widest_container",
        MetaData(),
        *columns,
        Column(BLOCK, CIDR),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    connection.execute(text(f'drop table if exists pg_temp."{table.name}"'))
    table.create(connection, checkfirst=False)
    within = [cast(everything.c[each], Text).label(each) for each in rule.within]
    block = everything.c[rule.field].label(BLOCK)
    marked = swept(select(*within, block).where(everything.c[name] == value).subquery(), rule.within, BLOCK)
    widest = select(*marked.c[rule.within], marked.c[BLOCK]).where(marked.c[STARTS] == 1)
    connection.execute(insert(table).from_select([*rule.within, BLOCK], widest))
    return table


def _outside(
    context: CheckContext, rule: Contained, everything: Subquery, containers: Table, suspects: Table | None
) -> Select[Any]:
    """Sort blocks and containers together: the one that may hold a block is the last container before it."""
    name, value = rule.container
    scope, family = _scope(containers, rule), func.family(containers.c[BLOCK])
    named = select(scope.label("scope"), family.label("family")).distinct().subquery()
    # A number sorts faster than a name.
    number = func.row_number().over(order_by=[named.c.scope, named.c.family])
    scopes = select(*named.c, cast(number, Integer).label("number")).cte("scopes")
    block, row = everything.c[rule.field], everything.c[ROW_NUMBER]
    has_some = and_(scopes.c.scope == _scope(everything, rule), scopes.c.family == func.family(block))
    of_import = everything.join(scopes, has_some)
    if suspects is not None:
        of_import = of_import.join(suspects, suspects.c.row_number == row)
    blocks = select(scopes.c.number, row, block.label(BLOCK), cast(null(), CIDR).label("holder")).select_from(of_import)
    blocks = blocks.where(everything.c[CHANGED], everything.c[name].is_distinct_from(value))
    own_scope = and_(scopes.c.scope == scope, scopes.c.family == family)
    block_of, silent = containers.c[BLOCK], cast(null(), Integer)
    holders = select(scopes.c.number, silent, block_of, block_of).select_from(containers.join(scopes, own_scope))
    both = union_all(blocks, holders).subquery()
    in_order = [both.c.block, both.c[ROW_NUMBER].nulls_first()]
    nearest = func.max(both.c.holder).over(partition_by=both.c.number, order_by=in_order, rows=(None, 0))
    outermost = select(both.c[ROW_NUMBER], both.c.block, nearest.label("nearest")).subquery()
    same = " and ".join(context.target.resource.fields[each].title for each in rule.within)
    says = f"'%s' lies in no {value} of its {same}, which has some"
    covered = func.coalesce(outermost.c.nearest.op(">>=")(outermost.c.block), literal(value=False))
    is_block = outermost.c[ROW_NUMBER].is_not(None)
    return finding(rule, outermost.c[ROW_NUMBER], cast(outermost.c.block, Text), says).where(is_block, ~covered)


def _scope(records: FromClause, rule: Contained) -> ColumnElement[Any]:
    parts = [func.coalesce(cast(records.c[name], Text), "") for name in rule.within]
    return parts[0] if len(parts) == 1 else func.concat_ws("/", *parts)
