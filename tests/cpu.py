"""What a promise of linear time is measured by: the CPU time of this process, which a busy machine does not stretch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def cpu_seconds(action: Callable[[], Any], *refused: type[Exception]) -> float:
    """Return the CPU seconds that an action takes; it may be refused with one of these errors."""
    begun = time.process_time()
    with suppress(*refused):
        action()
    return time.process_time() - begun
