"""Retries with exponential backoff, carried out by stamina."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from stamina import RetryingCaller
from stamina.instrumentation import set_on_retry_hooks

Value = TypeVar("Value")

ATTEMPTS = 5
"""How many attempts in a row may fail without any progress."""

LONGEST = 60.0
"""The most seconds to wait before one attempt."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The HTTP statuses of faults that pass."""

# stamina would log every retry with the text of its error, which may hold the secret address of a webhook.
set_on_retry_hooks([])


class Retryable(Exception):
    """An attempt failed, and another may succeed after the seconds that the server asks for, if it does."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


def retried(
    attempt: Callable[[], Value],
    on: tuple[type[Exception], ...],
    wait: Callable[[float], None],
    *,
    attempts: int = ATTEMPTS,
    progress: Callable[[], int] = lambda: 0,
    most: int | None = None,
) -> Value:
    """Call `attempt` until it succeeds and return its value; raises the last error when it is given up.

    Given up is what fails `attempts` times in a row without any progress, `most` times in all, with an error that is
    none of `on`, or with one that asks for more than LONGEST seconds. `wait` takes the seconds to wait.
    """
    return RetryingCaller(attempts=most, timeout=None)(_Backoff(on, wait, attempts, progress), attempt)


class _Backoff:
    """A backoff hook of stamina, which calls it with each error and retries unless it returns False.

    The hook waits itself, and leaves stamina nothing to wait for: stamina can't be given another way to sleep, and its
    own count of attempts knows nothing of progress.
    """

    def __init__(
        self,
        on: tuple[type[Exception], ...],
        wait: Callable[[float], None],
        attempts: int,
        progress: Callable[[], int],
    ) -> None:
        self._on = on
        self._wait = wait
        self._attempts = attempts
        self._progress = progress
        self._reached = progress()
        self._failed = 0

    def __call__(self, error: Exception) -> bool | float:
        """Wait before another attempt; False where none is to be made."""
        before, self._reached = self._reached, self._progress()
        self._failed = 1 if self._reached > before else self._failed + 1
        after = error.retry_after if isinstance(error, Retryable) else None
        if not isinstance(error, self._on) or self._failed == self._attempts or (after or 0) > LONGEST:
            return False
        self._wait(_pause(self._failed) if after is None else after)
        return 0.0


def _pause(failed: int) -> float:
    """Return the seconds to wait after so many failures: twice as many each time, and never alike."""
    # Chance spreads those who wait for one server; nothing is to be kept from anybody.
    return min(LONGEST, 2.0 ** (failed - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after_seconds(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3); None where it says nothing."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
