"""Networks that are connected, directly or over one gateway, and whose blocks overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
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
from sqlalchemy.dialects.postgresql import CIDR, INET, JSONB, array

from schemas.issues import Severity
from schemas.model.connected import BLOCKS, CONNECTIONS, NETWORK, ROUTES
from schemas.model.rules import STATE, NoConnectedOverlap
from schemas.model.tables import ROW_NUMBER
from schemas.resources import RESOURCES
from tasks.store.checks.cidr_sweep import BLOCK, ISLAND, islands
from tasks.store.checks.findings import CheckContext, finding
from tasks.store.merge.projected import CHANGED, KEY
from tasks.store.merge.tombstones import alive

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}/(3[0-2]|[12]?\d)"
_IPV6 = r"([0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,6})?::/(12[0-8]|1[01]\d|[1-9]?\d)"
# What PostgreSQL is sure to read; an IPv6 block with its last digits written out counts where it is spelt alike.
_READABLE = f"^({_IPV4}|{_IPV6})$"

# AWS lets no such peering be (EC2 API, CreateVpcPeeringConnection), and routes to one of several (VPC Peering Guide,
# routing; EC2 API, CreateTransitGatewayVpcAttachment).
_REFUSED = "correct one of the blocks, or the connection"
_AMBIGUOUS = "traffic for these addresses reaches one of the two at most, so check that this is meant"


class _ProjectedRecords:
    """The records of any type, with row, key and change: those of the import's own type as it leaves them."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context

    def is_own(self, resource_type: str) -> bool:
        """Say whether a type is the import's own."""
        return resource_type == self._context.target.resource.type

    def any(self, resource_type: str) -> bool:
        """Say whether there are records of a type, the import's own always."""
        there = select(exists(select(literal(1)).select_from(self._context.records(resource_type))))
        return self.is_own(resource_type) or bool(self._context.connection.scalar(there))

    def of(self, resource_type: str, names: tuple[str, ...]) -> Subquery:
        """Return `names` of the records of a type."""
        if self.is_own(resource_type):
            return self._context.projected_records(names)
        there = self._context.records(resource_type)
        key = there.c[RESOURCES[resource_type].key_column].label(KEY)
        silent = [cast(null(), Integer).label(ROW_NUMBER), literal(value=False).label(CHANGED)]
        return select(key, *(there.c[name].label(name) for name in names), *silent).subquery()


def connected_overlaps(context: CheckContext, rule: NoConnectedOverlap) -> Iterator[Select[Any]]:
    """Find the networks whose blocks overlap one of a network that they are connected with, from either side.

    Networks that meet in one hub are swept together: what overlaps there stands in one island.
    """
    records = _ProjectedRecords(context)
    if not any(records.any(each.type) for each in CONNECTIONS):
        return
    members, networks = _members(records), _networks(records)
    conflicts = _conflicts(records, members, networks)
    if records.is_own(NETWORK):
        says = "'%s' overlaps %s of %s, which %s connects with it: %s"
        values = [conflicts.c.block, conflicts.c.other_block, conflicts.c.other, conflicts.c.hub]
        row, met = networks.c[ROW_NUMBER], conflicts.c.network == networks.c[KEY]
        side, is_changed = networks, and_(networks.c[CHANGED])
    else:
        says = "'%s' has %s, which overlaps %s of %s, and %s connects the two: %s"
        values = [members.c.network, conflicts.c.block, conflicts.c.other_block, conflicts.c.other, conflicts.c.hub]
        same_hub, same_network = conflicts.c.hub == members.c.hub, conflicts.c.network == members.c.network
        row, met = members.c[ROW_NUMBER], and_(same_hub, same_network)
        side, is_changed = members, and_(members.c[CHANGED], members.c.field == rule.field)
    value, *names = (cast(part, Text) for part in values)
    severe = conflicts.c.severe
    advice = case((severe, literal(_REFUSED)), else_=literal(_AMBIGUOUS))
    severity = case((severe, literal(str(Severity.ERROR))), else_=literal(str(Severity.WARNING)))
    found = finding(rule, row, value, says, *names, advice, severity=severity)
    found = found.join_from(side, conflicts, met).where(is_changed)
    yield found.distinct(row).order_by(row, severe.desc(), conflicts.c.hub)


def _networks(records: _ProjectedRecords) -> Subquery:
    """The networks that are in service, with their blocks."""
    resource = RESOURCES[NETWORK]
    every = records.of(NETWORK, (*BLOCKS, STATE))
    return select(*every.c).where(alive(resource, every.c[STATE])).subquery()


