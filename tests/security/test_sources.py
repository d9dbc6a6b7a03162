"""Sources of the web that hold a run up, or lead to where no source is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from schemas.errors import SourceError, UsageError
from tasks.sources.ssrf_guard import checked_addresses
from tasks.sources.transfer_limits import Pace
from tests.tasks.sources.support import fetched
from tests.waiting import PATIENCE

# Pace -----------------------------------------------------------------------------------------------------------------


@contextmanager
def dripping(start: bytes, drop: bytes) -> Iterator[str]:
    """Serve an answer that begins so and goes on drop by drop, for as long as somebody listens."""
    end = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.recv(65_536)
                        connection.sendall(start)
                        while not end.wait(0.02):
                            connection.sendall(drop)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/a.csv"
        finally:
            end.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nvpc_id\n", b"1"),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (b"HTTP/1.1 302 Found\r\nLocation: /b.csv\r\nContent-Length: 0\r\n", b"X: 1\r\n"),
    ],
    ids=["body", "headers", "a redirect"],
)
def test_a_source_that_drips(tmp_path: Path, start: bytes, drop: bytes) -> None:
    """No timeout ends it, as each byte begins a new one: the deadline of the whole does."""
    with dripping(start, drop) as url, pytest.raises(SourceError, match=r"was not fetched within 0\.01 minutes"):
        fetched(url, tmp_path, limits={"source_minutes": 0.01})


def test_a_minimum_rate() -> None:
    """What is received is measured by the minute: a pause is no matter, less than the rate of a whole minute is."""
    clock = [0.0]
    pace = Pace(100, lambda: None, SourceError, lambda: clock[0])
    for clock[0], size in ((59.0, 0), (61.0, 7_000), (119.0, 1), (122.0, 7_000)):
        pace.received(size)
    clock[0] = 185.0
    with pytest.raises(SourceError, match="sent 8 bytes in 63 seconds, less than the 100 bytes a second"):
        pace.received(8)
    Pace(0, lambda: None, SourceError, lambda: 10**9).received(0)


# Addresses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud
        "100.100.100.200",  # Alibaba Cloud
        "fd00:ec2::254",
        "fd20:ce::254",  # Google Cloud
        "::169.254.169.254",  # IPv4-compatible
        "::ffff:169.254.169.254",
        "::ffff:0:169.254.169.254",  # SIIT
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",  # local NAT64
        "2002:a9fe:a9fe::1",  # 6to4
        "2001:0:a9fe:a9fe::1",  # Teredo, the server
        "2001:0:1:1:0:0:5601:5601",  # Teredo, the client, inverted
        "fe80::5efe:a9fe:a9fe",  # ISATAP
        "2600::5efe:a9fe:a9fe",
        "fec0::1",  # site-local
    ],
)
@pytest.mark.parametrize("private", [False, True])
def test_addresses_where_no_source_is(address: str, private: bool) -> None:
    """Metadata services are asked in no form of their address, even where private addresses are."""
    with pytest.raises(UsageError, match="where no source is"):
        checked_addresses(address, 80, private=private)


@pytest.mark.parametrize(
    "address",
    [
        "::10.0.0.1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::1",
        "fc00::1",
        "100.64.0.1",
        "198.18.0.1",
        "2600:0:0:1:200:5efe:a00:1",
    ],
)
def test_private_addresses_in_disguise(address: str) -> None:
    """They are private, whatever stands around them."""
    with pytest.raises(UsageError, match="a private address"):
        checked_addresses(address, 80, private=False)
    assert checked_addresses("8.8.8.8", 80, private=False) == ["8.8.8.8"]
    assert checked_addresses("2600::1", 80, private=False) == ["2600::1"]
