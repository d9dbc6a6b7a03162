"""Excel workbooks, and what else Calamine reads (.xls, .xlsb, .ods); every cell as text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import fastexcel
import polars as pl

from schemas import formats
from schemas.errors import SourceError
from schemas.issues import LEFT_OUT, Issue, Severity, issues_frame
from schemas.job_options.read_options import SheetOptions
from schemas.language.remedies import option
from schemas.resources import find_resource
from schemas.resources import resource as resource_named
from schemas.sources import ROW, Opened, Sheet
from tasks.formats.base import NOTHING, Format, Source, column_names, refuse_width
from tasks.formats.compression import BROKEN_ZIP, lists_too_many
from tasks.formats.excel.cells import as_shown
from tasks.formats.excel.sheet_xml import SHEET_ROWS
from tasks.formats.excel.workbook import (
    TOP_ROWS,
    LoadedSheet,
    chosen_sheet,
    data_sheets,
    load_sheet,
    metadata,
    open_workbook,
    sheet_cells,
)
from tasks.formats.header import TOP, column_list, names_fields, refuse_a_record, titles_notice, widest_at
from tasks.formats.json.spool import odd_cells
from tasks.formats.writers import write_excel, write_sheets

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


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
    with open_workbook(source) as book:
        opened, read = _open_sheet(source, book, chosen_sheet(source, book))
        others = [name for name in data_sheets(book) if name not in read]
        others_with_records = [name for name in others if len(sheet_cells(book, name, rows=2).to_polars()) > 1]
        alone = f"one sheet is read; name another with {option('read.sheet')}"
        left = [] if source.options.sheet else [_skipped_sheet(name, alone) for name in others_with_records]
        sheets = _sheets(book, read, None, opened.columns) | _sheets(book, others_with_records)
    return replace(opened, notices=(*opened.notices, *left), sheets=sheets)


def open_sheets(source: Source) -> tuple[Opened, ...]:
    """Open every visible sheet that holds a header and records; one that is named after a type is known by that.

    A sheet that can't be read is a part that says why. Hidden sheets, and those of one row, are left out with a notice;
    so are those that the caller leaves out. Of several sheets, one at a time is held in memory.
    """
    parts: list[Opened] = []
    left: list[Issue] = []
    with open_workbook(source) as book:
        given = _sheet_options(source, book)
        read: set[str] = set()
        for name in data_sheets(book):
            options = given.get(name)
            if name in read:
                continue
            if options and options.skip:
                left.append(_skipped_sheet(name, "as asked"))
                continue
            known = _type_of_sheet(name, options)
            try:
                sheet = load_sheet(source, book, name)
                if (
                    why := _reason_to_skip(sheet, wanted=options is not None, bare=source.emptied and known is not None)
                ) is not None:
                    left += [_skipped_sheet(name, why)] if why else []
                    continue
                part, sheets = _open_sheet(source, book, sheet, options)
            except SourceError as error:
                if isinstance(error, _NoRecords):
                    left.append(_skipped_sheet(name, error.message))
                    continue
                part, sheets = Opened(frame=NOTHING, columns=(), sheet=name, failed=error.message), {name}
            read |= sheets
            own = _sheets(book, sheets, "" if part.failed else known, part.columns)
            part = replace(part, resource_type=known, given=options.mapping if options else None, sheets=own)
            parts = [*parts[:-1], *(_with_frame_on_disk(source, before, len(parts) - 1) for before in parts[-1:]), part]
        unread = _sheets(book, [name for name in data_sheets(book) if name not in read])
    if not parts:
        return (open_excel(source),)
    if len(parts) > 1:
        parts[-1] = _with_frame_on_disk(source, parts[-1], len(parts) - 1)
    parts[0] = replace(parts[0], notices=(*parts[0].notices, *left), sheets={**parts[0].sheets, **unread})
    return tuple(parts)


def _sheets(
    book: fastexcel.ExcelReader, names: Iterable[str], known: str | None = "", columns: tuple[str, ...] = ()
) -> dict[str, Sheet]:
    """Return sheets of one type, "" where they are not read, by their names."""
    fields = tuple((column, None) for column in columns)
    return {name: Sheet(name, book.sheet_names.index(name), known, fields) for name in names}


def _sheet_options(source: Source, book: fastexcel.ExcelReader) -> dict[str, SheetOptions]:
    """What the caller knows of sheets, by their names in the workbook; raises SourceError for one that is not there."""
    spelt = {name.lower(): name for name in reversed(book.sheet_names)}
    for name in source.options.sheets:
        if name.lower() not in spelt:
            raise SourceError(
                f"{source.name} has no sheet '{name}': its sheets are {', '.join(book.sheet_names)}.",
                sheet=name,
                choices=book.sheet_names,
            )
    return {spelt[name.lower()]: options for name, options in source.options.sheets.items()}


def _type_of_sheet(name: str, options: SheetOptions | None) -> str | None:
    """The type that the caller gives a sheet, or that it is named after."""
    if options and options.type:
        return resource_named(options.type).type
    resource = find_resource(name)
    return resource.type if resource else None


def _reason_to_skip(sheet: LoadedSheet, *, wanted: bool, bare: bool) -> str | None:
    """Say why a sheet is not read; "" where nothing is lost with it, None where it is read."""
    rows = [row for row in sheet.cells.head(TOP_ROWS).iter_rows() if any((cell or "").strip() for cell in row)]
    if not sheet.visible and not wanted:
        return f"it is hidden; name it with {option('read.sheet')} to read it" if rows else ""
    if len(rows) > (0 if bare or wanted else 1):
        return None
    return "it has one row only" if rows and not names_fields([cell or "" for cell in rows[0]]) else ""


def _skipped_sheet(name: str, why: str) -> Issue:
    return Issue(LEFT_OUT, f"sheet '{name}' is left out: {why}", Severity.WARNING)


class _NoRecords(SourceError):
    """A sheet has a header and nothing below it."""


def _with_frame_on_disk(source: Source, opened: Opened, number: int) -> Opened:
    """The same with its records in the run's folder."""
    path = source.workdir / f"sheet-{number}.arrow"
    opened.frame.sink_ipc(path, compression="lz4")
    return replace(opened, frame=pl.scan_ipc(path))


