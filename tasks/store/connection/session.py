"""A run's session: the one connection that holds its locks, so that a dead process is known by a free lock."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from uuid import UUID

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from schemas.errors import Cancelled, Transient
from schemas.model.resource import Resource
from schemas.phases import Phase
from schemas.reports import Progress
from tasks.store.connection.engine import database_errors, engine

# The first of the two numbers of every resource type's advisory lock; a run's own lock is one 64-bit number.
_TYPE_LOCKS = 0x636D6462


def type_lock(resource_type: str) -> tuple[int, int]:
    """Return the advisory lock of a resource type: held while one run writes its records."""
    return _TYPE_LOCKS, zlib.crc32(resource_type.encode()) - 2**31


def run_lock(run_id: UUID) -> int:
    """Return the advisory lock of a run: held for as long as its process lives."""
    return (run_id.int >> 64) - 2**63


def workers_lock(run_id: UUID) -> int:
    """Return the advisory lock of the other processes that work for a run: shared by all of them."""
    return name_lock("workers", run_id.hex)


def name_lock(what: str, name: str) -> int:
    """Return the advisory lock of something that has a name, such as a sync; no run's own lock is the same."""
    return int.from_bytes(hashlib.sha256(f"{what}\0{name}".encode()).digest()[:8], signed=True)


class Session:
    """One run's connection; locks taken on it last until it closes, however it closes.

    `is_worker` says that it is of another process, which validates shards of the run.
    """

    is_worker = False

    def __init__(self, url: str, run_id: UUID) -> None:
        self.url = url
        self.run_id = run_id
        self._locks: list[tuple[str, tuple[int, ...]]] = []
        self._connection: Connection | None = None

    def __enter__(self) -> Session:
        """Connect and hold the run's own lock."""
        self._open()
        self._take_lock("pg_advisory_lock", (run_lock(self.run_id),))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back to the pool without locks; where that is not sure, close it, which frees them."""
        if self._connection is not None:
            if not self._connection.closed and (kind is not None or not self._released(self._connection)):
                self._connection.invalidate()
            self._connection.close()

    @staticmethod
    def _released(connection: Connection) -> bool:
        """Free the locks and drop the temporary tables; says whether that is done."""
        if connection.invalidated or connection.in_transaction():
            return False
        with suppress(SQLAlchemyError), connection.begin():
            connection.execute(text("select pg_advisory_unlock_all(); discard temp"))
            return True
        return False

    def _open(self) -> None:
        with database_errors():
            self._connection = engine(self.url).connect()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the connection inside one transaction: all of it, or nothing; reconnects first after a loss."""
        with database_errors():
            if self._connection is None or self._connection.closed or self._connection.invalidated:
                self._reconnect()
            assert self._connection is not None  # noqa: S101  # for the type checker
            with self._connection.begin():
                yield self._connection

    def _reconnect(self) -> None:
        """Connect again after a loss, and take the same locks in the same order; all of them, or the line is closed."""
        if self._connection is not None:
            self._connection.close()
        self._open()
        assert self._connection is not None  # noqa: S101  # for the type checker
        try:
            with self._connection.begin():
                for function, key in self._locks:
                    self._connection.execute(select(getattr(func, function)(*key)))
        except BaseException:
            self._connection.invalidate()
            raise

    def _take_lock(self, function: str, key: tuple[int, ...]) -> None:
        with self.transaction() as connection:
            connection.execute(select(getattr(func, function)(*key)))
        self._locks.append((function, key))

    def lock(self, resource: Resource, progress: Progress, *, shared: bool = False) -> None:
        """Wait until no other run writes records of the type, then keep it so until the session ends."""
        suffix = "_shared" if shared else ""
        key = type_lock(resource.type)
        if (f"pg_advisory_lock{suffix}", key) in self._locks:
            return
        attempt = select(getattr(func, f"pg_try_advisory_lock{suffix}")(*key))
        while True:
            with self.transaction() as connection:
                if connection.scalar(attempt):
                    break
            progress(Phase.WAITING, 0, None)
            time.sleep(0.2)
        self._locks.append((f"pg_advisory_lock{suffix}", key))

    def try_hold(self, key: int) -> bool:
        """Take a lock for as long as the session lasts, if it is free; says whether it was."""
        with self.transaction() as connection:
            taken = bool(connection.scalar(select(func.pg_try_advisory_lock(key))))
        if taken:
            self._locks.append(("pg_advisory_lock", (key,)))
        return taken

    def free(self, key: int) -> None:
        """Let go of a lock that was taken for as long as the session lasts."""
        with self.transaction() as connection:
            connection.execute(select(func.pg_advisory_unlock(key)))
        self._locks.remove(("pg_advisory_lock", (key,)))


