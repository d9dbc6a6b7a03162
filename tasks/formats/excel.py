"""Excel workbooks, and what Calamine reads beside them (.xls, .xlsb, .ods); every cell as text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import fastexcel
import polars as pl

from schemas.errors import SourceError
from schemas.reports import LEFT_OUT, ROW, Issue, Opened, Severity, issues_frame
from schemas.resources import named
from tasks.formats.base import Format, Source, column_names
from tasks.formats.compressed import BROKEN_ZIP, refuse_bomb
from tasks.formats.spool import odd_cells
from tasks.formats.workbook import SHEET_ROWS, Special, special_cells, told_of
from tasks.formats.written import ABOUT, FIELDS, write_excel, write_sheets

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# Header rows are looked for in the first rows of a sheet.
_TOP = 50


def matches(path: Path, head: bytes) -> bool:
    """Say whether a file is a workbook, by its content."""
    if head.startswith(_OLE):
        return True
    if not head.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (*BROKEN_ZIP, OSError):
        return False
    return "[Content_Types].xml" in names or "content.xml" in names


def open_excel(source: Source) -> Opened:
    """Open a workbook: find the sheet and the header row; numbers keep all their digits."""
    with _book(source) as book:
        opened, _ = _opened(source, book, _chosen(source, book))
    return opened


def open_sheets(source: Source) -> tuple[Opened, ...]:
    """Open every visible sheet that holds a header and records; one that is named after a type is known by that.

    A sheet of another name that can't be read, as notes can't, is left out with a notice. Of several sheets, one at a
    time is held in memory.
    """
    parts: list[Opened] = []
    wrong: list[tuple[str, SourceError]] = []
    with _book(source) as book:
        read: set[str] = set()
        for name in _data(book):
            bare = source.emptied and named(name) is not None
            if name in read or (sheet := _table(source, book, name, header_alone=bare)) is None:
                continue
            try:
                part, sheets = _opened(source, book, sheet)
            except SourceError as error:
                if named(name) and not isinstance(error, _NoRecords):
                    raise
                wrong.append((name, error))
            else:
                read |= sheets
                parts = [*parts[:-1], *(_on_disk(source, before, len(parts) - 1) for before in parts[-1:]), part]
    if not parts and wrong:
        raise wrong[0][1]
    if not parts:
        return (open_excel(source),)
    left = [Issue(LEFT_OUT, f"sheet '{name}' is left out: {error}", Severity.WARNING) for name, error in wrong]
    parts[0] = replace(parts[0], notices=(*parts[0].notices, *left))
    return tuple(_on_its_name(source, parts)) if len(parts) > 1 else tuple(parts)


def _on_its_name(source: Source, parts: list[Opened]) -> Iterator[Opened]:
    """Tell the type of each sheet that is named after one."""
    for number, part in enumerate(parts):
        after = named(str(part.sheet))
        last = _on_disk(source, part, number) if number == len(parts) - 1 else part
        yield replace(last, resource_type=after.type if after else None)


class _NoRecords(SourceError):
    """A sheet has a header and nothing below it."""


@contextmanager
def _book(source: Source) -> Iterator[fastexcel.ExcelReader]:
    """Give the workbook, and tell in a sentence why it can't be read."""
    refuse_bombs(source)
    try:
        yield fastexcel.read_excel(source.path)
    except fastexcel.FastExcelError as error:
        raise SourceError(
            f"{source.name} can't be opened as a workbook: it is damaged, or protected by a password. "
            f"Save it again without one. ({str(error).splitlines()[0][:120]})"
        ) from error


@dataclass(frozen=True)
class _Sheet:
    """A sheet: every cell as text, from its first row on, and those that hold a formula or an error."""

    name: str
    cells: pl.DataFrame
    special: list[Special]
    visible: bool


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


