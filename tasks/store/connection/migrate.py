"""Migrations: bring a database to the tables of this version."""

from __future__ import annotations

from pathlib import Path

from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from schemas.errors import UsageError
from schemas.model.tables import CHANGE, CHANGES, GONE, REVISION
from schemas.resources import RESOURCES
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.requirements import check_database

SCRIPTS = Path(__file__).parents[1] / "migrations"

# Two first runs at once must not both create the tables.
_MIGRATING = 0x636D6462_6D696772


def revision(connection: Connection) -> str | None:
    """Return the migration that a database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("select version_num from alembic_version"))
    return found


def upgrade(database: Engine) -> bool:
    """Apply the migrations that are missing; says whether there were any. Safe to call from several processes."""
    with database_errors(), database.begin() as connection:
        if revision(connection) == REVISION:
            return False
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        if revision(connection) == REVISION:
            return False
        _run_alembic(connection)
        connection.execute(text(_changes_view(connection)))
        return True


_ready: set[str] = set()


def ensure_upgraded(url: str) -> None:
    """Apply the migrations that a database is missing; looks once per process and address. Raises UsageError."""
    if url not in _ready:
        check_database(engine(url))
        upgrade(engine(url))
        _ready.add(url)


_VIEW = "create or replace view {view} as select {names} from change{deleted}"

_DELETED = """
union all
select g.gone_by_run, cast('{type}' as text), cast(g.{key} as text) collate "C", cast(null as integer),
       to_jsonb(g) - 'gone_by_run', cast('null' as jsonb)
  from {gone} g"""


def _changes_view(connection: Connection) -> str:
    """Return the view of all that runs changed, which every new type is added to."""
    quote = connection.dialect.identifier_preparer.quote
    deleted = [
        _DELETED.format(type=each.type, key=quote(each.key_column), gone=quote(GONE[each.type].name))
        for each in RESOURCES.values()
    ]
    return _VIEW.format(view=CHANGES.name, names=", ".join(CHANGE.columns.keys()), deleted="".join(deleted))


def _run_alembic(connection: Connection) -> None:
    # Alembic takes a fifth of a second to import, and is needed once in a database's life.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UsageError(
            f"The database was made by a newer cmdb: upgrade this one, or name another database. ({error})"
        ) from error
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        role = connection.engine.url.username
        raise UsageError(
            f'The role "{role}" may not create tables in the database of CMDB_DATABASE_URL. Let an administrator run '
            f'there: GRANT CREATE ON SCHEMA public TO "{role}"; ({str(error.orig).splitlines()[0]})'
        ) from error
