"""Delimited text in chunks: a few megabytes of whole records, read as bytes.

Polars maps a file that it scans by itself, and reads ahead as it likes: of a large file, that is most of the memory
that an import takes. Here a chunk and its frame are all there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from schemas.sources import ROW
from tasks.formats.chunked import Chunked, Start, Starts
from tasks.plain_text import plain_text

_CHUNK = 8 << 20


@dataclass(frozen=True)
class Chunks(Chunked):
    """The records of a file as text columns, a chunk at a time, for Polars to scan; it can be pickled.

    `options` are those of `polars.scan_csv`; without a `quote_char`, each line is a record.
    """

    options: dict[str, Any]

    @property
    def counted(self) -> tuple[Starts, int]:
        """Where each chunk of the file begins, and how many records there are."""
        offset, row = self.starts[0].offset, self.starts[0].row
        starts: list[Start] = []
        with self.path.open("rb") as file:
            for chunk in _record_chunks(file, offset, None, quoted=self._is_quoted):
                starts.append(Start(offset, row))
                offset += len(chunk)
                row += len(self._read(chunk, row))
        return (tuple(starts) or self.starts), row - self.starts[0].row

    def frames_between(self, start: Start, after: Start | None) -> Iterator[pl.DataFrame]:
        """Read the records from one start up to another, or to the end of the file."""
        row = start.row
        with self.path.open("rb") as file:
            for chunk in _record_chunks(file, start.offset, after.offset if after else None, quoted=self._is_quoted):
                frame = self._read(chunk, row)
                row += len(frame)
                yield frame

    def _read(self, chunk: bytes, row: int) -> pl.DataFrame:
        scan = pl.scan_csv(
            plain_text(chunk),
            has_header=False,
            schema=self.text_schema,
            row_index_name=ROW,
            row_index_offset=row,
            glob=False,
            **self.options,
        )
        return scan.collect(engine="streaming")

    @property
    def _is_quoted(self) -> bool:
        return self.options.get("quote_char", '"') is not None


def start_after(path: Path, lines: int, row: int) -> Start:
    """Return where the record after so many lines begins, whose row number is given."""
    with path.open("rb") as file:
        for _ in range(lines):
            file.readline()
        return Start(file.tell(), row)


def _record_chunks(file: IO[bytes], offset: int, end: int | None, *, quoted: bool) -> Iterator[bytes]:
    """Read on to the end of a record each time, up to an offset; one that is longer than a chunk makes a larger one."""
    file.seek(offset)
    rest = b""
    while data := file.read(_limited(max(_CHUNK, len(rest)), file.tell(), end)):
        chunk = rest + data
        whole = _end(chunk) if quoted else chunk.rfind(b"\n") + 1
        rest = chunk[whole:]
        if whole:
            yield chunk[:whole]
    if rest:
        yield rest


def _limited(size: int, at: int, end: int | None) -> int:
    return size if end is None else min(size, end - at)


def _end(chunk: bytes) -> int:
    """Where the last whole record ends: at a line feed with pairs of quotes before it."""
    end = len(chunk)
    quotes = chunk.count(b'"')
    while (feed := chunk.rfind(b"\n", 0, end)) >= 0:
        quotes -= chunk.count(b'"', feed, end)
        if quotes % 2 == 0:
            return feed + 1
        end = feed
    return 0
