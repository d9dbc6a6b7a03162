"""What only the XML of an .xlsx sheet has: formulas, errors, merged cells, number formats, numbers that lost digits.

The XML is searched, a chunk at a time, and never resolved: no entity is expanded and no other file is opened. No
expression looks beyond the next tag, or gives back what it has matched: hostile text is searched in linear time, too.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from schemas.issues import Issue, Severity
from schemas.language.wording import some_of
from tasks.formats.excel.number_formats import NumberFormat, formats_of_styles
from tasks.formats.excel.parts import as_series

SHEET_ROWS = 1_048_576
"""The most rows that a sheet has (ECMA-376, part 1, 18.3.1.73)."""

CELL_CHARS = 32_767
"""The most characters that a cell holds."""

_CHUNK = 1 << 20

# A cell that is longer has no end: what is held of it is dropped.
_LONGEST = 4 << 20

# A cell's content ends where it or another cell begins or ends.
_CELL = re.compile(rb"<(?:\w+:)?c\b([^<>]*+)(?:(?<=/)>|>([^<]*+(?:<(?!/?(?:\w+:)?c[\s/>])[^<]*+)*+)</(?:\w+:)?c>)")
_PLACE = re.compile(rb"\br=[\"']([A-Z]{1,3}\d{1,7})[\"']")
_KIND = re.compile(rb"\bt=[\"'](\w+)[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^<>/]*+>[^<]")
_ENDS = (b"</c>", b":c>")

# What a formula or an error has, however it is written: text without it is passed over at the speed of memory.
_MARK = r"""[<:]f|["']e["']"""

# A whole number of more digits than a spreadsheet keeps: 1234567890123456, 1.2345678901234567E+19.
_LONG = re.compile(rb"<(?:\w+:)?v>-?(?:[1-9]\d{15,}(?:\.\d*)?|[1-9](?:\.\d*)?[eE]\+?(?:1[5-9]|[2-9]\d|\d{3}))</")
_LONG_MARK = r"(?-u)v>-?(?:\d{16}|\d(?:\.\d*)?[eE]\+?\d+<)"

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^<>]*?\bref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']")

Special = tuple[str, bytes, bytes]
"""The place, the type and the content of a cell with a formula, an error or a long number."""

LONG = b"long"
"""The type of a cell with a number of more digits than a spreadsheet keeps."""

Area = tuple[int, int, int, int]
"""The first row and column of merged cells, and the last, from 1."""


@dataclass
class Marks:
    """What the XML of a sheet says of its cells.

    `styled` has the rows of the cells of each column and style whose number format matters; `first_column` is the first
    that holds anything. Rows and columns count from 1. Nothing is `known` of the cells of an .xls, .xlsb or .ods.
    """

    known: bool = False

    special: list[Special] = field(default_factory=list)
    styled: dict[tuple[int, int], array[int]] = field(default_factory=lambda: defaultdict(lambda: array("I")))
    merged: list[Area] = field(default_factory=list)
    formats: dict[int, NumberFormat] = field(default_factory=dict)
    first_column: int = 1


def column_number(letters: str) -> int:
    """Return the number of a column: 1 of A, 27 of AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def place_of(cell: str) -> tuple[int, int]:
    """Return the row and the column of a cell such as B2, from 1."""
    letters = cell.rstrip("0123456789")
    return int(cell[len(letters) :]), column_number(letters)


def special_cell_issues(
    special: list[Special], header: int, column: Callable[[str], str | None]
) -> tuple[list[Issue], list[Issue]]:
    """Return the faults of cells without a value that can be read, and what to report of formulas that have one.

    `column` gives the name of a cell's column, None where it has none: then the row as a whole can't be read.
    """
    faults: list[Issue] = []
    computed: list[str] = []
    for cell, kind, content in special:
        row = int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        if row <= header:
            continue
        if kind == LONG:
            message = (
                f"cell {cell} holds a number of more than 15 digits, and Excel keeps 15 digits: format the column as "
                "text, then enter the number again"
            )
            faults.append(Issue("digits_lost", message, row=row, column=column(cell)))
        elif kind == b"e":
            message = f"cell {cell} holds an error such as #N/A: put a value into it"
            faults.append(Issue("cell_error", message, row=row, column=column(cell)))
        elif kind == b"str" or _VALUE.search(content):  # a text that was computed, if only ""
            computed.append(cell)
        else:
            message = (
                f"cell {cell} holds a formula without a value: open and save the file in a spreadsheet, or paste values"
            )
            faults.append(Issue("formula", message, row=row, column=column(cell)))
    if not computed:
        return faults, []
    notice = f"cells hold formulas, whose last computed values are read: {some_of(computed)}"
    return faults, [Issue("formula", notice, Severity.WARNING)]


def marks_of(path: Path, sheet: int) -> Marks:
    """Return what the XML of a sheet of an .xlsx says of its cells; of other workbooks, nothing is known."""
    marks = Marks()
    if not zipfile.is_zipfile(path):
        return marks
    with zipfile.ZipFile(path) as archive:
        part = _sheet_part(archive, sheet)
        if part is None:
            return marks
        if "xl/styles.xml" in archive.namelist():
            marks.formats = formats_of_styles(archive.read("xl/styles.xml").decode(errors="replace"))
        marks.known = True
        reader = _Reader(marks)
        with archive.open(part) as file:
            for text in _whole_cells(file):
                reader.read(text)
    return marks


def _whole_cells(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the text of a sheet, each time up to the end of a cell."""
    held = b""
    while chunk := file.read(_CHUNK):
        held += chunk
        end = max(held.rfind(mark) + len(mark) for mark in _ENDS)
        if b"mergeCell" in held:
            end = max(end, held.rfind(b"/>") + 2)
        if end > len(_ENDS[0]):
            yield held[:end]
            held = held[end:]
        elif len(held) > _LONGEST:
            held = held[-_CHUNK:]
    yield held


