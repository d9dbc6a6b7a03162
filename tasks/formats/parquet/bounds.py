"""Bounds on a Parquet file before it is read: what its pages unpack to, by their own headers.

A page of a run of equal values takes a few bytes, however many there are, and a dictionary's text is written once. The
headers are read as Polars reads them (Apache Parquet, parquet.thrift; Thrift compact protocol), and nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from schemas.errors import SourceError
from tasks.formats.base import Source

_MAGIC = b"PAR1"
_LONGEST_FOOTER = 16 << 20
_LONGEST_HEADER = 64 << 10

# What any file may hold, and what a larger one may for each of its bytes: values of one column and of all, bytes of
# pages, and bytes of text. A record has an id, which takes more than a byte; other columns may be empty.
_VALUES, _VALUES_PER_BYTE = 1_000_000, 1
_CELLS, _CELLS_PER_BYTE = 20_000_000, 64
_PAGES, _PAGES_PER_BYTE = 256 << 20, 400
_TEXT, _TEXT_PER_BYTE = 1 << 30, 64

# Pages that take less than this, header included, take longer to walk through than to read.
_MANY_PAGES, _SHORTEST_PAGE = 10_000, 200

Struct = dict[int, Any]


@dataclass
class _Column:
    """What the pages of one column of one row group hold."""

    values: int = 0
    unpacked: int = 0
    dictionary: int = 0
    pages: int = 0


def refuse_expansion(source: Source) -> None:
    """Refuse a Parquet file that takes far more memory than it is large; raises SourceError."""
    size = source.path.stat().st_size
    try:
        columns = list(_columns(source.path, size))
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise SourceError(f"{source.name} is a damaged Parquet file: write it again. ({error})") from error
    by_column: dict[int, int] = {}
    for number, column in columns:
        by_column[number] = by_column.get(number, 0) + column.values
    values = max(by_column.values(), default=0)
    if values > max(_VALUES, _VALUES_PER_BYTE * size):
        _refuse_expansion(source, f"{values:,} values in a column")
    cells = sum(by_column.values())
    if cells > max(_CELLS, _CELLS_PER_BYTE * size):
        _refuse_expansion(source, f"{cells:,} values")
    unpacked = sum(column.unpacked for _, column in columns)
    if unpacked > max(_PAGES, _PAGES_PER_BYTE * size):
        _refuse_expansion(source, f"{unpacked >> 20:,} MB of pages")
    most = max(_TEXT, _TEXT_PER_BYTE * size)
    if sum(column.unpacked + column.dictionary * column.values for _, column in columns) > most:
        _refuse_text(source, most)


def _refuse_expansion(source: Source, what: str) -> None:
    raise SourceError(f"{source.name} unpacks to {what}, as no table of its size does: it is refused.")


def _refuse_text(source: Source, most: int) -> None:
    """Measure text without writing it out: the values of a dictionary are shared."""
    frame = pl.scan_parquet(source.path, glob=False)
    texts = [name for name, dtype in frame.collect_schema().items() if dtype in (pl.String, pl.Binary, pl.Categorical)]
    if not texts:
        return
    lengths = pl.col(texts).cast(pl.Binary).bin.size().cast(pl.UInt64).sum()
    size = int(frame.select(lengths).collect(engine="streaming").sum_horizontal().item() or 0)
    if size > most:
        _refuse_expansion(source, f"{size >> 20:,} MB of text")


# Headers --------------------------------------------------------------------------------------------------------------


def _columns(path: Path, size: int) -> Iterator[tuple[int, _Column]]:
    """The columns of each row group, by their numbers."""
    pages = 0
    with path.open("rb") as file:
        file.seek(max(size - 8, 0))
        tail = file.read(8)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or not 0 < length <= min(size - 8, _LONGEST_FOOTER):
            raise ValueError("its end is not that of a Parquet file")
        file.seek(size - 8 - length)
        for group in _Thrift(file.read(length)).struct().get(4, []):
            for number, chunk in enumerate(group[1]):
                column = _pages(file, chunk[3], size)
                pages += column.pages
                if pages > _MANY_PAGES + size // _SHORTEST_PAGE:
                    raise ValueError("it has more pages than its size needs")
                yield number, column


def _pages(file: IO[bytes], meta: Struct, size: int) -> _Column:
    """Walk through the headers of the pages of a column."""
    found = _Column()
    at = meta.get(11) or meta[9]
    end = min(at + meta[7], size)
    if at < 0:
        raise ValueError("a column begins before the file")
    while at < end:
        file.seek(at)
        thrift = _Thrift(file.read(min(_LONGEST_HEADER, end - at)))
        header = thrift.struct()
        unpacked, packed = header[2], header[3]
        if unpacked < 0 or packed < 0:
            raise ValueError("a page has a size below zero")
        found.pages += 1
        found.unpacked += unpacked
        if found.pages > _MANY_PAGES + size // _SHORTEST_PAGE:
            raise ValueError("it has more pages than its size needs")
        if 7 in header:
            found.dictionary = max(found.dictionary, unpacked)
        for kind in (5, 8):
            found.values += header[kind][1] if kind in header else 0
        at += thrift.at + packed
    return found


class _Thrift:
    """Reads values of Thrift's compact protocol from bytes: structs as dicts of their fields by number."""

    def __init__(self, text: bytes) -> None:
        self.at = 0
        self._text = text

    def struct(self, depth: int = 0) -> Struct:
        """Read a struct; raises ValueError or IndexError for what is none."""
        if depth > _DEEPEST:
            raise ValueError("its metadata is nested too deeply")
        fields: Struct = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._whole()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _WHOLE:
            return self._whole()
        if kind in (_BINARY, _DOUBLE):
            return self._take(self._varint() if kind == _BINARY else 8)
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte() if kind == _BYTE else kind == _TRUE
        if kind in _LISTS:
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError(f"its metadata holds a value of the unknown kind {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        kind = head & 15
        if count > len(self._text) - self.at:
            raise ValueError("its metadata holds a list that is longer than itself")
        if kind in (_TRUE, _FALSE):
            return [self._byte() == _TRUE for _ in range(count)]
        return [self._value(kind, depth) for _ in range(count)]

    def _byte(self) -> int:
        byte = self._text[self.at]
        self.at += 1
        return byte

    def _take(self, count: int) -> bytes:
        if count > len(self._text) - self.at:
            raise ValueError("its metadata is cut off")
        self.at += count
        return self._text[self.at - count : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > _LONGEST_VARINT:
                raise ValueError("its metadata holds a number of more than 64 bits")

    def _whole(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


_DEEPEST = 16
_LONGEST_VARINT = 63
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_WHOLE = (4, 5, 6)
_LISTS = (9, 10)
