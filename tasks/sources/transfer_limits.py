"""Connections that have to get on: a deadline for all of them together, and a minimum rate for each.

A server that sends a byte now and then never runs into a timeout, which restarts with each byte. So what is received
is counted where it is received: headers, and what TLS wraps, included.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

_WINDOW = 60.0
"""Seconds over which the rate is measured; less than that says little of a server that works on its answer."""


class Pace:
    """How fast one connection is: `refuse_late` raises where there is no time left, `refused` is what is too slow."""

    def __init__(
        self,
        rate: int,
        refuse_late: Callable[[], None],
        refused: Callable[[str], Exception],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._refuse_late = refuse_late
        self._refused = refused
        self._clock = clock
        self._since = clock()
        self._size = 0

    def received(self, size: int) -> None:
        """Count what was received; raises what is meant for the person where it is too little or too late."""
        self._refuse_late()
        self._size += size
        passed = self._clock() - self._since
        if passed < _WINDOW:
            return
        if self._size < self._rate * passed:
            raise self._refused(
                f"sent {self._size:,} bytes in {passed:,.0f} seconds, less than the {self._rate:,} bytes a second of "
                "CMDB_SOURCE_MIN_BYTES_PER_SECOND"
            )
        self._since, self._size = self._clock(), 0


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, pace: Pace) -> None:
        self._stream = stream
        self._pace = pace

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self._stream.read(max_bytes, timeout)
        self._pace.received(len(received))
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._pace)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens connections, each with a pace of its own."""

    def __init__(self, pace: Callable[[], Pace]) -> None:
        self._sockets = httpcore.SyncBackend()
        self._pace = pace

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._sockets.connect_tcp(host, port, timeout, local_address, socket_options), self._pace())


class PacedTransport(httpx.HTTPTransport):
    """A transport of httpx whose connections are paced, and serve one request each."""

    def __init__(self, context: ssl.SSLContext, pace: Callable[[], Pace]) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no parameter for the backend of its pool.
        self._pool = httpcore.ConnectionPool(context, max_keepalive_connections=0, network_backend=_Backend(pace))
