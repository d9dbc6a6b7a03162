"""The bounds of an .xls: where its records place cells, and the shared texts that they name ([MS-XLS], 2.1.4).

Calamine reads all sheets when it opens the workbook, each from where the list of sheets says that it begins.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from schemas.errors import SourceError
from tasks.formats.base import Source
from tasks.formats.excel.compound_file import Damaged, streams
from tasks.formats.excel.extent import most_cells, refuse_rectangle
from tasks.formats.excel.shared_texts import most_text, refuse_text

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What every .xls begins with."""

_STREAMS = ("workbook", "book")

_BEGIN, _END, _CONTINUE, _SHEET, _SHARED, _DIMENSIONS = 0x0809, 0x000A, 0x003C, 0x0085, 0x00FC, 0x0200
_PASSWORD = 0x002F
_FORMULA, _SHARED_CELL, _NUMBERS = 0x0006, 0x00FD, 0x00BD
_TEXTS, _COMPUTED_TEXT = (0x0204, 0x00D6), 0x0207
_CELLS = frozenset((0x0203, 0x0205, 0x027E, _FORMULA, _SHARED_CELL, _NUMBERS, *_TEXTS))

# The rows and columns of a sheet: Calamine makes room for as many cells as a sheet says that it has.
_MOST_DECLARED = 65_536 * 256

# Each record may be continued, and Calamine moves all that follow to take the next one.
_MOST_CONTINUED = 32_768

_BYTES_PER_CHARACTER = 3

_HEAD, _INDEX, _NUMBER = struct.Struct("<HH"), struct.Struct("<I"), struct.Struct("<H")


def refuse_far_records(source: Source) -> None:
    """Refuse an .xls with cells that are far apart or use long texts over and over; raises SourceError."""
    content = Path(source.path).read_bytes()
    try:
        for stream in streams(content, _STREAMS):
            _Workbook(source, stream, len(content)).check()
    except (Damaged, struct.error, IndexError) as error:
        why = str(error) if isinstance(error, Damaged) else "it has a record that is too short"
        raise SourceError(f"{source.name} is a damaged workbook: {why}. Save it again.") from error


@dataclass
class _Sheet:
    """How far the cells of a sheet reach, which shared texts they name, and the bytes of their own texts."""

    row: int = -1
    column: int = -1
    shared: array[int] = field(default_factory=lambda: array("I"))
    text: int = 0
    end: int = 0

    @property
    def rows(self) -> int:
        """The number of rows from the first of the sheet to the last with a cell."""
        return self.row + 1

    @property
    def columns(self) -> int:
        """The number of columns from the first of the sheet to the last with a cell."""
        return self.column + 1