class _Reader:
    """Reads the text of a sheet, in chunks, into its marks."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self._first: int | None = None
        styles = "|".join(map(str, marks.formats))
        self._style_mark = rf"""\bs=["'](?:{styles})["']"""
        cell = rb"<(?:\w+:)?c\b((?>[^<>]*?\bs=[\"'](" + styles.encode() + rb")[\"'])[^<>]*+)>(?!</)"
        self._styled = re.compile(cell) if styles else None

    def read(self, text: bytes) -> None:
        """Look for what matters; the rest is passed over at the speed of memory."""
        self._see_first_column(text)
        whole = as_series(text)
        # One after the other: each begins with few characters that can be searched for quickly.
        if whole.str.contains(_MARK).item() or whole.str.contains(_LONG_MARK).item():
            self.marks.special += _special_in(text)
        if self._styled and whole.str.contains(self._style_mark).item():
            self._read_styled(text)
        if b"mergeCell" in text:
            for first, top, last, bottom in _MERGED.findall(text):
                corners = (int(top), column_number(first.decode()), int(bottom), column_number(last.decode()))
                self.marks.merged.append(corners)

    def _see_first_column(self, text: bytes) -> None:
        """Find the first column that holds anything: Calamine leaves out those before it."""
        while self._first is None or self._first > 1:
            found = (_FILLED if self._first is None else _cell_before_pattern(self._first)).findall(text)
            numbers = {column_number((one or other).decode()) for one, other in set(found)}
            if not numbers or (self._first and min(numbers) >= self._first):
                return
            self._first = self.marks.first_column = min(numbers)

    def _read_styled(self, text: bytes) -> None:
        for match in self._styled.finditer(text) if self._styled else ():
            attributes, kind = match[1], _KIND.search(match[1])
            place = _PLACE.search(attributes)
            if place and not attributes.endswith(b"/") and (kind is None or kind[1] == b"n"):
                row, column = place_of(place[1].decode())
                self.marks.styled[column, int(match[2])].append(row)


def _filled_cell_pattern(letters: bytes) -> re.Pattern[bytes]:
    """What a cell in a column of these letters looks like that Calamine takes for filled, if only with ""."""
    formula = rb"(?:<(?:\w+:)?f\b[^<>]*+(?:(?<=/)>|>[^<]*+</(?:\w+:)?f>))?"
    value = rb"(?:<(?:\w+:)?v\b[^<>/]*+>[^<]|<(?:\w+:)?is\b)"
    place = rb"(?>[^<>]*?\br=[\"'](" + letters + rb")\d{1,7}[\"'])[^<>]*+(?<!/)>"
    text = rb"(?=[^<>]*?\bt=[\"']str[\"'])" + place
    return re.compile(rb"<(?:\w+:)?c\b(?:" + text + rb"|" + place + formula + value + rb")")


_FILLED = _filled_cell_pattern(rb"[A-Z]{1,3}")


def _cell_before_pattern(column: int) -> re.Pattern[bytes]:
    """What a filled cell before a column looks like."""
    return _filled_cell_pattern(b"[A-Z]{1,3}" if column > 26 else b"[A-" + bytes([ord("A") + column - 2]) + b"]")


def _special_in(text: bytes) -> Iterator[Special]:
    for attributes, content in _CELL.findall(text):
        kind = _KIND.search(attributes)
        place = _PLACE.search(attributes)
        if not place:
            continue
        if (kind is not None and kind[1] == b"e") or _FORMULA.search(content):
            yield place[1].decode(), kind[1] if kind else b"", content
        if (kind is None or kind[1] == b"n") and _LONG.search(content):
            yield place[1].decode(), LONG, content


def _sheet_part(archive: zipfile.ZipFile, sheet: int) -> str | None:
    """The part of the package that holds the sheet of that position (ECMA-376, part 1, 18.2.19)."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    book = archive.read("xl/workbook.xml").decode(errors="replace")
    links = archive.read("xl/_rels/workbook.xml.rels").decode(errors="replace")
    ids = re.findall(r'<(?:\w+:)?sheet\b[^<>]*?\br:id="([^"<>]+)"', book)
    if sheet >= len(ids):
        return None
    for link in re.findall(r"<(?:\w+:)?Relationship\b[^<>]*>", links):
        target = re.search(r'Target="/?(?:xl/)?([^"]+)"', link)
        if f'Id="{ids[sheet]}"' in link and target:
            return f"xl/{target[1]}" if f"xl/{target[1]}" in names else None
    return None