def _members(records: _ProjectedRecords) -> Subquery:
    """Which networks meet in which hub, by which row."""
    parts = []
    for each in CONNECTIONS:
        links = records.of(each.type, each.fields)
        in_service = alive(RESOURCES[each.type], links.c[STATE])
        chosen = links.c[each.when[0]] == each.when[1] if each.when else sql_true()
        for end in each.ends:
            hub, network = links.c[each.hub].label("hub"), links.c[end].label("network")
            strict = literal(each.strict).label("strict")
            columns = [hub, network, literal(end).label("field"), strict, links.c[ROW_NUMBER], links.c[CHANGED]]
            parts.append(select(*columns).where(in_service, chosen, network.is_not(None)))
    return union_all(*parts).subquery()


def _conflicts(records: _ProjectedRecords, members: Subquery, networks: Subquery) -> Subquery:
    """One overlap of each network with another of the same hub, in the hubs that the import touches.

    `severe` where AWS refuses it. A strict hub connects two networks, whose blocks are compared pair by pair.
    """
    meeting = members.join(networks, networks.c[KEY] == members.c.network)
    touched = select(members.c.hub).select_from(meeting).where(or_(members.c[CHANGED], networks.c[CHANGED]))
    blocks = array([networks.c[BLOCKS[0]]]).op("||")(networks.c[BLOCKS[1]]).op("||")(networks.c[BLOCKS[2]])
    each_block = func.unnest(blocks, type_=CIDR).label(BLOCK)
    first = networks.c[BLOCKS[0]].label("first")
    members_blocks = select(members.c.hub, members.c.network, members.c.strict, first, each_block).select_from(meeting)
    here = members_blocks.where(members.c.hub.in_(touched)).distinct().cte("here")
    return union_all(_strict_overlaps(records, here), _island_overlaps(here)).subquery()


def _strict_overlaps(records: _ProjectedRecords, here: CTE) -> Select[Any]:
    one, other = here.alias("one"), here.alias("other")
    overlap = one.c[BLOCK].op("&&", is_comparison=True)(other.c[BLOCK])
    primary = or_(one.c[BLOCK] == one.c.first, other.c[BLOCK] == other.c.first)
    severe = or_(primary, _is_routed(records, one, other)).label("severe")
    block, other_block = one.c[BLOCK], other.c[BLOCK].label("other_block")
    pairs = select(one.c.hub, one.c.network, block, other.c.network.label("other"), other_block, severe)
    same = and_(one.c.hub == other.c.hub, one.c.network != other.c.network, overlap)
    found = pairs.join_from(one, other, same).where(one.c.strict)
    return found.distinct(one.c.hub, one.c.network).order_by(
        one.c.hub, one.c.network, severe.desc(), block, other_block, other.c.network
    )


def _is_routed(records: _ProjectedRecords, one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Say whether a route sends any of the addresses that two blocks share over their hub."""
    resource_type, field = ROUTES
    tables = records.of(resource_type, (field,))
    is_list = func.jsonb_typeof(tables.c[field]) == "array"
    each = select(
        func.jsonb_array_elements(
            case((is_list, tables.c[field]), else_=cast(literal("[]"), JSONB)), type_=JSONB
        ).label("route")
    ).subquery()
    route = each.c.route
    target = func.coalesce(*(route[name].astext for name in ("target", "VpcPeeringConnectionId")))
    destination = func.coalesce(
        *(route[name].astext for name in ("destination", "DestinationCidrBlock", "DestinationIpv6CidrBlock"))
    )
    # Once for all pairs, and not once for each.
    routes = select(target.label("hub"), destination.label("destination")).where(target.like("pcx-%"))
    distinct_routes = routes.distinct().cte("routes").prefix_with("MATERIALIZED", dialect="postgresql")
    blocks = (one.c[BLOCK], other.c[BLOCK])
    # A cast of what is no block would fail.
    to = case((distinct_routes.c.destination.regexp_match(_READABLE), cast(distinct_routes.c.destination, INET)))
    meets = and_(*(to.op("&&", is_comparison=True)(block) for block in blocks))
    same = distinct_routes.c.destination.in_([cast(block, Text) for block in blocks])
    return exists(
        select(literal(1)).select_from(distinct_routes).where(distinct_routes.c.hub == one.c.hub, or_(meets, same))
    )


def _island_overlaps(here: CTE) -> Select[Any]:
    of_others = select(here.c.hub, here.c.network, here.c[BLOCK]).where(~here.c.strict).subquery()
    numbered = islands(of_others, ("hub",), "network")
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
            literal(value=False),
        )
        .join_from(seen, guest, and_(guest.c.hub == seen.c.hub, guest.c[ISLAND] == seen.c[ISLAND]))
        .where(or_(~is_top, seen.c.block == seen.c.top_block))
        .distinct(seen.c.hub, seen.c.network)
        .order_by(seen.c.hub, seen.c.network, seen.c.block)
    )
