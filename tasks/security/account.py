"""The account that cmdb goes on as where root starts it: no process of it has root's rights then.

Only what cmdb itself makes is handed over, and nothing is followed on the way: a link leads nowhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import UsageError
from schemas.settings import Settings

if sys.platform != "win32":
    import fcntl
    import pwd

VARIABLE = "CMDB_USER"
"""The variable of the setting."""

_OF_HOME = ("postgres", "prefect", "logs", "tmp", "storage")
_OF_STORAGE = ("uploads", "exports", "rejects", "owners")


def leave_root(settings: Settings) -> None:
    """Go on as the account of CMDB_USER, which gets the folders of cmdb; does nothing where none is named.

    Raises UsageError where this process may not become that account, or the account cannot run cmdb.
    """
    if settings.user is None:
        return
    if sys.platform == "win32":
        raise UsageError(f"There are no accounts to change to on Windows: leave {VARIABLE} out.")
    account = _account(settings.user)
    if os.geteuid() == account.pw_uid:
        return
    if os.geteuid() != 0:
        raise UsageError(f"{VARIABLE} is {settings.user}, and only root can run cmdb as another user: leave it out.")
    _hand_over(settings, account.pw_uid, account.pw_gid)
    os.initgroups(account.pw_name, account.pw_gid)
    _check_reach(settings, account.pw_uid, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    own = account.pw_dir if os.access(account.pw_dir, os.W_OK | os.X_OK) else str(settings.home)
    # Without CMDB_HOME, an account's home is another one than root's.
    os.environ.update(HOME=own, USER=account.pw_name, LOGNAME=account.pw_name, CMDB_HOME=str(settings.home))


def runs_as_root() -> bool:
    """Whether this process has root's rights."""
    return sys.platform != "win32" and os.geteuid() == 0


if sys.platform != "win32":

    def _account(name: str) -> pwd.struct_passwd:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            raise UsageError(
                f"{VARIABLE} is {name}, and there is no such account: create it (useradd --system {name})."
            ) from None
        if account.pw_uid == 0:
            raise UsageError(f"{VARIABLE} is {name}, which is root: name an account without its rights.")
        return account

    def _hand_over(settings: Settings, user: int, group: int) -> None:
        """Give the folders of cmdb to an account; what belongs to it already is left as it is."""
        try:
            for folder in (settings.home, settings.storage):
                if not folder.is_dir():
                    folder.mkdir(parents=True, mode=0o700)
            if settings.home.stat().st_uid != user:
                _refuse_used(settings.home)
                for path, descriptor in _inside(settings.home, _OF_HOME):
                    os.chown(path, user, group, dir_fd=descriptor, follow_symlinks=False)
            if settings.storage.stat().st_uid != user:
                for path, descriptor in _inside(settings.storage, _OF_STORAGE):
                    os.chown(path, user, group, dir_fd=descriptor, follow_symlinks=False)
            # Last of all: what is interrupted before is done by the next start.
            for folder in (settings.storage, settings.home):
                os.chown(folder, user, group, follow_symlinks=False)
        except OSError as error:
            raise UsageError(
                f"The folders of cmdb can't be given to the account of {VARIABLE}: {error.strerror or error} "
                f"({error.filename})."
            ) from error

    def _inside(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        """Yield each file and folder below those of a folder, with the descriptor of the folder that it is in."""
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in names:
                if not os.path.lexists(folder / name):
                    continue
                for _, folders, files, descriptor in os.fwalk(name, dir_fd=top, follow_symlinks=False):
                    for each in (*folders, *files):
                        yield each, descriptor
                yield name, top
        finally:
            os.close(top)

    def _refuse_used(home: Path) -> None:
        """Refuse to give away the folder of a database that another process uses."""
        users = home / "postgres" / "users"
        if not users.exists():
            return
        with users.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"Another cmdb, which runs as root, uses {home}: stop it, then start this one again."
                ) from None

    def _check_reach(settings: Settings, user: int, group: int) -> None:
        """Refuse an account that could not start a process of cmdb, or keep anything."""
        needed = {Path(sys.executable): os.X_OK, Path(os.__file__): os.R_OK, Path(__file__): os.R_OK}
        needed |= {settings.home: os.W_OK | os.X_OK, settings.storage: os.W_OK | os.X_OK}
        os.setegid(group)
        os.seteuid(user)
        try:
            closed = [path for path, mode in needed.items() if not os.access(path, mode, effective_ids=True)]
        finally:
            os.seteuid(0)
            os.setegid(0)
        if closed:
            raise UsageError(
                f"The account of {VARIABLE}, {settings.user}, can't use {closed[0].resolve()}: "
                "install cmdb, and set CMDB_HOME and CMDB_STORAGE_URL, where it can."
            )
