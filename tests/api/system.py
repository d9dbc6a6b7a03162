"""The whole system, as `cmdb up` starts it, and a client of its API."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from flows.server.sign_in import credentials
from tests.waiting import wait_until
from tests.webhook import Hook

CMDB = Path(sys.executable).with_name("cmdb")

ENDED = ("completed", "failed", "cancelled")


@dataclass
class System:
    """A running system: its parts' addresses, its process, its database, its folder and its webhook."""

    address: str
    prefect: str
    process: subprocess.Popen[bytes]
    url: str
    home: Path
    environment: dict[str, str]
    hook: Hook = field(default_factory=Hook)

    def client(self, **more: Any) -> httpx.Client:
        """Return a client of the API."""
        return httpx.Client(base_url=self.address, timeout=60, **more)

    @property
    def secret(self) -> str:
        """The secret of its Prefect server."""
        return (self.home / "prefect" / "secret").read_text()

    def prefect_client(self) -> httpx.Client:
        """Return a client of Prefect's API, signed in."""
        return httpx.Client(base_url=f"{self.prefect}/api", headers=credentials(self.secret), timeout=30)

    def ask_prefect(self, method: str, path: str, /, **body: Any) -> Any:
        """Ask Prefect's API; returns what it answers."""
        with self.prefect_client() as client:
            answer = client.request(method, path, json=body if method in ("POST", "PATCH") else None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def part(self, name: str) -> psutil.Process:
        """Return the process of a part: server, worker, warm or api."""
        fits = _NAMES[name]
        # What a part has forked looks like itself.
        found = [
            each for each in self.parts() if fits(each.cmdline()) and not fits(psutil.Process(each.ppid()).cmdline())
        ]
        assert len(found) == 1, (name, [each.cmdline() for each in self.parts()])
        return found[0]

    def parts(self) -> list[psutil.Process]:
        """Return every process that the system has started."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def wait_ready(self) -> None:
        """Wait until every part answers."""
        wait_until(lambda: answers(f"{self.address}/readyz"))


_NAMES: dict[str, Any] = {
    "server": lambda words: words[-1:] == ["deployments.prefect_app"],
    "worker": lambda words: words[-1:] == ["worker"],
    "prefect worker": lambda words: "worker" in words and "start" in words,
    "warm": lambda words: "deployments.warm" in words,
    "api": lambda words: words[-1:] == ["api"],
}


Start = Callable[..., AbstractContextManager[System]]
"""What starts a whole system: `running`, which tests get as the fixture `start_system`."""


def quiet_port() -> int:
    """Return a free port below those of outgoing connections, one of which could take it before its server does."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


@contextmanager
def running(url: str | None, home: Path, **more: str) -> Iterator[System]:
    """Start the system on a database while this lasts; at its end, no process of it may be left."""
    ports = {"CMDB_API_PORT": str(quiet_port()), "CMDB_PREFECT_PORT": str(quiet_port())}
    own = {"CMDB_HOME": str(home), "CMDB_PREFECT_DATABASE": f"prefect_{uuid4().hex[:8]}"}
    own |= {"CMDB_DATABASE_URL": url} if url else {}
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"} | ports | own | more
    log = home / "up.log"
    with log.open("wb") as file:
        process = subprocess.Popen([str(CMDB), "up"], env=environment, stdout=file, stderr=file)
    try:

        def started() -> bool:
            assert process.poll() is None, log.read_text()
            return b"Ctrl-C stops" in log.read_bytes()

        wait_until(started)
        api, prefect = (f"http://127.0.0.1:{port}" for port in ports.values())
        yield System(api, prefect, process, url or "", home, environment)
    finally:
        left = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
        _, alive = psutil.wait_procs(left, timeout=5)
        assert not alive, [each.cmdline() for each in alive]


@contextmanager
def facade(system: System, **more: str) -> Iterator[str]:
    """Start one more copy of the facade beside a system's own, with other settings; gives its address."""
    port = str(quiet_port())
    environment = system.environment | {"PREFECT_API_URL": f"{system.prefect}/api", "CMDB_API_PORT": port} | more
    written = system.home / f"facade-{port}.log"
    with written.open("wb") as log:
        process = subprocess.Popen([str(CMDB), "api"], env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:

        def ready() -> bool:
            assert process.poll() is None, written.read_text()
            return answers(f"{address}/healthz")

        wait_until(ready)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@dataclass(frozen=True)
class Keyed:
    """A facade with keys, and what each key is."""

    address: str
    keys: dict[str, str]

    def client(self, name: str = "") -> httpx.Client:
        """Return the client of one key, or of nobody."""
        headers = {"Authorization": f"Bearer {self.keys[name]}"} if name else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)


OTHER_SITE = "https://page.example"
"""The one site whose pages may use the strict facade."""

SCOPES = {"looker": "read", "alice": "write", "bob": "write", "boss": "admin"}
"""The keys of the one facade that has some."""


def answers(address: str) -> bool:
    """Say whether an address answers 200."""
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def file(path: Path, **fields: str) -> dict[str, Any]:
    """Return what a client sends as a form with a file."""
    return {"files": {"file": (path.name, path.read_bytes(), "text/csv")}, "data": fields}


def execute(client: httpx.Client, path: Path, **fields: str) -> str:
    """Ask for an import; returns its id."""
    answer = client.post("/api/import/execute", **file(path, **fields))
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["importId"]
    return found


def follow(client: httpx.Client, run_id: str, *, what: str = "import") -> list[dict[str, Any]]:
    """Read a run's progress until its end; returns all that was read."""
    seen: list[dict[str, Any]] = []

    def ended() -> bool:
        seen.append(client.get(f"/api/{what}/progress/{run_id}").json())
        return seen[-1].get("status") in ENDED

    wait_until(ended)
    return seen


def wait_for(client: httpx.Client, run_id: str, *phases: str, what: str = "import") -> None:
    """Wait until a run is in one of these phases; it may not end before."""

    def there() -> bool:
        found = client.get(f"/api/{what}/progress/{run_id}").json()
        assert found["phase"] in phases or found["status"] not in ENDED, found
        return found["phase"] in phases

    wait_until(there)
