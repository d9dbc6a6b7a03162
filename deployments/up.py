"""Everything at once for a first user: PostgreSQL, the Prefect server, a worker and the API, on loopback alone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from deployments.part import Part
from deployments.server import api_address, server_part
from schemas.errors import Unavailable, UsageError
from schemas.settings import Settings
from tasks.store.database import database

# A part that ends so often within a minute will not get better by being started once more.
_MOST_STARTS = 5

Say = Callable[[str], None]


def up(settings: Settings, say: Say) -> None:
    """Start every part, wait until each answers, and keep them running until Ctrl-C or SIGTERM; then stop them all.

    Raises Unavailable where a part does not start, with the end of its log.
    """
    with _stopped_by_signals(), database(settings) as url:
        parts = _parts(settings, url)
        started: list[Part] = []
        try:
            for part in parts:
                say(f"starting the {part.name} …")
                started.append(part)
                part.start()
                part.wait()
            say(f"\ncmdb       http://{settings.api_host}:{settings.api_port}")
            say(f"Prefect    http://127.0.0.1:{settings.prefect_port}")
            say(f"logs       {settings.home / 'logs'}")
            say("\nCtrl-C stops everything.")
            _keep(parts, say)
        except KeyboardInterrupt:
            say("stopping …")
        finally:
            with _undisturbed():
                for part in reversed(started):
                    part.stop()


def _parts(settings: Settings, url: str) -> list[Part]:
    api = api_address(settings.prefect_port)
    logs = settings.home / "logs"
    program = [sys.executable, "-c", "from api.cli import main; main()"]
    common = {"CMDB_DATABASE_URL": url, "PREFECT_API_URL": api, "CMDB_HOME": str(settings.home)}
    page = f"http://{settings.api_host}:{settings.api_port}"
    parts = [
        server_part(settings, url, settings.prefect_port),
        Part("worker", [*program, "worker"], logs / "worker.log", common, lambda: _has_worker(api)),
        Part("API", [*program, "api"], logs / "api.log", common, lambda: _ready(page)),
    ]
    _check_ports(settings)
    for part in parts:
        part.prepare = _with_parent
    return parts


def _check_ports(settings: Settings) -> None:
    """Refuse to start beside something that answers there already."""
    for port, name in ((settings.prefect_port, "CMDB_PREFECT_PORT"), (settings.api_port, "CMDB_API_PORT")):
        if _answers(f"http://127.0.0.1:{port}/"):
            raise UsageError(f"Something answers on port {port} already: stop it, or set {name} to another.")


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2):  # noqa: S310  # an address of our own
            return True
    except URLError as error:
        return not isinstance(error.reason, ConnectionRefusedError | TimeoutError)
    except OSError:
        return False


def _ready(page: str) -> bool:
    try:
        with urlopen(f"{page}/readyz", timeout=5) as answer:  # noqa: S310  # an address of our own
            return bool(answer.status == 200)
    except OSError:
        return False


def _has_worker(api: str) -> bool:
    """Whether a worker polls: the API's own readiness asks the same, once it is there."""
    request = f"{api}/work_pools/cmdb"
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310  # an address of our own
            return b'"READY"' in answer.read()
    except OSError:
        return False


def _keep(parts: list[Part], say: Say) -> None:
    """Start again what ends by itself; raises Unavailable for what keeps ending."""
    starts: dict[str, list[float]] = {part.name: [] for part in parts}
    while True:
        time.sleep(0.5)
        for part in parts:
            if part.running:
                continue
            now = time.monotonic()
            recent = [each for each in starts[part.name] if now - each < 60]
            if len(recent) >= _MOST_STARTS:
                raise Unavailable(f"The {part.name} ends again and again: see its log, {part.log}.")
            starts[part.name] = [*recent, now]
            say(f"the {part.name} has ended; it is started again")
            part.start()
            part.wait()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM stop as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody's second Ctrl-C leave a part running."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_PR_SET_PDEATHSIG = 1


def _with_parent() -> None:
    """In a child: end when this process ends, however it does (Linux; elsewhere a `kill -9` leaves the parts)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
