"""A webhook on loopback: a real server that keeps what it is told, and may be told to answer otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import wait_until

KEY = "/hook/T0P-S3CRET-K3Y"
"""The part of the address that must be in no log."""


@dataclass
class Hook:
    """A webhook's address, what it was told, and the statuses that it answers with before 200."""

    address: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    requests: int = 0

    @property
    def events(self) -> list[str]:
        """The events that it was told."""
        return [each["event"] for each in self.told]

    def wait(self, event: str) -> dict[str, Any]:
        """Wait until it is told an event; returns that."""
        return wait_until(lambda: next((each for each in self.told if each["event"] == event), None)) or {}


@contextmanager
def webhook() -> Iterator[Hook]:
    """Serve a webhook while this lasts."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            hook.requests += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.answers.pop(0) if hook.answers else 200
            if status == 200:
                assert self.path == KEY
                hook.told.append(json.loads(body))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hook.address = f"http://127.0.0.1:{server.server_port}{KEY}"
        yield hook
        server.shutdown()
