"""Work ahead: in order, errors where they are waited for, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.prefetch import prefetched


def test_items_come_in_order() -> None:
    """All of them, from another thread."""
    threads = set()

    def items() -> Iterator[int]:
        for number in range(100):
            threads.add(threading.current_thread().name)
            yield number

    assert list(prefetched(items())) == list(range(100))
    assert threads == {"prefetch"}


def test_an_error_is_raised_where_it_is_waited_for() -> None:
    """What was produced before it still comes."""

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    produced = prefetched(items())
    assert next(produced) == 1
    with pytest.raises(ValueError, match="broken"):
        next(produced)


def test_a_consumer_that_stops_ends_the_thread() -> None:
    """An endless producer is left at its next item."""
    made: list[int] = []

    def items() -> Iterator[int]:
        number = 0
        while True:
            made.append(number)
            yield number
            number += 1

    produced = prefetched(items())
    assert next(produced) == 0
    produced.close()  # type: ignore[attr-defined]  # a generator has it
    assert len(made) <= 4
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}
