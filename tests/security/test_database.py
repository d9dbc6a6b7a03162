"""The database: the application is an ordinary role of its own server, and no source reads that server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy import make_url

from schemas.errors import DatabaseDown, UsageError
from schemas.settings import settings
from tasks.store.connection import roles
from tasks.store.connection.embedded import server
from tests.flows.support import sync
from tests.support import execute


@pytest.fixture
def own_postgres(home: Path) -> Path:
    """A home in which a test starts servers of its own."""
    return home


def connected(url: str, **other: str) -> psycopg2.extensions.connection:
    """Connect to a server as libpq does, with other parameters than those of the address."""
    address = make_url(url)
    user, name = other.get("user", address.username), other.get("dbname", address.database)
    return psycopg2.connect(host=str(address.query["host"]), port=5432, user=user, dbname=name)


def test_the_application_is_an_ordinary_role(own_postgres: Path) -> None:
    """It can neither read files nor run programs through the server, and nobody can connect as the superuser."""
    with server(own_postgres, durable=False) as url:
        with closing(connected(url)) as connection:
            cursor = connection.cursor()
            cursor.execute("select rolname, rolsuper, rolcreaterole from pg_roles where rolname = current_user")
            assert cursor.fetchone() == ("cmdb_app", False, False)
            for attack in ("select pg_read_file('/etc/passwd')", "copy (select 1) to program 'true'"):
                with pytest.raises(errors.InsufficientPrivilege):
                    cursor.execute(attack)
                connection.rollback()
        for user in ("cmdb", "postgres"):
            with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba\.conf entry"):
                connected(url, user=user, dbname="postgres")


@pytest.fixture
def older(own_postgres: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose server was made by an earlier version, which was its superuser, with something of every kind."""
    with monkeypatch.context() as patch:
        patch.setattr(roles, "create", lambda: ["create database cmdb", "create database prefect"])
        patch.setattr(roles, "ACCESS", "local all all trust\n")
        patch.setattr(roles, "ROLE", "cmdb")
        with server(own_postgres, durable=False) as url:
            for name in ("cmdb", "prefect"):
                execute(url.replace("/cmdb?", f"/{name}?"), _EVERYTHING)
    return own_postgres


_EVERYTHING = """
create extension pg_trgm; create schema inner_one; create table inner_one.a (id serial, n int);
insert into inner_one.a (n) values (7); create type mood as enum ('good'); create domain d as int;
create table b (m mood, id int generated always as identity); create view v as select * from b;
create materialized view w as select 1 as x; create sequence s;
create function f() returns int language sql as 'select 1'
"""


def test_an_older_server_is_taken_from_its_superuser(older: Path) -> None:
    """The next start gives everything to the ordinary role, records and all, which may change all of it; once."""
    for _ in range(2):
        with server(older, durable=False) as url:
            for name in ("cmdb", "prefect"):
                with closing(connected(url, dbname=name)) as connection, connection.cursor() as cursor:
                    cursor.execute("select current_user, n from inner_one.a")
                    assert cursor.fetchone() == ("cmdb_app", 7)
                    for kind, what in (("table", "inner_one.a"), ("table", "b"), ("view", "v"), ("sequence", "s")):
                        cursor.execute(f"alter {kind} {what} rename to another_{what[-1]}")
                    cursor.execute(
                        "alter type mood add value 'better'; drop function f(); drop domain d; "
                        "drop schema inner_one cascade"
                    )
            with pytest.raises(psycopg2.OperationalError):
                connected(url, user="cmdb", dbname="postgres")


def test_a_server_that_an_older_version_runs_is_not_waited_for(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left to whoever uses it, with what to do."""
    with monkeypatch.context() as patch:
        patch.setattr(roles, "ACCESS", "local all all trust\n")
        patch.setattr(roles, "ROLE", "cmdb")
        inner = server(older, durable=False)
        inner.__enter__()
    with pytest.raises(DatabaseDown, match="older cmdb"), server(older, durable=False):
        pass
    inner.__exit__(None, None, None)


@pytest.mark.parametrize("database", ["itself", "postgres"])
def test_no_source_reads_the_server_of_the_cmdb(
    database_url: str, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """Nor another database of it, such as Prefect's, under any spelling of its address; unless a setting allows it."""
    url = make_url(database_url).set(drivername="postgresql")
    other = url if database == "itself" else url.set(database="postgres")
    asked = other.update_query_dict({"query": "select 'vpc-00000001' as vpc_id, '10.0.0.0/16' as cidr_block"})
    address = asked.render_as_string(hide_password=False)
    with pytest.raises(UsageError, match="CMDB_SOURCE_OWN_DATABASE"):
        sync(database_url, address, resource_type="vpc")
    monkeypatch.setenv("CMDB_SOURCE_OWN_DATABASE", "true")
    settings.cache_clear()
    assert sync(database_url, address, resource_type="vpc").counts.create == 1
