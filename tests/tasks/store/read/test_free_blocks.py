"""Free blocks beside what is stored: prefixes of a VRF, subnets of a VPC."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from tasks.store.connection.engine import engine
from tasks.store.read.free_blocks import Found, Search, find_free
from tests.laws import law
from tests.support import execute
from tests.tasks.store.checks.test_registry import put

VPC = "vpc-0a1b2c3d"


def found(url: str, *search: object, **more: object) -> Found:
    """Look for free blocks."""
    with engine(url).connect() as connection:
        return find_free(connection, Search(*search, **more))  # type: ignore[arg-type]  # the test's own arguments


def prefixes(url: str, blocks: Iterable[str], vrf: str = "") -> None:
    """Store prefixes of a VRF."""
    put(url, "prefix", [{"vrf": vrf, "prefix": block} for block in blocks])


@law(25, shrink=False)
@given(
    within=st.sampled_from(["10.0.0.0/22", "2001:db8::/118"]),
    data=st.data(),
    extra=st.integers(0, 6),
)
def test_free_blocks_next_to_the_prefixes_of_a_vrf(
    database_url: str, within: str, data: st.DataObject, extra: int
) -> None:
    """Prefixes inside the block are taken whatever their size; the block itself, and what holds it, is not."""
    place = ipaddress.ip_network(within)
    inside = st.builds(
        lambda offset, length: type(place)((int(place.network_address) + offset, length), strict=False),
        st.integers(0, 1023),
        st.integers(place.prefixlen, place.max_prefixlen),
    )
    blocks = data.draw(st.lists(inside, max_size=8, unique=True))
    execute(database_url, "truncate prefix")
    prefixes(database_url, [str(block) for block in (*blocks, place.supernet(2))])
    prefixes(database_url, [str(block) for block in place.subnets(1)], vrf="65000:1")
    taken = [block for block in blocks if block != place]
    expected = [str(each) for each in place.subnets(extra) if not any(each.overlaps(other) for other in taken)]
    wanted = Found(place.prefixlen + extra, (within,), tuple(expected[:10]), len(expected))
    assert found(database_url, place.prefixlen + extra, within) == wanted


def test_free_blocks_next_to_the_subnets_of_a_vpc(database_url: str) -> None:
    """Its own blocks are looked through, the secondary ones too, those of IPv6 for sizes that only IPv6 has."""
    row = {"vpc_id": VPC, "cidr_block": "10.0.0.0/23", "secondary_cidr_blocks": "10.5.0.0/24"}
    put(
        database_url,
        "vpc",
        [row | {"ipv6_cidr_blocks": "2001:db8::/62"}],
    )
    put(database_url, "vpc", [{"vpc_id": "vpc-2", "cidr_block": "10.9.0.0/16"}])
    subnets = [("1", "10.0.0.0/24", "2001:db8::/64"), ("2", "10.0.1.0/26", "2001:db8:0:2::/64")]
    common = {"vpc_id": VPC, "availability_zone": "us-east-1a"}
    put(
        database_url,
        "subnet",
        [{"subnet_id": f"subnet-{n}", "cidr_block": four, "ipv6_cidr_block": six} | common for n, four, six in subnets],
    )
    four = found(database_url, 25, vpc=VPC)
    assert four == Found(25, ("10.0.0.0/23", "10.5.0.0/24"), ("10.0.1.128/25", "10.5.0.0/25", "10.5.0.128/25"), 3)
    six = found(database_url, 64, vpc=VPC, most=1)
    assert six == Found(64, ("2001:db8::/62",), ("2001:db8:0:1::/64",), 2)
    assert found(database_url, 26, "10.0.1.0/25", vpc=VPC).blocks == ("10.0.1.64/26",)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({"size": 24}, "Give the block to look through"),
        ({"size": 24, "block": "10.0.0.1/8"}, "'10.0.0.1/8' is not an IP block"),
        ({"size": 7, "block": "10.0.0.0/8"}, "give a size of 8 to 32"),
        ({"size": 33, "block": "10.0.0.0/8"}, "give a size of 8 to 32"),
        ({"size": 24, "block": "10.0.0.0/8", "vrf": "blue"}, "There is no VRF 'blue'"),
        ({"size": 24, "vpc": "vpc-1"}, "There is no VPC 'vpc-1'"),
        ({"size": 24, "vpc": VPC, "vrf": "blue"}, "give one of the two"),
        ({"size": 24, "vpc": VPC, "block": "10.1.0.0/16"}, "10.1.0.0/16 is not a part of the blocks of vpc-0a1b2c3d"),
        ({"size": 15, "vpc": VPC}, "has no block that a /15 fits into"),
    ],
)
def test_what_makes_no_sense(database_url: str, search: dict[str, object], says: str) -> None:
    """It is told what to give instead."""
    put(database_url, "vpc", [{"vpc_id": VPC, "cidr_block": "10.0.0.0/16"}])
    with pytest.raises(UsageError, match=says):
        found(database_url, **search)
