"""A workbook and its sheets: every cell as text, and what the XML of a sheet says of its cells."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import fastexcel
import polars as pl

from schemas.errors import SourceError
from schemas.issues import Issue
from schemas.resources import find_resource
from tasks.formats.about import ABOUT
from tasks.formats.base import Source
from tasks.formats.compression import BROKEN_ZIP
from tasks.formats.excel.bounds import refuse_expansion
from tasks.formats.excel.cells import with_merged_filled
from tasks.formats.excel.sheet_xml import Area, Marks, marks_of
from tasks.formats.writers import FIELDS

# As many rows show whether a sheet holds anything, and what an exported workbook says of itself.
TOP_ROWS = 50


@contextmanager
def open_workbook(source: Source) -> Iterator[fastexcel.ExcelReader]:
    """Give the workbook; raises SourceError, with the reason, where it cannot be read."""
    refuse_expansion(source)
    try:
        yield fastexcel.read_excel(source.path)
    except fastexcel.FastExcelError as error:
        raise SourceError(
            f"{source.name} cannot be opened as a workbook: it is damaged or password-protected. "
            f"Save it again without one. ({str(error).splitlines()[0][:120]})"
        ) from error


@dataclass(frozen=True)
class LoadedSheet:
    """A sheet: every cell as text, from its first row on, and what its XML says of them.

    Merged cells that are one above the other are filled with their value, which `notices` report; `across` are the
    areas of several columns.
    """

    name: str
    cells: pl.DataFrame
    marks: Marks
    visible: bool
    notices: tuple[Issue, ...] = ()
    across: tuple[Area, ...] = ()

    def at(self, row: int, column: int) -> str:
        """Return the text of a cell, its row and column counted from 1."""
        index = column - self.marks.first_column
        inside = 0 < row <= len(self.cells) and 0 <= index < self.cells.width
        return (self.cells[row - 1, index] or "") if inside else ""


def data_sheets(book: fastexcel.ExcelReader) -> list[str]:
    """The sheets that may hold records: all but those of an exported workbook that describe it."""
    ours = ABOUT in book.sheet_names and len(book.sheet_names) > 1
    return [name for name in book.sheet_names if not (ours and name in (ABOUT, FIELDS))]


def _sheet_with_records(
    source: Source, book: fastexcel.ExcelReader, name: str, *, header_alone: bool = False
) -> LoadedSheet | None:
    """A sheet; None where it is hidden, or has no more than a header and that is not enough."""
    sheet = load_sheet(source, book, name)
    return sheet if sheet.visible and len(sheet.cells) > (0 if header_alone else 1) else None


def metadata(book: fastexcel.ExcelReader) -> dict[str, str]:
    """What the last sheet of an exported workbook says of it."""
    if ABOUT not in book.sheet_names:
        return {}
    rows = sheet_cells(book, ABOUT).to_polars().slice(1, TOP_ROWS).rows()
    return {str(row[0]): str(row[1]) for row in rows if len(row) > 1 and row[0] and row[1]}


def chosen_sheet(source: Source, book: fastexcel.ExcelReader) -> LoadedSheet:
    """The sheet that the caller named, or the first visible one that holds a header and a record.

    One that is named after the type that the caller gave comes first. Each sheet is parsed once, as a whole: Calamine
    cannot parse a part.
    """
    names = book.sheet_names
    if source.options.sheet:
        same = [name for name in names if name.lower() == source.options.sheet.lower()]
        if same:
            return load_sheet(source, book, same[0])
        raise SourceError(
            f"{source.name} has no sheet '{source.options.sheet}': its sheets are {', '.join(names)}.",
            sheet=source.options.sheet,
            choices=names,
        )
    own = {name for name in names if source.resource and find_resource(name) is source.resource}
    # A header alone is enough where it is named after the type, or where no sheet has more.
    for bare in (own, set(names)) if source.emptied else (set(),):
        for name in sorted(data_sheets(book), key=lambda name: name not in own):
            if (sheet := _sheet_with_records(source, book, name, header_alone=name in bare)) is not None:
                return sheet
    raise SourceError(f"{source.name} has no visible sheet with a header and records: nothing to import.")


def load_sheet(source: Source, book: fastexcel.ExcelReader, name: str) -> LoadedSheet:
    """Return a sheet of the workbook; its XML is read in a second thread."""
    with ThreadPoolExecutor(1) as executor:
        marked = executor.submit(_sheet_marks, source, book.sheet_names.index(name))
        cells = sheet_cells(book, name)
        marks = marked.result()
        _refuse_overlaps(source, name, cells.height, cells.width, marks)
        filled, notices = with_merged_filled(cells.to_polars(), marks)
    across = tuple(area for area in marks.merged if area[3] > area[1])
    return LoadedSheet(name, filled, marks, cells.visible == "visible", tuple(notices), across)


def _refuse_overlaps(source: Source, name: str, height: int, width: int, marks: Marks) -> None:
    """Refuse merged areas that lie over each other, which no spreadsheet makes: each would be filled."""
    last = marks.first_column + width - 1
    areas = (
        (min(bottom, height) - top + 1, min(right, last) - max(left, marks.first_column) + 1)
        for top, left, bottom, right in marks.merged
    )
    if sum(rows * columns for rows, columns in areas if rows > 0 and columns > 0) > height * width:
        raise SourceError(f"Sheet '{name}' of {source.name} has merged cells that overlap: save it again.", sheet=name)


def _sheet_marks(source: Source, sheet: int) -> Marks:
    try:
        return marks_of(source.path, sheet)
    except (*BROKEN_ZIP, OSError) as error:
        raise SourceError(f"{source.name} is a damaged workbook: save it again. ({str(error)[:120]})") from error


def sheet_cells(book: fastexcel.ExcelReader, name: str, rows: int | None = None) -> fastexcel.ExcelSheet:
    """Return the cells of a sheet as text, or of its first `rows` rows."""
    return book.load_sheet(name, header_row=None, skip_rows=0, n_rows=rows, dtypes="string")
