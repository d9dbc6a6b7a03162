"""What a file says of itself, such as the type of its records: the one way in which it is written and read.

It is an object. It stands in a column of notes (in each record, as any may be deleted), or member by member in a sheet
of its own, in lines of comments or among the key-value pairs of a file.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from schemas.model.resource import Resource
from schemas.sources import ABOUT_NOTE, Opened

if TYPE_CHECKING:
    from openpyxl import Workbook

ABOUT = "About"
"""The sheet of a workbook that holds it."""


def stamp(resource: Resource) -> dict[str, Any]:
    """Return the type of records and its fingerprint, which shows whether it has changed since."""
    return {"resourceType": resource.type, "schema": resource.fingerprint}


def on_one_line(value: Any) -> str:
    """Return a member as text: what is no text as JSON."""
    return " ".join((value if isinstance(value, str) else orjson.dumps(value).decode()).split())


def about_rows(metadata: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of the sheet."""
    return [{"": name, "value": on_one_line(value)} for name, value in metadata.items()]


def add_about(book: Workbook, metadata: dict[str, Any]) -> None:
    """Add the sheet, hidden, to a workbook that is made for a person."""
    sheet = book.create_sheet(ABOUT)
    sheet.sheet_state = "hidden"
    sheet.append(("", "value"))
    for row in about_rows(metadata):
        sheet.append((*row.values(),))


def about_cell(metadata: dict[str, Any]) -> str:
    """Return a cell of the column of notes."""
    return orjson.dumps(metadata).decode()


def described(opened: Opened) -> Opened:
    """Return a source with what it says of itself, wherever that stands in it."""
    metadata = {name: _decoded(value) for name, value in opened.metadata.items()}
    return replace(opened, metadata=_metadata_of_column(opened) | metadata)


def _metadata_of_column(opened: Opened) -> dict[str, Any]:
    if ABOUT_NOTE not in opened.columns:
        return {}
    cells = opened.frame.select(ABOUT_NOTE).filter(pl.col(ABOUT_NOTE).str.len_bytes() > 0).head(1).collect()
    found = _decoded(cells[ABOUT_NOTE][0]) if len(cells) else None
    return found if isinstance(found, dict) else {}


def _decoded(value: Any) -> Any:
    """Return an object that stands as text; other text is as it is."""
    if isinstance(value, str) and value.startswith("{"):
        with contextlib.suppress(orjson.JSONDecodeError):
            return orjson.loads(value)
    return value
