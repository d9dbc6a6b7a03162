"""Connections, addresses, proxies and TLS: what somebody without a key can hold, pretend or read."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from api.rest.security import connections
from api.rest.security.access import COOKIE
from api.rest.security.guard import check_binding, new_key
from api.rest.serve import configured
from schemas.access.api_keys import ApiKey
from schemas.errors import UsageError
from schemas.settings import Settings
from tests.api.conftest import Serve
from tests.api.facade import Facade, served
from tests.certificates import self_signed
from tests.waiting import wait_until

QUICK = {"api_header_seconds": 0.4, "api_body_seconds": 0.4}


def opened(facade: Facade | str, said: bytes = b"") -> socket.socket:
    """Return a connection to a facade, over which something was said."""
    address = httpx.URL(facade if isinstance(facade, str) else facade.address)
    connection = socket.create_connection((address.host, address.port or 0), timeout=30)
    if said:
        connection.sendall(said)
    return connection


def rest(connection: socket.socket) -> bytes:
    """Return all that comes until the other end closes."""
    found = b""
    with connection:
        try:
            while more := connection.recv(4096):
                found += more
        except ConnectionResetError:
            pass
    return found


@pytest.fixture
def alone_with(database_url: str, home: Path) -> Iterator[Serve]:
    """A function that serves the API with some settings until the end of the test."""
    with ExitStack() as stack:
        yield lambda **changed: stack.enter_context(served(database_url, home, **changed))


# Half-open connections ------------------------------------------------------------------------------------------------

FORM = b"POST /api/import/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"408 Request Timeout"),
        (FORM + b"Content-Length: 100000\r\n\r\n--x\r\n", b"408 Request Timeout"),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /he", b"200 OK"),
    ],
    ids=["nothing", "half a header", "half a body", "half a second request"],
)
def test_a_connection_that_says_nothing_more_is_closed(
    alone_with: Serve, said: bytes, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it began with; and no log is filled by it."""
    assert answer in rest(opened(alone_with(**QUICK), said))
    # Other facades of this process may say that their Prefect server is away.
    noise = [each for each in caplog.records if each.name.startswith("uvicorn") or each.levelno >= logging.ERROR]
    assert noise == []


def test_a_body_that_drips_is_closed(alone_with: Serve) -> None:
    """A byte now and then does not keep a connection open, in the headers or in the body."""
    facade = alone_with(**QUICK)
    for began in (b"GET / HTTP/1.1\r\nX-Slow: ", FORM + b"Content-Length: 100000\r\n\r\n--x\r\n"):
        connection = opened(facade, began)

        def closed(connection: socket.socket = connection) -> bool:
            try:
                connection.sendall(b"a")
            except OSError:
                return True
            return False

        wait_until(closed, 20)
        connection.close()


def test_idle_connections_are_closed_by_the_client_first() -> None:
    """Otherwise, a request now and then meets a connection that the server is closing, and is lost."""
    kept = configured(Settings(), FastAPI()).timeout_keep_alive
    load_balancers = 60
    assert kept > max(load_balancers, httpx.Limits().keepalive_expiry or 0)


def test_one_address_does_not_take_every_connection(alone_with: Serve) -> None:
    """The connections of an address are limited; what it closes may be opened again."""
    facade = alone_with(api_connections_per_address=5, api_header_seconds=30)
    held = [opened(facade) for _ in range(5)]
    assert rest(opened(facade)) == b""  # closed at once
    for connection in held:
        connection.close()
    wait_until(lambda: _answers(facade))


def test_no_more_connections_than_there_may_be(alone_with: Serve) -> None:
    """All addresses together."""
    facade = alone_with(api_connections=5, api_header_seconds=30)
    held = [opened(facade) for _ in range(5)]
    wait_until(lambda: not _answers(facade))
    assert rest(opened(facade)) == b""
    for connection in held:
        connection.close()
    wait_until(lambda: _answers(facade))


