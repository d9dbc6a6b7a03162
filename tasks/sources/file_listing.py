"""Sources that are lists of files: which are new, which can't be read, and the others copied."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from schemas.errors import CmdbError, SourceError
from schemas.fetched import Fetched, FetchedFile, Unread
from schemas.issues import Issue
from tasks.atomic_write import atomic_path
from tasks.sources.base import Request
from tasks.sources.output import free_path, refuse_size

MOST = 10_000
"""The most files of one source."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """A file as it is listed: what it is called, where it is, and the state that shows whether it has changed."""

    name: str
    key: str
    size: int
    state: str


Copy = Callable[[Entry, Path], None]
"""Copies the file of an entry to a path; raises CmdbError with what is wrong."""


def fetch_listed(request: Request, entries: list[Entry], copy: Copy) -> Fetched | None:
    """Copy the files of a list, unless it is the list that is known."""
    if not entries:
        raise SourceError(f"{request.shown} has no file: is it spelt right? Name a folder, or a pattern such as *.csv.")
    if len(entries) > MOST:
        raise SourceError(f"{request.shown} has more than {MOST:,} files: narrow the pattern.", limit=MOST)
    entries = sorted(entries, key=lambda entry: entry.name)
    version = hashlib.sha256(repr([(entry.name, entry.state, entry.size) for entry in entries]).encode()).hexdigest()
    if version == request.known:
        return None
    files: list[FetchedFile] = []
    failures: list[Issue] = []
    size = 0
    for entry in entries:
        path = free_path(request.folder, entry.name)
        try:
            _copy(request, entry, path, copy)
        except CmdbError as error:
            failures.append(Issue("file", error.message, value=entry.name))
            continue
        size += path.stat().st_size
        files.append(FetchedFile(path, entry.name, request.only))
        request.progress(len(files), 0, size)
    unread = tuple(Unread(issue.message, request.only) for issue in failures)
    return Fetched(tuple(files), version, tuple(failures), unread=unread)


def _copy(request: Request, entry: Entry, path: Path, copy: Copy) -> None:
    refuse_size(entry.name, entry.size, request.limit)
    if entry.size == 0:
        raise SourceError(f"{entry.name} is empty: is it still being written?", file=entry.name)
    with atomic_path(path) as hidden:
        copy(entry, hidden)
        if hidden.stat().st_size != entry.size:
            raise SourceError(
                f"{entry.name} was changed while it was read: it is read whole at the next sync.", file=entry.name
            )


def copied(source: IO[bytes], target: Path, name: str, request: Request) -> None:
    """Copy a stream to a file within the limits of size and time."""
    size = 0
    with target.open("wb") as file:
        for chunk in _chunks(source):
            size += len(chunk)
            refuse_size(name, size, request.limit)
            request.refuse_late()
            file.write(chunk)


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
