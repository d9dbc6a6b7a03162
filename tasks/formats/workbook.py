"""What only the XML of an .xlsx sheet tells: which cells are formulas, and which hold errors.

The XML is searched, a chunk at a time, and never resolved: no entity is expanded and no other file is opened.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from schemas.reports import Issue, Severity

SHEET_ROWS = 1_048_576
"""The most rows that a sheet has (ECMA-376, part 1, 18.3.1.73)."""

CELL_CHARS = 32_767
"""The most characters that a cell holds."""

_CHUNK = 1 << 20

# A cell that is longer has no end: what is held of it is dropped.
_LONGEST = 4 << 20

_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_PLACE = re.compile(rb"\br=[\"']([A-Z]+\d+)[\"']")
_KIND = re.compile(rb"\bt=[\"'](\w+)[\"']")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_VALUE = re.compile(rb"<(?:\w+:)?v\b[^>/]*>[^<]")
_ENDS = (b"</c>", b":c>")

# What a formula or an error has, however it is written: text without it is passed over at the speed of memory.
_MARK = r"""[<:]f|["']e["']"""


Special = tuple[str, bytes, bytes]
"""The place, the type and the content of a cell with a formula or an error."""


def told_of(special: list[Special], header: int) -> tuple[list[Issue], list[Issue]]:
    """Return the faults of rows with an error or a formula without a value, and what to tell of other formulas."""
    faults: dict[int, Issue] = {}
    computed: list[str] = []
    for cell, kind, content in special:
        row = int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        if row <= header:
            continue
        if kind == b"e":
            message = f"cell {cell} holds an error such as #N/A: put a value into it"
            faults.setdefault(row, Issue("cell_error", message, row=row))
        elif kind == b"str" or _VALUE.search(content):  # a text that was computed, if only ""
            computed.append(cell)
        else:
            message = (
                f"cell {cell} holds a formula without a value: open and save the file in a spreadsheet, or paste values"
            )
            faults.setdefault(row, Issue("formula", message, row=row))
    if not computed:
        return list(faults.values()), []
    more = f" and {len(computed) - 3:,} more" if len(computed) > 3 else ""
    told = f"cells hold formulas, whose last computed values are read: {', '.join(computed[:3])}{more}"
    return list(faults.values()), [Issue("formula", told, Severity.WARNING)]


def special_cells(path: Path, sheet: int) -> list[Special]:
    """Return the cells of an .xlsx that hold a formula or an error."""
    return list(_special_cells(path, sheet))


def _special_cells(path: Path, sheet: int) -> Iterator[Special]:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        part = _sheet_part(archive, sheet)
        if part is None:
            return
        held = b""
        with archive.open(part) as file:
            while chunk := file.read(_CHUNK):
                held += chunk
                end = max(held.rfind(mark) + len(mark) for mark in _ENDS)
                if end > len(_ENDS[0]):
                    yield from _in(held[:end])
                    held = held[end:]
                elif len(held) > _LONGEST:
                    held = held[-_CHUNK:]
        yield from _in(held)


def _in(text: bytes) -> Iterator[Special]:
    # Text that is no UTF-8 is null, and looked through.
    if pl.Series([text], dtype=pl.Binary).cast(pl.String, strict=False).str.contains(_MARK).item() is False:
        return
    for attributes, content in _CELL.findall(text):
        kind = _KIND.search(attributes)
        place = _PLACE.search(attributes)
        is_error = kind is not None and kind[1] == b"e"
        if place and (is_error or _FORMULA.search(content)):
            yield place[1].decode(), kind[1] if kind else b"", content


def _sheet_part(archive: zipfile.ZipFile, sheet: int) -> str | None:
    """The part of the package that holds the sheet of that position (ECMA-376, part 1, 18.2.19)."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    book = archive.read("xl/workbook.xml").decode(errors="replace")
    links = archive.read("xl/_rels/workbook.xml.rels").decode(errors="replace")
    ids = re.findall(r'<(?:\w+:)?sheet\b[^>]*?\br:id="([^"]+)"', book)
    if sheet >= len(ids):
        return None
    for link in re.findall(r"<(?:\w+:)?Relationship\b[^>]*>", links):
        target = re.search(r'Target="/?(?:xl/)?([^"]+)"', link)
        if f'Id="{ids[sheet]}"' in link and target:
            return f"xl/{target[1]}" if f"xl/{target[1]}" in names else None
    return None
