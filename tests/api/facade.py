"""The facade in the test's own process, on a port of its own, for what it does without Prefect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from prefect.settings import PREFECT_API_URL, temporary_settings

from api.rest.app import create
from api.rest.serve import configured
from schemas.settings import Settings
from tests.waiting import wait_until

NOWHERE = "http://127.0.0.1:9/api"
"""Where no Prefect server answers."""


@dataclass(frozen=True)
class Facade:
    """A facade: its address and where it keeps files."""

    address: str
    storage: Path

    def client(self, key: str = "") -> httpx.Client:
        """Return a client of it, with a key or without one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)


@dataclass(frozen=True)
class Locked:
    """A facade with keys, and what each key is."""

    facade: Facade
    keys: dict[str, str]

    def client(self, name: str = "") -> httpx.Client:
        """Return the client of one key, or of nobody."""
        return self.facade.client(self.keys[name] if name else "")


@contextmanager
def served(url: str, home: Path, **changed: Any) -> Iterator[Facade]:
    """Serve the API on a database while this lasts, with some settings changed."""
    # What looks after dead runs would ask Prefect.
    usual: dict[str, Any] = {"home": home, "reap_seconds": 3600, "rate_limit": "100000/minute"}
    used = Settings(**usual | changed)
    server = uvicorn.Server(configured(used, create(used, url), port=0))

    def serve() -> None:
        with temporary_settings({PREFECT_API_URL: NOWHERE}):
            server.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        [port] = {socket.getsockname()[1] for each in server.servers for socket in each.sockets}
        yield Facade(f"{'https' if used.tls_cert else 'http'}://127.0.0.1:{port}", used.storage)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
