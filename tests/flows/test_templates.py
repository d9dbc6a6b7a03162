"""Templates: what they say of a type holds, and what is filled in imports without any further word."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no annotations of its own
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from schemas.errors import UsageError
from schemas.reports import Counts
from schemas.resources import RESOURCES
from schemas.sources import EXAMPLE
from tasks.steps.templates import NOTES, write_template
from tests.records import LEAST, most
from tests.support import importer


def template(resource_type: str, path: Path) -> Path:
    """Write the template of a type."""
    return write_template(RESOURCES[resource_type], path=path)


def book_of(resource_type: str, path: Path) -> openpyxl.Workbook:
    """Write the template of a type as a workbook, and open it."""
    return openpyxl.load_workbook(template(resource_type, path))


def first(book: openpyxl.Workbook) -> Worksheet:
    """The sheet to fill in."""
    sheet = book.worksheets[0]
    assert isinstance(sheet, Worksheet)
    return sheet


# JSON -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource_type", RESOURCES)
def test_a_json_template_is_the_schema_of_itself(tmp_path: Path, resource_type: str) -> None:
    """It is a schema of JSON Schema 2020-12, and fits it empty, with its examples, and with a record of least."""
    document = json.loads(template(resource_type, tmp_path / "t.json").read_text())
    Draft202012Validator.check_schema(document)
    validator = Draft202012Validator(document)
    least = {name: as_json(document, name, text) for name, text in LEAST[resource_type].items()}
    for filled in (document, *document["examples"], {"records": [least]}):
        validator.validate(filled)


def as_json(document: dict[str, Any], name: str, text: str) -> Any:
    """A value as the schema wants it: text, or the number that it spells."""
    kind = document["properties"]["records"]["items"]["properties"][name]["type"]
    return int(text) if "integer" in kind else text


@pytest.mark.parametrize(
    ("resource_type", "change", "says"),
    [
        ("vpc", {"vpc_id": "vpc-1"}, "does not match"),
        ("vpc", {"vpc_id": None}, "is not of type 'string'"),
        ("vpc", {"is_default": "yes"}, "is not of type 'boolean', 'null'"),
        ("vpc", {"color": "blue"}, "Additional properties are not allowed"),
        ("vpc", {"name": "x" * 257}, "is too long"),
        ("vpc", {"tags": {"Owner": 1}}, "is not of type 'string'"),
        ("vpc", {"secondary_cidr_blocks": "10.0.0.0/8"}, "is not of type 'array', 'null'"),
        ("vlan", {"vid": 4095}, "is greater than the maximum of 4094"),
        ("vlan", {"vid": 0}, "is less than the minimum of 1"),
        ("site", {"latitude": 90.5}, "is greater than the maximum of 90"),
    ],
)
def test_the_schema_refuses_what_an_import_rejects(
    tmp_path: Path, resource_type: str, change: dict[str, Any], says: str
) -> None:
    """Bounds, patterns, lists and types are those of the fields."""
    document = json.loads(template(resource_type, tmp_path / "t.json").read_text())
    record = document["examples"][0]["records"][0] | change
    errors = [error.message for error in Draft202012Validator(document).iter_errors({"records": [record]})]
    assert len(errors) == 1
    assert says in errors[0]


@pytest.mark.parametrize("resource_type", RESOURCES)
def test_a_filled_json_template_imports(two_of_each_type: str, tmp_path: Path, resource_type: str) -> None:
    """Its own example, put where its comment says, is a sound record; neither type nor mapping is given."""
    path = template(resource_type, tmp_path / "t.json")
    document = json.loads(path.read_text())
    [record] = document["examples"][0]["records"]
    sound = {name: value for name, value in record.items() if name in most(resource_type)}
    path.write_text(json.dumps(document | {"records": [sound]}))
    report = importer(two_of_each_type, tmp_path)(path, dry_run=True)
    assert (report.resource_type, report.counts, report.notices) == (resource_type, Counts(read=1, unchanged=1), ())


# Tables ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resource_type", "examples"), [*((name, "left") for name in RESOURCES), ("vpc", "deleted")])
def test_a_filled_workbook_imports(two_of_each_type: str, tmp_path: Path, resource_type: str, examples: str) -> None:
    """Rows after the examples, or in their place, import without a type and a mapping; the examples do no harm."""
    path = tmp_path / "t.xlsx"
    book = book_of(resource_type, path)
    sheet = first(book)
    if examples == "deleted":
        sheet.delete_rows(2, 2)
    for row in (most(resource_type), LEAST[resource_type]):
        sheet.append([row.get(name) or None for name in RESOURCES[resource_type].fields])
    book.save(path)
    report = importer(two_of_each_type, tmp_path)(path, dry_run=True)
    warnings = 2 if examples == "left" else 0
    assert (report.resource_type, report.counts) == (resource_type, Counts(read=2, unchanged=2, warnings=warnings))
    assert [issue.rule for issue in report.issues] == ["example"] * warnings


@pytest.mark.parametrize("resource_type", ["vpc", "vlan", "vpnConnection"])
def test_a_filled_csv_template_imports(two_of_each_type: str, tmp_path: Path, resource_type: str) -> None:
    """A row after the examples, with a note of one's own beside it."""
    path = template(resource_type, tmp_path / "t.csv")
    row = most(resource_type)
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow([*(row.get(name, "") for name in RESOURCES[resource_type].fields), "an example?"])
    report = importer(two_of_each_type, tmp_path)(path, dry_run=True)
    assert (report.resource_type, report.counts) == (resource_type, Counts(read=1, unchanged=1, warnings=2))


