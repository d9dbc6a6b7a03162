"""Peers: which machines a source of the web may be on.

A name is looked up once, each of its addresses is checked, and the connection is made to a checked address: a name that
leads elsewhere a moment later (DNS rebinding) leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket

from schemas.errors import Transient, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052: IPv4 addresses as IPv6 networks see them.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Where clouds tell a machine its own credentials over IPv6; over IPv4 the address is a link-local one.
_METADATA = ipaddress.IPv6Address("fd00:ec2::254")


def checked_addresses(host: str, port: int, *, private: bool) -> list[str]:
    """Return the addresses of a host; raises UsageError where one of them is not to be asked."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Transient(f"The name '{host}' is not known: is it spelt right, and does DNS answer?") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        _refuse(host, _innermost(ipaddress.ip_address(address.partition("%")[0])), private=private)
    return addresses


def is_public(address: str) -> bool:
    """Say whether an address is one of the Internet."""
    inner = _innermost(ipaddress.ip_address(address.partition("%")[0]))
    return inner.is_global and not inner.is_multicast


def _refuse(host: str, address: Address, *, private: bool) -> None:
    if address.is_link_local or address == _METADATA or address.is_multicast or address.is_unspecified:
        raise UsageError(f"'{host}' is at {address}, where no source is: it is not asked.")
    if not private and not is_public(str(address)):
        raise UsageError(
            f"'{host}' is at {address}, a private address: set CMDB_SOURCE_PRIVATE=true where such sources are meant."
        )


def _innermost(address: Address) -> Address:
    """The IPv4 address that stands in an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address
