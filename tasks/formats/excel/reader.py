"""Excel workbooks, and what Calamine reads beside them (.xls, .xlsb, .ods); every cell as text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import fastexcel
import polars as pl

from schemas.errors import SourceError
from schemas.issues import LEFT_OUT, Issue, Severity, issues_frame
from schemas.jobs import SheetOptions
from schemas.resources import named
from schemas.resources import resource as resource_named
from schemas.sources import ROW, Opened, Sheet
from tasks.formats.about import ABOUT
from tasks.formats.base import NOTHING, Format, Source, column_names, refuse_width
from tasks.formats.compression import BROKEN_ZIP, lists_too_many
from tasks.formats.excel.bounds import refuse_expansion
from tasks.formats.excel.cells import as_shown, with_merged_filled
from tasks.formats.excel.sheet_xml import SHEET_ROWS, Area, Marks, marks_of
from tasks.formats.header import TOP, column_list, names_fields, refuse_a_record, titles_notice, widest_at
from tasks.formats.json.spool import odd_cells
from tasks.formats.writers import FIELDS, write_excel, write_sheets

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# As many rows show whether a sheet holds anything, and what an exported workbook says of itself.
_TOP = 50


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is a workbook, by its content."""
    if head.startswith(_OLE):
        return True
    if not head.startswith(_ZIP) or lists_too_many(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (*BROKEN_ZIP, OSError):
        return False
    return "[Content_Types].xml" in names or "content.xml" in names


def open_excel(source: Source) -> Opened:
    """Open one sheet of a workbook: find the sheet and the header row; numbers keep all their digits."""
    with _book(source) as book:
        opened, read = _opened(source, book, _chosen(source, book))
        others = [name for name in _data(book) if name not in read]
        held = [name for name in others if len(_cells(book, name, rows=2).to_polars()) > 1]
        alone = "one sheet is read; name another with --sheet"
        left = [] if source.options.sheet else [_left_out(name, alone) for name in held]
        sheets = _sheets(book, read, None, opened.columns) | _sheets(book, held)
    return replace(opened, notices=(*opened.notices, *left), sheets=sheets)


def open_sheets(source: Source) -> tuple[Opened, ...]:
    """Open every visible sheet that holds a header and records; one that is named after a type is known by that.

    A sheet that can't be read is a part that says why. Hidden sheets, and those of one row, are left out with a notice;
    so are those that the caller leaves out. Of several sheets, one at a time is held in memory.
    """
    parts: list[Opened] = []
    left: list[Issue] = []
    with _book(source) as book:
        given = _given(source, book)
        read: set[str] = set()
        for name in _data(book):
            asked = given.get(name)
            if name in read:
                continue
            if asked and asked.skip:
                left.append(_left_out(name, "as asked"))
                continue
            known = _type_of_sheet(name, asked)
            try:
                sheet = _sheet(source, book, name)
                if (
                    why := _why_not(sheet, wanted=asked is not None, bare=source.emptied and known is not None)
                ) is not None:
                    left += [_left_out(name, why)] if why else []
                    continue
                part, sheets = _opened(source, book, sheet, asked)
            except SourceError as error:
                if isinstance(error, _NoRecords):
                    left.append(_left_out(name, str(error)))
                    continue
                part, sheets = Opened(frame=NOTHING, columns=(), sheet=name, failed=str(error)), {name}
            read |= sheets
            own = _sheets(book, sheets, "" if part.failed else known, part.columns)
            part = replace(part, resource_type=known, given=asked.mapping if asked else None, sheets=own)
            parts = [*parts[:-1], *(_on_disk(source, before, len(parts) - 1) for before in parts[-1:]), part]
        unread = _sheets(book, [name for name in _data(book) if name not in read])
    if not parts:
        return (open_excel(source),)
    if len(parts) > 1:
        parts[-1] = _on_disk(source, parts[-1], len(parts) - 1)
    parts[0] = replace(parts[0], notices=(*parts[0].notices, *left), sheets={**parts[0].sheets, **unread})
    return tuple(parts)


def _sheets(
    book: fastexcel.ExcelReader, names: Iterable[str], known: str | None = "", columns: tuple[str, ...] = ()
) -> dict[str, Sheet]:
    """Return sheets of one type, "" where they are not read, by their names."""
    fields = tuple((column, None) for column in columns)
    return {name: Sheet(name, book.sheet_names.index(name), known, fields) for name in names}


def _given(source: Source, book: fastexcel.ExcelReader) -> dict[str, SheetOptions]:
    """What the caller knows of sheets, by their names in the workbook; raises SourceError for one that is not there."""
    spelt = {name.lower(): name for name in reversed(book.sheet_names)}
    for name in source.options.sheets:
        if name.lower() not in spelt:
            raise SourceError(f"{source.name} has no sheet '{name}': its sheets are {', '.join(book.sheet_names)}.")
    return {spelt[name.lower()]: options for name, options in source.options.sheets.items()}


def _type_of_sheet(name: str, asked: SheetOptions | None) -> str | None:
    """The type that the caller gives a sheet, or that it is named after."""
    if asked and asked.type:
        return resource_named(asked.type).type
    after = named(name)
    return after.type if after else None


def _why_not(sheet: _Sheet, *, wanted: bool, bare: bool) -> str | None:
    """Say why a sheet is not read; "" where nothing is lost with it, None where it is read."""
    rows = [row for row in sheet.cells.head(_TOP).iter_rows() if any((cell or "").strip() for cell in row)]
    if not sheet.visible and not wanted:
        return "it is hidden; name it with --sheet to read it" if rows else ""
    if len(rows) > (0 if bare or wanted else 1):
        return None
    return "it has one row only" if rows and not names_fields([cell or "" for cell in rows[0]]) else ""


def _left_out(name: str, why: str) -> Issue:
    return Issue(LEFT_OUT, f"sheet '{name}' is left out: {why}", Severity.WARNING)


class _NoRecords(SourceError):
    """A sheet has a header and nothing below it."""


@contextmanager
def _book(source: Source) -> Iterator[fastexcel.ExcelReader]:
    """Give the workbook, and tell in a sentence why it can't be read."""
    refuse_expansion(source)
    try:
        yield fastexcel.read_excel(source.path)
    except fastexcel.FastExcelError as error:
        raise SourceError(
            f"{source.name} can't be opened as a workbook: it is damaged, or protected by a password. "
            f"Save it again without one. ({str(error).splitlines()[0][:120]})"
        ) from error


@dataclass(frozen=True)
class _Sheet:
    """A sheet: every cell as text, from its first row on, and what its XML tells of them.

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


def _data(book: fastexcel.ExcelReader) -> list[str]:
    """The sheets that may hold records: all but those of an exported workbook that tell of it."""
    ours = ABOUT in book.sheet_names and len(book.sheet_names) > 1
    return [name for name in book.sheet_names if not (ours and name in (ABOUT, FIELDS))]


def _table(source: Source, book: fastexcel.ExcelReader, name: str, *, header_alone: bool = False) -> _Sheet | None:
    """A sheet; None where it is hidden, or has no more than a header and that is not enough."""
    sheet = _sheet(source, book, name)
    return sheet if sheet.visible and len(sheet.cells) > (0 if header_alone else 1) else None


def _on_disk(source: Source, opened: Opened, number: int) -> Opened:
    """The same with its records in the run's folder."""
    path = source.workdir / f"sheet-{number}.arrow"
    opened.frame.sink_ipc(path, compression="lz4")
    return replace(opened, frame=pl.scan_ipc(path))


def _opened(
    source: Source, book: fastexcel.ExcelReader, first: _Sheet, asked: SheetOptions | None = None
) -> tuple[Opened, set[str]]:
    """Open a sheet with those that go on from it; returns the names of them all too."""
    name, cells = first.name, first.cells
    header, names, told = _columns_of(source, first, asked)
    if len(cells) == header and not source.emptied:
        raise _NoRecords(f"Sheet '{name}' of {source.name} has a header and no records: nothing to import.")
    records, faults, notices, sheets = [], [], list(told), set()
    for number, sheet in enumerate([first, *_continued(source, book, name, cells.head(header))]):
        at = number * SHEET_ROWS
        sheets.add(sheet.name)
        if at:
            message = (
                f"sheet '{sheet.name}' goes on where the one before it ends: its row 1 is counted as row {at + 1:,}"
            )
            notices.append(Issue("sheet", message, Severity.WARNING))
        rows, wrong, more = as_shown(sheet.cells, sheet.marks, names, header, sheet.name)
        wrong += _across(sheet, names, header)
        faults += [_shifted(fault, sheet.name, at) for fault in (*wrong, *_beyond(rows, names, header))]
        notices += (*sheet.notices, *more)
        part = rows.slice(header).select(rows.columns[: len(names)])
        part.columns = list(names)
        records.append(part.with_row_index(ROW, offset=at + header + 1))
    frame = pl.concat(records, rechunk=False)
    opened = Opened(
        frame=frame.lazy(),
        columns=names,
        sheet=name,
        header_row=header or None,
        records=len(frame),
        faults=issues_frame([*faults, *odd_cells(frame, source.max_cell)]),
        notices=tuple(notices),
        metadata=_metadata(book),
    )
    return opened, sheets


def _columns_of(source: Source, sheet: _Sheet, asked: SheetOptions | None) -> tuple[int, tuple[str, ...], list[Issue]]:
    """The header row, 0 where there is none, the names of the columns, and what to report of them."""
    name, cells = sheet.name, sheet.cells
    top = [[cell or "" for cell in _row(cells, index)] for index in range(min(len(cells), TOP))]
    if source.options.without_header:
        width = max((len(row) for row in top), default=0)
        refuse_width(source, width)
        return 0, column_list(source.name, source.options.columns, width), []
    named_row = (asked.header_row if asked else None) or source.options.header_row
    found = widest_at(top)
    if named_row is None and found is None:
        raise SourceError(f"Sheet '{name}' of {source.name} has no header row near its top: name it with --header-row.")
    header = named_row or (found or 0) + 1
    if header > len(cells):
        raise SourceError(
            f"Sheet '{name}' of {source.name} has {len(cells)} rows, and the header is to be row {header}."
        )
    head = [cell or "" for cell in _row(cells, header - 1)]
    told: list[Issue] = []
    if named_row is None:
        refuse_a_record(f"sheet '{name}' of {source.name}", "row", header, head, surely=True)
        titles = [(number, " ".join(" ".join(row).split())) for number, row in enumerate(top[: header - 1], start=1)]
        told = titles_notice("row", [title for title in titles if title[1] and not title[1].startswith("#")], name)
    names, doubles = column_names(source, head, header)
    return header, names, [*told, *doubles, *([] if sheet.marks.known else [_SEEN_IN_PART])]


_SEEN_IN_PART = Issue(
    "workbook",
    "number formats, merged cells and formulas of this kind of workbook are not seen: save it as .xlsx if it has any",
    Severity.WARNING,
)


def _across(sheet: _Sheet, names: tuple[str, ...], header: int) -> list[Issue]:
    """What is wrong with cells that are merged over several columns: only a heading has one value for all of them."""
    faults: list[Issue] = []
    for top, left, bottom, right in sheet.across:
        value = sheet.at(top, left)
        if not value or bottom <= header:
            continue
        first = sheet.marks.first_column
        places = range(left - first, min(right - first + 1, len(names)))
        for row in range(max(top, header + 1), min(bottom, len(sheet.cells)) + 1):
            filled = sum(bool((cell or "").strip()) for cell in sheet.cells.row(row - 1))
            if filled == 1 and len(places) * 2 > len(names):
                told = f"row {row} is a heading, merged over several columns, and is left out: '{value[:40]}'"
                faults.append(Issue("heading", told, Severity.WARNING, row=row))
                continue
            told = f"row {row}: cells merged over several columns hold '{value[:40]}': split them, and fill each column"
            faults += [Issue("merged", told, row=row, column=names[place]) for place in places[1:]]
    return faults


def _continued(source: Source, book: fastexcel.ExcelReader, name: str, head: pl.DataFrame) -> Iterator[_Sheet]:
    """Yield the sheets that go on where this one is full, as an export writes them: 'VPCs 2' after 'VPCs'.

    They begin with the same rows, the header included; a sheet that was asked for stands alone. A spreadsheet calls
    the copy of a sheet 'VPCs (2)'.
    """
    number = 2
    while not source.options.sheet:
        spelt = (f"{name} {number}", f"{name} ({number})")
        after = next((each for each in book.sheet_names if each in spelt), None)
        if after is None:
            return
        sheet = _sheet(source, book, after)
        cells = sheet.cells
        if cells.width < head.width or not cells.head(len(head)).select(cells.columns[: head.width]).equals(head):
            return
        yield sheet
        number += 1


def _shifted(fault: Issue, sheet: str, at: int) -> Issue:
    """A fault of a later sheet, its row counted on from the sheets before it."""
    if not at:
        return fault
    return replace(fault, row=(fault.row or 0) + at, message=f"sheet '{sheet}', {fault.message}")


def _metadata(book: fastexcel.ExcelReader) -> dict[str, str]:
    """What the last sheet of an exported workbook says of it."""
    if ABOUT not in book.sheet_names:
        return {}
    rows = _cells(book, ABOUT).to_polars().slice(1, _TOP).rows()
    return {str(row[0]): str(row[1]) for row in rows if len(row) > 1 and row[0] and row[1]}


def _chosen(source: Source, book: fastexcel.ExcelReader) -> _Sheet:
    """The sheet that was asked for, or the first visible one that holds a header and a record.

    One that is named after the type that was asked for comes before others. A sheet is parsed whole, however few of
    its rows are asked for: so it is once.
    """
    names = book.sheet_names
    if source.options.sheet:
        same = [name for name in names if name.lower() == source.options.sheet.lower()]
        if same:
            return _sheet(source, book, same[0])
        raise SourceError(f"{source.name} has no sheet '{source.options.sheet}': its sheets are {', '.join(names)}.")
    own = {name for name in names if source.resource and named(name) is source.resource}
    # A header alone is enough where it is named after the type, or where no sheet has more.
    for bare in (own, set(names)) if source.emptied else (set(),):
        for name in sorted(_data(book), key=lambda name: name not in own):
            if (sheet := _table(source, book, name, header_alone=name in bare)) is not None:
                return sheet
    raise SourceError(f"{source.name} has no visible sheet with a header and records: nothing to import.")


def _sheet(source: Source, book: fastexcel.ExcelReader, name: str) -> _Sheet:
    with ThreadPoolExecutor(1) as beside:
        marked = beside.submit(_marks, source, book.sheet_names.index(name))
        cells = _cells(book, name)
        marks = marked.result()
        _refuse_overlaps(source, name, cells.height, cells.width, marks)
        filled, notices = with_merged_filled(cells.to_polars(), marks)
    across = tuple(area for area in marks.merged if area[3] > area[1])
    return _Sheet(name, filled, marks, cells.visible == "visible", tuple(notices), across)


def _refuse_overlaps(source: Source, name: str, height: int, width: int, marks: Marks) -> None:
    """Refuse merged areas that lie over each other, which no spreadsheet makes: each would be filled."""
    last = marks.first_column + width - 1
    areas = (
        (min(bottom, height) - top + 1, min(right, last) - max(left, marks.first_column) + 1)
        for top, left, bottom, right in marks.merged
    )
    if sum(rows * columns for rows, columns in areas if rows > 0 and columns > 0) > height * width:
        raise SourceError(f"Sheet '{name}' of {source.name} has merged cells that overlap: save it again.")


def _marks(source: Source, sheet: int) -> Marks:
    try:
        return marks_of(source.path, sheet)
    except (*BROKEN_ZIP, OSError) as error:
        raise SourceError(f"{source.name} is a damaged workbook: save it again. ({str(error)[:120]})") from error


def _cells(book: fastexcel.ExcelReader, name: str, rows: int | None = None) -> fastexcel.ExcelSheet:
    return book.load_sheet(name, header_row=None, skip_rows=0, n_rows=rows, dtypes="string")


def _row(cells: pl.DataFrame, index: int) -> list[str | None]:
    """The cells of a row up to the last that holds something."""
    row = list(cells.row(index))
    while row and not (row[-1] or "").strip():
        row.pop()
    return row


def _beyond(cells: pl.DataFrame, names: tuple[str, ...], header: int) -> list[Issue]:
    """Return the faults of rows that go on to the right of the header."""
    outside = cells.columns[len(names) :]
    if not outside:
        return []
    filled = [pl.col(name).str.strip_chars().str.len_bytes() > 0 for name in outside]
    wide = cells.slice(header).select(pl.any_horizontal(filled).fill_null(value=False).alias("wide"))["wide"].arg_true()
    told = "row {} has a value to the right of the last column, '{}': give its column a header, or take it out"
    rows = [int(index) + header + 1 for index in wide]
    return [Issue("ragged", told.format(row, names[-1]), row=row) for row in rows]


EXCEL = Format(
    "excel",
    "an Excel workbook",
    (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"),
    matches,
    open_excel,
    write_excel,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    open_sheets,
    write_sheets,
    guarded=True,
    titled=True,
    compressible=False,
)
