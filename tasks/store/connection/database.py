"""The database of a process: the configured one, or an embedded one, brought to the tables of this version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.settings import Settings
from tasks.private_files import close_folders
from tasks.store.connection.embedded import server
from tasks.store.connection.engine import close_engine
from tasks.store.connection.migrate import ensure_upgraded


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Give the address of a database that is ready for use; raises DatabaseDown and UsageError."""
    with address(settings) as url:
        ensure_upgraded(url)
        yield url


@contextmanager
def address(settings: Settings) -> Iterator[str]:
    """Give the address of the configured database, or of the embedded one while this lasts."""
    close_folders(settings)
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    else:
        with server(settings.home, settings.postgres_bin) as url:
            try:
                yield url
            finally:
                close_engine(url)