@pytest.mark.parametrize("resource_type", RESOURCES)
def test_what_a_workbook_says(tmp_path: Path, resource_type: str) -> None:
    """Each column has its title and a comment, what is text is formatted as text, and each field is described."""
    book = book_of(resource_type, tmp_path / "t.xlsx")
    sheet, fields = first(book), RESOURCES[resource_type].fields
    header = sheet[1]
    assert [cell.value for cell in header] == [*(spec.title for spec in fields.values()), NOTES]
    for number, (name, spec) in enumerate(fields.items(), start=1):
        cell, column = header[number - 1], sheet.column_dimensions[get_column_letter(number)]
        assert cell.comment is not None
        needed = name in RESOURCES[resource_type].key or spec.required
        assert ("Optional" in cell.comment.text) is not needed
        is_number = spec.kind.name in ("integer", "number", "asn", "boolean")
        assert column.number_format == ("General" if is_number else "@")
    assert [sheet.cell(row, len(fields) + 1).value for row in (2, 3)] == [EXAMPLE, EXAMPLE]
    assert sheet.freeze_panes == "B2"
    described = [row[1].value for row in book["Fields"].iter_rows(min_row=2)]
    assert described == list(fields)
    assert {name: book[name].sheet_state for name in book.sheetnames[1:]} == {
        "Choices": "hidden",
        "Fields": "visible",
        "About": "hidden",
    }


def test_drop_downs_offer_the_values_of_a_field(tmp_path: Path) -> None:
    """Yes and no alone are allowed; a region or a state that is not on the list is not refused."""
    book = book_of("vpc", tmp_path / "t.xlsx")
    sheet, fields = first(book), list(RESOURCES["vpc"].fields)
    offered = {}
    for rule in sheet.data_validations.dataValidation:
        column = next(iter(rule.sqref.ranges)).min_col
        cells = book["Choices"][str(rule.formula1).partition("!")[2].replace("$", "")]
        offered[fields[column - 1]] = ([cell.value for (cell,) in cells], bool(rule.showErrorMessage))
    assert offered["state"] == (["pending", "available", "deleting"], False)
    assert offered["is_default"] == (["TRUE", "FALSE"], True)
    assert "us-east-1" in offered["region"][0]
    assert offered["region"][1] is False


# The file -------------------------------------------------------------------------------------------------------------


def test_the_name_and_the_format_of_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format, a file, both or neither; another format is refused, and what is there stays."""
    monkeypatch.chdir(tmp_path)
    transit_gateway = RESOURCES["transitGateway"]
    assert write_template(transit_gateway) == Path("transit-gateway-template.xlsx")
    assert write_template(transit_gateway, "JSON") == Path("transit-gateway-template.json")
    assert write_template(transit_gateway, "excel", Path("x.txt")).read_bytes().startswith(b"PK")
    Path("x.pdf").write_text("mine")
    with pytest.raises(UsageError, match="Unknown template format 'pdf': use one of xlsx, csv, json"):
        write_template(transit_gateway, path=Path("x.pdf"))
    assert Path("x.pdf").read_text() == "mine"
