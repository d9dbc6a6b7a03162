"""Compound files: the streams of an .xls ([MS-CFB]), and whether its chains of sectors end."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Container, Iterator

_NO_SECTOR, _END_OF_CHAIN, _NO_TABLE = 0xFFFF_FFFA, 0xFFFF_FFFE, 0xFFFF_FFFC
_HEADER, _ENTRY, _MINI_SECTOR, _MINI_STREAM = 512, 128, 64, 4096

# Calamine makes room for what the header says, and takes the low half of the number of mini sectors' tables for another
# number, times 65,536.
_MOST_MINI_TABLES = 1024


class Damaged(ValueError):
    """A file that no spreadsheet writes; says why."""


def streams(content: bytes, names: Container[str]) -> Iterator[bytes]:
    """Yield each stream with one of these names, in lower case; raises Damaged where Calamine would run on for ever."""
    if len(content) < _HEADER or content[30:32] not in (b"\x09\x00", b"\x0c\x00"):
        raise Damaged("it has no valid header")
    file = _CompoundFile(content)
    for name, start, length in file.entries:
        if name.lower() not in names:
            continue
        if length < _MINI_STREAM:
            yield _chain(file.mini_stream, _MINI_SECTOR, file.mini_table, start, length)
        else:
            yield file.chain(start, length)


class _CompoundFile:
    """The tables of a compound file."""

    def __init__(self, content: bytes) -> None:
        self._size = 1 << content[30]
        self._body = memoryview(content)[max(self._size, _HEADER) :]
        self._count = len(self._body) // self._size + 1
        tables, directory, mini_start, mini_count = struct.unpack_from("<I I 8x I I", content, 44)
        if tables > self._count or mini_count > min(self._count, _MOST_MINI_TABLES):
            raise Damaged("it says that it has more sectors than it can have")
        self._table = array("I")
        for sector in self._tables(content):
            self._table.frombytes(self._sector(sector))
        raw = self.chain(directory, sys.maxsize)
        self.entries = [_entry(raw[at : at + _ENTRY], self._size) for at in range(0, len(raw) - _ENTRY + 1, _ENTRY)]
        if not self.entries:
            raise Damaged("it has no directory")
        _, start, length = self.entries[0]
        self.mini_stream = self.chain(start, length) if mini_count else b""
        self.mini_table = array("I", self.chain(mini_start, mini_count * self._size)) if mini_count else array("I")

    def _tables(self, content: bytes) -> list[int]:
        sectors = list(struct.unpack_from("<109I", content, 76))
        following = struct.unpack_from("<I", content, 68)[0]
        seen = 0
        while following < _NO_SECTOR:
            more = array("I", bytes(self._sector(following)))
            if not more:
                raise Damaged("it ends early")
            sectors += more[:-1]
            following = more[-1]
            seen += 1
            if seen > self._count:
                raise Damaged("it has a chain without an end")
        return [sector for sector in sectors if sector < _NO_TABLE]

    def _sector(self, number: int) -> memoryview:
        sector = self._body[number * self._size : (number + 1) * self._size]
        return sector[: len(sector) // 4 * 4]

    def chain(self, start: int, length: int) -> bytes:
        """Return what a chain of sectors holds, `length` bytes at most."""
        return _chain(self._body, self._size, self._table, start, length)


def _chain(body: memoryview | bytes, size: int, table: array[int], start: int, length: int) -> bytes:
    pieces = bytearray()
    for _ in range(len(body) // size + 1):
        if start == _END_OF_CHAIN:
            return bytes(pieces)
        pieces += body[start * size : (start + 1) * size]
        if len(pieces) >= length:
            return bytes(pieces[:length])
        if start >= len(table):
            raise Damaged("it ends early")
        start = table[start]
    if start == _END_OF_CHAIN:
        return bytes(pieces)
    raise Damaged("it has a chain without an end")


def _entry(raw: bytes, size: int) -> tuple[str, int, int]:
    """The name, first sector and length of a stream."""
    length = struct.unpack_from("<I" if size == _HEADER else "<Q", raw, 120)[0]
    name = raw[:64].decode("utf-16-le", errors="replace").partition("\0")[0]
    return name, struct.unpack_from("<I", raw, 116)[0], length
