"""Free blocks: the sweep finds what trying every block of the size finds."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from tasks.store.read.address_space import Free, Network, free, span
from tests.laws import law

# Blocks of 1,024 addresses and what lies around them, at the start of each family too, where numbers are small.
BASES = st.sampled_from(["10.0.4.0/22", "0.0.0.0/22", "255.255.252.0/22", "2001:db8::/118", "::/118", "::400/118"])


def near(within: Network) -> st.SearchStrategy[Network]:
    """Blocks inside a block, and a few that hold it or lie beside it."""
    base, bits = int(within.network_address), within.max_prefixlen
    kind = type(within)
    return st.builds(
        lambda offset, length: kind((min(max(base + offset, 0), 2**bits - 1), length), strict=False),
        st.integers(-1024, 2047),
        st.integers(bits - 11, bits),
    )


@law()
@given(data=st.data(), base=BASES, extra=st.integers(0, 10), most=st.integers(0, 12))
def test_every_free_block_is_found(data: st.DataObject, base: str, extra: int, most: int) -> None:
    """The lowest come first, aligned, and the count is that of all."""
    within = ipaddress.ip_network(base)
    taken = data.draw(st.lists(near(within), max_size=8))
    size = within.prefixlen + extra
    spans = sorted(map(span, taken))
    expected = [
        str(each) for each in within.subnets(new_prefix=size) if not any(each.overlaps(other) for other in taken)
    ]
    assert free(within, spans, size, most) == Free(tuple(expected[:most]), len(expected))


def test_the_whole_of_ipv6() -> None:
    """Nothing is enumerated: the count alone has 38 digits."""
    found = free(ipaddress.ip_network("::/0"), [(0, 1)], 128, 2)
    assert found == Free(("::1/128", "::2/128"), 2**128 - 1)
