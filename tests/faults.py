"""Faults of the database: a run's connection is lost at its calls, and the step is tried again as Prefect would.

The connection is lost for real: PostgreSQL ends the process that serves it, so that its transaction is rolled back and
its temporary tables and locks are gone.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  # a class, whatever its name
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import Composable
from sqlalchemy import event
from sqlalchemy.engine import make_url

from schemas.errors import Transient
from tasks.steps.registry import PLAIN, Steps
from tasks.store.connection.engine import close_engine, engine
from tests.waiting import wait_until

Query = str | bytes | Composable

_END = "select pg_terminate_backend(%s)"
_IS_THERE = "select from pg_stat_activity where pid = %s"
_LOCKS = """
select objsubid, mode, count(*) from pg_locks
 where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
 group by 1, 2 order by 1, 2"""

# Names of tables have the run's identity, and COPY has its values in its statement.
_OWN = re.compile(r"[0-9a-f]{32}|\d+")


@dataclass
class Fault:
    """The calls of the database that a step makes; if it `loses` its connection, right before each of them, once.

    A call is known by its statement, and by how many times its attempt has made it. Each attempt gets as far as to a
    call that none before it has made. A commit is two calls, as it may be done before its answer is lost.
    `locks` are how many advisory locks of each kind are held when the step ends.
    """

    step: str
    loses: bool = True
    calls: set[tuple[str, int]] = field(default_factory=set)
    locks: list[Any] = field(default_factory=list)
    active: bool = False
    look: Callable[[], list[Any]] = list
    _made: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Begin an attempt."""
        self._made.clear()
        self.active = True

    def happens(self, statement: str) -> bool:
        """Count a call of the step; says whether the connection is to be lost now."""
        if not self.active:
            return False
        name = _OWN.sub("", statement)
        self._made[name] += 1
        call = name, self._made[name]
        if call in self.calls:
            return False
        self.calls.add(call)
        return self.loses


@contextmanager
def watched_calls(url: str, fault: Fault) -> Iterator[None]:
    """Let connections to a database be lost where the fault says so."""
    close_engine(url)
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(dsn)) as other, closing(other.cursor()) as ending:
        other.autocommit = True

        def is_gone(pid: int) -> bool:
            ending.execute(_IS_THERE, (pid,))
            return ending.rowcount == 0

        def happens(connection: Connection, statement: str) -> bool:
            lost = fault.happens(statement)
            if lost:
                pid = connection.info.backend_pid
                ending.execute(_END, (pid,))
                wait_until(lambda: is_gone(pid))
            return lost

        def locks() -> list[Any]:
            ending.execute(_LOCKS)
            return ending.fetchall()

        def watch(_dialect: object, _record: object, _given: object, options: dict[str, Any]) -> None:
            options["connection_factory"] = connections

        connections = _connections(happens)
        fault.look = locks
        event.listen(engine(url), "do_connect", watch)
        try:
            yield
        finally:
            close_engine(url)


def _connections(happens: Callable[[Connection, str], bool]) -> type[Connection]:
    """Return connections that ask before each call of the database whether the connection is lost."""

    class WatchedCursor(Cursor):
        def execute(self, query: Query, vars: Any = None) -> None:  # noqa: A002  # psycopg2's name
            happens(self.connection, str(query))
            super().execute(query, vars)

        def executemany(self, query: Query, vars_list: Iterable[Any]) -> None:
            happens(self.connection, str(query))
            super().executemany(query, vars_list)

        def copy_expert(self, sql: Query, file: Any, size: int = 8192) -> None:
            happens(self.connection, str(sql))
            super().copy_expert(sql, file, size)

    class WatchedConnection(Connection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.cursor_factory = WatchedCursor

        def commit(self) -> None:
            happens(self, "commit")
            super().commit()
            if happens(self, "commit that is done"):
                with self.cursor(cursor_factory=Cursor) as cursor:
                    cursor.execute("select 1")

    return WatchedConnection


def faulty(fault: Fault) -> Steps:
    """Return the steps of an import, of which one has a fault and is tried again."""
    return replace(PLAIN, **{fault.step: retried(fault, getattr(PLAIN, fault.step))})


def retried(fault: Fault, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that is tried again for as long as a passing fault ends it, and whose calls the fault counts."""

    @functools.wraps(step)
    def run(*given: Any, **options: Any) -> Any:
        while True:
            fault.begin()
            try:
                return step(*given, **options)
            except Transient:
                pass
            finally:
                fault.active, fault.locks = False, fault.look()

    return run
