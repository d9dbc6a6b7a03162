"""Networks that are connected, directly or over one gateway, and whose blocks overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy import true as sql_true
from sqlalchemy.dialects.postgresql import CIDR, array

from schemas.connections import BLOCKS, CONNECTIONS, NETWORK
from schemas.resources import RESOURCES
from schemas.rules import Apart
from schemas.tables import ROW_NUMBER
from tasks.store.after import FRESH, KEY
from tasks.store.blocks import BLOCK, ISLAND, islands
from tasks.store.findings import Inquiry, finding


class _Given:
    """The records of any type, with row, key and freshness: those of the import's own type as it will leave them."""

    def __init__(self, asked: Inquiry) -> None:
        self._asked = asked

    def is_own(self, resource_type: str) -> bool:
        """Say whether a type is the import's own."""
        return resource_type == self._asked.target.resource.type

    def any(self, resource_type: str) -> bool:
        """Say whether there are records of a type, the import's own always."""
        there = select(exists(select(literal(1)).select_from(self._asked.records(resource_type))))
        return self.is_own(resource_type) or bool(self._asked.connection.scalar(there))

    def of(self, resource_type: str, names: tuple[str, ...]) -> Subquery:
        """Return `names` of the records of a type."""
        if self.is_own(resource_type):
            return self._asked.after(names)
        there = self._asked.records(resource_type)
        key = there.c[RESOURCES[resource_type].key_column].label(KEY)
        silent = [cast(null(), Integer).label(ROW_NUMBER), literal(value=False).label(FRESH)]
        return select(key, *(there.c[name].label(name) for name in names), *silent).subquery()


def apart(asked: Inquiry, rule: Apart) -> Iterator[Select[Any]]:
    """Find the networks whose blocks overlap one of a network that they are connected with, from either side.

    Networks that meet in one hub are swept together: what overlaps there stands in one island.
    """
    given = _Given(asked)
    if not any(given.any(each.type) for each in CONNECTIONS):
        return
    members, networks = _members(given), given.of(NETWORK, BLOCKS)
    conflicts = _conflicts(members, networks)
    if given.is_own(NETWORK):
        says = "'%s' overlaps %s of %s, which %s connects with it"
        said = [conflicts.c.block, conflicts.c.other_block, conflicts.c.other, conflicts.c.hub]
        row, met = networks.c[ROW_NUMBER], conflicts.c.network == networks.c[KEY]
        side, fresh = networks, and_(networks.c[FRESH])
    else:
        says = "'%s' has %s, which overlaps %s of %s, and %s connects the two"
        said = [members.c.network, conflicts.c.block, conflicts.c.other_block, conflicts.c.other, conflicts.c.hub]
        same_hub, same_network = conflicts.c.hub == members.c.hub, conflicts.c.network == members.c.network
        row, met = members.c[ROW_NUMBER], and_(same_hub, same_network)
        side, fresh = members, and_(members.c[FRESH], members.c.field == rule.field)
    value, *names = (cast(part, Text) for part in said)
    found = finding(rule, row, value, says, *names).join_from(side, conflicts, met).where(fresh)
    yield found.distinct(row).order_by(row, conflicts.c.hub)


def _members(given: _Given) -> Subquery:
    """Which networks meet in which hub, by which row."""
    parts = []
    for each in CONNECTIONS:
        links = given.of(each.type, each.fields)
        alive = or_(links.c.state.is_(None), links.c.state.not_in(each.dead))
        chosen = links.c[each.when[0]] == each.when[1] if each.when else sql_true()
        for end in each.ends:
            hub, network = links.c[each.hub].label("hub"), links.c[end].label("network")
            columns = [hub, network, literal(end).label("field"), links.c[ROW_NUMBER], links.c[FRESH]]
            parts.append(select(*columns).where(alive, chosen, network.is_not(None)))
    return union_all(*parts).subquery()


def _conflicts(members: Subquery, networks: Subquery) -> Subquery:
    """One overlap of each network with another of the same hub, in the hubs that the import touches."""
    meeting = members.join(networks, networks.c[KEY] == members.c.network)
    touched = select(members.c.hub).select_from(meeting).where(or_(members.c[FRESH], networks.c[FRESH]))
    listed = array([networks.c[BLOCKS[0]]]).op("||")(networks.c[BLOCKS[1]]).op("||")(networks.c[BLOCKS[2]])
    each_block = func.unnest(listed, type_=CIDR).label(BLOCK)
    pieces = select(members.c.hub, members.c.network, each_block).select_from(meeting)
    here = pieces.where(members.c.hub.in_(touched)).distinct().subquery()
    numbered = islands(here, ("hub",), "network")
    island, order = [numbered.c.hub, numbered.c[ISLAND]], [numbered.c.block, numbered.c.network]
    network, block = (
        func.first_value(numbered.c[name]).over(partition_by=island, order_by=order) for name in ("network", BLOCK)
    )
    seen = select(*numbered.c, network.label("top"), block.label("top_block")).cte("seen")
    strange = select(seen.c.hub, seen.c[ISLAND], seen.c.network, seen.c.block).where(seen.c.network != seen.c.top)
    by_island = [seen.c.hub, seen.c[ISLAND]]
    guest = strange.distinct(*by_island).order_by(*by_island, seen.c.block, seen.c.network).subquery()
    is_top = seen.c.network == seen.c.top
    return (
        select(
            seen.c.hub,
            seen.c.network,
            seen.c.block,
            case((is_top, guest.c.network), else_=seen.c.top).label("other"),
            case((is_top, guest.c.block), else_=seen.c.top_block).label("other_block"),
        )
        .join_from(seen, guest, and_(guest.c.hub == seen.c.hub, guest.c[ISLAND] == seen.c[ISLAND]))
        .where(or_(~is_top, seen.c.block == seen.c.top_block))
        .distinct(seen.c.hub, seen.c.network)
        .order_by(seen.c.hub, seen.c.network, seen.c.block)
        .subquery()
    )
