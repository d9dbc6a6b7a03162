"""Files of this machine: one, a folder of them, or all that fit a pattern."""

from __future__ import annotations

import errno
import glob
import os
import stat
from pathlib import Path
from urllib.parse import unquote

from schemas.errors import SourceError, UsageError
from schemas.fetched import Fetched
from schemas.settings import Settings
from tasks.sources.base import Connector, Request
from tasks.sources.file_listing import Entry, copied, fetch_listed

_FULL = (errno.ENOSPC, errno.EDQUOT)


def fetch(request: Request) -> Fetched | None:
    """Copy the files, so that what is imported is what was found, whoever writes on."""
    pattern = local_path(request.url)
    base, found = _matching_files(pattern)
    entries = [entry for path in found if (entry := _entry(base, path, request.settings))]

    def copy(entry: Entry, target: Path) -> None:
        try:
            # Before it is opened: opening a pipe waits for its writer.
            _refuse_special(Path(entry.key).stat(), entry.name)
            with Path(entry.key).open("rb") as file:
                copied(file, target, entry.name, request)
                status = os.fstat(file.fileno())
        except OSError as error:
            if error.errno in _FULL:
                raise
            raise SourceError(
                f"{entry.name} cannot be read: {(error.strerror or str(error)).lower()}.", file=entry.name
            ) from error
        if _state(status) != entry.state:
            raise SourceError(
                f"{entry.name} was changed while it was read: it is read whole at the next sync.", file=entry.name
            )

    return fetch_listed(request, entries, copy)


def local_path(url: str) -> str:
    """Return the path of a file:// address, or of what is a path already; it may hold a pattern, so `?` is a sign."""
    if not url.lower().startswith("file:"):
        return str(Path(url).expanduser())
    path = url[len("file:") :]
    if path.startswith("//"):
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise UsageError(f"file://{host}/… names another machine: write file:///folder/file, with three slashes.")
        path = slash + rest
    return unquote(path)


def _matching_files(pattern: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the paths that match; hidden files do not."""
    path = Path(pattern)
    if path.is_dir():
        return path, [inner for inner in path.iterdir() if not inner.name.startswith(".")]
    if os.path.lexists(path) or not glob.has_magic(pattern):
        return path.parent, [path] if os.path.lexists(path) else []
    fixed = Path(*_until_magic(path.parts))
    return fixed, [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207  # passes over hidden files


def _until_magic(parts: tuple[str, ...]) -> list[str]:
    count = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return list(parts[:count])


def _entry(base: Path, path: Path, settings: Settings) -> Entry | None:
    """The file at a path; one that can't be looked at is an entry that fails when it is copied. Folders are none."""
    refuse_elsewhere(path, settings)
    name = str(path.relative_to(base)) if path.is_relative_to(base) else path.name
    try:
        status = path.stat()
    except OSError:
        return Entry(name, str(path), 1, "")
    if stat.S_ISDIR(status.st_mode):
        return None
    # A device or a pipe has no size, and is refused when it is copied.
    size = status.st_size if stat.S_ISREG(status.st_mode) else 1
    return Entry(name, str(path), size, _state(status))


def _state(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}:{status.st_size}:{status.st_ino}"


def _refuse_special(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{name} is a device or a pipe, not a file.")


def refuse_elsewhere(path: Path, settings: Settings) -> None:
    """Refuse a path outside of the folders of CMDB_SOURCE_FOLDERS, links followed; any is right where none is named."""
    folders = settings.source_folders
    if folders and not any(path.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise UsageError(f"'{path}' is in none of the folders that may be read: see CMDB_SOURCE_FOLDERS.")


FILES = Connector("file", "Files of this machine", ("file",), "file:///srv/network/*.csv", fetch)
