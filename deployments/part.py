"""One part of the running system: a process of ours that is started, waited for and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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

    `prepare` is called in the new process, before its program.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = bool
    prepare: Callable[[], None] = _nothing
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, with standard input from us: a part may end when that does."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in (os.environ | self.environment).items() if value}
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
