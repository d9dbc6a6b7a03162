"""A source of the web that answers when it is let go: a real server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import vpc
from tests.waiting import PATIENCE

COLUMNS = ("vpc_id", "cidr_block", "region", "account_id")


@dataclass
class Slow:
    """Its address, the numbers of the VPCs that it has, what it answers with, and how often it was asked.

    With a token, it answers 401 to those that do not send that.
    """

    address: str = ""
    numbers: list[int] = field(default_factory=lambda: [1, 2])
    status: int = 200
    token: str | None = None
    asked: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    requests: int = 0

    def body(self) -> bytes:
        """Return what it has as CSV."""
        rows = [",".join(vpc(number)[name] for name in COLUMNS) for number in self.numbers]
        return "\n".join([",".join(COLUMNS), *rows]).encode()


@contextmanager
def slow_source() -> Iterator[Slow]:
    """Serve such a source while this lasts; at its end it lets everybody go."""
    source = Slow()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            source.requests += 1
            source.asked.set()
            source.let_go.wait(PATIENCE)
            body = source.body()
            allowed = source.token is None or self.headers["Authorization"] == f"Bearer {source.token}"
            with suppress(ConnectionError):  # who asked may have been killed
                self.send_response(source.status if allowed else 401)
                self.send_header("Content-Type", "text/csv")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source.address = f"http://127.0.0.1:{server.server_port}/vpcs.csv"
        try:
            yield source
        finally:
            source.let_go.set()
            server.shutdown()
