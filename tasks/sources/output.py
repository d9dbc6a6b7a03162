"""What a source writes into the run's folder: names that are safe, records as lines of JSON, nothing too large."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson

from schemas.errors import SourceError
from tasks.atomic_write import atomic_path

_LONGEST = 100


def free_path(folder: Path, name: str) -> Path:
    """Return a path in the folder that is not taken, called as much like `name` as is safe; a name is never a path."""
    folder.mkdir(parents=True, exist_ok=True)
    last = PurePosixPath(name.replace("\\", "/")).name
    safe = re.sub(r"[^\w.() -]", "_", last).strip(". ")[-_LONGEST:] or "file"
    path, copy = folder / safe, 1
    while path.exists():
        copy += 1
        path = folder / f"{copy}-{safe}"
    return path


class Lines:
    """A file of records, one JSON object a line, that ends where it would be larger than is read."""

    def __init__(self, file: IO[bytes], name: str, limit: int) -> None:
        self.count = 0
        self.size = 0
        self._file = file
        self._name = name
        self._limit = limit

    def write(self, record: dict[str, Any]) -> None:
        """Add a record."""
        line = _line(record)
        self.size += len(line)
        refuse_size(self._name, self.size, self._limit)
        self._file.write(line)
        self.count += 1


@contextmanager
def lines(path: Path, name: str, limit: int) -> Iterator[Lines]:
    """Give a file of records to write, which is there when it is whole."""
    with atomic_path(path) as hidden, hidden.open("wb") as file:
        yield Lines(file, name, limit)


def refuse_size(name: str, size: int, limit: int) -> None:
    """Refuse what is larger than any source that is read."""
    if size > limit:
        raise SourceError(
            f"{name} has more than {limit >> 20:,} MB, the most that is read: narrow it, or raise CMDB_MAX_FILE_MB.",
            limit=limit,
        )


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, default=_plain, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Whole numbers of more than 64 bits.
        return json.dumps(record, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    """The values of databases and clients as JSON has them; what has no form of its own there is text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
