"""Wait for a state, never for time: this is the one place in the tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 120
"""Seconds after which a state is taken never to come; long, as a busy machine may be slow and is not wrong."""


def wait_until(question: Callable[[], Found], seconds: float = PATIENCE) -> Found:
    """Ask again and again until the answer is true; returns it, fails with the last answer after `seconds`.

    A question may raise what means that waiting longer is in vain, such as that a process has ended.
    """
    end = time.monotonic() + seconds
    pause = 0.005
    while not (answer := question()):
        assert time.monotonic() < end, f"waited {seconds} s in vain, last for {answer!r}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return answer