class _Workbook:
    """The stream of a workbook."""

    def __init__(self, source: Source, stream: bytes, size: int) -> None:
        self._source = source
        self._stream = memoryview(stream)
        self._size = size

    def check(self) -> None:
        """Raise SourceError where it takes far more memory than its bytes."""
        places, shared = self._globals()
        cells = walked = text = 0
        indexes = array("I")
        for place in places:
            sheet = self._sheet(place)
            walked += sheet.end - place
            # Sheets that begin at one place, or inside of each other, would be read over and over.
            if walked > len(self._stream):
                raise Damaged("its sheets lie over each other")
            refuse_rectangle(self._source, sheet.rows, sheet.columns, most_cells(self._size) - cells)
            cells += sheet.rows * sheet.columns
            text += sheet.text
            indexes.extend(sheet.shared)
        most = most_text(self._size)
        longest = min(0xFFFF, sum(map(len, shared))) * _BYTES_PER_CHARACTER
        if text + longest * len(indexes) > most:
            refuse_text(self._source, text + _used(shared, indexes), most)

    def _globals(self) -> tuple[list[int], list[memoryview]]:
        """The places of the sheets, and the pieces of the shared texts."""
        places: list[int] = []
        shared: list[memoryview] = []
        continued, last = 0, None
        for kind, begin, end in self._records(0):
            data = self._stream[begin:end]
            if kind == _CONTINUE:
                continued += 1
                if continued > _MOST_CONTINUED:
                    raise Damaged("it has a record without an end")
                if last == _SHARED:
                    shared.append(data)
                continue
            continued, last = 0, kind
            if kind == _PASSWORD and any(data[:2]):
                return [], []  # Calamine says so
            if kind == _END:
                break
            if kind == _SHEET:
                places.append(int.from_bytes(data[:4], "little"))
            elif kind == _SHARED:
                shared = [data]
        return places, shared

    def _sheet(self, place: int) -> _Sheet:
        sheet, depth, begun, continued = _Sheet(end=place), 0, False, 0
        for kind, begin, end in self._records(place):
            sheet.end = end
            if kind in _CELLS and not depth:
                self._add_cell(sheet, kind, begin, end)
                continued = 0
                continue
            continued = continued + 1 if kind == _CONTINUE else 0
            if continued > _MOST_CONTINUED:
                raise Damaged("it has a record without an end")
            # A chart inside of the sheet has records like those of cells.
            if depth:
                depth += (kind == _BEGIN) - (kind == _END)
            elif kind == _BEGIN:
                depth, begun = int(begun), True
            elif kind == _END:
                break
            elif kind == _DIMENSIONS:
                _check_declared(self._stream[begin:end])
            elif kind == _COMPUTED_TEXT:
                sheet.text += _NUMBER.unpack_from(self._stream, begin)[0]
        return sheet

    def _add_cell(self, sheet: _Sheet, kind: int, begin: int, end: int) -> None:
        row, column = _HEAD.unpack_from(self._stream, begin)
        if kind == _SHARED_CELL:
            sheet.shared.append(_INDEX.unpack_from(self._stream, begin + 6)[0])
        elif kind == _NUMBERS:
            column += (end - begin) // 6
        elif kind in _TEXTS:
            sheet.text += _NUMBER.unpack_from(self._stream, begin + 6)[0]
        sheet.row = max(sheet.row, row)
        sheet.column = max(sheet.column, column)

    def _records(self, at: int) -> Iterator[tuple[int, int, int]]:
        """Yield the kind of each record from a place on, and where its content begins and ends."""
        stream, size = self._stream, len(self._stream)
        while at + 4 <= size:
            kind, length = _HEAD.unpack_from(stream, at)
            begin = at + 4
            at = begin + length
            if at > size:
                raise Damaged("it has a record without an end")
            yield kind, begin, at


def _check_declared(data: memoryview) -> None:
    """Calamine makes room for as many cells as a sheet says that it has."""
    if len(data) not in (10, 14):
        raise Damaged("it has no valid dimensions")
    first, last, left, right = struct.unpack_from("<HHHH" if len(data) == 10 else "<IIHH", data)
    left = 0 if left > 0xFF or right < left else left
    rows, columns = ((last - first) & 0xFFFFFFFF, right - left) if last and right else (1, 1)
    if rows * columns > _MOST_DECLARED:
        raise Damaged("it says that it has more cells than it can have")


def _used(pieces: list[memoryview], indexes: array[int]) -> int:
    """The bytes of the shared texts that cells name."""
    lengths = pl.Series(array("Q", _lengths(pieces)), dtype=pl.UInt64)
    named = pl.Series(indexes, dtype=pl.UInt32)
    return int(lengths.gather(named.filter(named < len(lengths))).sum())


def _lengths(pieces: list[memoryview]) -> Iterator[int]:
    """Yield the bytes of each shared text, at most ([MS-XLS], 2.5.293): it may go on in the next piece."""
    number, at = 0, 8
    while pieces:
        piece = pieces[number]
        if at >= len(piece):
            number, at = number + 1, 0
            if number == len(pieces):
                return
            if not pieces[number]:
                yield 0
            continue
        characters, flags = struct.unpack_from("<HB", piece, at)
        at += 3
        runs = struct.unpack_from("<H", piece, at)[0] if flags & 8 else 0
        at += 2 if flags & 8 else 0
        after = runs * 4 + (struct.unpack_from("<I", piece, at)[0] if flags & 4 else 0)
        at += 4 if flags & 4 else 0
        yield _BYTES_PER_CHARACTER * characters
        width = 1 + (flags & 1)
        while characters > (fits := (len(piece) - at) // width):
            characters -= max(fits, 0)
            number += 1
            piece = pieces[number]
            width, at = 1 + (piece[0] & 1), 1
        at += characters * width
        while after > len(pieces[number]) - at:
            after -= len(pieces[number]) - at
            number, at = number + 1, 0
            if number == len(pieces):
                raise Damaged("it has a text without an end")
        at += after
