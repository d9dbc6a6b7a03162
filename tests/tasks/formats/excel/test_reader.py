"""Workbooks: what only the XML of a sheet tells, as several programs write it."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from schemas.errors import SourceError
from tasks.formats.excel.sheet_xml import SHEET_ROWS, marks_of, special_cell_issues
from tests.tasks.formats.support import faults, read, read_text, rows


def workbook(*table: list[Any], edit: Callable[[bytes], bytes] = bytes) -> bytes:
    """Return a workbook of one sheet, its XML edited."""
    book, whole, edited = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    assert book.active is not None
    for record in table:
        book.active.append(record)
    book.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(edited, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, edit(old.read(name)) if name.endswith("sheet1.xml") else old.read(name))
    return edited.getvalue()


TABLE = (["a", "b"], ["x", "=1+1"])


def computed(value: bytes, kind: bytes = b"") -> Callable[[bytes], bytes]:
    """Return an edit that gives the formula of `TABLE` a value."""
    cell = b'<c r="B2"' + kind + b"><f>1+1</f>" + value
    return lambda xml: re.sub(rb'<c r="B2"><f>1\+1</f><v ?/>', cell, xml)


def test_formulas(tmp_path: Path) -> None:
    """One without a value rejects its row; a computed number, or a computed empty text, is read and told."""
    assert faults(read_text(tmp_path, "t.xlsx", workbook(*TABLE))) == [(2, "formula")]
    for edit, value in ((computed(b"<v>2</v>"), "2"), (computed(b"<v></v>", b' t="str"'), "")):
        found = read_text(tmp_path, "t.xlsx", workbook(*TABLE, edit=edit))
        assert (faults(found), rows(found)) == ([], [(2, "x", value)])
        assert "B2" in found.notices[0].message


EDITS: list[Callable[[bytes], bytes]] = [
    lambda xml: xml.replace(b'<c r="B2">', b'<c s="0" r="B2">'),
    lambda xml: re.sub(rb'<c r="B2">(.*?)</c>', rb'<x:c r="B2">\1</x:c>', xml).replace(b"<f>", b"<x:f>"),
]


@pytest.mark.parametrize("edit", EDITS, ids=["order of attributes", "prefix"])
def test_formulas_however_they_are_written(tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    """Programs write the attributes of a cell in any order, and some a prefix before every name."""
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook(*TABLE, edit=edit))
    assert [issue.rule for issue in special_cell_issues(marks_of(path, 0).special, 1, lambda _: None)[0]] == ["formula"]


def test_values_to_the_right_of_the_header(tmp_path: Path) -> None:
    """They belong to no column: their row is rejected, and they are not dropped without a word."""
    assert faults(read_text(tmp_path, "t.xlsx", workbook(["a", "b"], ["1", "2"], ["1", "2", "3"]))) == [(3, "ragged")]


def test_damaged_workbooks(tmp_path: Path) -> None:
    """Wherever one is cut, it is refused as a source; where it is overwritten it is too, or is read as it was."""
    whole = workbook(*TABLE)
    refused = 0
    for at in range(0, len(whole), 97):
        with pytest.raises(SourceError):
            read_text(tmp_path, "t.xlsx", whole[:at])
        try:
            found = read_text(tmp_path, "t.xlsx", whole[:at] + b"\xff\x00\xff" + whole[at + 3 :])
        except SourceError:
            refused += 1
        else:
            # Some bytes do not matter.
            assert (rows(found), faults(found)) == ([(2, "x", "")], [(2, "formula")]), at
    assert refused > 0


def sheets(path: Path, tables: dict[str, list[list[Any]]]) -> Path:
    """Write a workbook of several sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, table in tables.items():
        sheet = book.create_sheet(name)
        for record in table:
            sheet.append(record)
    book.save(path)
    return path


def test_a_sheet_goes_on_in_the_next(tmp_path: Path) -> None:
    """Sheets that bear the name and a number, under the same header, are read on; rows are counted through."""
    head, more = ["a", "b"], {"VPCs 4": [["a", "b"], ["never", "3 is missing"]]}
    wrong = [["x", "=1+1"], ["y", "2", "beyond"]]
    path = sheets(tmp_path / "t.xlsx", {"VPCs": [head, ["1", "2"]], "VPCs 2": [head, ["3", "4"], *wrong], **more})
    found = read(path)
    second = SHEET_ROWS + 1
    assert [row[0] for row in rows(found)] == [2, second + 1, second + 2, second + 3]
    assert faults(found) == [(second + 2, "formula"), (second + 3, "ragged")]
    assert all(message.startswith("sheet 'VPCs 2', ") for message in found.faults["message"])
    assert "'VPCs 2' goes on" in found.notices[0].message
    assert len(rows(read(path, sheet="VPCs"))) == 1


