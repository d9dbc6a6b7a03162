"""The rectangle around the cells of a sheet: Calamine holds every cell of it in memory, filled or not.

Nearly every spreadsheet begins the tag of a cell and of a row with its place: `<c r="B2" s="1" t="s">`. One regular
expression finds whatever deviates from that or lies beyond the furthest row and column seen before. Where something
deviates, the part is read again: whatever looks like a place then counts as one, wherever it stands, and cells
without a place are counted as Calamine places them, one after the other.
"""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl

from schemas.errors import SourceError
from tasks.formats.base import Source
from tasks.formats.excel.cells import letters_of
from tasks.formats.excel.parts import Part, as_series, ends_inside_a_tag
from tasks.formats.excel.sheet_xml import column_number

# What any workbook may have, and what a larger one may have for each byte of its parts: a cell takes 16 bytes at least,
# so that three of four cells may be empty.
_CELLS, _BYTES_PER_CELL = 2_000_000, 4

_TAIL = 4096


def refuse_far_cells(part: Part) -> None:
    """Refuse a part whose cells lie in too large a rectangle; raises SourceError."""
    if not _PlacedCells(part).read():
        _AnyCells(part).read()


def most_cells(size: int) -> int:
    """Return how many cells the rectangle of a part of `size` bytes may have."""
    return max(_CELLS, size // _BYTES_PER_CELL)


def refuse_rectangle(source: Source, rows: int, columns: int, most: int) -> None:
    """Raise SourceError where a rectangle has more than `most` cells."""
    if rows * columns > most:
        raise SourceError(
            f"{source.name} has a cell in row {rows:,} and one in column {columns:,}, and hardly any "
            "between: delete what stands far away from the table, and save it again.",
            rows=rows,
            width=columns,
        )


class _Furthest:
    """The furthest row and column of the places in a text."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.row = 0
        self.column = 0

    def see(self, text: pl.Series) -> None:
        """Take the places in some more text."""
        places = text.str.extract_all(f"(?i){self._place}[A-Z]*[0-9]+").explode().drop_nulls()
        rows = places.str.extract(r"([0-9]+)$").str.strip_chars_start("0").str.head(12).cast(pl.Int64, strict=False)
        letters = places.str.extract(r"""["']([A-Za-z]+)""").drop_nulls().unique()
        self.row = max(self.row, int(rows.max() or 0))  # type: ignore[arg-type]  # of whole numbers
        self.column = max(self.column, *(column_number(each[:9].upper()) for each in letters), 0)


# Cells that all begin with their places ------------------------------------------------------------------------------

# XML's white space, and the form feed, which Calamine takes for it.
_SPACE = r" \t\r\n\x0c"
_NAME = "[A-Za-z0-9_:.-]"
_NOT_R = f"(?:[a-qs-zA-Z]|r{_NAME}){_NAME}*"
_TAG = "[<:](?:c|row)"

# The tag has no attributes, or its first one is no place.
_NO_PLACE = rf"[^={_SPACE}]|[{_SPACE}]+[^={_SPACE}]|[{_SPACE}]*=[{_SPACE}]*[^\"'{_SPACE}]"
_UNPLACED = rf"[/>]|[{_SPACE}]+(?:[^r{_SPACE}]|r(?:{_NO_PLACE}))"

# The attributes after the place are spelled in another way than name="value", one of them is a second place, which
# Calamine prefers, or a value holds what may begin or end a tag.
_ODD_ATTRIBUTE = '(?:[^A-Za-z0-9_:.=-]|=(?:[^"]|"[^"<>]*[<>]))'
_ODD_END = f"(?:[^ />]|/[^>]| (?:[^A-Za-z/]|/[^>]|r[^A-Za-z0-9_:.-]|{_NOT_R}{_ODD_ATTRIBUTE}))"
_DEVIATES = rf"""[{_SPACE}]+r[{_SPACE}]*=[{_SPACE}]*(?:'|"[^"<>]*(?:[<>]|"(?: {_NOT_R}="[^"<>]*")*{_ODD_END}))"""
_IRREGULAR = f"{_UNPLACED}|{_DEVIATES}"


@lru_cache(maxsize=1024)
def _irregular_or_beyond(row: int, column: int) -> str:
    """A pattern of the tags that deviate, or whose place lies beyond a row or a column."""
    beyond = f"""[{_SPACE}]+r[{_SPACE}]*=[{_SPACE}]*["'](?i-u:{_beyond(row, column)})"""
    return f"{_TAG}(?:{_IRREGULAR}|{beyond})"


class _PlacedCells:
    """The cells of a part, of which each begins with its place."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._most = most_cells(part.size)
        self._furthest = _Furthest(rf"{_TAG}[{_SPACE}]+r[{_SPACE}]*=[{_SPACE}]*[\"']")

    def read(self) -> bool:
        """Say whether every tag begins with a place; raises SourceError where these are too far apart."""
        for raw in self._part.texts():
            if ends_inside_a_tag(raw) or not self._are_placed(raw):
                return False
            refuse_rectangle(self._part.source, self._furthest.row, self._furthest.column, self._most)
        return True

    def _are_placed(self, raw: bytes) -> bool:
        # The last place is mostly the furthest one; only text with a further one is looked through.
        self._furthest.see(as_series(raw[-_TAIL:]))
        text = as_series(raw)
        if text.str.contains(_irregular_or_beyond(self._furthest.row, self._furthest.column)).item():
            if text.str.contains(f"{_TAG}(?:{_IRREGULAR})").item():
                return False
            self._furthest.see(text)
        return True


# Cells of any kind ---------------------------------------------------------------------------------------------------

_PLACE = r"""\br\s*=\s*["']"""
_PREFIX = r"(?:[^\s<>/]*:)?"
_QUOTED = r"""(?:"[^"<>]*"|'[^'<>]*')"""
_ROW_OR_END = r"[</:]row\b"
_CELL_OR_END = rf"</{_PREFIX}row\b|<{_PREFIX}c[\s/>][^<>]*"
_PLACED_CELL = rf"""^<{_PREFIX}c(?:\s+[^\s<>="'/]+\s*=\s*{_QUOTED})*?\s+r\s*=\s*["'][A-Za-z]+[0-9]+["']"""

# Where the end of a row may stand and be none: comments, sections, and values of attributes.
_HIDES = rf"""<[!?]|<[^<>"'!?]*(?:{_QUOTED}[^<>"']*)*(?:"[^"<>]*|'[^'<>]*)[<>]"""
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^<>?]*\?>")


class _AnyCells:
    """The cells of a part, with a place or without."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._most = most_cells(part.size)
        self._furthest = _Furthest(_PLACE)
        self._rows = 0
        self._widest = 0
        self._run = 0
        self._hides = False

    def read(self) -> None:
        """Raise SourceError where the cells may be too far apart."""
        for raw in self._part.texts():
            self._add(_DECLARATION.sub(b"", raw))
            # Without a place, a cell follows the one before it, in the row after as many as ended.
            rows = self._furthest.row + (self._rows if self._widest else 0)
            refuse_rectangle(self._part.source, rows, self._furthest.column + self._widest, self._most)

    def _add(self, raw: bytes) -> None:
        text = as_series(raw)
        if text.str.contains(f"(?i){_PLACE}(?:{_beyond(self._furthest.row, self._furthest.column)})").item():
            self._furthest.see(text)
        self._rows += int(text.str.count_matches(_ROW_OR_END).item())
        self._hides = self._hides or ends_inside_a_tag(raw) or bool(text.str.contains(_HIDES).item())
        tags = text.str.extract_all(_CELL_OR_END).explode().drop_nulls()
        ends = tags.str.starts_with("</")
        unplaced = ~(ends | tags.str.contains(_PLACED_CELL))
        if self._hides:
            # An end that is none would hide cells of its row.
            ends = pl.repeat(value=False, n=len(tags), eager=True)
        cells = pl.DataFrame({"row": ends.cum_sum(), "cell": unplaced}).group_by("row", maintain_order=True).sum()
        widths = [int(width) for width in cells["cell"]]
        if not widths:
            return
        if not ends[0]:
            widths[0] += self._run
        self._widest = max(self._widest, *widths)
        self._run = widths[-1]


# Patterns ------------------------------------------------------------------------------------------------------------


def _beyond(row: int, column: int) -> str:
    return f"{_beyond_column(column)}|{_beyond_row(row)}"


def _beyond_row(row: int) -> str:
    """A pattern of the numbers above one; it may match others, too."""
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
