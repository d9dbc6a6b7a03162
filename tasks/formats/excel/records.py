"""The bounds of an .xlsb: where its records place cells, and the shared texts that they name ([MS-XLSB], 2.1.4)."""

from __future__ import annotations

import html
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from tasks.formats.base import Source
from tasks.formats.excel.extent import most_cells, refuse_rectangle
from tasks.formats.excel.parts import Part
from tasks.formats.excel.shared_texts import most_text, refuse_text

_WORKBOOK, _LINKS, _SHARED = "xl/workbook.bin", "xl/_rels/workbook.bin.rels", "xl/sharedstrings.bin"
_SHEETS = ("xl/worksheets/", "xl/chartsheets/", "xl/dialogsheets/")
_OF_LINKS = "_rels/"
_TEXT_WORKBOOKS = ("workbook.xml", "content.xml")

# No record of a cell or a text is longer: a cell holds 32,767 characters.
_LONGEST = 8 << 20

_ROW, _SHARED_CELL, _SHARED_TEXT, _FUTURE = 0x00, 0x07, 0x13, 0x23

# The bytes of a row and of each kind of cell before its text: Calamine reads them from an earlier record where one is
# shorter.
_SHORTEST = {_ROW: 4, 2: 12, 3: 9, 4: 9, 5: 16, 6: 12, _SHARED_CELL: 12, 8: 12, 9: 16, 10: 9}
_TEXT_CELLS = (6, 8)

# A character of UTF-16 takes as many bytes of UTF-8, at most.
_BYTES_PER_CHARACTER = 3


def is_binary(parts: Sequence[Part]) -> bool:
    """Whether a package is an .xlsb; raises SourceError where it is another workbook, too."""
    names = [part.name for part in parts]
    if _WORKBOOK not in names:
        return False
    if any(name.endswith(_TEXT_WORKBOOKS) for name in names):
        raise parts[0].damaged("it holds workbooks of two formats")
    return True


def refuse_far_records(source: Source, parts: Sequence[Part]) -> None:
    """Refuse an .xlsb with cells that are far apart or use long texts over and over; raises SourceError."""
    indexes = array("I")
    shared = _SharedTexts()
    for part in parts:
        if part.name == _LINKS and _OF_LINKS in html.unescape(b"".join(part.chunks()).decode(errors="replace")).lower():
            raise part.damaged("it names a list of links as a sheet")
        if part.name.startswith(_SHEETS) and _OF_LINKS not in part.name:
            cells = _cells(part)
            refuse_rectangle(source, cells.rows, cells.columns, most_cells(part.size))
            indexes.extend(cells.shared)
        if part.name == _SHARED:
            shared = _texts(part)
    refuse_text(source, shared.used(indexes), most_text(sum(part.size for part in parts)))


@dataclass
class _Cells:
    """How far the cells of a sheet reach, and which shared texts they name."""

    rows: int = 0
    columns: int = 0
    shared: array[int] = field(default_factory=lambda: array("I"))


@dataclass
class _SharedTexts:
    """The bytes of the shared texts, at most; only the longest counts where their order is not certain."""

    lengths: array[int] = field(default_factory=lambda: array("Q"))
    ordered: bool = True

    def used(self, indexes: array[int]) -> int:
        """Return the bytes of the texts that cells name."""
        longest = max(self.lengths, default=0)
        if not self.ordered:
            return longest * len(indexes)
        named = pl.Series(indexes, dtype=pl.UInt32)
        named = named.filter(named < len(self.lengths))
        return int(pl.Series(self.lengths, dtype=pl.UInt64).gather(named).sum())


def _cells(part: Part) -> _Cells:
    cells = _Cells()
    for kind, data, at, length in _records(part):
        if kind > max(_SHORTEST) or kind not in _SHORTEST:
            continue
        if length < _SHORTEST[kind]:
            raise part.damaged("it has a cell that is too short")
        place = int.from_bytes(data[at : at + 4], "little")
        if kind == _ROW:
            cells.rows = max(cells.rows, place + 1)
            continue
        cells.columns = max(cells.columns, place + 1)
        if kind == _SHARED_CELL:
            cells.shared.append(int.from_bytes(data[at + 8 : at + 12], "little"))
        elif kind in _TEXT_CELLS and 12 + 2 * int.from_bytes(data[at + 8 : at + 12], "little") > length:
            raise part.damaged("it has a text that is longer than its cell")
    return cells


def _texts(part: Part) -> _SharedTexts:
    texts = _SharedTexts()
    for kind, data, at, length in _records(part):
        if kind == _FUTURE:
            # Calamine leaves out the texts inside of such a block.
            texts.ordered = False
        if kind != _SHARED_TEXT:
            continue
        characters = int.from_bytes(data[at + 1 : at + 5], "little")
        if length < 5 + 2 * characters:
            raise part.damaged("it has a text that is longer than its record")
        texts.lengths.append(_BYTES_PER_CHARACTER * characters)
    return texts


def _records(part: Part) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield the kind of each record, some bytes that it lies in, and its place and length there."""
    held = b""
    for chunk in part.chunks():
        data = held + chunk
        at, size = 0, len(data)
        # The longest head of a record has six bytes.
        while at + 6 <= size or (at < size and not chunk):
            kind, begin = data[at], at + 1
            if kind & 0x80:
                kind, begin = (kind & 0x7F) + ((data[begin] & 0x7F) << 7), begin + 1
            length = data[begin]
            begin += 1
            if length & 0x80:
                length &= 0x7F
                for shift in (7, 14, 21):
                    more = data[begin]
                    begin += 1
                    length += (more & 0x7F) << shift
                    if not more & 0x80:
                        break
            if length > _LONGEST:
                raise part.damaged("it has a record without an end")
            if begin + length > size:
                break
            yield kind, data, begin, length
            at = begin + length
        held = data[at:]