def _open_sheet(
    source: Source, book: fastexcel.ExcelReader, first: LoadedSheet, options: SheetOptions | None = None
) -> tuple[Opened, set[str]]:
    """Open a sheet with those that go on from it; returns the names of them all too."""
    name, cells = first.name, first.cells
    header, names, header_notices = _header_and_columns(source, first, options)
    if len(cells) == header and not source.emptied:
        raise _NoRecords(f"Sheet '{name}' of {source.name} has a header and no records: nothing to import.")
    records, faults, notices, sheets = [], [], list(header_notices), set()
    for number, sheet in enumerate([first, *_following_sheets(source, book, name, cells.head(header))]):
        at = number * SHEET_ROWS
        sheets.add(sheet.name)
        if at:
            message = (
                f"sheet '{sheet.name}' goes on where the one before it ends: its row 1 is counted as row {at + 1:,}"
            )
            notices.append(Issue("sheet", message, Severity.WARNING))
        rows, wrong, more = as_shown(sheet.cells, sheet.marks, names, header, sheet.name)
        wrong += _merged_cells(sheet, names, header)
        faults += [_shifted_fault(fault, sheet.name, at) for fault in (*wrong, *_ragged_rows(rows, names, header))]
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
        metadata=metadata(book),
    )
    return opened, sheets


