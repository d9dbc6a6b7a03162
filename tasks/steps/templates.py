"""Templates: an empty file of a resource type that says what each column takes, and imports once it is filled in."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import orjson
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from schemas.errors import UsageError
from schemas.model import kinds
from schemas.model.fields import Spec
from schemas.model.json_schema import DIALECT, example, json_schema
from schemas.model.resource import Resource
from schemas.sources import EXAMPLE, NOTE
from tasks.atomic_write import atomic_path
from tasks.formats.about import add_about, stamp
from tasks.formats.excel.sheet_xml import SHEET_ROWS
from tasks.formats.writers import FIELDS, RECORDS

NOTES = f"{NOTE} note"
"""The last column: an import leaves a row out that says `example` there."""

_HEADER = PatternFill("solid", fgColor="DDE6F0")
_REQUIRED = PatternFill("solid", fgColor="FFE2B8")
_EXAMPLE = Font(italic=True, color="808080")
_NUMBERS = (kinds.INTEGER.name, kinds.NUMBER.name, kinds.ASN.name, kinds.BOOLEAN.name)
_CHOICES = "Choices"


def write_template(resource: Resource, format: str | None = None, path: Path | None = None) -> Path:
    """Write the template of a type as .xlsx, .csv or .json and return its path; raises UsageError for others."""
    suffix = _suffix(format or (path.suffix if path else "") or "xlsx")
    if suffix not in WRITERS:
        raise UsageError(
            f"Unknown template format '{suffix}': use one of {', '.join(WRITERS)}.", format=suffix, choices=[*WRITERS]
        )
    file = path or Path(template_name(resource, suffix))
    with atomic_path(file) as hidden:
        WRITERS[suffix](resource, hidden)
    return file


def template_name(resource: Resource, format: str) -> str:
    """Return the file name of a template: `vpc-template.xlsx`."""
    return f"{resource.table.replace('_', '-')}-template.{_suffix(format)}"


def _suffix(format: str) -> str:
    """The file name suffix, without its dot, of a format that is named by its suffix or as exports name it."""
    named = format.lower().removeprefix(".")
    return "xlsx" if named == "excel" else named


def _csv(resource: Resource, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(spec.title for spec in resource.fields.values()), NOTES])
        writer.writerows([*row.values(), EXAMPLE] for row in resource.examples)


def _json(resource: Resource, path: Path) -> None:
    """Write a JSON Schema that the same file fits once its `records` are filled in."""
    records = [{name: example(resource.fields[name]) for name in resource.example}]
    document = {
        "$schema": DIALECT,
        "$comment": f"Put your records into '{RECORDS}', as in 'examples', and import this file.",
        "title": f"{resource.title}: records to import",
        "type": "object",
        "properties": {RECORDS: {"type": "array", "items": json_schema(resource)}},
        "required": [RECORDS],
        "examples": [{RECORDS: records}],
        "metadata": {"resourceType": resource.type, "schema": resource.fingerprint},
        RECORDS: [],
    }
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def _workbook(resource: Resource, path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)  # noqa: S101  # a new workbook has one
    sheet.title = resource.title
    _header(sheet, resource)
    for row in resource.examples:
        sheet.append([*(_value(resource.fields[name], text) for name, text in row.items()), EXAMPLE])
    for row_cells in sheet.iter_rows(min_row=2):
        for cell in row_cells:
            cell.font = _EXAMPLE
    _columns(sheet, resource)
    _drop_downs(book, sheet, resource)
    _documentation(book, resource)
    add_about(book, stamp(resource))
    book.save(path)


def _value(spec: Spec, text: str) -> object:
    return (example(spec) if spec.kind.name in _NUMBERS else text) if text else None


def _header(sheet: Worksheet, resource: Resource) -> None:
    for number, (name, spec) in enumerate(resource.fields.items(), start=1):
        cell = sheet.cell(1, number, spec.title)
        cell.font = Font(bold=True)
        cell.fill = _REQUIRED if spec.required or name in resource.key else _HEADER
        cell.comment = Comment(_meaning(resource, name, spec), "cmdb", width=360, height=140)
    note = sheet.cell(1, len(resource.fields) + 1, NOTES)
    note.font = Font(bold=True)
    note.comment = Comment(f"A row that says '{EXAMPLE}' here is left out. Write what you like.", "cmdb")
    sheet.freeze_panes = "B2"


def _meaning(resource: Resource, name: str, spec: Spec) -> str:
    lines = [spec.description or spec.title, _rule(resource, name, spec)]
    lines += [f"Example: {spec.example}"] if spec.example else []
    return "\n".join(lines)


def _rule(resource: Resource, name: str, spec: Spec) -> str:
    needed = "Natural key" if name in resource.key else "Required" if spec.required else "Optional"
    kind = spec.kind.wants if spec.kind.name != "text" else "text"
    bounds = [f"not what {text}" for rule, text in spec.says.values() if rule in ("range", "too_long", "prefix_length")]
    return f"{needed}: {'; '.join([kind, *bounds])}"


def _columns(sheet: Worksheet, resource: Resource) -> None:
    """Format whole columns: what is text stays text, and keeps its zeros."""
    for number, spec in enumerate(resource.fields.values(), start=1):
        column = sheet.column_dimensions[get_column_letter(number)]
        column.width = min(max(len(spec.title) + 4, len(spec.example) + 2, 12), 40)
        if spec.kind.name not in _NUMBERS:
            column.number_format = "@"
            for (cell,) in sheet.iter_rows(min_row=2, min_col=number, max_col=number):
                cell.number_format = "@"


def _drop_downs(book: Workbook, sheet: Worksheet, resource: Resource) -> None:
    """Offer the values of enums, yes and no, and of lists that a near miss is compared with."""
    hidden = book.create_sheet(_CHOICES)
    hidden.sheet_state = "hidden"
    column = itertools.count(1)
    for number, spec in enumerate(resource.fields.values(), start=1):
        choices = ("TRUE", "FALSE") if spec.kind.name == kinds.BOOLEAN.name else spec.choices
        if not choices:
            continue
        at = get_column_letter(next(column))
        for row, choice in enumerate(choices, start=1):
            hidden[f"{at}{row}"] = choice
        rule = DataValidation("list", formula1=f"={_CHOICES}!${at}$1:${at}${len(choices)}", allow_blank=True)
        # A region that AWS opens tomorrow, and a value that it adds to an enum, is no mistake.
        rule.showErrorMessage = spec.kind.name == kinds.BOOLEAN.name
        rule.error, rule.errorTitle = f"{spec.title} is yes or no", "cmdb"
        letter = get_column_letter(number)
        rule.add(f"{letter}2:{letter}{SHEET_ROWS}")
        sheet.add_data_validation(rule)


def _documentation(book: Workbook, resource: Resource) -> None:
    sheet = book.create_sheet(FIELDS)
    sheet.append(["Column", "Field", "What it takes", "Values", "Example", "Meaning"])
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), _HEADER
    for name, spec in resource.fields.items():
        values = ", ".join(spec.choices) if spec.kind.name == "enum" else ""
        cells = [spec.title, name, _rule(resource, name, spec), values, spec.example, spec.description or spec.title]
        sheet.append(cells)
    for row in sheet.iter_rows(min_row=2):
        for cell in row:
            cell.number_format, cell.alignment = "@", Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCDEF", (24, 24, 50, 40, 32, 60), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"


WRITERS: dict[str, Callable[[Resource, Path], None]] = {"xlsx": _workbook, "csv": _csv, "json": _json}
"""What writes each format of a template."""
