"""Faults that happen to a running system: its parts are killed, stopped or ended, and PostgreSQL crashes."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil
from sqlalchemy.exc import DBAPIError

from tests.api.system import System
from tests.postgres import restart_postgres
from tests.support import execute

PARTS = ("server", "worker", "prefect worker", "warm", "api")

Fault = Callable[[System, random.Random, threading.Event], bool]
"""Causes a fault; says whether it happened, as a part that is just restarting cannot be hit."""


def _signalled(name: str, number: signal.Signals) -> Fault:
    def fault(system: System, chance: random.Random, stopped: threading.Event) -> bool:
        del chance, stopped
        with suppress(AssertionError, psutil.Error):
            system.part(name).send_signal(number)
            return True
        return False

    return fault


def _paused(name: str) -> Fault:
    def fault(system: System, chance: random.Random, stopped: threading.Event) -> bool:
        with suppress(AssertionError, psutil.Error):
            part = system.part(name)
            part.suspend()
            stopped.wait(chance.uniform(0.1, 3))
            part.resume()
            return True
        return False

    return fault


def _run_killed(system: System, chance: random.Random, stopped: threading.Event) -> bool:
    """Kill the process of a run, which the warm process has forked."""
    del stopped
    with suppress(AssertionError, psutil.Error):
        runs = system.part("warm").children()
        if runs:
            chance.choice(runs).kill()
            return True
    return False


def _connection_cut(system: System, chance: random.Random, stopped: threading.Event) -> bool:
    """End one connection to the database of cmdb, whoever has it."""
    del stopped
    with suppress(DBAPIError):
        others = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        pids = [pid for (pid,) in execute(system.url, f"{others} and usename = current_user order by pid")]
        if pids:
            execute(system.url, "select pg_terminate_backend(:pid)", pid=chance.choice(pids))
            return True
    return False


def _postgres_crashed(system: System, chance: random.Random, stopped: threading.Event) -> bool:
    del chance, stopped
    with suppress(DBAPIError):
        restart_postgres(system.url)
        return True
    return False


FAULTS: dict[str, Fault] = {
    **{f"SIGKILL to {name}": _signalled(name, signal.SIGKILL) for name in PARTS},
    **{f"SIGTERM to {name}": _signalled(name, signal.SIGTERM) for name in PARTS},
    **{f"SIGSTOP, SIGCONT to {name}": _paused(name) for name in PARTS},
    "SIGKILL to a run": _run_killed,
    "connection cut": _connection_cut,
    "PostgreSQL crashed": _postgres_crashed,
}
"""Every fault by its name."""


class Injector:
    """Causes faults at random moments until it has caused so many, or it is stopped."""

    def __init__(self, system: System, seed: int, most: int) -> None:
        self._system = system
        self._chance = random.Random(seed)
        self._most = most
        self.caused: Counter[str] = Counter()

    def run(self, stopped: threading.Event) -> None:
        """Cause the faults, one after the other."""
        names = sorted(FAULTS)
        while self.caused.total() < self._most and not stopped.wait(self._chance.uniform(0.05, 1.5)):
            name = self._chance.choice(names)
            if FAULTS[name](self._system, self._chance, stopped):
                self.caused[name] += 1
