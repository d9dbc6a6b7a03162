"""Peers: which machines a source of the web may be on.

A name is looked up once, each of its addresses is checked, and the connection is made to a checked address: a name that
leads elsewhere a moment later (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

from schemas.errors import Transient, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 networks whose addresses end in an IPv4 address: IPv4-compatible (RFC 4291, 2.5.5.1), IPv4-mapped,
# IPv4-translated (RFC 2765), NAT64 (RFC 6052) and local NAT64 (RFC 8215).
_AROUND_IPV4 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
# The identifiers of interfaces that end in an IPv4 address (ISATAP, RFC 5214, 6.1).
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)

# Where clouds give a machine its own credentials, in addition to the usual link-local address.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle Cloud
            "100.100.100.200",  # Alibaba Cloud
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
            "fd00:c1::a9fe:a9fe",  # Oracle Cloud
        ),
    )
)


def checked_addresses(host: str, port: int, *, private: bool) -> list[str]:
    """Return the addresses of a host; raises UsageError where one of them may not be connected to."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Transient(
            f"The name '{host}' is not known: is it spelt right, and does DNS answer?", host=host
        ) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        _refuse(host, address, private=private)
    return addresses


def is_public(address: str) -> bool:
    """Say whether an address is one of the Internet, and so is each that stands in it."""
    return all(each.is_global and not each.is_multicast for each in _addresses_within(address))


def _refuse(host: str, address: str, *, private: bool) -> None:
    wrong = next((each for each in _addresses_within(address) if _is_no_source(each)), None)
    if wrong is not None:
        raise UsageError(f"'{host}' is at {wrong}, where no source is: it is not asked.", host=host)
    if not private and not is_public(address):
        raise UsageError(
            f"'{host}' is at {address}, a private address: set CMDB_SOURCE_PRIVATE=true where such sources are meant.",
            host=host,
        )


def _is_no_source(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _METADATA
        or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)
    )


def _addresses_within(address: str) -> list[Address]:
    """The addresses that an address means: those of IPv4 that stand in it, else itself."""
    own = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(own, ipaddress.IPv4Address) or own.is_unspecified or own.is_loopback:
        return [own]
    inner: list[Address] = list(_embedded_ipv4(own))
    # What an ISATAP address leads to is also the network around it.
    return [*inner, own] if _is_isatap(own) else inner or [own]


def _embedded_ipv4(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    if any(address in network for network in _AROUND_IPV4) or _is_isatap(address):
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    yield from address.teredo or ()


def _is_isatap(address: ipaddress.IPv6Address) -> bool:
    return int(address) >> 32 & 0xFFFF_FFFF in _ISATAP