def _header_and_columns(
    source: Source, sheet: LoadedSheet, options: SheetOptions | None
) -> tuple[int, tuple[str, ...], list[Issue]]:
    """The header row, 0 where there is none, the names of the columns, and what to report of them."""
    name, cells = sheet.name, sheet.cells
    top = [[cell or "" for cell in _trimmed_row(cells, index)] for index in range(min(len(cells), TOP))]
    if source.options.without_header:
        width = max((len(row) for row in top), default=0)
        refuse_width(source, width)
        return 0, column_list(source.name, source.options.columns, width), []
    named_row = (options.header_row if options else None) or source.options.header_row
    found = widest_at(top)
    if named_row is None and found is None:
        named = option("read.header_row")
        raise SourceError(
            f"Sheet '{name}' of {source.name} has no header row near its top: name it with {named}.", sheet=name
        )
    header = named_row or (found or 0) + 1
    if header > len(cells):
        raise SourceError(
            f"Sheet '{name}' of {source.name} has {len(cells)} rows, and the header is to be row {header}.",
            sheet=name,
            rows=len(cells),
            row=header,
        )
    head = [cell or "" for cell in _trimmed_row(cells, header - 1)]
    notices: list[Issue] = []
    if named_row is None:
        refuse_a_record(f"sheet '{name}' of {source.name}", "row", header, head, surely=True)
        titles = [(number, " ".join(" ".join(row).split())) for number, row in enumerate(top[: header - 1], start=1)]
        notices = titles_notice("row", [title for title in titles if title[1] and not title[1].startswith("#")], name)
    names, doubles = column_names(source, head, header)
    return header, names, [*notices, *doubles, *([] if sheet.marks.known else [_UNSEEN_FORMATS])]


_UNSEEN_FORMATS = Issue(
    "workbook",
    "number formats, merged cells and formulas of this kind of workbook are not seen: save it as .xlsx if it has any",
    Severity.WARNING,
)


def _merged_cells(sheet: LoadedSheet, names: tuple[str, ...], header: int) -> list[Issue]:
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
                message = f"row {row} is a heading, merged over several columns, and is left out: '{value[:40]}'"
                faults.append(Issue("heading", message, Severity.WARNING, row=row))
                continue
            message = (
                f"row {row}: cells merged over several columns hold '{value[:40]}': split them, and fill each column"
            )
            faults += [Issue("merged", message, row=row, column=names[place]) for place in places[1:]]
    return faults


def _following_sheets(
    source: Source, book: fastexcel.ExcelReader, name: str, head: pl.DataFrame
) -> Iterator[LoadedSheet]:
    """Yield the sheets that go on where this one is full, as an export writes them: 'VPCs 2' after 'VPCs'.

    They begin with the same rows, the header included; a sheet that the caller named stands alone. A spreadsheet calls
    the copy of a sheet 'VPCs (2)'.
    """
    number = 2
    while not source.options.sheet:
        spelt = (f"{name} {number}", f"{name} ({number})")
        following = next((each for each in book.sheet_names if each in spelt), None)
        if following is None:
            return
        sheet = load_sheet(source, book, following)
        cells = sheet.cells
        if cells.width < head.width or not cells.head(len(head)).select(cells.columns[: head.width]).equals(head):
            return
        yield sheet
        number += 1


def _shifted_fault(fault: Issue, sheet: str, at: int) -> Issue:
    """A fault of a later sheet, its row counted on from the sheets before it."""
    if not at:
        return fault
    return replace(fault, row=(fault.row or 0) + at, message=f"sheet '{sheet}', {fault.message}")


def _trimmed_row(cells: pl.DataFrame, index: int) -> list[str | None]:
    """The cells of a row up to the last that holds something."""
    row = list(cells.row(index))
    while row and not (row[-1] or "").strip():
        row.pop()
    return row


def _ragged_rows(cells: pl.DataFrame, names: tuple[str, ...], header: int) -> list[Issue]:
    """Return the faults of rows that go on to the right of the header."""
    outside = cells.columns[len(names) :]
    if not outside:
        return []
    filled = [pl.col(name).str.strip_chars().str.len_bytes() > 0 for name in outside]
    wide = cells.slice(header).select(pl.any_horizontal(filled).fill_null(value=False).alias("wide"))["wide"].arg_true()
    message = "row {} has a value to the right of the last column, '{}': give its column a header, or take it out"
    rows = [int(index) + header + 1 for index in wide]
    return [Issue("ragged", message.format(row, names[-1]), row=row) for row in rows]


EXCEL = Format(formats.EXCEL, matches, open_excel, write_excel, open_sheets, write_sheets)
