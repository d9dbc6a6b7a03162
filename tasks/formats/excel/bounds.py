"""Bounds on a workbook before it is read: what a small file makes of itself in memory.

Calamine holds every cell of the rectangle around those that are filled, and a text for each cell that names a shared
one. So the furthest row and column and the lengths of shared texts are found first, in the parts of the package.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import SourceError
from tasks.formats.base import Source
from tasks.formats.compression import BROKEN_ZIP, refuse_bomb
from tasks.formats.excel import legacy, records
from tasks.formats.excel.extent import most_cells, refuse_far_cells
from tasks.formats.excel.legacy import OLE
from tasks.formats.excel.parts import Part
from tasks.formats.excel.shared_texts import refuse_repeated_texts

# The one part of an OpenDocument workbook that is read.
_CONTENT_PART = "content.xml"

# No row of a workbook is longer.
_LONGEST_ROW = 8 << 20


def refuse_bombs(source: Source) -> None:
    """Refuse a workbook that unpacks to more than may be read, by the sizes that it declares; raises SourceError."""
    if zipfile.is_zipfile(source.path):
        with _package(source):
            pass


def refuse_expansion(source: Source) -> None:
    """Refuse a workbook that takes far more memory than its file; raises SourceError."""
    with source.path.open("rb") as file:
        if file.read(len(OLE)) == OLE:
            legacy.refuse_far_records(source)
    # A file may be both, and its name decides how Calamine reads it.
    if not zipfile.is_zipfile(source.path):
        return
    with _package(source) as archive:
        parts = [Part(source, archive, item) for item in archive.infolist()]
        if records.is_binary(parts):
            records.refuse_far_records(source, parts)
            return
        for part in parts:
            refuse_far_cells(part)
            if part.name.endswith(_CONTENT_PART):
                _refuse_repeated_cells(part)
        refuse_repeated_texts(source, parts)


@contextmanager
def _package(source: Source) -> Iterator[zipfile.ZipFile]:
    """Give the package, whose declared sizes are not too large; raises SourceError where it cannot be read."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            parts = archive.infolist()
            _refuse_odd_package(source, parts)
            size = sum(item.file_size for item in parts)
            refuse_bomb(source.name, source.path.stat().st_size, size)
            if size > source.max_bytes:
                raise SourceError(
                    f"{source.name} unpacks to {size >> 20:,} MB; at most {source.max_bytes >> 20:,} MB are read.",
                    size=size,
                    limit=source.max_bytes,
                )
            yield archive
    except (*BROKEN_ZIP, OSError) as error:
        raise SourceError(f"{source.name} is a damaged workbook: save it again. ({str(error)[:120]})") from error


def _refuse_odd_package(source: Source, parts: list[zipfile.ZipInfo]) -> None:
    if any(item.flag_bits & 1 for item in parts):
        raise SourceError(f"{source.name} is protected by a password: save it without one.")
    # Readers differ in which of two parts of one name they take.
    if len({item.filename.replace("\\", "/").lower() for item in parts}) < len(parts):
        raise SourceError(f"{source.name} is a damaged workbook: it holds two parts of one name. Save it again.")


def _refuse_repeated_cells(part: Part) -> None:
    repeated = _Repeated(part.source, part.size)
    for raw in part.texts():
        repeated.add(raw)
    repeated.add(_ROW)  # the last row ends here


class _Repeated:
    """The rows and columns of an OpenDocument sheet, whose cells and rows say how often they are repeated."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._most = most_cells(size)
        self._rows = 0
        self._columns = 0
        self._held = b""

    def add(self, raw: bytes) -> None:
        """Take some text of the part; raises SourceError where few cells are repeated into very many."""
        if not self._held and _ROW not in raw:
            return
        *rows, self._held = (self._held + raw).split(_ROW)
        if len(self._held) > _LONGEST_ROW:
            raise SourceError(f"{self._source.name} is a damaged workbook: it has a row without an end.")
        for row in rows:
            if _CONTENT.search(row):
                self._rows += max([1, *map(int, _ROWS_REPEATED.findall(row))])
                self._columns = max(self._columns, _width(row))
        if self._rows * self._columns > self._most:
            raise SourceError(
                f"{self._source.name} repeats cells over {self._rows:,} rows and {self._columns:,} columns: delete "
                "those that are not of the table, and save it again.",
                rows=self._rows,
                width=self._columns,
            )


_ROW = b"<table:table-row"
_CONTENT = re.compile(rb"office:(?:value|[a-z]+-value)|<text:")
_ROWS_REPEATED = re.compile(rb"number-rows-repeated\s*=\s*[\"']\s*([0-9]{1,9})")
_CELLS_OF_ROW = re.compile(rb"<table:(?:covered-)?table-cell")
_COLUMNS_REPEATED = re.compile(rb"number-columns-repeated\s*=\s*[\"']\s*([0-9]{1,9})")


def _width(row: bytes) -> int:
    """How many cells a row has, without empty ones at its end."""
    cells = _CELLS_OF_ROW.split(row)[1:]
    while cells and not _CONTENT.search(cells[-1]):
        cells.pop()
    return sum(max([1, *map(int, _COLUMNS_REPEATED.findall(cell))]) for cell in cells)
