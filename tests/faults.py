"""Faults of the database: a run's connection is lost at one of its calls, and the step is tried again as Prefect would.

The connection is lost for real: PostgreSQL ends the process that serves it, so that its transaction is rolled back and
its temporary tables and locks are gone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import psycopg2
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from schemas.errors import Transient
from tasks.steps.registry import PLAIN, Steps
from tasks.store.connection.engine import engine

_END = "select pg_terminate_backend(%s, 10000)"


@dataclass
class Fault:
    """Counts the calls of the database that one step makes, and loses the connection at number `at` (None: never)."""

    step: str
    at: int | None = None
    calls: int = 0
    happened: bool = False

    def call(self) -> bool:
        """Count a call; says whether the connection is to be lost now."""
        self.calls += 1
        lost = not self.happened and self.calls == self.at
        self.happened = self.happened or lost
        return lost


@contextmanager
def watched_calls(url: str, fault: Fault) -> Iterator[None]:
    """Count the statements and commits of this process, and lose the connection where the fault says so."""
    watched = engine(url)
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(dsn)) as other:
        other.autocommit = True

        def call(connection: Connection) -> None:
            if fault.call():
                with other.cursor() as cursor:
                    backend = connection.connection.driver_connection
                    assert backend
                    cursor.execute(_END, (backend.info.backend_pid,))

        def statement(connection: Connection, *_: Any) -> None:
            call(connection)

        event.listen(watched, "before_cursor_execute", statement)
        event.listen(watched, "commit", call)
        try:
            yield
        finally:
            event.remove(watched, "before_cursor_execute", statement)
            event.remove(watched, "commit", call)


def faulty(url: str, fault: Fault) -> Steps:
    """Return the steps of an import, of which one has a fault and is tried again."""
    steps = {each.name: _again(getattr(PLAIN, each.name)) for each in fields(PLAIN)}
    return replace(PLAIN, **steps | {fault.step: watched(url, fault, getattr(PLAIN, fault.step))})


def watched(url: str, fault: Fault, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step whose calls of the database are counted, and that is tried again after the fault."""

    @functools.wraps(step)
    def run(*given: Any, **options: Any) -> Any:
        with watched_calls(url, fault):
            return _again(step)(*given, **options)

    return run


def _again(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def run(*given: Any, **options: Any) -> Any:
        try:
            return step(*given, **options)
        except Transient:
            return step(*given, **options)

    return run
