"""One pooled engine per database: it survives restarts and forks, and never keeps what belongs to one run."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import text

from schemas.errors import UsageError
from tasks.store.connection.engine import close_engine, engine
from tasks.store.connection.session import Session, is_alive
from tests.conftest import OwnProcess
from tests.waiting import PATIENCE, wait_until

BACKEND = text("select pg_backend_pid()")


def test_one_engine_for_an_address(database_url: str) -> None:
    """The next question uses the same connection; a closed engine is made again."""
    with engine(database_url).connect() as connection:
        first = connection.scalar(BACKEND)
    with engine(database_url).connect() as connection:
        assert connection.scalar(BACKEND) == first
    before = engine(database_url)
    close_engine(database_url)
    assert engine(database_url) is not before
    with engine(database_url).connect() as connection:
        assert connection.scalar(BACKEND) != first


def test_a_connection_that_the_server_has_ended_is_replaced(database_url: str) -> None:
    """As after a restart of the server: nobody sees an error."""
    with engine(database_url).connect() as idle, engine(database_url).connect() as killer:
        ended = idle.scalar(BACKEND)
        idle.close()
        assert killer.scalar(text("select pg_terminate_backend(:pid, 10000)"), {"pid": ended})
    with engine(database_url).connect() as one, engine(database_url).connect() as other:
        assert ended not in {one.scalar(BACKEND), other.scalar(BACKEND)}


LOCKS = text("select count(*) from pg_locks where locktype = 'advisory' and pid = :pid")
THERE = text("select count(*) from pg_stat_activity where pid = :pid")


def test_a_run_leaves_nothing_in_the_pool(database_url: str) -> None:
    """The next one gets its connection, without its locks and temporary tables."""
    with Session(database_url, uuid4()) as session, session.transaction() as connection:
        held = connection.scalar(BACKEND)
        connection.execute(text("create temporary table left_over (number integer)"))
        assert connection.scalar(LOCKS, {"pid": held}) == 1
    with engine(database_url).begin() as connection:
        assert connection.scalar(BACKEND) == held
        assert connection.scalar(LOCKS, {"pid": held}) == 0
        assert connection.scalar(text("select to_regclass('pg_temp.left_over')")) is None


def test_the_connection_of_a_run_that_fails_is_closed(database_url: str) -> None:
    """Nobody knows what it was in the middle of."""
    run = uuid4()
    with suppress(UsageError), Session(database_url, run) as session, session.transaction() as connection:
        held = connection.scalar(BACKEND)
        raise UsageError("It can't go on.")
    with engine(database_url).connect() as connection:
        assert not is_alive(connection, run)
        wait_until(lambda: connection.scalar(THERE, {"pid": held}) == 0)


FORK = """
import os, sys
from sqlalchemy import text
from tasks.store.connection.engine import engine
def backend():
    with engine(sys.argv[1]).connect() as connection:
        return connection.scalar(text("select pg_backend_pid()"))
mine = backend()
child = os.fork()
if not child:
    os._exit(0 if backend() != mine else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(code, backend() == mine)
"""


def test_a_forked_process_has_connections_of_its_own(own_process: OwnProcess, database_url: str) -> None:
    """The child opens one, and its end does not close the parent's."""
    with own_process("-c", FORK, database_url, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(timeout=PATIENCE)
    assert out.split() == ["0", "True"]


@pytest.mark.parametrize("url", ["no address", "mysql://root@localhost/cmdb"])
def test_an_address_that_is_none(url: str) -> None:
    """It is refused before anything connects, each time."""
    for _ in range(2):
        with pytest.raises(UsageError, match="CMDB_DATABASE_URL"):
            engine(url)
