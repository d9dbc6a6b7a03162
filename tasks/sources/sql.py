"""A table or a query of another database, read in one transaction that may only read."""

from __future__ import annotations

import math
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, select, table, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from schemas.access.secret import Secret
from schemas.errors import SourceError, Transient, UsageError
from schemas.fetched import Fetched, FetchedFile
from tasks.sources.base import Connector, Request
from tasks.sources.local import refuse_elsewhere
from tasks.sources.output import Lines, free_path, lines
from tasks.store.connection.engine import SERVER

SCHEMES = ("postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql", "sqlite")

# Rows that are held at once.
_CHUNK = 2_000

_READS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)
_OURS = ("query", "table")


def fetch(request: Request) -> Fetched:
    """Write the rows of a query as lines of JSON, a few at a time."""
    url = _url(request)
    engine = _engine(request, url)
    statement, name = _statement(url, engine), _name(request, url)
    path = free_path(request.folder, f"{name}.ndjson")
    try:
        _refuse_own(request, engine)
        with _read_only(engine) as connection, lines(path, name, request.limit) as output:
            _write(connection.exec_driver_sql(statement), output, request)
    except (SQLAlchemyError, ValueError, OverflowError) as error:
        # Drivers raise the latter two for values that Python has no form for, such as a date before Christ.
        raise _meaning(request, error) from error
    finally:
        engine.dispose()
    request.progress(1, output.count, output.size)
    return Fetched((FetchedFile(path, f"{name}.ndjson", request.only, output.count),))


def installed_dialect(scheme: str) -> bool:
    """Say whether another installed package makes SQLAlchemy connect to such databases."""
    return any(found.name == scheme.partition("+")[0] for found in entry_points(group="sqlalchemy.dialects"))


_NO_POSTGRESQL = ("sqlite", "mysql", "mariadb", "oracle", "mssql")


def _refuse_own(request: Request, engine: Engine) -> None:
    """Refuse the server of the CMDB: it also holds what Prefect knows, and is not for sources to read.

    Servers are compared by their identity: an address has many spellings.
    """
    if request.own is None or engine.dialect.name in _NO_POSTGRESQL:
        return
    with engine.connect() as connection:
        try:
            found = connection.scalar(text(SERVER))
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return  # it is not PostgreSQL, though it may speak like it
    if found == request.own:
        raise UsageError(
            f"{request.shown} is on the PostgreSQL server of the CMDB itself, which sources may not read: "
            "set CMDB_SOURCE_OWN_DATABASE=true to allow it."
        )


# The address ----------------------------------------------------------------------------------------------------------


def _url(request: Request) -> URL:
    try:
        url = make_url(request.url)
    except (ArgumentError, ValueError):
        raise UsageError("Not a valid database URL: write postgresql://user@host/name?query=select…") from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    return _with_secret(url, request.secret) if request.secret else url


def _with_secret(url: URL, secret: Secret) -> URL:
    """An address with the password, which may be all that the secret is, and the user where it is not."""
    user = secret.member("user", "username") or url.username
    return url.set(username=user, password=secret.member("password") if secret.members else secret.text.strip())


def _engine(request: Request, url: URL) -> Engine:
    bare = url.difference_update_query(_OURS)
    options: dict[str, Any] = {}
    if bare.get_backend_name() == "sqlite":
        bare = _readable(request, bare)
    elif bare.get_backend_name() == "postgresql":
        options = {"connect_args": {"connect_timeout": 10, "application_name": "cmdb", "keepalives_idle": 30}}
    try:
        engine = create_engine(bare, poolclass=NullPool, **options)
    except NoSuchModuleError as error:
        raise UsageError(
            f"'{bare.drivername}' is not a database that SQLAlchemy supports here: is its package installed?"
        ) from error
    except ImportError as error:
        raise UsageError(f"{bare.drivername}:// needs its driver: install the package '{error.name}'.") from error
    if engine.dialect.is_async:
        raise UsageError(f"{bare.drivername}:// is an asynchronous driver: write {bare.get_backend_name()}://.")
    return engine


def _readable(request: Request, url: URL) -> URL:
    """An SQLite file opened for reading: opened otherwise, one that is not there would be made."""
    path = Path(url.database or "")
    if not url.database or not path.is_file():
        raise SourceError(f"SQLite file not found: '{url.database or ''}'. Write sqlite:////folder/file.db.")
    refuse_elsewhere(path, request.settings)
    return url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})


def _name(request: Request, url: URL) -> str:
    named = url.query.get("table")
    inside = named if isinstance(named, str) else "query"
    base = Path(url.database or "").stem if url.get_backend_name() == "sqlite" else url.database
    return f"{base or request.address.hostname or 'database'} {inside}"


def _statement(url: URL, engine: Engine) -> str:
    """The statement of the address, which is run as it stands."""
    query, named = (url.query.get(name) for name in _OURS)
    if bool(query) == bool(named) or not isinstance(query or named, str):
        raise UsageError("A database is read by one ?query=select… or one ?table=name: give one of the two.")
    if isinstance(named, str) and named:
        schema, _, name = named.rpartition(".")
        return str(select(text("*")).select_from(table(name, schema=schema or None)).compile(engine))
    statement = str(query).strip().removesuffix(";").strip()
    if not _READS.match(statement):
        raise UsageError("A source query must begin with select, with, values or table.")
    if ";" in statement:
        raise UsageError("The query of a source is one statement, without a ';': make a view where one is needed.")
    return statement


# Reading --------------------------------------------------------------------------------------------------------------


def _read_only(engine: Engine) -> Connection:
    """A connection whose rows come as they are read, in a transaction that is never committed."""
    options: dict[str, Any] = {"stream_results": True, "max_row_buffer": _CHUNK, "no_parameters": True}
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    return engine.connect().execution_options(**options)


def _write(rows: CursorResult[Any], output: Lines, request: Request) -> None:
    names = list(rows.keys())
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise SourceError(
            f"The query gives two columns of the name '{double}': call one of them otherwise, with AS.", column=double
        )
    for chunk in rows.partitions(_CHUNK):
        for row in chunk:
            output.write({name: _finite(value) for name, value in zip(names, row, strict=True)})
        request.progress(0, output.count, output.size)


def _finite(value: Any) -> Any:
    """A number that JSON cannot hold is written as text, and is not lost."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _meaning(request: Request, error: Exception) -> SourceError | Transient:
    """What an error of the database means: the server's own words in one line."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    line = (str(cause).strip() or type(cause).__name__).splitlines()[0]
    if isinstance(error, DBAPIError) and (error.connection_invalidated or "closed the connection" in str(cause)):
        return Transient(f"The connection to {request.shown} was lost: {line}")
    return SourceError(f"{request.shown} cannot be read: {line}")


SQL = Connector("sql", "A query of a database", SCHEMES, "postgresql://reader@ipam/ipam?table=prefixes", fetch)
