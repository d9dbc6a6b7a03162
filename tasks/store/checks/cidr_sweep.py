"""Blocks of addresses in SQL: where one begins and ends, and which of many lie in one another."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Subquery, case, cast, func, select, true
from sqlalchemy.dialects.postgresql import INET

BLOCK, STARTS, ISLAND = "block", "starts", "island"
"""Columns: the block, whether none before it reaches it (1 or 0), and the number of the island that it is in."""


def first_address(block: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the first address of a block, by itself."""
    return _host(cast(func.network(block), INET), block)


def last_address(block: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the last address of a block, by itself."""
    return _host(func.broadcast(block), block)


def _host(address: ColumnElement[Any], block: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.set_masklen(address, case((func.family(block) == 4, 32), else_=128), type_=INET)


def swept(blocks: FromClause, scope: tuple[str, ...], key: str) -> Subquery:
    """Mark the blocks that lie in no earlier one of their scope.

    Blocks nest or are disjoint: sorted, one that starts inside the widest so far lies in it; IPv4 comes before IPv6.
    """
    of_scope = [blocks.c[name] for name in scope]
    order = [blocks.c[BLOCK], blocks.c[key]]
    furthest = func.max(last_address(blocks.c[BLOCK])).over(partition_by=of_scope, order_by=order, rows=(None, -1))
    starts = func.coalesce(furthest < first_address(blocks.c[BLOCK]), true())
    return select(*blocks.c, cast(starts, Integer).label(STARTS)).subquery()


def islands(blocks: FromClause, scope: tuple[str, ...], key: str) -> Subquery:
    """Number the runs of overlapping blocks in each scope: the first block of such an island covers all the others."""
    marked = swept(blocks, scope, key)
    of_scope = [marked.c[name] for name in scope]
    number = func.sum(marked.c[STARTS]).over(partition_by=of_scope, order_by=[marked.c[BLOCK], marked.c[key]])
    return select(*marked.c, number.label(ISLAND)).subquery()
