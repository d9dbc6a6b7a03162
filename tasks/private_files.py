"""Private files: whatever cmdb keeps is for its own user alone, whatever the umask of whoever starts it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from schemas.settings import OUTER_UMASK, Settings, outer_umask

_CLOSED = 0o077


def keep_private() -> None:
    """Let what this process and those that it starts create be private."""
    outer = os.umask(_CLOSED)
    os.environ.setdefault(OUTER_UMASK, f"{outer:o}")


def apply_umask(path: Path) -> None:
    """Give a file that is written where others may look, such as an export, the mode of the caller's umask."""
    outer = outer_umask()
    if outer is not None and path.parent.stat().st_mode & _CLOSED & ~0o011:
        path.chmod(0o666 & ~outer)


def close_folders(settings: Settings) -> None:
    """Close the folders that an earlier version left open to others; what others own is left as it is."""
    for root in (settings.home, settings.storage):
        for folder in (root, *_inside(root)):
            # PostgreSQL's user passes through folders of root, and reads none.
            kept = 0o711 if os.geteuid() == 0 and folder in (settings.home, settings.home / "postgres") else 0o700
            _close(folder, kept)


def _inside(root: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]
    return []


def _close(folder: Path, kept: int) -> None:
    with suppress(OSError):
        found = folder.stat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o777 & ~kept:
            folder.chmod(found.st_mode & kept)
