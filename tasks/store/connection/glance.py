"""A look into the database where it answers at once: it starts no server, upgrades nothing and waits for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from schemas.settings import Settings
from tasks.store.connection.server_folder import server_folder

# In seconds, of which libpq waits for at least two; and in milliseconds.
_CONNECT, _STATEMENT = 2, 1_000


@contextmanager
def glance(settings: Settings) -> Iterator[Connection | None]:
    """Give a connection that only reads; None where the embedded server is not running. Raises what the driver does."""
    url = _url(settings)
    if url is None:
        yield None
        return
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        poolclass=NullPool,
        connect_args={"connect_timeout": _CONNECT, "application_name": "cmdb"},
    )
    with engine.connect() as connection:
        connection.execute(text(f"set transaction read only; set local statement_timeout = {_STATEMENT}"))
        yield connection


def _url(settings: Settings) -> str | None:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    # Only then, since to name the folder of a server makes it.
    is_running = (settings.home / "postgres" / "data" / "postmaster.pid").exists()
    return server_folder(settings.home).url if is_running else None