class WorkerSession(Session):
    """The connection of a process that validates shards of a run, whose own session holds the locks."""

    is_worker = True

    def __enter__(self) -> Session:
        """Connect, and hold the lock of the run's workers together with the others; raises Cancelled without a run."""
        self._open()
        self._take_lock("pg_advisory_lock_shared", (workers_lock(self.run_id),))
        with self.transaction() as connection:
            if not is_alive(connection, self.run_id):
                raise Cancelled("The run has ended: its shards are no longer needed.")
        return self

    def lock(self, resource: Resource, progress: Progress, *, shared: bool = False) -> None:  # noqa: ARG002  # as in Session
        """Make sure that the run itself keeps others from writing records of the type; raises Transient otherwise."""
        with self.transaction() as connection:
            first, second = type_lock(resource.type)
            keys = {"run": run_lock(self.run_id), "first": first, "second": second % 2**32}
            if not connection.scalar(text(_HOLDS_BOTH), keys):
                raise Transient(
                    f"The run does not hold the lock of {resource.type}: validate the shard again.", type=resource.type
                )


_HOLDS_BOTH = """
select exists (
    select from pg_locks run join pg_locks type using (pid)
    where run.locktype = 'advisory' and run.granted and run.objsubid = 1 and run.database = type.database
    and run.database = (select oid from pg_database where datname = current_database())
    and (run.classid::bigint << 32 | run.objid::bigint) = :run
    and type.locktype = 'advisory' and type.granted and type.objsubid = 2
    and type.classid::bigint = :first and type.objid::bigint = :second
)"""


@contextmanager
def alone(url: str, what: str) -> Iterator[None]:
    """Let one process at a time do something, whichever machine each is on."""
    with database_errors(), engine(url).begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(name_lock("alone", what))))
        yield


def is_alive(connection: Connection, run_id: UUID) -> bool:
    """Say whether the process of a run still lives, by its lock."""
    free = connection.scalar(select(func.pg_try_advisory_xact_lock(run_lock(run_id))))
    return not free


def interrupt(connection: Connection, run_id: UUID) -> bool:
    """Cancel the statements that a run and its workers wait for, if any of them lives; says whether any does."""
    holder = text(
        "select pg_cancel_backend(pid) from pg_locks where locktype = 'advisory' and objsubid = 1 and granted "
        "and (classid::bigint << 32 | objid::bigint) in (:run, :workers) and database = "
        "(select oid from pg_database where datname = current_database())"
    )
    keys = {"run": run_lock(run_id), "workers": workers_lock(run_id)}
    return connection.execute(holder, keys).first() is not None


def set_local(connection: Connection, name: str, value: str) -> None:
    """Set a server setting for the rest of the transaction."""
    connection.execute(text("select set_config(:name, :value, true)"), {"name": name, "value": value})


def try_lock_table(connection: Connection, table: Table, mode: str) -> bool:
    """Lock a table for the rest of the transaction if that takes no waiting; says whether it is locked."""
    name = connection.dialect.identifier_preparer.format_table(table)
    attempt = connection.begin_nested()
    try:
        connection.execute(text(f"lock table {name} in {mode} mode nowait"))
    except OperationalError:
        attempt.rollback()
        return False
    attempt.commit()
    return True


@contextmanager
def without_joins(connection: Connection, *kinds: str) -> Iterator[None]:
    """Have the server join in other ways meanwhile: its estimate of a table that is new or grows would mislead it."""
    for kind in kinds:
        set_local(connection, f"enable_{kind}", "off")
    yield
    for kind in kinds:
        set_local(connection, f"enable_{kind}", "on")
