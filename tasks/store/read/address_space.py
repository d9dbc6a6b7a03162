"""Free blocks: the gaps that taken blocks leave in some blocks, cut into blocks of one size."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Span = tuple[int, int]
"""The first address of a block and the one after its last, as numbers."""


@dataclass(frozen=True)
class Free:
    """The lowest free blocks of a size, and how many there are in all."""

    blocks: tuple[str, ...]
    total: int


def free(within: Network, taken: Iterable[Span], size: int, most: int) -> Free:
    """Return the lowest `most` blocks of /`size` inside `within` that meet no taken block.

    `taken` are spans in the order of their first address; they may nest and reach beyond `within`.
    """
    width = 1 << (within.max_prefixlen - size)
    blocks: list[str] = []
    total = 0
    for start, end in _gaps(span(within), taken):
        lowest = -(-start // width)
        count = max(end // width - lowest, 0)
        wanted = min(count, most - len(blocks))
        blocks += [f"{_address(within, (lowest + n) * width)}/{size}" for n in range(wanted)]
        total += count
    return Free(tuple(blocks), total)


def span(block: Network) -> Span:
    """Return where a block begins, and where the next one would."""
    return int(block.network_address), int(block.broadcast_address) + 1


def _gaps(within: Span, taken: Iterable[Span]) -> Iterator[Span]:
    reached, end = within
    for first, after in taken:
        if first > reached:
            yield reached, min(first, end)
        reached = max(reached, after)
        if reached >= end:
            return
    yield reached, end


def _address(within: Network, number: int) -> str:
    # A number below 2^32 would be read as IPv4.
    kind = ipaddress.IPv4Address if within.version == 4 else ipaddress.IPv6Address
    return str(kind(number))
