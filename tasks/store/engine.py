"""Connections to PostgreSQL, and what its errors mean to a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from schemas.errors import Cancelled, CmdbError, DatabaseDown, StorageFull, Transient, UsageError

# Classes of SQLSTATE (PostgreSQL manual, appendix A): connection lost, deadlock and serialization, server going down.
_PASSING = ("08", "40", "57P")
_STOPPED = "57014"  # a query that somebody cancelled, as `interrupt` does
_DISK_FULL = ("53100", "58030")
_REFUSED = ("28", "3D")


def engine(url: str) -> Engine:
    """Return an engine without a pool: a run keeps the one connection that holds its locks."""
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
    options = {"connect_timeout": 5, "application_name": "cmdb", "keepalives_idle": 30}
    return create_engine(parsed.set(drivername="postgresql+psycopg2"), poolclass=NullPool, connect_args=options)


@contextmanager
def told_plainly() -> Iterator[None]:
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
    if "password" in text or "authentication" in text or "role" in text:
        return "The database refused the user or password of CMDB_DATABASE_URL: check them."
    if "does not exist" in text:
        return "The database that CMDB_DATABASE_URL names does not exist: create it, or name another."
    return "The database does not answer: is it running, and is CMDB_DATABASE_URL right?"
