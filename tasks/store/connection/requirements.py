"""What cmdb requires of a database that it is given: texts in UTF-8, and sessions that nobody else shares."""

from __future__ import annotations

from sqlalchemy import Engine, text

from schemas.errors import UsageError
from tasks.store.connection.engine import database_errors

_SESSION = text("select pg_backend_pid(), current_setting('server_encoding'), current_database()")


def check_database(database: Engine) -> None:
    """Raise UsageError where a database cannot hold every text, or where a proxy shares sessions between connections.

    Such a proxy (PgBouncer with `pool_mode=transaction`) serves two connections in turn by the same process of
    PostgreSQL, or one by several. Locks of a run would then be those of somebody else.
    """
    at_once = database.execution_options(isolation_level="AUTOCOMMIT")
    with database_errors(), at_once.connect() as one, at_once.connect() as other:
        turns = [connection.execute(_SESSION).one() for connection in (one, other, one, other)]
    _, encoding, name = turns[0]
    if encoding != "UTF8":
        raise UsageError(
            f'The database "{name}" keeps texts as {encoding}, which lacks most characters. Create one with '
            "ENCODING 'UTF8' TEMPLATE template0, and name it in CMDB_DATABASE_URL."
        )
    if turns[:2] != turns[2:] or turns[0] == turns[1]:
        raise UsageError(
            "CMDB_DATABASE_URL leads to a proxy that shares sessions between connections (such as PgBouncer with "
            "pool_mode=transaction), and the locks of a run need a session of their own: name the server itself, or a "
            "pool with pool_mode=session."
        )
