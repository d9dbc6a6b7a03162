"""Limits of a run's process: its memory and its time, watched from outside, and what is said of a run that passes one.

A watcher, since a process of Polars that gets no more memory ends at once (SIGABRT) and can say nothing. The kernel's
own limit is twice as high, for what grows faster than it is watched: by then what is reserved is twice what is used.
Nothing but the standard library is imported, so that a run starts quickly.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEMORY, MINUTES = "CMDB_RUN_MEMORY_MB", "CMDB_RUN_MINUTES"
"""The variables of the limits, which a worker sets for its runs."""

LOOK = 0.1
"""Seconds between two looks at a run."""

# What is counted: memory of its own, in RAM or swapped out. Files that are mapped cost nothing that is not given back.
_COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:")


@dataclass(frozen=True)
class Limits:
    """The most memory and time of one run; zero is no limit."""

    memory_mb: int = 0
    minutes: float = 0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Limits:
        """Return the limits that an environment names."""
        return cls(int(environment.get(MEMORY) or 0), float(environment.get(MINUTES) or 0))

    def restrict(self) -> None:
        """In the run's process: let the kernel refuse what the watcher would see too late."""
        if self.memory_mb:
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            asked = self.memory_mb << 21
            most = asked if hard == resource.RLIM_INFINITY else min(asked, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))

    def passed(self, pid: int, started: float) -> str | None:
        """Say which limit a process has passed that was started at a moment of `time.monotonic`."""
        if self.memory_mb and _memory(pid) > self.memory_mb << 10:
            return self._memory_passed
        if self.minutes and time.monotonic() - started > self.minutes * 60:
            return f"it took longer than {self.minutes:g} minutes. See CMDB_RUN_MINUTES."
        return None

    def explained(self, code: int) -> str | None:
        """Say what the exit code of a process tells: a process that gets no memory aborts."""
        return self._memory_passed if self.memory_mb and code == -signal.SIGABRT else None

    @property
    def _memory_passed(self) -> str:
        return f"it needed more than {self.memory_mb:,} MB of memory. Split what it reads, or see CMDB_RUN_MEMORY_MB."


def _memory(pid: int) -> int:
    """The memory of a process in KiB; zero where it has ended, and where the system does not tell (Linux does)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(_COUNTED))


def watched(pid: int, limits: Limits) -> tuple[int, str | None]:
    """Wait for the end of a child; returns its exit code, and what limit it was ended for."""
    started, reason = time.monotonic(), None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code, reason or limits.explained(code)
        if reason is None and (reason := limits.passed(pid, started)):
            os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK)
