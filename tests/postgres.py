"""A PostgreSQL server of a test's own, as somebody else runs one: with a superuser, TCP, TLS, roles and passwords."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, NullPool, create_engine, text

from deployments.server import free_port
from tasks.store.connection.server_folder import ServerFolder, make_private, make_socket_folder, server_folder
from tasks.store.connection.server_programs import call_program, find_programs
from tests.certificates import self_signed
from tests.support import execute

SUPERUSER = "postgres"

PROGRAMS = Path(os.environ["CMDB_TEST_POSTGRES_BIN"]) if "CMDB_TEST_POSTGRES_BIN" in os.environ else None
"""The folder of the PostgreSQL programs that the tests use; those of the machine unless it is given."""


@dataclass(frozen=True)
class ForeignServer:
    """A running server: its folder, its programs, its TCP port and the certificate that it shows there."""

    place: ServerFolder
    programs: Path
    port: int
    certificate: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the superuser."""
        with self._connected("postgres") as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each by itself."""
        with self._connected(database) as connection:
            for statement in statements:
                connection.execute(text(statement))

    @contextmanager
    def _connected(self, database: str) -> Iterator[Connection]:
        url = f"postgresql://{SUPERUSER}@/{database}?host={self.place.socket}&port={self.port}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


@contextmanager
def foreign_server(home: Path, *, access: str = "host all all 127.0.0.1/32 scram-sha-256\n") -> Iterator[ForeignServer]:
    """Run a server under `home` while this lasts; `access` is its pg_hba.conf, next to the superuser's own line."""
    place = server_folder(home)
    programs = find_programs(place, PROGRAMS)
    make_socket_folder(place)
    place.data.mkdir()
    make_private(place.data, place)
    _run(place, programs / "initdb", "-U", SUPERUSER, "--auth-local=trust", "--no-sync")
    certificate, key = self_signed(place.data)
    (place.data / "pg_hba.conf").write_text(f"local all all trust\n{access}")
    make_private(place.data, place)
    server = ForeignServer(place, programs, free_port(), home / "ca.pem")
    server.certificate.write_bytes(certificate.read_bytes())
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "ssl": "on",
        "ssl_cert_file": str(certificate),
        "ssl_key_file": str(key),
        "fsync": "off",
        "unix_socket_directories": str(place.socket),
    }
    given = " ".join(f"-c {name}={value}" for name, value in options.items())
    _run(place, programs / "pg_ctl", "start", "-w", "-l", place.log, "-o", given)
    try:
        yield server
    finally:
        _run(place, programs / "pg_ctl", "stop", "-w", "-m", "fast")


def _run(place: ServerFolder, program: Path, *arguments: str | Path) -> None:
    done = call_program(place, program, *arguments, "-D", place.data)
    assert done.returncode == 0, done.stdout + (place.log.read_text() if place.log.exists() else "")


def restart_postgres(url: str) -> None:
    """Let PostgreSQL crash and start again, as after a power cut."""
    [(folder,)] = execute(url, "show data_directory")
    owner = Path(folder).stat()
    pid = int(Path(folder, "postmaster.pid").read_text().splitlines()[0])
    programs = Path(psutil.Process(pid).exe()).parent
    command = [programs / "pg_ctl", "restart", "-D", folder, "-m", "immediate", "-w", "-l", f"{folder}/restarted.log"]
    subprocess.run(command, check=True, capture_output=True, user=owner.st_uid, group=owner.st_gid, cwd="/", timeout=60)
