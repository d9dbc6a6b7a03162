"""Prefetch: the next item is produced in a thread while this one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _End:
    pass


class Stopped(Exception):
    """Raised in the thread where nobody wants any more items."""


def pushed(produce: Callable[[Callable[[Item], None]], None], depth: int = 1) -> Iterator[Item]:
    """Yield what `produce` hands to its argument, up to `depth` items ahead in a thread; its errors are raised here.

    When the consumer stops, the thread stops at its next item.
    """
    queue: Queue[Item | _Failure | _End] = Queue(depth)
    stopped = Event()

    def put(item: Item | _Failure | _End) -> None:
        while not stopped.is_set():
            with suppress(Full):
                queue.put(item, timeout=0.1)
                return
        raise Stopped

    def work() -> None:
        with suppress(Stopped):
            try:
                produce(put)
                put(_End())
            except BaseException as error:  # raised again where it is waited for
                put(_Failure(error))

    thread = Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stopped.set()
        thread.join()


def prefetched(items: Iterator[Item], depth: int = 1) -> Iterator[Item]:
    """Yield the items of an iterator that runs up to `depth` items ahead in a thread."""

    def produce(put: Callable[[Item], None]) -> None:
        for item in items:
            put(item)

    return pushed(produce, depth)