def _opened(source: Source, book: fastexcel.ExcelReader, first: _Sheet) -> tuple[Opened, set[str]]:
    """Open a sheet with those that go on from it; returns the names of them all too."""
    name, cells = first.name, first.cells
    header = source.options.header_row or _header_row(source, cells)
    if header > len(cells):
        raise SourceError(
            f"Sheet '{name}' of {source.name} has {len(cells)} rows, and the header is to be row {header}."
        )
    names, told = column_names([cell or "" for cell in _row(cells, header - 1)], header)
    if len(names) > source.max_columns:
        raise SourceError(f"{source.name} has {len(names):,} columns; at most {source.max_columns:,} are read.")
    if len(cells) == header and not source.emptied:
        raise _NoRecords(f"Sheet '{name}' of {source.name} has a header and no records: nothing to import.")
    records, faults, notices, sheets = [], [], list(told), set()
    for number, sheet in enumerate([first, *_continued(source, book, name, cells.head(header))]):
        at, rows = number * SHEET_ROWS, sheet.cells
        sheets.add(sheet.name)
        if at:
            message = (
                f"sheet '{sheet.name}' goes on where the one before it ends: its row 1 is counted as row {at + 1:,}"
            )
            notices.append(Issue("sheet", message, Severity.WARNING))
        wrong, formulas = told_of(sheet.special, header)
        faults += [_shifted(fault, sheet.name, at) for fault in (*wrong, *_beyond(rows, names, header))]
        notices += formulas
        part = rows.slice(header).select(rows.columns[: len(names)])
        part.columns = list(names)
        records.append(part.with_row_index(ROW, offset=at + header + 1))
    frame = pl.concat(records, rechunk=False)
    opened = Opened(
        frame=frame.lazy(),
        columns=names,
        sheet=name,
        header_row=header,
        records=len(frame),
        faults=issues_frame([*faults, *odd_cells(frame, source.max_cell)]),
        notices=tuple(notices),
        metadata=_metadata(book),
    )
    return opened, sheets


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


def refuse_bombs(source: Source) -> None:
    """Refuse a workbook that unpacks to more than may be read; the sizes it declares are checked again on reading."""
    if not zipfile.is_zipfile(source.path):
        return
    with zipfile.ZipFile(source.path) as archive:
        if any(item.flag_bits & 1 for item in archive.infolist()):
            raise SourceError(f"{source.name} is protected by a password: save it without one.")
        size = sum(item.file_size for item in archive.infolist())
    refuse_bomb(source.name, source.path.stat().st_size, size)
    if size > source.max_bytes:
        raise SourceError(
            f"{source.name} unpacks to {size >> 20:,} MB; at most {source.max_bytes >> 20:,} MB are read."
        )


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
        special = beside.submit(_special, source, book.sheet_names.index(name))
        cells = _cells(book, name)
        return _Sheet(name, cells.to_polars(), special.result(), cells.visible == "visible")


def _special(source: Source, sheet: int) -> list[Special]:
    try:
        return special_cells(source.path, sheet)
    except (*BROKEN_ZIP, OSError) as error:
        raise SourceError(f"{source.name} is a damaged workbook: save it again. ({str(error)[:120]})") from error


def _cells(book: fastexcel.ExcelReader, name: str) -> fastexcel.ExcelSheet:
    return book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")


def _row(cells: pl.DataFrame, index: int) -> list[str | None]:
    """The cells of a row up to the last that holds something."""
    row = list(cells.row(index))
    while row and not (row[-1] or "").strip():
        row.pop()
    return row


def _header_row(source: Source, cells: pl.DataFrame) -> int:
    """The first row that is as wide as the widest near the top, so that titles and comments are passed over."""
    top = [_row(cells, index) for index in range(min(len(cells), _TOP))]
    filled = [
        sum(bool((cell or "").strip()) for cell in row) if not str(row[:1]).startswith("['#") else 0 for row in top
    ]
    widest = max(filled, default=0)
    if not widest:
        raise SourceError(f"{source.name} has no header row near its top: name it with --header-row.")
    return next(number for number, count in enumerate(filled, start=1) if count > widest / 2)


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
