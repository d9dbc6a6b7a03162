"""Hold a run open: what it writes to next is locked until the test has done what it wants to do meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tasks.store.connection.engine import engine
from tests.support import execute
from tests.waiting import wait_until

WHILE_VALIDATING = "import_issue"
"""A run with something to report waits here before the first of its rows is staged for good."""

WHILE_APPLYING = "vpc"
"""A run that creates or updates VPCs waits here in the middle of its one transaction."""


@dataclass(frozen=True)
class Held:
    """A table that nobody can write to."""

    url: str
    table: str

    def wait_for_writer(self) -> None:
        """Wait until a run wants to write to it, and so stands still."""
        waiting = "select 1 from pg_locks where not granted and relation = cast(:table as regclass)"
        wait_until(lambda: execute(self.url, waiting, table=self.table))


@contextmanager
def held(url: str, table: str) -> Iterator[Held]:
    """Lock a table against writers while this lasts, or until the server that holds the lock is gone."""
    with suppress(DBAPIError), engine(url).connect() as connection, connection.begin():
        connection.execute(text(f"lock table {table} in share mode"))
        yield Held(url, table)
