"""Backoff: how long to wait before another attempt."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ATTEMPTS = 5
"""How often something is tried that does not get on."""

LONGEST = 60.0
"""The most seconds that are waited before one attempt."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The statuses of HTTP that pass."""


def pause(attempt: int) -> float:
    """Return the seconds to wait after the attempt of that number, from 1: twice as many each time, and never alike."""
    # Chance spreads those who wait for one server; nothing is to be kept from anybody.
    return min(LONGEST, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


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
