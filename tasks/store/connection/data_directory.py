"""The data directory of an embedded PostgreSQL server: creating it, its roles and its access rules."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from tasks.store.connection import roles
from tasks.store.connection.server_folder import ServerFolder
from tasks.store.connection.server_programs import run_program


def initialise(place: ServerFolder, programs: Path, alive: int, *, durable: bool) -> None:
    """Make the data folder under another name first: half of one, left by a crash, looks like a whole one."""
    new = place.folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if place.owner:
        os.chown(new, *place.owner)
    # Collation by bytes is the fast one; character types are what make an Ü match an ü.
    locale = ["--locale=C", "--lc-ctype=C.UTF-8"] if sys.platform == "linux" else ["--locale=C"]
    access = ["-U", roles.SUPERUSER, "--auth-local=reject", "--auth-host=reject"]
    sync = [] if durable else ["--no-sync"]
    run_program(place, programs / "initdb", "-D", new, "-E", "UTF8", *locale, *access, *sync, alive=alive)
    _run_single_user(place, programs, new, "postgres", roles.create(), alive)
    _write_access_rules(place, new)
    new.rename(place.data)
    folder = os.open(place.folder, os.O_RDONLY)
    os.fsync(folder)  # or a crash might bring the old name back, and with it a fresh start
    os.close(folder)


def transfer_ownership(place: ServerFolder, programs: Path, alive: int) -> None:
    """Give the databases of a server whose superuser was the application to the ordinary role, once.

    Each step may be repeated, and the access rules are written last: what a crash interrupts is done by the next start.
    """
    for stale in place.data.glob("postmaster.pid"):
        stale.unlink()  # we hold `alive`
    found = _run_single_user(place, programs, place.data, "postgres", [*roles.create(), roles.DATABASES], alive)
    for name in sorted(set(re.findall(r'datname = "([^"]+)"', found))):
        _run_single_user(place, programs, place.data, name, roles.transfer(), alive)
    _write_access_rules(place, place.data)


def _run_single_user(
    place: ServerFolder, programs: Path, data: Path, database: str, statements: list[str], alive: int
) -> str:
    """Run statements as the superuser, one a line, in a process that nobody can connect to; returns its output."""
    command: list[str | Path] = [
        "--single",
        "-D",
        data,
        "-c",
        "exit_on_error=on",
        "-c",
        "log_checkpoints=off",
        database,
    ]
    script = "".join(f"{statement}\n" for statement in statements)
    return run_program(place, programs / "postgres", *command, alive=alive, standard_input=script)


def _write_access_rules(place: ServerFolder, data: Path) -> None:
    """Let the ordinary role in, by the socket alone; whoever may enter the folder is trusted."""
    access, new = data / "pg_hba.conf", data / "pg_hba.new"
    new.write_text(roles.ACCESS)
    new.chmod(0o600)
    if place.owner:
        os.chown(new, *place.owner)
    new.replace(access)
