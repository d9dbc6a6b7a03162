"""What the columns of a block are called that is given as an address and a mask, an end or a count."""

from __future__ import annotations

from schemas.mapping import Measure

# fmt: off
MEASURES: dict[Measure, frozenset[str]] = {
    Measure.MASK: frozenset((
        "netmask", "mask", "subnetmask", "networkmask", "netmasklength", "prefixlength", "prefixlen", "length",
        "masklength", "masklen", "maskbits", "cidrlength", "cidrmask", "bits",
    )),
    Measure.END: frozenset((
        "end", "endaddress", "endip", "last", "lastaddress", "lastip", "to", "toip", "toaddress", "rangeend",
        "endofrange", "ipend", "broadcast", "broadcastaddress",
    )),
    Measure.COUNT: frozenset((
        "count", "value", "addresses", "addresscount", "numberofaddresses", "ipcount",
    )),
}
"""What columns are called, in plain spelling, that say how large the block is whose first address another one has."""

STARTS = frozenset((
    "address", "networkaddress", "baseaddress", "subnetaddress", "ipaddress", "ip", "start", "startaddress", "startip",
    "first", "firstaddress", "firstip", "from", "fromip", "fromaddress", "rangestart", "ipstart", "startofrange",
    "network", "subnet", "net",
))
# fmt: on
"""What columns are called, in plain spelling, that hold a block's first address, next to one of `MEASURES`."""
