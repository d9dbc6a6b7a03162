"""Any PostgreSQL that people are given: roles without rights, TLS, parameters of libpq, and pools in between."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psycopg2
import pytest
from pydantic import SecretStr

from deployments.prefect_database import prefect_database
from deployments.server import free_port
from schemas.errors import DatabaseDown, UsageError
from schemas.settings import Settings
from tasks.store.connection.database import database
from tasks.store.connection.engine import close_engine
from tests.api.system import Start, execute, follow
from tests.certificates import self_signed
from tests.conftest import needs
from tests.postgres import ForeignServer, foreign_server
from tests.support import importer, stored, vpc, write_csv
from tests.waiting import wait_until

UTF8 = "encoding 'UTF8' template template0"

PASSWORD = "p@ss:w/rd"  # noqa: S105 - of a server of one test


@pytest.fixture
def own_postgres(home: Path) -> Iterator[ForeignServer]:
    """A server with an ordinary role, `netops`, that owns the database `cmdb` and may create no other."""
    with foreign_server(home) as server:
        server.run(f"create role netops login password '{PASSWORD}'", f"create database cmdb owner netops {UTF8}")
        yield server


def address(server: ForeignServer, **parameters: str) -> str:
    """Return the address of the database as a provider writes it."""
    return f"postgres://netops:p%40ss%3Aw%2Frd@127.0.0.1:{server.port}/cmdb?{urlencode(parameters)}"


def with_database(url: str, home: Path) -> Settings:
    """Return settings that name a database."""
    return Settings(database_url=SecretStr(url), home=home)


def test_the_whole_system_over_verified_tls(
    own_postgres: ForeignServer, start_system: Start, home: Path, tmp_path: Path
) -> None:
    """Every connection is encrypted, Prefect's too, whatever parameters of libpq the address has."""
    own_postgres.run(f"create database prefect owner netops {UTF8}")
    parameters = {
        "sslmode": "verify-full",
        "sslrootcert": str(own_postgres.certificate),
        "connect_timeout": "20",
        "application_name": "inventory",
        "options": "-c statement_timeout=600000",
        "keepalives_idle": "10",
        "channel_binding": "prefer",
    }
    with start_system(address(own_postgres, **parameters), home, CMDB_PREFECT_DATABASE="prefect") as system:
        with system.client() as client:
            run = execute(client, write_csv(tmp_path / "vpcs.csv", [vpc(1)]))
            assert follow(client, run)[-1]["status"] == "completed"
        found = own_postgres.rows(
            "select distinct datname, ssl, application_name from pg_stat_ssl join pg_stat_activity using (pid)"
            " where client_addr is not null"
        )
        assert set(found) == {("cmdb", True, "inventory"), ("prefect", True, "inventory")}
        assert "without channel_binding, keepalives_idle: its driver" in (system.home / "up.log").read_text()
        assert "Traceback" not in (system.home / "prefect" / "server.log").read_text()


def test_another_authority_is_not_believed(own_postgres: ForeignServer, home: Path, tmp_path: Path) -> None:
    """With `verify-full`, a server that shows another certificate gets no password."""
    other, _ = self_signed(tmp_path)
    url = address(own_postgres, sslmode="verify-full", sslrootcert=str(other))
    with pytest.raises(DatabaseDown, match="certificate verify failed"), database(with_database(url, home)):
        pass


def test_a_role_that_may_not_create_databases(own_postgres: ForeignServer, home: Path) -> None:
    """The error has the statement that an administrator runs; then Prefect's database is used."""
    settings = with_database(address(own_postgres), home)
    url = str(settings.database_url and settings.database_url.get_secret_value())
    statement = 'CREATE DATABASE "prefect" OWNER "netops";'
    with pytest.raises(UsageError, match=statement):
        prefect_database(settings, url)
    own_postgres.run(statement)
    [there] = prefect_database(settings, url).values()
    assert there.startswith("postgresql+asyncpg://netops:")
    elsewhere = settings.model_copy(
        update={"prefect_database_url": SecretStr("postgresql://p@db.example/orchestration")}
    )
    assert list(prefect_database(elsewhere, url).values()) == ["postgresql+asyncpg://p@db.example/orchestration"]
    close_engine(url)


