"""Workbooks: what only the XML of a sheet tells, as several programs write it."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from schemas.errors import SourceError
from tasks.formats.workbook import SHEET_ROWS, special_cells, told_of
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
    assert [issue.rule for issue in told_of(special_cells(path, 0), 1)[0]] == ["formula"]


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
