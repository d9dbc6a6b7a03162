"""Files are written aside and renamed when they are whole, so that nobody ever finds half of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from schemas.errors import UsageError
from tasks.private_files import open_as_asked


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; at the end it takes the place of `path`, after an error it is gone."""
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder '{path.parent}'.")
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder: name a file.")
    hidden = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        yield hidden
        open_as_asked(hidden)
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