def _answers(facade: Facade) -> bool:
    try:
        return httpx.get(f"{facade.address}/healthz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def listening(settings: Settings) -> Iterator[str]:
    """Serve WebSockets that are accepted, and nothing else, as the API is served."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    server = uvicorn.Server(configured(settings, app, port=0, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.mark.parametrize("attack", ["deaf", "long"])
def test_a_websocket_that_is_idle_or_sends_much_is_closed(home: Path, attack: str) -> None:
    """Whoever does not answer a ping has gone; nobody sends megabytes over a WebSocket here."""
    hello = (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    idle = 0.4 if attack == "deaf" else 60.0
    with listening(Settings(home=home, api_idle_seconds=idle)) as address:
        connection = opened(address, hello)
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        if attack == "long":  # the head of a masked message of 15 MB
            connection.sendall(b"\x82\xff" + (15 << 20).to_bytes(8) + bytes(4))
        said = rest(connection)
    assert (b"\x03\xf1" in said) == (attack == "long")  # 1009: message too big


# Rates and proxies ----------------------------------------------------------------------------------------------------

KEY, LINE = new_key("alice", "read")
KEYS = (ApiKey.model_validate(LINE),)


def statuses(facade: Facade, path: str, count: int, **headers: str) -> list[int]:
    """Return how each of some requests is answered."""
    with httpx.Client(base_url=facade.address, headers=headers) as client:
        return [client.get(path).status_code for _ in range(count)]


def test_a_flood_does_not_shut_others_out(alone_with: Serve) -> None:
    """Of requests without a valid key from one address: keys, sessions, the page and health checks are answered."""
    facade = alone_with(rate_limit="4/hour", api_keys=KEYS)
    with httpx.Client(base_url=facade.address) as page:
        assert page.post("/api/session", json={"key": KEY}).status_code == 204
        session = page.cookies[COOKIE]
    assert statuses(facade, "/api/resources", 5, authorization="Bearer cmdb_wrong") == [401, 401, 401, 429, 429]
    assert set(statuses(facade, "/healthz", 5)) == {200}
    assert set(statuses(facade, "/static/main.js", 5)) == {200}
    assert statuses(facade, "/api/resources", 1, authorization=f"Bearer {KEY}") == [200]
    assert statuses(facade, "/api/resources", 1, cookie=f"{COOKIE}={session}") == [200]
    assert statuses(facade, "/api/resources", 3, authorization=f"Bearer {KEY}") == [200, 200, 429]


@pytest.mark.parametrize("proxies", [(), ("192.0.2.1", "2001:db8::/32")])
def test_whoever_is_no_proxy_is_not_believed(alone_with: Serve, proxies: tuple[str, ...]) -> None:
    """Another address in each request does not give another's allowance, not even on loopback."""
    facade = alone_with(rate_limit="3/hour", api_keys=KEYS, proxies=proxies)
    forged = [statuses(facade, "/api/resources", 1, **{"x-forwarded-for": f"203.0.113.{n}"})[0] for n in range(5)]
    assert forged == [401, 401, 401, 429, 429]


def test_a_proxy_that_is_named_is_believed(alone_with: Serve) -> None:
    """For whom it asks, and whether that was by HTTPS; what a caller wrote before the proxy did counts for nothing."""
    facade = alone_with(rate_limit="1/hour", api_keys=KEYS, proxies=("127.0.0.0/8",), api_connections_per_address=1)
    first, second = {"x-forwarded-for": "198.51.100.9, 203.0.113.1"}, {"x-forwarded-for": "203.0.113.2"}
    asked = [statuses(facade, "/api/resources", 1, **given)[0] for given in (first, second, first)]
    assert asked == [401, 401, 429]
    answer = httpx.get(f"{facade.address}/healthz", headers={"x-forwarded-proto": "https"})
    assert "strict-transport-security" in answer.headers
    held = [opened(facade) for _ in range(3)]
    assert _answers(facade)  # its connections are many people's
    for connection in held:
        connection.close()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_without_keys_makes_nobody_admin(alone_with: Serve, header: str) -> None:
    """Behind a proxy every caller seems to be on this machine: without keys, none is let in."""
    facade = alone_with()
    assert statuses(facade, "/api/resources", 1) == [200]
    answer = httpx.get(f"{facade.address}/api/resources", headers={header: "203.0.113.1"})
    assert (answer.status_code, "CMDB_PROXIES" in answer.json()["detail"]) == (403, True)


def test_proxies_are_addresses_and_need_keys() -> None:
    """What is no network is refused, and so is a proxy in front of an API without keys."""
    with pytest.raises(ValidationError, match="does not appear to be"):
        Settings(proxies=("proxy.example",))
    with pytest.raises(UsageError, match="CMDB_API_KEYS"):
        check_binding(Settings(proxies=("192.0.2.1",)), any_key=False)


# TLS ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_https_by_two_settings(
    alone_with: Serve, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a certificate nothing is answered in the clear, browsers are told to stay, and cookies are for HTTPS."""
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.5)
    facade = alone_with(tls_cert=certificate[0], tls_key=certificate[1], api_keys=KEYS)
    trusted = ssl.create_default_context(cafile=certificate[0])
    with httpx.Client(base_url=facade.address, verify=trusted) as client:
        answer = client.get("/healthz")
        assert (answer.status_code, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
        login = client.post("/api/session", json={"key": KEY})
        assert "secure" in login.headers["set-cookie"].lower()
        assert client.get("/api/resources").status_code == 200
    with pytest.raises(httpx.HTTPError):
        httpx.get(facade.address.replace("https:", "http:") + "/healthz")
    assert rest(opened(facade, b"\x16")) == b""  # half a handshake ends, too


def test_half_of_tls_is_refused(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """A certificate without its key, and files that are none."""
    with pytest.raises(ValidationError, match="CMDB_TLS_KEY"):
        Settings(tls_cert=certificate[0])
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(UsageError, match="CMDB_TLS_CERT"):
        configured(Settings(tls_cert=tmp_path / "no.pem", tls_key=certificate[1]), None)  # type: ignore[arg-type]
