"""Excel workbooks, and what Calamine reads beside them (.xls, .xlsb, .ods); every cell as text."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fastexcel
import polars as pl

from schemas.errors import SourceError
from schemas.reports import ROW, Issue, Opened, Severity, issues_frame
from tasks.formats.base import Format, Source, column_names

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CHUNK = 1 << 20

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
    except (zipfile.BadZipFile, OSError):
        return False
    return "[Content_Types].xml" in names or "content.xml" in names


def open_excel(source: Source) -> Opened:
    """Open a workbook: find the sheet and the header row; numbers keep all their digits."""
    _refuse_bomb(source)
    try:
        book = fastexcel.read_excel(source.path)
        name = _sheet_name(source, book)
        cells = _cells(book, name)
    except fastexcel.FastExcelError as error:
        raise SourceError(
            f"{source.name} can't be opened as a workbook: it is damaged, or protected by a password. "
            f"Save it again without one. ({str(error).splitlines()[0][:120]})"
        ) from error
    header = source.options.header_row or _header_row(source, cells)
    if header > len(cells):
        raise SourceError(
            f"Sheet '{name}' of {source.name} has {len(cells)} rows, and the header is to be row {header}."
        )
    names, told = column_names([cell or "" for cell in _row(cells, header - 1)], header)
    if len(names) > source.max_columns:
        raise SourceError(f"{source.name} has {len(names):,} columns; at most {source.max_columns:,} are read.")
    records = cells.slice(header).select(cells.columns[: len(names)])
    if records.is_empty():
        raise SourceError(f"Sheet '{name}' of {source.name} has a header and no records: nothing to import.")
    records.columns = list(names)
    faults, formulas = _special_cells(source, book.sheet_names.index(name), header)
    frame = records.lazy().with_row_index(ROW, offset=header + 1)
    return Opened(
        frame=frame,
        columns=names,
        sheet=name,
        header_row=header,
        records=len(records),
        faults=issues_frame([*faults, *_long_cells(records, header, source.max_cell)]),
        notices=(*told, *formulas),
    )


def _refuse_bomb(source: Source) -> None:
    """Refuse a workbook that unpacks to more than may be read; the sizes it declares are checked again on reading."""
    if not zipfile.is_zipfile(source.path):
        return
    with zipfile.ZipFile(source.path) as archive:
        if any(item.flag_bits & 1 for item in archive.infolist()):
            raise SourceError(f"{source.name} is protected by a password: save it without one.")
        size = sum(item.file_size for item in archive.infolist())
    if size > source.max_bytes:
        raise SourceError(
            f"{source.name} unpacks to {size >> 20:,} MB; at most {source.max_bytes >> 20:,} MB are read."
        )


def _sheet_name(source: Source, book: fastexcel.ExcelReader) -> str:
    """The sheet that was asked for, or the first visible one that holds a header and a record."""
    names = book.sheet_names
    if source.options.sheet:
        same = [name for name in names if name.lower() == source.options.sheet.lower()]
        if same:
            return same[0]
        raise SourceError(f"{source.name} has no sheet '{source.options.sheet}': its sheets are {', '.join(names)}.")
    for name in names:
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, n_rows=_TOP, dtypes="string")
        if sheet.visible == "visible" and len(sheet.to_polars()) > 1:
            return name
    raise SourceError(f"{source.name} has no visible sheet with a header and records: nothing to import.")


def _cells(book: fastexcel.ExcelReader, name: str) -> pl.DataFrame:
    """Every cell of a sheet as text, from its first row on."""
    return book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_polars()


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


def _long_cells(records: pl.DataFrame, header: int, most: int) -> list[Issue]:
    longest = records.select(pl.max_horizontal(pl.all().str.len_chars()).alias("longest"))["longest"]
    where = (longest > most).fill_null(value=False).arg_true()
    told = "row {} has a cell of {:,} characters; at most {:,} are read"
    rows = [(int(index) + header + 1, int(longest[int(index)])) for index in where]
    return [Issue("cell_too_long", told.format(row, size, most), row=row) for row, size in rows]


# Formulas and errors --------------------------------------------------------------------------------------------------

_CELL = re.compile(rb'<c r="([A-Z]+)(\d+)"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)


def _special_cells(source: Source, sheet: int, header: int) -> tuple[list[Issue], list[Issue]]:
    """Cells whose value is an error or a formula without one, which reject their row; and what to tell of formulas."""
    faults: dict[int, Issue] = {}
    computed: list[str] = []
    for column, row, kind, content in _formulas_and_errors(source, sheet):
        number, cell = int(row), f"{column}{row}"
        if number <= header:
            continue
        if b't="e"' in kind:
            message = f"cell {cell} holds an error such as #N/A: put a value into it"
            faults.setdefault(number, Issue("cell_error", message, row=number))
        elif re.search(rb"<v>[^<]", content):
            computed.append(cell)
        else:
            message = (
                f"cell {cell} holds a formula without a value: open and save the file in a spreadsheet, or paste values"
            )
            faults.setdefault(number, Issue("formula", message, row=number))
    if not computed:
        return list(faults.values()), []
    more = f" and {len(computed) - 3} more" if len(computed) > 3 else ""
    told = f"cells hold formulas, whose last computed values are read: {', '.join(computed[:3])}{more}"
    return list(faults.values()), [Issue("formula", told, Severity.WARNING)]


def _formulas_and_errors(source: Source, sheet: int) -> Iterator[tuple[str, str, bytes, bytes]]:
    """Yield (column, row, attributes, content) of such cells of an .xlsx; the XML is only searched, never resolved."""
    if not zipfile.is_zipfile(source.path):
        return
    with zipfile.ZipFile(source.path) as archive:
        part = _sheet_part(archive, sheet)
        if part is None:
            return
        held = b""
        with archive.open(part) as file:
            while chunk := file.read(_CHUNK):
                held += chunk
                end = held.rfind(b"</c>") + len(b"</c>")
                if end < len(b"</c>"):
                    continue
                yield from _in(held[:end])
                held = held[end:]
        yield from _in(held)


def _in(text: bytes) -> Iterator[tuple[str, str, bytes, bytes]]:
    if b"<f" not in text and b't="e"' not in text:
        return
    for match in _CELL.finditer(text):
        column, row, kind, content = match.groups()
        if b"<f" in (content or b"") or b't="e"' in kind:
            yield column.decode(), row.decode(), kind, content or b""


def _sheet_part(archive: zipfile.ZipFile, sheet: int) -> str | None:
    """The part of the package that holds the sheet of that position (ECMA-376, part 1, 18.2.19)."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    book = archive.read("xl/workbook.xml").decode(errors="replace")
    links = archive.read("xl/_rels/workbook.xml.rels").decode(errors="replace")
    ids = re.findall(r'<sheet\b[^>]*?\br:id="([^"]+)"', book)
    if sheet >= len(ids):
        return None
    for link in re.findall(r"<Relationship\b[^>]*>", links):
        target = re.search(r'Target="/?(?:xl/)?([^"]+)"', link)
        if f'Id="{ids[sheet]}"' in link and target:
            return f"xl/{target[1]}" if f"xl/{target[1]}" in names else None
    return None


EXCEL = Format("excel", "an Excel workbook", (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), matches, open_excel)