def test_the_certificates_of_the_machine(home: Path) -> None:
    """`sslrootcert=system`, which the driver does not know, becomes a setting of Prefect."""
    url = "postgresql://p@db.example/prefect?sslmode=verify-full&sslrootcert=system&connect_timeout=7&options=-c%20x.y%3D1"
    settings = with_database("", home).model_copy(update={"prefect_database_url": SecretStr(url)})
    assert prefect_database(settings, "") == {
        "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://p@db.example/prefect?options=-c+x.y%3D1",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "7",
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_CONNECT_ARGS_TLS_ENABLED": "true",
    }


def test_a_role_that_may_not_create_tables(own_postgres: ForeignServer, home: Path) -> None:
    """The error has the statement that an administrator runs, and nothing is left half-made."""
    own_postgres.run("create role guest login password 'x'")
    own_postgres.run("revoke create on schema public from public", database="cmdb")  # which PostgreSQL 14 grants
    settings = with_database(address(own_postgres).replace("netops:p%40ss%3Aw%2Frd", "guest:x"), home)
    statement = 'GRANT CREATE ON SCHEMA public TO "guest";'
    with pytest.raises(UsageError, match=statement), database(settings):
        pass
    own_postgres.run(statement, database="cmdb")
    with database(settings) as url:
        assert stored(url, "vpc") == []
        close_engine(url)


def test_a_database_that_cannot_hold_every_text(own_postgres: ForeignServer, home: Path) -> None:
    """It is refused before it has tables: an import would fail at the first letter that it lacks."""
    own_postgres.run("create database old owner netops encoding 'SQL_ASCII' template template0")
    url = address(own_postgres).replace("/cmdb", "/old")
    with pytest.raises(UsageError, match='"old" keeps texts as SQL_ASCII'), database(with_database(url, home)):
        pass


@contextmanager
def pool(server: ForeignServer, mode: str) -> Iterator[str]:
    """Run PgBouncer in front of a server while this lasts; gives the address of the database through it."""
    port, folder = free_port(), server.place.folder / "pool"
    folder.mkdir()
    (folder / "users").write_text(f'"netops" "{PASSWORD}"\n')
    lines = [
        *("[databases]", f"* = host=127.0.0.1 port={server.port}", "[pgbouncer]", "listen_addr = 127.0.0.1"),
        *(f"listen_port = {port}", f"pool_mode = {mode}", "auth_type = scram-sha-256", f"auth_file = {folder}/users"),
        *("unix_socket_dir =", "ignore_startup_parameters = extra_float_digits"),
    ]
    (folder / "pool.ini").write_text("\n".join(lines))
    owner = server.place.owner or (os.geteuid(), os.getegid())
    for path in (folder, *folder.iterdir()):
        os.chown(path, *owner)
    command = [needs("pgbouncer"), "-q", str(folder / "pool.ini")]
    user, group = server.place.owner or (None, None)
    log = (folder / "log").open("wb")
    with log, subprocess.Popen(command, stderr=log, cwd="/", user=user, group=group) as process:
        try:

            def listens() -> bool:
                assert process.poll() is None, (folder / "log").read_text()
                with socket.socket() as tried:
                    return tried.connect_ex(("127.0.0.1", port)) == 0

            wait_until(listens)
            yield f"postgresql://netops:p%40ss%3Aw%2Frd@127.0.0.1:{port}/cmdb"
        finally:
            process.kill()


def test_a_pool_that_shares_sessions_is_refused(own_postgres: ForeignServer, home: Path) -> None:
    """The locks of a run would be those of another one; also while others use the pool."""
    with pool(own_postgres, "transaction") as url, closing(psycopg2.connect(url)):
        with pytest.raises(UsageError, match="pool_mode=session"), database(with_database(url, home)):
            pass
        close_engine(url)


def test_a_pool_of_sessions_is_used(own_postgres: ForeignServer, home: Path, tmp_path: Path) -> None:
    """Nothing is shared there before a client leaves."""
    with pool(own_postgres, "session") as url, database(with_database(url, home)) as ready:
        importer(ready, tmp_path)([vpc(1)])
        assert len(stored(ready, "vpc")) == 1
        close_engine(ready)
