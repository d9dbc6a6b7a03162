"""Parts of the running system: processes of ours that are started, waited for, kept running and stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Unavailable

# A Prefect server's first start migrates an empty database, which takes about ten seconds; twelve times that is a
# machine in trouble.
_PATIENCE = 120


def _nothing() -> None:
    """Prepare nothing."""


@dataclass
class Part:
    """A process by its command; `ready` says whether it answers, `log` is where its output goes.

    `environment` is all that the process gets of ours. `prepare` is called in the new process, before its program.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: dict[str, str]
    ready: Callable[[], bool] = lambda: True  # a default that is called
    prepare: Callable[[], None] = _nothing
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, with standard input from us: a part may end when that does."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in self.environment.items() if value}
        with self.log.open("ab") as file:
            # A session of its own: Ctrl-C in the terminal is ours to handle, and stops the parts in their turn.
            self.process = subprocess.Popen(
                self.command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=self._begin,  # noqa: PLW1509  # whoever starts parts has no threads
            )

    def _begin(self) -> None:
        """In the child, before its program: what a shell starts in the background inherits an ignored SIGINT."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self.prepare()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def wait(self) -> None:
        """Wait until the process answers; raises Unavailable with the end of its log when it does not."""
        end = time.monotonic() + _PATIENCE
        while not self.ready():
            if not self.running or time.monotonic() > end:
                last = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
                raise Unavailable(f"The {self.name} did not start; its log, {self.log}, ends with:\n{last}")
            time.sleep(0.1)

    def stop(self, patience: float = 10) -> None:
        """Stop the process and all that it started."""
        if self.process is None:
            return
        for sent in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, sent)
            try:
                self.process.wait(timeout=patience)
                break
            except subprocess.TimeoutExpired:
                continue
        if self.process.stdin:
            self.process.stdin.close()


_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """In a child: end when its parent ends, however that does (Linux; elsewhere a `kill -9` leaves the child)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGTERM)


# Several of them ------------------------------------------------------------------------------------------------------

# A part that ends so often within a minute will not get better by being started once more.
_MOST_STARTS, _MINUTE = 5, 60

Say = Callable[[str], None]


def run(parts: list[Part], say: Say, started: Callable[[], None] = _nothing) -> None:
    """Start the parts one after the other and keep them running until Ctrl-C or SIGTERM; then stop them all.

    `started` is called when each answers. Raises Unavailable where one does not start, or ends again and again.
    """
    begun: list[Part] = []
    with _stopped_by_signals():
        try:
            for part in parts:
                say(f"starting the {part.name} …")
                begun.append(part)
                part.start()
                part.wait()
            started()
            _keep(parts, say)
        except KeyboardInterrupt:
            say("stopping …")
        finally:
            with _undisturbed():
                for part in reversed(begun):
                    part.stop()


def _keep(parts: list[Part], say: Say) -> None:
    """Start again what ends by itself; raises Unavailable for what keeps ending."""
    starts: dict[str, list[float]] = {part.name: [] for part in parts}
    while True:
        time.sleep(0.5)
        for part in parts:
            if part.running:
                continue
            now = time.monotonic()
            recent = [each for each in starts[part.name] if now - each < _MINUTE]
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
