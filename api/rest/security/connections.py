"""Connections to the API: how many there may be, from where, and how long each may take to say what it wants."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from schemas.settings import Settings

_SLOWEST = 1_000
"""Bytes a second that a body has to come at, so that nobody holds a connection with a few."""

HANDSHAKE_SECONDS = 10.0
"""Seconds that somebody who connects for TLS has to agree on it."""

_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(host: str) -> str:
    """Return what counts as one address: whoever has one of IPv6 has the 2^64 next to it."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Admission:
    """The connections of one server by their address; those of trusted proxies are many people's, and not counted."""

    def __init__(self, settings: Settings) -> None:
        self.most = settings.api_connections
        self.most_each = settings.api_connections_per_address
        self.proxies = tuple(ipaddress.ip_network(each) for each in settings.proxies)
        self._open: defaultdict[str, set[asyncio.BaseTransport]] = defaultdict(set)

    def admits(self, transport: asyncio.BaseTransport, host: str, open_now: int) -> bool:
        """Count a new connection; says whether it may stay."""
        if open_now > self.most:
            return False
        if self._is_proxy(host):
            return True
        address = network_of(host)
        found = self._open[address]
        found -= _closed(found)
        if len(found) >= self.most_each:
            return False
        found.add(transport)
        if len(self._open) > self.most:
            self._forget()
        return True

    def _is_proxy(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in proxy for proxy in self.proxies)

    def _forget(self) -> None:
        """Drop the addresses that have left, so that the table stays as small as the number of connections."""
        for address, transports in list(self._open.items()):
            if not transports - _closed(transports):
                del self._open[address]


def _closed(transports: Iterable[asyncio.BaseTransport]) -> set[asyncio.BaseTransport]:
    return {each for each in transports if each.is_closing()}


class _Connection(H11Protocol):
    """One connection, closed when its headers or its body do not come in time."""

    admission: ClassVar[Admission]
    header_seconds: ClassVar[float]
    body_seconds: ClassVar[float]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: type[h11.SEND_BODY | h11.IDLE] | None = None
        self._received = self._counted = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if not self.admission.admits(transport, self.client[0] if self.client else "", len(self.connections)):
            transport.abort()
            return
        _give_up_on_deaf(transport, self.body_seconds)
        self._await(h11.IDLE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._await(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Begin or end a wait, as what was received says."""
        ours = self.transport.get_protocol() is self  # a WebSocket has another
        state = self.conn.their_state
        if not ours or self.transport.is_closing():
            self._await(None)
        elif state is h11.SEND_BODY:
            self._await(h11.SEND_BODY)
        elif state is h11.IDLE and self.conn.trailing_data[0]:
            self._await(h11.IDLE)
        else:
            self._await(None)  # uvicorn closes what is idle between two requests

    def _await(self, what: type[h11.SEND_BODY | h11.IDLE] | None) -> None:
        """Set the timer for headers or a body; one that runs for the same goes on, however much came."""
        if what is self._awaited:
            return
        self._awaited = what
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if what is h11.IDLE:
            self._timer = self.loop.call_later(self.header_seconds, self._late)
        elif what is h11.SEND_BODY:
            self._count()

    def _count(self) -> None:
        self._counted = self._received
        self._timer = self.loop.call_later(self.body_seconds, self._check)

    def _check(self) -> None:
        """Close a body that is too slow; while we do not read it, it is not its sender who waits."""
        enough = self._received - self._counted >= self.body_seconds * _SLOWEST
        if enough or self.flow.read_paused:
            self._count()
        else:
            self._late()

    def _late(self) -> None:
        if self._received and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_TIMEOUT)
        self.transport.close()


def _give_up_on_deaf(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel close a connection whose other end takes nothing of an answer for so long (Linux)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    connected = transport.get_extra_info("socket")
    if option is not None and connected is not None and connected.family != getattr(socket, "AF_UNIX", None):
        connected.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))


def protocol(settings: Settings) -> type[asyncio.Protocol]:
    """Return the protocol of a server with these limits."""
    limits = {
        "admission": Admission(settings),
        "header_seconds": settings.api_header_seconds,
        "body_seconds": settings.api_body_seconds,
    }
    return type("Connection", (_Connection,), limits)


class Loop(asyncio.SelectorEventLoop):
    """A loop that does not wait long for somebody who opens a connection for TLS, and then says nothing."""

    async def create_server(self, *given: Any, **named: Any) -> asyncio.Server:
        """Listen, with a short wait for the handshake of TLS."""
        if named.get("ssl"):
            named.setdefault("ssl_handshake_timeout", HANDSHAKE_SECONDS)
        return await super().create_server(*given, **named)
