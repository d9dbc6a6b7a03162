"""The folder of an embedded PostgreSQL server: where it is, who owns it, and its lock files."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from schemas.errors import UsageError
from tasks.store.connection import roles

if sys.platform != "win32":
    import fcntl
    import pwd

PORT = 5432  # only names the socket: no two servers share a folder, and none listens on TCP
_SOCKET_PATH = 103  # bytes, on macOS; Linux allows 107


@dataclass(frozen=True)
class ServerFolder:
    """Where one server lives; `owner` (user, group) runs it when we are root, whom PostgreSQL refuses."""

    folder: Path
    owner: tuple[int, int] | None

    @property
    def data(self) -> Path:
        """The data directory of PostgreSQL."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The log of the server."""
        return self.data / "server.log"

    @property
    def major(self) -> int | None:
        """The version that wrote the data, once there are any."""
        kept = self.data / "PG_VERSION"
        return int(kept.read_text()) if kept.exists() else None

    @property
    def socket(self) -> Path:
        """The data folder, or a short one when its path is no socket's or, having a comma, no libpq's."""
        if len(os.fsencode(self.data)) + len(f"/.s.PGSQL.{PORT}") <= _SOCKET_PATH and "," not in str(self.data):
            return self.data
        # TMPDIR may be long too, and differ between the processes that share a server.
        return Path("/tmp", f"cmdb-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]}")  # noqa: S108

    @property
    def url(self) -> str:
        """The URL of the database `cmdb`, through the socket of the server."""
        return f"postgresql+psycopg2://{roles.ROLE}@/cmdb?host={quote(os.fsencode(self.socket))}&port={PORT}"


def server_folder(home: Path) -> ServerFolder:
    """Return the folder of the server under `home`, which it makes; raises UsageError where it cannot be used."""
    if sys.platform == "win32":
        raise UsageError("No embedded database is available on Windows: set CMDB_DATABASE_URL to a PostgreSQL server.")
    folder = home.resolve() / "postgres"
    try:
        _make_folders(folder)
        _allow_passage(folder.parent, folder)
        return ServerFolder(folder, _server_user(folder) if os.geteuid() == 0 else None)
    except OSError as error:
        raise unusable_folder(folder, error) from error


def _make_folders(folder: Path) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _allow_passage(*folders: Path) -> None:
    """Let PostgreSQL's user pass through folders of root, whatever root's umask was; it reads none of them."""
    for folder in folders if os.geteuid() == 0 else ():
        found = folder.stat()
        if found.st_uid == 0 and not found.st_mode & 0o001:
            folder.chmod(found.st_mode | 0o011)


def _server_user(folder: Path) -> tuple[int, int]:
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


def unusable_folder(folder: Path, error: OSError) -> UsageError:
    """Return the error that says why a folder cannot be used, and how to fix it."""
    return UsageError(
        f"The embedded database cannot be stored in {folder} ({error.strerror or error}): "
        "run as the user that owns it, or set CMDB_HOME to a folder that you may write to.",
        path=folder,
    )


@contextmanager
def file_lock(path: Path, how: int) -> Iterator[int | None]:
    """Hold a lock file; gives its descriptor, or None when others hold it and `how` says not to wait."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable_folder(path.parent, error) from error
    try:
        try:
            fcntl.flock(descriptor, how)
            got = True
        except BlockingIOError:
            got = False
        yield descriptor if got else None
    finally:
        os.close(descriptor)  # never LOCK_UN: that would take the lock from the server, too


def make_socket_folder(place: ServerFolder) -> None:
    """Make the short folder ours: who made it before us could stand between us and the server."""
    if place.socket == place.data:
        return
    with suppress(FileExistsError):
        place.socket.mkdir(mode=0o700)
    found = place.socket.lstat()
    if place.owner and found.st_uid == 0:
        os.chown(place.socket, *place.owner, follow_symlinks=False)
    elif found.st_uid != (place.owner[0] if place.owner else os.geteuid()) or found.st_mode != 0o40700:
        raise UsageError(
            f"{place.socket} is not private to this user: remove it, or set CMDB_HOME to a shorter path.",
            path=place.socket,
        )


def refuse_closed_folders(place: ServerFolder) -> None:
    """Raise UsageError where the user that runs the server may not enter its folder."""
    if place.owner is None:
        return
    user, group = place.owner
    for folder in (place.folder, *place.folder.parents):
        found = folder.stat()
        enter = 0o100 if found.st_uid == user else 0o010 if found.st_gid == group else 0o001
        if not found.st_mode & enter:
            raise UsageError(
                f"PostgreSQL cannot run as root, and the user it runs as cannot access {folder}: "
                f"set CMDB_HOME to a folder elsewhere, or let others pass (chmod a+x {folder}).",
                path=folder,
            )


def make_private(folder: Path, place: ServerFolder) -> None:
    """Let a folder and all in it be for the user alone who runs the server."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        path.chmod(path.stat().st_mode & 0o700)
        if place.owner:
            os.chown(path, *place.owner)
