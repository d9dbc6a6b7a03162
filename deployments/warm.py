"""A warm start for flow runs: one process has everything imported, and forks for each run in a few milliseconds.

Prefect's worker starts a run by a command (`deployments.start_run`); that hands its environment and its output over to
this process and waits for the exit code. Without it the same command starts a new engine of Prefect's, in two seconds.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from deployments.limits import LOOK, Limits
from deployments.process import end_with_parent
from deployments.start_run import MOST
from flows.registry import FLOWS
from schemas.resources import RESOURCES
from tasks.prefect_tasks import without_heartbeat

_MODULES = (
    "prefect.flow_engine",
    "prefect._internal.metrics",
    *dict.fromkeys(spec.module for spec in FLOWS.values()),
)
"""What a run imports. Importing starts no thread; work of Polars would, and a fork does not carry threads over."""


def serve(path: Path) -> None:
    """Fork for everyone who asks, until standard input ends: its other end is held by whoever the runs belong to."""
    for name in _MODULES:
        importlib.import_module(name)
    # What is imported stays: the collector of a child need not touch it, so that its pages stay shared.
    gc.collect()
    gc.freeze()
    for resource in RESOURCES.values():
        _ = resource.schema, resource.fields
    with without_heartbeat(), socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(128)
        try:
            _Server(listener).run()
        finally:
            path.unlink(missing_ok=True)


class _Server:
    """The children by their number, each with the connection that waits for its exit code."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.waiting: dict[int, socket.socket] = {}
        self.limits = Limits.of(os.environ)
        self.started: dict[int, float] = {}
        self.ended: dict[int, str] = {}
        self.wakes, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken)

    def run(self) -> None:
        while True:
            connections = list(self.waiting.values())
            watching = LOOK if self.started else None
            ready, _, _ = select.select([sys.stdin, self.listener, self.wakes, *connections], [], [], watching)
            self._watch()
            if sys.stdin in ready and not os.read(0, 1024):
                self._end()
                return
            if self.wakes in ready:
                os.read(self.wakes, 1024)
                self._reap()
            if self.listener in ready:
                self._start(self.listener.accept()[0])
            for pid, connection in list(self.waiting.items()):
                if connection in ready:
                    self._relay(pid, connection)

    def _start(self, connection: socket.socket) -> None:
        """Fork for a request: its environment and folder as JSON, and the files that it writes its output to."""
        message, outputs, _, _ = socket.recv_fds(connection, MOST, 2)
        while not message.endswith(b"\n"):
            more = connection.recv(MOST)
            if not more:
                return
            message += more
        pid = os.fork()
        if pid == 0:
            self._become(json.loads(message), outputs)
        for output in outputs:
            os.close(output)
        self.waiting[pid] = connection
        self.started[pid] = time.monotonic()

    def _watch(self) -> None:
        """End the runs that have passed a limit; why is told to whoever waits for their end."""
        for pid, started in self.started.items():
            if pid not in self.ended and (reason := self.limits.passed(pid, started)):
                self.ended[pid] = reason
                os.kill(pid, signal.SIGKILL)

    def _become(self, asked: dict[str, Any], outputs: list[int]) -> None:
        """Carry a run out in this child, which never returns."""
        code = 1
        try:
            # Prefect's engine is imported already, as what `python -m` then runs once more.
            warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
            end_with_parent()
            self.limits.restrict()
            signal.set_wakeup_fd(-1)
            for heard in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(heard, signal.default_int_handler if heard == signal.SIGINT else signal.SIG_DFL)
            for inherited in (self.listener, *self.waiting.values()):
                inherited.close()
            for output, number in zip(outputs, (1, 2), strict=True):
                os.dup2(output, number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.environ.clear()
            os.environ.update(asked["environment"])
            os.chdir(asked["folder"])
            sys.argv = ["prefect.engine"]
            runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            _leave(code)

    def _relay(self, pid: int, connection: socket.socket) -> None:
        """Pass a signal on to a run; whose caller is gone is ended."""
        try:
            asked = connection.recv(1)
        except OSError:
            asked = b""
        os.kill(pid, asked[0] if asked else signal.SIGKILL)
        if not asked:
            del self.waiting[pid]
            connection.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            reason = self.ended.pop(pid, None) or self.limits.explained(code)
            self.started.pop(pid, None)
            connection = self.waiting.pop(pid, None)
            if connection:
                with connection:
                    _tell(connection, code, reason or "")

    def _end(self) -> None:
        """Whoever the runs belong to is gone, so that nobody could cancel them: they end, and roll back."""
        for pid in self.waiting:
            os.kill(pid, signal.SIGTERM)


def _tell(connection: socket.socket, code: int, reason: str) -> None:
    try:
        connection.sendall(code.to_bytes(2, "big", signed=True) + reason.encode())
    except OSError:
        return


def _leave(code: int) -> None:
    """End the child without the parent's clean-up, as a process that was not forked would end."""
    import logging
    import threading

    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=10)  # its thread is a daemon: events that it holds would be lost
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=10)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
