"""Atomic writes: a file is written under a hidden name and renamed when it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from schemas.errors import UsageError
from tasks.private_files import apply_umask


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a hidden path next to `path` to write to, which replaces `path` at the end; after an error it is deleted."""
    if not path.parent.is_dir():
        raise UsageError(f"Folder not found: '{path.parent}'.", path=path.parent)
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder: name a file.", path=path)
    hidden = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        yield hidden
        apply_umask(hidden)
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
