"""Which blocks are taken: the prefixes of a VRF, or the subnets of a VPC; and which blocks of a size are free."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Text, case, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import CIDR, INET

from schemas.errors import UsageError
from schemas.language.remedies import Action, action
from schemas.model.tables import TABLES
from tasks.store.read.address_space import Network, Span, free, span

MOST = 1000
"""How many blocks are suggested at once, at most."""


@dataclass(frozen=True)
class Search:
    """What to search: free blocks of /`size` in `block`, given the prefixes of a VRF or the subnets of a VPC.

    Without either, the prefixes are those of the global table. Without a block, a VPC's own are looked through.
    """

    size: int
    block: str | None = None
    vrf: str | None = None
    vpc: str | None = None
    most: int = 10


@dataclass(frozen=True)
class Found:
    """The blocks that were looked through, the lowest free ones of the size, and how many are free in all."""

    size: int
    within: tuple[str, ...]
    blocks: tuple[str, ...]
    total: int


def find_free(connection: Connection, search: Search) -> Found:
    """Return the free blocks; raises UsageError where the search makes no sense."""
    places = _blocks_to_search(connection, search)
    blocks: list[str] = []
    total = 0
    for place in places:
        found = free(place, _taken_spans(connection, search, place), search.size, search.most - len(blocks))
        blocks += found.blocks
        total += found.total
    return Found(search.size, tuple(str(place) for place in places), tuple(blocks), total)


def _blocks_to_search(connection: Connection, search: Search) -> list[Network]:
    if search.vrf and search.vpc:
        raise UsageError("Prefixes are in a VRF and subnets in a VPC: give one of the two.")
    own = _blocks_of(connection, search.vpc, search.size) if search.vpc else []
    if search.block is None:
        if not search.vpc:
            raise UsageError("Give the block to look through, such as 10.0.0.0/8, or a VPC.")
        if not own:
            raise UsageError(
                f"{search.vpc} has no block that a /{search.size} fits into: give a longer size.", prefix=search.size
            )
        return own
    place = _block(search.block)
    if not place.prefixlen <= search.size <= place.max_prefixlen:
        sizes = f"{place.prefixlen} to {place.max_prefixlen}"
        raise UsageError(f"No /{search.size} fits into {place}: give a size of {sizes}.", prefix=search.size)
    if search.vpc and not any(
        _is_inside(place, each) for each in _blocks_of(connection, search.vpc, place.max_prefixlen)
    ):
        raise UsageError(f"{place} is not a part of the blocks of {search.vpc}.", value=str(place))
    if search.vrf:
        _require_record(connection, "vrf", "VRF", search.vrf)
    return [place]


def _block(text: str) -> Network:
    try:
        # A zone (fe80::%eth0) means something on one machine only.
        return ipaddress.ip_network(text if "%" not in text else "")
    except ValueError:
        raise UsageError(f"'{text}' is not an IP block such as 10.0.0.0/16 or 2001:db8::/56.", value=text) from None


def _is_inside(one: Network, other: Network) -> bool:
    first, second = span(one), span(other)
    return one.version == other.version and second[0] <= first[0] and first[1] <= second[1]


def _require_record(connection: Connection, resource_type: str, title: str, key: str) -> None:
    table = TABLES[resource_type]
    [column] = table.primary_key.columns
    if connection.scalar(select(literal(1)).where(column == key)) is None:
        raise UsageError(
            f"There is no {title} '{key}': see {action(Action.LIST_RECORDS, resource_type)}.",
            key=key,
            type=resource_type,
        )


def _blocks_of(connection: Connection, vpc: str, size: int) -> list[Network]:
    """The blocks of a VPC that a size may be looked for in: sizes to /32 are those of IPv4, longer ones of IPv6."""
    _require_record(connection, "vpc", "VPC", vpc)
    t = TABLES["vpc"]
    of_vpc = t.c.vpc_id == vpc
    further = [func.unnest(t.c[name], type_=CIDR) for name in ("secondary_cidr_blocks", "ipv6_cidr_blocks")]
    blocks = [select(each.label("block")).where(of_vpc) for each in (t.c.cidr_block, *further)]
    block = union_all(*blocks).subquery().c.block
    texts = connection.scalars(select(cast(block, Text)).order_by(block))
    version = 4 if size <= 32 else 6
    kept: list[Network] = []
    for each in map(ipaddress.ip_network, texts):
        if each.version == version and each.prefixlen <= size and not (kept and _is_inside(each, kept[-1])):
            kept.append(each)
    return kept


def _taken_spans(connection: Connection, search: Search, place: Network) -> Iterator[Span]:
    """The taken blocks in order; those smaller than the size stand for the whole block of the size that they are in."""
    query = _subnets(search.vpc, place) if search.vpc else _prefixes(search.vrf, place)
    taken = query.subquery().c.block
    around = func.network(func.set_masklen(cast(taken, INET), search.size))
    whole = case((func.masklen(taken) > search.size, around), else_=taken)
    distinct = select(cast(whole, CIDR).label("block")).distinct().subquery().c.block
    rows = connection.execute(select(func.host(distinct), func.masklen(distinct)).order_by(distinct))
    for address, length in rows:
        first = int(ipaddress.ip_address(address))
        yield first, first + (1 << (place.max_prefixlen - length))


def _prefixes(vrf: str | None, place: Network) -> Select[Any]:
    """The prefixes inside a block: those that hold it leave it free, and so does one that is the block itself."""
    t = TABLES["prefix"]
    of_vrf = t.c.vrf == vrf if vrf else t.c.vrf.is_(None)
    inside = t.c.prefix.op("<<")(cast(literal(str(place)), INET))
    return select(t.c.prefix.label("block")).where(of_vrf, inside)


def _subnets(vpc: str, place: Network) -> Select[Any]:
    t = TABLES["subnet"]
    block = t.c.cidr_block if place.version == 4 else t.c.ipv6_cidr_block
    return select(block.label("block")).where(t.c.vpc_id == vpc, block.op("&&")(cast(literal(str(place)), INET)))
