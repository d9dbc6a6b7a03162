"""Bounds on a workbook before it is read: what a small file makes of itself in memory.

Calamine holds every cell of the rectangle around those that are filled, and a text for each cell that names a shared
one. So the furthest row and column and the lengths of shared texts are found first, in the text of the package's parts:
whatever looks like the place of a cell counts as one, wherever it stands, so that nothing can hide one.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

import polars as pl

from schemas.errors import SourceError
from tasks.formats.base import Source
from tasks.formats.compression import BROKEN_ZIP, refuse_bomb
from tasks.formats.excel.cells import letters_of
from tasks.formats.excel.sheet_xml import column_number

_CHUNK = 1 << 20

# A tag that is longer is none of a workbook.
_LONGEST = 8 << 20

# What any workbook may have, and what a larger one may have for each byte of its parts: a cell takes 16 bytes at least,
# so that three of four cells may be empty.
_CELLS, _BYTES_PER_CELL = 2_000_000, 4

# The same of the text of all cells, each shared text as often as it is used.
_TEXT, _TEXT_PER_BYTE = 256 << 20, 8

_PLACE = r"""\br\s*=\s*["']"""
_IS_SHARED = r"""\bt\s*=\s*["']s["']"""
_SHARED_INDEX = _IS_SHARED + r"[^<>]*>\s*<(?:\w+:)?v>([0-9]{1,9})</(?:\w+:)?v>\s*</"
_SHARED_PART = "sharedstrings.xml"


def refuse_bombs(source: Source) -> None:
    """Refuse a workbook that unpacks to more than may be read, by the sizes that it declares; raises SourceError."""
    if zipfile.is_zipfile(source.path):
        with _package(source):
            pass


def refuse_expansion(source: Source) -> None:
    """Refuse a workbook that takes far more memory than its file; raises SourceError."""
    if not zipfile.is_zipfile(source.path):
        return
    with _package(source) as archive:
        parts = archive.infolist()
        shared_cells = sum(_checked(source, archive, item) for item in parts)
        _refuse_shared(source, archive, parts, shared_cells)


@contextmanager
def _package(source: Source) -> Iterator[zipfile.ZipFile]:
    """Give the package, whose declared sizes are not too large, and tell in a sentence why it can't be read."""
    try:
        with zipfile.ZipFile(source.path) as archive:
            parts = archive.infolist()
            _refuse_odd_package(source, parts)
            size = sum(item.file_size for item in parts)
            refuse_bomb(source.name, source.path.stat().st_size, size)
            if size > source.max_bytes:
                raise SourceError(
                    f"{source.name} unpacks to {size >> 20:,} MB; at most {source.max_bytes >> 20:,} MB are read."
                )
            yield archive
    except (*BROKEN_ZIP, OSError) as error:
        raise SourceError(f"{source.name} is a damaged workbook: save it again. ({str(error)[:120]})") from error


def _checked(source: Source, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> int:
    """Return how many cells of a part hold shared texts; raises SourceError where its cells are too far apart."""
    extent = _Extent(source, item.file_size)
    repeated = _Repeated(source, item.file_size)
    shared = 0
    for raw in _texts(source, archive, item):
        text = _series(raw)
        extent.add(text, raw)
        repeated.add(raw)
        shared += int(text.str.count_matches(_IS_SHARED).item())
    repeated.add(_ROW)  # the last row ends here
    return shared


def _refuse_odd_package(source: Source, parts: list[zipfile.ZipInfo]) -> None:
    if any(item.flag_bits & 1 for item in parts):
        raise SourceError(f"{source.name} is protected by a password: save it without one.")
    # Readers differ in which of two parts of one name they take.
    if len({item.filename.lower() for item in parts}) < len(parts):
        raise SourceError(f"{source.name} is a damaged workbook: it holds two parts of one name. Save it again.")


def _texts(source: Source, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> Iterator[bytes]:
    """The text of a part, each time up to the last tag that begins in it.

    A part that is longer than it declares to be is refused: the sizes above would be lies.
    """
    longer = copy(item)
    longer.file_size += 1
    read, held = 0, b""
    with archive.open(longer) as file:
        while chunk := file.read(_CHUNK):
            read += len(chunk)
            if read > item.file_size:
                raise SourceError(f"{source.name} is a damaged workbook: a part is longer than it says. Save it again.")
            held += chunk
            end = held.rfind(b"<")
            if end > 0:
                yield held[:end]
                held = held[end:]
            elif len(held) > _LONGEST and end == 0:
                raise SourceError(f"{source.name} is a damaged workbook: it has a tag without an end. Save it again.")
            elif end < 0:
                held = b""
    yield held


def _series(text: bytes) -> pl.Series:
    return pl.Series([text.decode(errors="replace")], dtype=pl.String)


# Rows and columns -----------------------------------------------------------------------------------------------------


class _Extent:
    """The furthest row and column of a part, whose rows and cells may also come without their places."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._most = max(_CELLS, size // _BYTES_PER_CELL)
        self._rows = 0
        self._columns = 0
        self._unplaced_rows = 0
        self._widest_unplaced = 0
        self._cells_of_row = 0

    def add(self, text: pl.Series, raw: bytes) -> None:
        """Take some text of the part; raises SourceError where the rectangle of its cells is too large."""
        self._read(text, raw)
        rows, columns = self._rows + self._unplaced_rows, self._columns + self._widest_unplaced
        if rows * columns > self._most:
            raise SourceError(
                f"{self._source.name} has a cell in row {rows:,} and one in column {columns:,}, and hardly any "
                "between: delete what stands far away from the table, and save it again."
            )

    def _read(self, text: pl.Series, raw: bytes) -> None:
        # The last place is mostly the furthest one; only text with a further one is looked through.
        self._see(pl.Series([raw[-_TAIL:].decode(errors="replace")]))
        if text.str.contains(f"(?i){_PLACE}(?:{_beyond_column(self._columns)}|{_beyond_row(self._rows)})").item():
            self._see(text)
        if text.str.contains(_UNPLACED).item():
            self._see_unplaced(text)

    def _see(self, text: pl.Series) -> None:
        places = text.str.extract_all(f"(?i){_PLACE}[A-Z]*[0-9]+").explode().drop_nulls()
        rows = places.str.extract(r"([0-9]+)$").str.strip_chars_start("0").str.head(12).cast(pl.Int64, strict=False)
        letters = places.str.extract(r"""["']([A-Za-z]+)""").drop_nulls().unique()
        self._rows = max(self._rows, int(rows.max() or 0))  # type: ignore[arg-type]  # of whole numbers
        self._columns = max(self._columns, *(column_number(each[:9].upper()) for each in letters), 0)

    def _see_unplaced(self, text: pl.Series) -> None:
        """Count rows and cells whose first attribute is not their place, as if they had none."""
        tags = text.str.extract_all(_TAG).explode().drop_nulls()
        row = tags.str.contains(r"row$")
        self._unplaced_rows += int(text.str.count_matches(_UNPLACED_ROW).item())
        cells = pl.DataFrame({"row": row.cum_sum(), "cell": ~row}).group_by("row", maintain_order=True).sum()["cell"]
        first = int(cells[0]) if len(cells) else 0
        # The first ones go on from the text before.
        widths = [self._cells_of_row + first, *cells[1:]] if len(tags) and not row[0] else [first, *cells]
        self._widest_unplaced = max(self._widest_unplaced, *(int(width) for width in widths))
        self._cells_of_row = int(widths[-1])


class _Repeated:
    """The rows and columns of an OpenDocument sheet, whose cells and rows say how often they are repeated."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._most = max(_CELLS, size // _BYTES_PER_CELL)
        self._rows = 0
        self._columns = 0
        self._held = b""

    def add(self, raw: bytes) -> None:
        """Take some text of the part; raises SourceError where few cells are repeated into very many."""
        if not self._held and _ROW not in raw:
            return
        *rows, self._held = (self._held + raw).split(_ROW)
        if len(self._held) > _LONGEST:
            raise SourceError(f"{self._source.name} is a damaged workbook: it has a row without an end.")
        for row in rows:
            if _CONTENT.search(row):
                self._rows += max([1, *map(int, _ROWS_REPEATED.findall(row))])
                self._columns = max(self._columns, _width(row))
        if self._rows * self._columns > self._most:
            raise SourceError(
                f"{self._source.name} repeats cells over {self._rows:,} rows and {self._columns:,} columns: delete "
                "those that are not of the table, and save it again."
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


_TAIL = 4096
_TAG = r"<(?:\w+:)?(?:row|c)\b"
_UNPLACED_ROW = r"<(?:\w+:)?row(?:[/>]|\s+[^r\s]|\s+r\w)"
_UNPLACED = rf"<(?:\w+:)?c(?:[/>]|\s+[^r\s]|\s+r\w)|{_UNPLACED_ROW}"


def _beyond_row(row: int) -> str:
    """A pattern of the numbers above one; it may take others for such."""
    digits = str(row)
    larger = [
        f"{digits[:at]}[{int(digit) + 1}-9][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if digit < "9"
    ]
    return "[A-Z]*0*(?:" + "|".join([*larger, f"[1-9][0-9]{{{len(digits)},}}"]) + ")"


def _beyond_column(column: int) -> str:
    """A pattern of the letters of columns above one."""
    letters = letters_of(column)
    larger = [
        f"{letters[:at]}[{chr(ord(letter) + 1)}-Z][A-Z]{{{len(letters) - at - 1}}}[0-9]"
        for at, letter in enumerate(letters)
        if letter < "Z"
    ]
    return "(?:" + "|".join([*larger, f"[A-Z]{{{len(letters) + 1},}}[0-9]"]) + ")"


# Shared texts ---------------------------------------------------------------------------------------------------------


class _SharedTexts:
    """How long each shared text is at most; what is not plainly a list of them is not `trusted` to be in order."""

    def __init__(self) -> None:
        self.lengths = array("Q")
        self.trusted = True
        self._open = 0

    @property
    def longest(self) -> int:
        """The bytes of the longest one."""
        return max(self._open, max(self.lengths, default=0))

    def add(self, text: bytes) -> None:
        """Take some more of the part."""
        if b":si" in text:
            text = _PREFIXED.sub(rb"<\1si", text)
        self.trusted = self.trusted and _ODD_LIST.search(text) is None
        # Texts are cut at tags, and so may be cut within an item.
        first, *others = map(len, text.split(b"</si>"))
        if others:
            self.lengths.append(self._open + first)
            self.lengths.extend(others[:-1])
            self._open = others[-1]
        else:
            self._open += first


_PREFIXED = re.compile(rb"<(/?)\w+:si\b")
# Comments, sections of characters, attributes: where the end of an item may stand and be none.
_ODD_LIST = re.compile(rb"""<!|<\?(?!xml)|</?si[^>]|=\s*["'][^"'<>]*<""")


def _refuse_shared(source: Source, archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo], cells: int) -> None:
    """Refuse a workbook whose cells use long texts over and over; raises SourceError."""
    shared = _SharedTexts()
    for item in parts:
        if item.filename.lower().endswith(_SHARED_PART):
            for raw in _texts(source, archive, item):
                shared.add(raw)
    most = max(_TEXT, _TEXT_PER_BYTE * sum(item.file_size for item in parts))
    if shared.longest * cells <= most:
        return
    used = 0
    lengths = pl.Series(shared.lengths, dtype=pl.UInt64)
    for item in parts:
        for raw in _texts(source, archive, item):
            used += _used(_series(raw), lengths, shared)
            if used > most:
                raise SourceError(
                    f"{source.name} uses long texts over and over: its cells hold more than {most >> 20:,} MB, many "
                    "times as much as the file. Save the sheet as CSV, or shorten them."
                )


def _used(text: pl.Series, lengths: pl.Series, shared: _SharedTexts) -> int:
    """The bytes of the shared texts that cells name; of those whose text is not plain, the longest."""
    cells = int(text.str.count_matches(_IS_SHARED).item())
    if not cells:
        return 0
    found = text.str.extract_all(_SHARED_INDEX).explode().drop_nulls() if shared.trusted else pl.Series(dtype=pl.String)
    indexes = found.str.extract(r">([0-9]+)<").cast(pl.UInt32)
    indexes = indexes.filter(indexes < len(lengths))
    return int(lengths.gather(indexes).sum()) + (cells - len(indexes)) * shared.longest
