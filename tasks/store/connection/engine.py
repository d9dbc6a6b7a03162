"""Connections to PostgreSQL, and what its errors mean to a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import psycopg2
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from schemas.errors import Cancelled, CmdbError, DatabaseDown, StorageFull, Transient, UsageError

# Classes of SQLSTATE (PostgreSQL manual, appendix A): connection lost, deadlock and serialization, server going down.
_PASSING = ("08", "40", "57P")
_STOPPED = "57014"  # a query that somebody cancelled, as `interrupt` does
_DISK_FULL = ("53100", "58030")
_REFUSED = ("28", "3D")


SERVER = "select cast(system_identifier as text) from pg_control_system()"
"""What a PostgreSQL server is known by, however it is reached; its standbys are known by the same."""


# Connections that stay open in the pool, and those that a burst may open in addition: the facade asks the database
# from at most 40 threads at once (anyio's limit).
_KEPT, _BURST = 5, 35

_DEFAULTS = {"connect_timeout": 5, "application_name": "cmdb", "keepalives_idle": 30, "client_encoding": "utf8"}

_engines: dict[str, Engine] = {}
_lock = Lock()


def engine(url: str) -> Engine:
    """Return the engine of a database, one per address and process; raises UsageError for an unusable address.

    A pooled connection is checked before it is used, so a restart of the server goes unnoticed. A connection must
    go back to the pool without locks: see `Session`.
    """
    with _lock:
        if url not in _engines:
            _engines[url] = _new_engine(url)
        return _engines[url]


def close_engine(url: str) -> None:
    """Close the pooled connections to a database, which may be dropped or stopped next."""
    with _lock:
        closed = _engines.pop(url, None)
    if closed is not None:
        closed.dispose()


def _forget_engines() -> None:
    """In a forked child: leave the parent's connections to the parent."""
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = Lock()
    for inherited in _engines.values():
        inherited.dispose(close=False)
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_engines)


def _new_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            "CMDB_DATABASE_URL is not a database address: write postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise UsageError(
            f"CMDB_DATABASE_URL names {parsed.get_backend_name()}, and cmdb keeps its records in PostgreSQL."
        )
    # What the address itself says comes first.
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in parsed.query}
    made = create_engine(
        parsed.set(drivername="postgresql+psycopg2"),
        pool_size=_KEPT,
        max_overflow=_BURST,
        pool_pre_ping=True,
        connect_args=defaults,
    )
    event.listen(made, "connect", _use_utc)
    return made


def _use_utc(connection: psycopg2.extensions.connection, _: object) -> None:
    """Have times in UTC whatever the server's time zone is; not by a startup option, which some poolers refuse."""
    with connection, connection.cursor() as cursor:
        cursor.execute("set timezone to 'UTC'")


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn the database's errors into ours: what to do, and whether trying again may help."""
    try:
        yield
    except DBAPIError as error:
        raise meaning(error.orig, lost=error.connection_invalidated) from error
    except psycopg2.Error as error:
        raise meaning(error, lost=False) from error


def meaning(error: BaseException | None, *, lost: bool) -> CmdbError | BaseException:
    """Return what a database error means to a run; an error of the program itself is returned as it is."""
    state = getattr(error, "pgcode", None) or ""
    text = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
    if state == _STOPPED:
        return Cancelled("The run was stopped; nothing of it was applied.")
    if state.startswith(_DISK_FULL):
        return StorageFull(f"The database's disk is full, and nothing was changed: make room and run again. ({text})")
    if lost or state.startswith(_PASSING) or (not state and "server closed the connection" in str(error)):
        return Transient(f"The connection to the database was lost or gave way: {text}")
    if isinstance(error, psycopg2.OperationalError) and (not state or state.startswith(_REFUSED)):
        return DatabaseDown(f"{_why(text)} ({text})")
    return error if error is not None else Transient(text)


def _why(text: str) -> str:
    if any(word in text for word in ("password", "authentication", "role", "pg_hba.conf")):
        return "The database refused the user or password of CMDB_DATABASE_URL: check them."
    if "does not exist" in text:
        return "The database that CMDB_DATABASE_URL names does not exist: create it, or name another."
    return "The database does not answer: is it running, and is CMDB_DATABASE_URL right?"
