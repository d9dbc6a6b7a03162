"""Databases of the tests: made as copies of one that has all tables, or emptied after each test, which is quicker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from uuid import uuid4

import psycopg2
from psycopg2 import errors, sql
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from tasks.store.connection.engine import close_engine, engine
from tasks.store.connection.migrate import upgrade
from tasks.store.connection.roles import ROLE, SUPERUSER
from tests.waiting import wait_until


def template_ready(url: str) -> None:
    """Make the tables of the database that others are copied from."""
    upgrade(engine(url))
    close_engine(url)


@contextmanager
def database(postgres_url: str, template: str = "template0") -> Iterator[str]:
    """Give the address of a new database, dropped at the end whoever is connected to it."""
    url = create(postgres_url, template)
    try:
        yield url
    finally:
        drop(postgres_url, url)


def create(postgres_url: str, template: str, name: str | None = None) -> str:
    """Make a database; returns its address."""
    name = name or _new_name()
    _run(postgres_url, "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'", name, template)
    return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)


def _new_name() -> str:
    return f"cmdb_test_{uuid4().hex[:12]}"


def as_superuser(url: str) -> str:
    """Return the address of the same database for the superuser of the tests' server, or of the one that was given."""
    own = make_url(url)
    given = own.set(username=SUPERUSER) if own.username == ROLE else own
    return given.render_as_string(hide_password=False)


def drop(postgres_url: str, url: str) -> None:
    """Drop a database whoever is connected to it."""
    close_engine(url)

    def dropped() -> bool:
        try:
            _run(postgres_url, "DROP DATABASE {} WITH (FORCE)", str(make_url(url).database))
        except errors.InsufficientPrivilege:
            return False  # autovacuum is there, which an ordinary role can't end
        return True

    wait_until(dropped, 10)


def _run(url: str, statement: str, *names: str) -> None:
    """Run one statement, with names of databases in the places of {}, outside of a transaction."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


class EmptiedDatabase:
    """One database for many tests: emptied after each, and made again where a test changed more than records.

    The engine stays the same, and with it the statements that SQLAlchemy has compiled.
    """

    def __init__(self, postgres_url: str, template: str) -> None:
        self._postgres_url = postgres_url
        self._template = template
        self._name = _new_name()

    def __enter__(self) -> EmptiedDatabase:
        """Make the database."""
        self._make()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop the database."""
        drop(self._postgres_url, self.url)

    def _make(self) -> None:
        """Make the database; again under the same name, which facades of the session have."""
        self.url = create(self._postgres_url, self._template, self._name)
        self._shape = self._described()
        assert self._shape

    def _described(self) -> str | None:
        with engine(self.url).connect() as connection:
            found: str | None = connection.scalar(text(_SHAPE))
            return found

    def renew(self) -> None:
        """Let nobody go on writing, and leave no record; a database whose tables are others now is replaced."""
        try:
            emptied = self._emptied()
        except DBAPIError:  # the tables are gone, or the server has been restarted
            emptied = False
        if not emptied:
            drop(self._postgres_url, self.url)
            self._make()

    def _emptied(self) -> bool:
        """Empty the tables, unless they are others than they were; says whether they are empty.

        The one connection that is left in the pool is the next test's: a new one costs the server as much as a test.
        """
        pool = engine(self.url).pool
        with engine(self.url).begin() as connection:
            pool.dispose()
            connection.execute(text(_DISCONNECT))
            if connection.scalar(text(_SHAPE)) != self._shape:
                return False
            connection.execute(text(EMPTY))
        return True


_SHAPE = """
select sum(hashtext(concat_ws(' ', c.relname, c.relkind, c.relpersistence, a.attname, a.atttypid, a.attnotnull)))::text
       || (select count(*) from pg_constraint) || (select count(*) from pg_trigger)
       || (select count(*) from pg_db_role_setting) || (select string_agg(version_num, ',') from alembic_version)
  from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace"""
"""What the tables, indexes and views are, as one short text."""

_DISCONNECT = """
discard temp;
do $$ begin
  perform pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and usename = current_user and pid <> pg_backend_pid();
end $$"""

EMPTY = """
do $$ declare
  names text;
begin
  -- A table that was truncated has no pages until something is stored.
  select string_agg(format('%I', relname), ',') into names from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'
      and pg_relation_size(oid) > 0;
  perform set_config('cmdb.audit_retention', 'on', true);
  if names is not null then execute 'truncate ' || names || ' restart identity cascade'; end if;
  drop schema if exists cmdb_staging cascade;
end $$"""