@pytest.mark.parametrize("other", [["b", "a"], ["a"], ["a", "B"]])
def test_a_sheet_with_another_header_does_not_go_on(tmp_path: Path, other: list[str]) -> None:
    """A copy that was worked on, or another table altogether."""
    path = sheets(tmp_path / "t.xlsx", {"T": [["a", "b"], ["1", "2"]], "T 2": [other, ["3", "4"]]})
    assert len(rows(read(path))) == 1


# What a person sees --------------------------------------------------------------------------------------------------


def styled(path: Path, cells: Mapping[str, tuple[Any, str | None]], merge: tuple[str, ...] = ()) -> Path:
    """Write a workbook with cells of a value and a number format, some of them merged."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for place, (value, code) in cells.items():
        sheet[place] = value
        if code:
            sheet[place].number_format = code
    for area in merge:
        sheet.merge_cells(area)
    book.save(path)
    return path


SHOWN: list[tuple[Any, str | None, str]] = [
    (45, "000000", "000045"),
    (123456789012, "0000-0000-0000", "1234-5678-9012"),
    (0.5, "0%", "50%"),
    (0.1234, "0.00%", "12.34%"),
    (7, '"AS"0', "AS7"),
    (7, '[Red]0" kbps";-0', "7 kbps"),
    (datetime.date(2026, 1, 2), "dd.mm.yyyy", "2026-01-02"),
    (datetime.time(8, 30), "h:mm", "08:30"),
    (datetime.time(8, 30, 5), "h:mm:ss AM/PM", "08:30:05"),
]
AS_STORED: list[tuple[Any, str | None, str]] = [
    (45, "0", "45"),
    (123456789012, "0.00E+00", "123456789012"),
    (1234.5, "#,##0.00", "1234.5"),
    (1234.5, '#,##0.00 "€"', "1234.5"),
    (datetime.datetime(2026, 1, 2, 3, 4, 5), "yyyy-mm-dd hh:mm", "2026-01-02 03:04:05"),
    ("45", "000000", "45"),
    (True, "000000", "true"),
]


@pytest.mark.parametrize(
    ("value", "code", "text", "altered"),
    [*((*each, True) for each in SHOWN), *((*each, False) for each in AS_STORED)],
)
def test_cells_are_what_a_person_sees(tmp_path: Path, value: Any, code: str | None, text: str, altered: bool) -> None:
    """Wherever the table begins; what differs from what is stored is reported."""
    cells = {"C3": ("name", None), "D3": ("serial", None), "C4": ("a", None), "D4": (value, code)}
    path = styled(tmp_path / "t.xlsx", cells)
    found = read(path)
    assert rows(found) == [(4, "a", text)]
    assert [notice.rule for notice in found.notices] == (["number_format"] if altered else [])


def test_a_column_of_numbers_is_read_as_stored(tmp_path: Path) -> None:
    """A unit that a format adds is none of a number."""
    cells = {"A1": ("name", None), "B1": ("VID", None), "A2": ("a", None), "B2": (7, '"VLAN "0')}
    assert rows(read(styled(tmp_path / "t.xlsx", cells))) == [(2, "a", "7")]


UNCLEAR: list[tuple[Any, str | None, str, str]] = [
    (datetime.date(2026, 1, 2), "d-mmm", "date", "such as 2-Jan for what was typed as 1/2"),
    (datetime.timedelta(hours=30), "[h]:mm", "date", "holds a duration"),
    (1234567890123456, None, "digits_lost", "Excel keeps 15 digits"),
    (12345678901234567890, None, "digits_lost", "Excel keeps 15 digits"),
]


@pytest.mark.parametrize(("value", "code", "rule", "says"), UNCLEAR)
def test_cells_whose_value_is_lost(tmp_path: Path, value: Any, code: str | None, rule: str, says: str) -> None:
    """They are faults of their column, which reject a row where it is read."""
    cells = {"A1": ("name", None), "B1": ("serial", None), "A2": ("a", None), "B2": (value, code)}
    found = read(styled(tmp_path / "t.xlsx", cells))
    [fault] = found.faults.to_dicts()
    assert (fault["row"], fault["column"], fault["rule"]) == (2, "serial", rule)
    assert says in fault["message"]


def test_fifteen_digits_are_kept(tmp_path: Path) -> None:
    """A number of fifteen digits, a long text, and one with many decimals are as they were."""
    values = [999_999_999_999_999, "1234567890123456", 0.1 + 0.2]
    cells = {f"A{row}": (value, None) for row, value in enumerate(["serial", *values], start=1)}
    found = read(styled(tmp_path / "t.xlsx", cells))
    assert (rows(found), faults(found)) == ([(2, "999999999999999"), (3, values[1]), (4, "0.3")], [])


def test_merged_cells(tmp_path: Path) -> None:
    """Below each other they are filled; a heading is left out; what is merged across columns has no value for each."""
    table: list[list[Any]] = [
        ["name", "site", "role", "note"],
        ["a", "HQ", "core", ""],
        ["b", None, "core", ""],
        ["Floor 2"],
        ["c", "X"],
    ]
    names = {
        f"{'BCDE'[n]}{row}": (cell, None) for row, record in enumerate(table, start=2) for n, cell in enumerate(record)
    }
    found = read(styled(tmp_path / "t.xlsx", names, ("C3:C4", "B5:E5", "C6:D6", "B1:E1")))
    assert rows(found)[:2] == [(3, "a", "HQ", "core", ""), (4, "b", "HQ", "core", "")]
    assert [
        (fault["row"], fault["column"], fault["rule"], fault["severity"])
        for fault in found.faults.sort("row").to_dicts()
    ] == [
        (5, None, "heading", "warning"),
        (6, "role", "merged", "error"),
    ]
    assert [notice.message for notice in found.notices] == ["merged cells are filled with their value: C3:C4"]


def test_titles_above_the_header_are_reported(tmp_path: Path) -> None:
    """A header of few names is none of them."""
    table = {"A1": ("VLAN", None), "A3": ("VID", None), "B3": ("Name", None), "A4": (7, None), "B4": ("x", None)}
    found = read(styled(tmp_path / "t.xlsx", table | {f"{letter}4": ("y", None) for letter in "DEFGH"}))
    assert (found.header_row, found.columns[:2], faults(found)) == (3, ("VID", "Name"), [(4, "ragged")])
    assert found.notices[0].message == "sheet 'Sheet': titles before the header are left out: row 1: 'VLAN'"


def test_a_sheet_without_a_header(tmp_path: Path) -> None:
    """It is refused, and read with its columns numbered or named."""
    path = styled(
        tmp_path / "t.xlsx", {"A1": ("h1", None), "B1": ("10.0.0.1", None), "A2": ("h2", None), "B2": ("", None)}
    )
    with pytest.raises(SourceError, match=r"sheet 'Sheet' of t.xlsx: row 1 looks like a record"):
        read(path)
    found = read(path, no_header=True)
    assert (found.columns, rows(found)) == (("column 1", "column 2"), [(1, "h1", "10.0.0.1"), (2, "h2", "")])
    assert read(path, columns=("name", "ip")).columns == ("name", "ip")


ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="Sites"><table:table-row>{}</table:table-row><table:table-row>{}</table:table-row></table:table>
</office:spreadsheet></office:body></office:document-content>"""


def test_other_workbooks_say_what_is_not_seen(tmp_path: Path) -> None:
    """Days and times of an .ods are as they are shown; its number formats are not known, which a warning says."""
    texts = [
        f'<table:table-cell office:value-type="string"><text:p>{each}</text:p></table:table-cell>' for each in "abc"
    ]
    head = "".join(texts).replace(">a<", ">name<").replace(">b<", ">facility<").replace(">c<", ">serial<")
    cell = '<table:table-cell office:value-type="{}" office:{}="{}"><text:p>{}</text:p></table:table-cell>'
    day, number = cell.format("date", "date-value", "2026-01-02", "2.1.26"), cell.format("float", "value", 45, "000045")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = '<manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", ODS.format(head, texts[0] + day + number))
    found = read_text(tmp_path, "t.ods", content.getvalue())
    assert rows(found) == [(2, "a", "2026-01-02", "45")]
    assert [notice.rule for notice in found.notices] == ["workbook"]
