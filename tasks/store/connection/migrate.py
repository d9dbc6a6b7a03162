"""Migrations: bring a database to the tables of this version."""

from __future__ import annotations

from pathlib import Path

from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from schemas.errors import UsageError
from schemas.model.tables import BEFORE, CHANGE, CHANGES, GONE, REVISION
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
        run_migrations(connection)
        connection.execute(text(_changes_view(connection)))
        return True


_ready: set[str] = set()


def ensure_upgraded(url: str) -> None:
    """Apply the migrations that a database is missing; looks once per process and address. Raises UsageError."""
    if url not in _ready:
        check_database(engine(url))
        upgrade(engine(url))
        _ready.add(url)


_VIEW = "create or replace view {view} as select {names}, false as of_row from change{copies}"

_DELETED = """
union all
select g.gone_by_run, cast('{type}' as text), cast(g.{key} as text) collate "C", cast(null as integer),
       to_jsonb(g) - 'gone_by_run', cast('null' as jsonb), false
  from {gone} g"""

# A record has after a run what differed, and what it had before in the other fields that the run wrote.
_UPDATED = """
union all
select b.changed_by_run, cast('{type}' as text), cast(b.{key} as text) collate "C", b.changed_row,
       to_jsonb(b) - array['changed_by_run', 'changed_row', 'changed_untouched', 'changed_to'],
       (select coalesce(jsonb_object_agg(e.key, e.value), '{{}}') from written_fields w, jsonb_each(to_jsonb(b)) e
         where w.run_id = b.changed_by_run and w.resource_type = '{type}' and e.key = any (w.names)
           and e.key <> all (coalesce(b.changed_untouched, '{{}}'))) || b.changed_to, true
  from {before} b"""


def _changes_view(connection: Connection) -> str:
    """Return the view of all that runs changed, which every new type is added to."""
    quote = connection.dialect.identifier_preparer.quote
    copies = [
        each.format(
            type=resource.type,
            key=quote(resource.key_column),
            gone=quote(GONE[resource.type].name),
            before=quote(BEFORE[resource.type].name),
        )
        for resource in RESOURCES.values()
        for each in (_DELETED, _UPDATED)
    ]
    return _VIEW.format(view=CHANGES.name, names=", ".join(CHANGE.columns.keys()), copies="".join(copies))


def run_migrations(connection: Connection) -> None:
    """Apply the migrations that are missing, and nothing else; raises UsageError for a database of a newer cmdb."""
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
