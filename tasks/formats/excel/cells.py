"""Cells of a workbook as a person sees them: merged ones filled, numbers and dates as their format shows them."""

from __future__ import annotations

from array import array

import polars as pl

from schemas.issues import Issue, Severity
from schemas.language.wording import some_of
from tasks.formats.excel.number_formats import Look, NumberFormat
from tasks.formats.excel.sheet_xml import Area, Marks, place_of, special_cell_issues
from tasks.formats.header import is_number_name


def with_merged_filled(cells: pl.DataFrame, marks: Marks) -> tuple[pl.DataFrame, list[Issue]]:
    """Fill cells that are merged one above the other with their value; returns what to report, too."""
    filled: list[Area] = []
    columns: dict[int, list[tuple[int, int]]] = {}
    for area in marks.merged:
        top, left, bottom, _ = area
        index, last = left - marks.first_column, min(bottom, len(cells))
        if last > top and 0 <= index < cells.width and (cells[top - 1, index] or "").strip():
            columns.setdefault(index, []).append((top, last))
            filled.append(area)
    for index, ranges in columns.items():
        cells = cells.with_columns(_with_ranges_filled(cells.to_series(index), ranges))
    if not filled:
        return cells, []
    shown = some_of([_area(*area) for area in filled[:3]], total=len(filled))
    return cells, [Issue("merged", f"merged cells are filled with their value: {shown}", Severity.REPAIR)]


def _with_ranges_filled(values: pl.Series, ranges: list[tuple[int, int]]) -> pl.Series:
    rows: list[int] = []
    texts: list[str | None] = []
    for top, last in ranges:
        rows += range(top, last)
        texts += [values[top - 1]] * (last - top)
    return values.scatter(rows, pl.Series(texts, dtype=pl.String))


def _area(top: int, left: int, bottom: int, right: int) -> str:
    return f"{letters_of(left)}{top}:{letters_of(right)}{bottom}"


def letters_of(column: int) -> str:
    """Return the letters of a column: A of 1, AA of 27."""
    letters = ""
    while column:
        column, place = divmod(column - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


# Numbers --------------------------------------------------------------------------------------------------------------


def as_shown(
    cells: pl.DataFrame, marks: Marks, names: tuple[str, ...], header: int, sheet: str
) -> tuple[pl.DataFrame, list[Issue], list[Issue]]:
    """Return the cells below the header as they are shown, their faults, and what to report of all.

    A column whose name is that of a number has numbers as they are stored, whatever their format adds to them.
    """

    def column(cell: str) -> str | None:
        index = place_of(cell)[1] - marks.first_column
        return names[index] if index < len(names) else None

    if not marks.known:
        return cells.with_columns(_without_midnight(pl.all())), [], []
    faults, notices = special_cell_issues(marks.special, header, column)
    changed: list[tuple[str, str, str]] = []
    count = 0
    unknown: list[str] = []
    for (number, style), rows in marks.styled.items():
        index = number - marks.first_column
        if not 0 <= index < min(len(names), cells.width) or is_number_name(names[index]):
            continue
        form, below = marks.formats[style], _rows_below_header(rows, header, len(cells))
        before = cells.to_series(index)[below - 1]
        place = letters_of(number)
        if form.look in (Look.PART_OF_DATE, Look.DURATION):
            faults += [_unclear_date(f"{place}{row}", row, names[index], form) for row in below]
            continue
        if form.look is Look.UNKNOWN:
            unknown += [f"{place}{row}" for row in below[:3]]
            continue
        after = form.shown(before)
        differs = (after.is_not_null() & (after != before)).fill_null(value=False)
        where, texts = below.filter(differs), after.filter(differs)
        count += len(where)
        changed += [
            (f"{place}{row}", old, new) for row, old, new in zip(where[:3], before.filter(differs), texts, strict=False)
        ]
        cells = cells.with_columns(cells.to_series(index).scatter(where - 1, texts))
    return cells, faults, [*notices, *_changed_values(changed, count, sheet), *_unknown_formats(unknown, sheet)]


def _without_midnight(text: pl.Expr) -> pl.Expr:
    """Days and times of day as they are shown, where only the text of a cell is known."""
    return text.str.replace(r"^(\d{4}-\d\d-\d\d) 00:00:00$", "$1").str.replace(
        r"^1899-12-3[01] (\d\d:\d\d:\d\d)$", "$1"
    )


def _rows_below_header(rows: array[int], header: int, last: int) -> pl.Series:
    series = pl.Series(rows, dtype=pl.UInt32)
    return series.filter((series > header) & (series <= last))


def _unclear_date(cell: str, row: int, column: str, form: NumberFormat) -> Issue:
    what = (
        "a duration"
        if form.look is Look.DURATION
        else f"a date of which its format '{form.code}' shows a part, such as 2-Jan for what was typed as 1/2"
    )
    message = f"cell {cell} holds {what}: format the column as text, then enter the value again"
    return Issue("date", message, row=row, column=column)


def _changed_values(changed: list[tuple[str, str, str]], count: int, sheet: str) -> list[Issue]:
    if not changed:
        return []
    shown = some_of([f"{cell} '{new}' (stored: {old})" for cell, old, new in changed[:3]], total=count)
    message = f"sheet '{sheet}': numbers and dates are read as they are shown, dates as year-month-day: {shown}"
    return [Issue("number_format", message, Severity.REPAIR)]


def _unknown_formats(cells: list[str], sheet: str) -> list[Issue]:
    if not cells:
        return []
    shown = ", ".join(cells[:3])
    message = f"sheet '{sheet}': cells have a number format that is not known, and are read as the number: {shown}"
    return [Issue("number_format", message, Severity.WARNING)]
