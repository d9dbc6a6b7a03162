"""Delimited text in chunks: a few megabytes of whole records, read as bytes.

Polars maps a file that it scans by itself, and reads ahead as it likes: of a large file, that is most of the memory
that an import takes. Here a piece and its frame are all there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from schemas.sources import ROW
from tasks.plain_text import plain_text

_CHUNK = 8 << 20


def scan_chunks(path: Path, skip: int, row: int, columns: tuple[str, ...], **options: Any) -> pl.LazyFrame:
    """Return the records of a file after `skip` lines as text columns, with their rows from `row` on.

    `options` are those of `polars.scan_csv`. Without a `quote_char`, each line is a record.
    """
    quoted = options.get("quote_char", '"') is not None
    schema = dict.fromkeys(columns, pl.String)
    how = {"has_header": False, "schema": schema, "row_index_name": ROW, "glob": False, **options}

    def frames(
        wanted: list[str] | None, predicate: pl.Expr | None, most: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        first, left = row, most
        for chunk in _record_chunks(path, skip, quoted=quoted):
            frame = pl.scan_csv(plain_text(chunk), row_index_offset=first, **how).collect(engine="streaming")
            first += len(frame)
            if left is not None:
                frame = frame.head(left)
                left -= len(frame)
            if wanted is not None:
                frame = frame.select(wanted)
            if predicate is not None:
                frame = frame.filter(predicate)
            yield frame
            if left == 0:
                return

    return register_io_source(frames, schema={ROW: pl.UInt32, **schema}, explain_name="chunks")


def _record_chunks(path: Path, skip: int, *, quoted: bool) -> Iterator[bytes]:
    """Read on to the end of a record each time; one that is longer than a chunk makes a larger one."""
    with path.open("rb") as file:
        for _ in range(skip):
            file.readline()
        rest = b""
        while data := file.read(max(_CHUNK, len(rest))):
            chunk = rest + data
            end = _end(chunk) if quoted else chunk.rfind(b"\n") + 1
            rest = chunk[end:]
            if end:
                yield chunk[:end]
        if rest:
            yield rest


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
