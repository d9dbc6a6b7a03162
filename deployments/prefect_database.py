"""The database of Prefect's server: one next to the CMDB's, or one that the settings name."""

from __future__ import annotations

import logging

from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from schemas.errors import UsageError
from schemas.settings import Settings
from tasks.store.connection.engine import database_errors, engine

_DRIVER = "postgresql+asyncpg"
_UNKNOWN_TO_DRIVER = {
    *("hostaddr", "require_auth", "channel_binding", "client_encoding", "fallback_application_name", "replication"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    *("gssencmode", "gssdelegation", "requiressl", "sslcompression", "sslcertmode", "sslcrldir", "sslsni"),
    *("requirepeer", "load_balance_hosts", "min_protocol_version", "max_protocol_version"),
}
"""Parameters of libpq that asyncpg would pass on to the server, which refuses them."""

_log = logging.getLogger("cmdb.prefect")


def prefect_database(settings: Settings, url: str) -> dict[str, str]:
    """Return the variables that lead Prefect's server to its database; creates one next to the CMDB's.

    `url` is the CMDB's database. Raises DatabaseDown where that does not answer, and UsageError where its user may not
    create databases.
    """
    if settings.prefect_database_url is not None:
        own = make_url(settings.prefect_database_url.get_secret_value())
    else:
        own = make_url(url).set(database=settings.prefect_database)
        _create_missing(url, own)
    return _variables(own)


def _variables(own: URL) -> dict[str, str]:
    """Translate an address for libpq into Prefect's settings and what its driver reads."""
    query = dict(own.query)
    variables = {}
    if seconds := query.pop("connect_timeout", None):
        variables["PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT"] = str(seconds)
    if query.get("sslrootcert") == "system":
        variables["PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS_ENABLED"] = "true"
        query = {name: value for name, value in query.items() if name not in ("sslrootcert", "sslmode")}
    if lacking := sorted(query.keys() & _UNKNOWN_TO_DRIVER):
        _log.warning("Prefect connects to its database without %s: its driver lacks them.", ", ".join(lacking))
    known = {name: value for name, value in query.items() if name not in lacking}
    address = own.set(drivername=_DRIVER, query=known).render_as_string(hide_password=False)
    return variables | {"PREFECT_API_DATABASE_CONNECTION_URL": address}


def _create_missing(url: str, own: URL) -> None:
    with database_errors(), engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        exists = text("select 1 from pg_database where datname = :name")
        if connection.scalar(exists, {"name": own.database}):
            return
        try:
            connection.execute(text(f'create database "{own.database}"'))
        except DBAPIError as error:
            if not isinstance(error.orig, InsufficientPrivilege):
                raise
            role = connection.scalar(text("select current_user"))
            raise UsageError(
                f'The role "{role}" may not create the database of Prefect\'s server. Let an administrator run: '
                f'CREATE DATABASE "{own.database}" OWNER "{role}"; or name another one in CMDB_PREFECT_DATABASE_URL.'
            ) from error
