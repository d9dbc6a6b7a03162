"""Rejects: the rejected rows of a run as a file to fix and import."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from sqlalchemy import Connection

from schemas.errors import UsageError
from schemas.issues import Issue
from schemas.language.remedies import NEUTRAL, Wording
from schemas.resources import RESOURCES
from schemas.sources import ABOUT_NOTE, NOTE
from tasks.atomic_write import atomic_path
from tasks.formats import FORMATS
from tasks.formats.about import about_cell, add_about
from tasks.formats.excel.sheet_xml import SHEET_ROWS
from tasks.formats.formula_guard import GUARD, SOURCE_GUARDED, guarded_text
from tasks.mapping.options import MAPPINGS, stored_mapping
from tasks.store import ledger

NOTES = (f"{NOTE} row", f"{NOTE} reason")
"""Columns that are added; an import leaves out columns whose name begins with `#`."""

_ADDED = (*NOTES, ABOUT_NOTE)

_MARKED = PatternFill("solid", fgColor="FFD7D7")
_NOTE = Font(italic=True, color="808080")
_TEXT = "@"
_WIDEST = 60


@dataclass(frozen=True)
class Rejected:
    """One rejected row as it was in the source, and what is wrong with it."""

    row: int
    data: dict[str, str | None]
    issues: tuple[Issue, ...]

    @property
    def reason(self) -> str:
        """All that is wrong, in one cell."""
        return "; ".join(_message_of(issue) for issue in self.issues)


@dataclass(frozen=True)
class Sheet:
    """The rejected rows of one type, and the columns of their source."""

    title: str
    columns: list[str]
    rows: Iterator[Rejected]


Metadata = dict[str, Any]
"""What the file says of itself: an object under each name."""

Writer = Callable[[list[Sheet], Path, Metadata], int]


def write_rejects(
    connection: Connection, run_id: UUID, path: Path, *, guard: bool = True, wording: Wording = NEUTRAL
) -> int:
    """Write the rejected rows of a run to a .csv or .xlsx file; returns how many there are.

    The file says of which type each row is and how its columns were mapped, so that it imports as it is once its cells
    are corrected. It is written aside and renamed when it is whole. With `guard`, an apostrophe stands before what a
    spreadsheet would run as a formula of a .csv file, which an import takes away; the cells of a workbook are text.
    The reasons are in the words of a front end.
    """
    writers: dict[str, Writer] = {".csv": _write_csv, ".xlsx": _write_workbook}
    ending = rejects_ending(path)
    run_id = ledger.plan_run(connection, run_id)
    parts = ledger.rejected_columns(connection, run_id)
    if ending == ".csv" and len(parts) > 1:
        raise UsageError("This run has several types: write a .xlsx file.")
    sheets = [
        Sheet(
            resource_type if len(parts) > 1 else "rejects",
            [name for name in columns if name not in _ADDED],
            _rejected(connection, run_id, part, wording),
        )
        for part, (resource_type, columns) in enumerate(parts)
    ]
    is_table = ending == ".csv"
    metadata = _metadata_of(connection, run_id) | ({GUARD: guard} if is_table else {})
    with atomic_path(path) as hidden:
        return writers[ending](sheets, hidden, metadata)


def rejects_ending(path: Path) -> str:
    """Return the ending of a file of rejected rows; raises UsageError for one that is not written."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise UsageError(f"'{path.name}' is neither .csv nor .xlsx: name the file so.", path=path)
    return ending


def _metadata_of(connection: Connection, run_id: UUID) -> Metadata:
    """The types, their fingerprints and their mappings, as an import reads them."""
    mappings = {name: mapping for name, mapping in ledger.mappings_of(connection, run_id).items() if name in RESOURCES}
    columns = dict(ledger.rejected_columns(connection, run_id))
    schemas = {name: RESOURCES[name].fingerprint for name in mappings}
    origin = ledger.read_report(connection, run_id, samples=0).origin
    unguarded = origin is not None and not FORMATS[origin.format].facts.guarded
    return {
        **({SOURCE_GUARDED: False} if unguarded else {}),
        "schemas": schemas,
        MAPPINGS: {name: stored_mapping(mapping, columns[name]) for name, mapping in mappings.items()},
    }


def _rejected(connection: Connection, run_id: UUID, part: int, wording: Wording) -> Iterator[Rejected]:
    """The rejected rows in the order of the source, a few thousand in memory at a time."""
    found = ledger.rejected_rows(connection, run_id, part)
    for (row, data), rows in groupby(found, key=lambda found: (found[0], found[1])):
        yield Rejected(row, data, tuple(issue.worded(wording) for _, _, issue in rows if issue))


def _write_csv(sheets: list[Sheet], path: Path, metadata: Metadata) -> int:
    (only,) = sheets
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        kept: Callable[[str], str] = guarded_text if metadata[GUARD] else str
        writer.writerow([*map(kept, only.columns), *NOTES, ABOUT_NOTE])
        # In each row, since any may be deleted; in a column, since programs read the file as a table.
        about = about_cell(metadata)
        for rejected in only.rows:
            cells = [kept(rejected.data.get(name) or "") for name in only.columns]
            writer.writerow([*cells, rejected.row, kept(rejected.reason), about])
            count += 1
    return count


def _write_workbook(sheets: list[Sheet], path: Path, metadata: Metadata) -> int:
    """Write text cells, so that nothing is turned into a number; a wrong cell is marked and says why."""
    book = Workbook(write_only=True)
    count = sum(_write_sheet(book, sheet.title, sheet.columns, sheet.rows) for sheet in sheets)
    add_about(book, metadata)
    book.save(path)
    return count


def _write_sheet(book: Workbook, title: str, columns: list[str], rows: Iterator[Rejected]) -> int:
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for number, name in enumerate([*columns, *NOTES], start=1):
        sheet.column_dimensions[get_column_letter(number)].width = min(max(len(name) + 4, 14), _WIDEST)
    sheet.append([_cell(sheet, name, font=Font(bold=True)) for name in [*columns, *NOTES]])
    count = 0
    for rejected in rows:
        count += 1
        if count >= SHEET_ROWS:  # the header takes one row
            raise UsageError("There are more rejected rows than a worksheet holds: write them to a .csv file.")
        sheet.append(_cells(sheet, columns, rejected))
    return count


def _cells(sheet: Any, columns: list[str], rejected: Rejected) -> list[Any]:
    cells = {name: _cell(sheet, rejected.data.get(name)) for name in columns}
    for name, cell in cells.items():
        first = columns[0]
        messages = [_message_of(issue) for issue in rejected.issues if (issue.column or first) == name]
        if messages:
            cell.comment = Comment("\n".join(messages), "cmdb", width=360, height=60 + 40 * len(messages))
            cell.fill = _MARKED
    notes = [_cell(sheet, str(rejected.row), font=_NOTE), _cell(sheet, rejected.reason, font=_NOTE)]
    return [*cells.values(), *notes]


def _cell(sheet: Any, value: str | None, font: Font | None = None) -> Any:
    text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value) if value else value
    cell = WriteOnlyCell(sheet, value=text)
    cell.number_format = _TEXT
    if text:
        cell.data_type = "s"  # a text that begins with "=" is no formula
    if font:
        cell.font = font
    return cell


def _message_of(issue: Issue) -> str:
    return f"{issue.message} (perhaps {issue.suggestion})" if issue.suggestion else issue.message
