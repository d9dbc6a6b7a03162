"""Small .xlsb and .xls files that grow in memory: each is refused before it is read."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from schemas.errors import SourceError
from tests.security.workbooks import (
    HEADER,
    text_cell,
    workbook,
    xls,
    xls_cell,
    xls_record,
    xlsb,
    xlsb_cell,
    xlsb_record,
    xlsb_row,
)
from tests.tasks.formats.support import read, rows

FAR = "far away from the table"
REPEATED = "uses long texts over and over"
DAMAGED = "damaged workbook"


def named(column: int, index: int) -> bytes:
    """Return a cell of an .xlsb that names a shared text."""
    return xlsb_record(0x07, struct.pack("<III", column, 0, index))


def item(text: str) -> bytes:
    """Return a shared text of an .xlsb."""
    return xlsb_record(0x13, struct.pack("<BI", 0, len(text)) + text.encode("utf-16-le"))


def in_rows(cell: bytes, count: int = 10_000) -> bytes:
    """Return rows of an .xlsb, each with the same cell."""
    return b"".join(xlsb_row(row) + cell for row in range(1, count + 1))


STALE = xlsb_row(1) + xlsb_cell(0, "x" * 100_000)

XLSB = {
    "the last cell": (xlsb_row(1_048_575) + xlsb_cell(16_383, "x"), b"", FAR),
    "a column beyond any sheet": (xlsb_row(1) + xlsb_cell(3_000_000_000, "x"), b"", FAR),
    "a row and a column of their own": (
        xlsb_row(1_048_575) + xlsb_cell(0, "x") + xlsb_row(2) + xlsb_cell(9_000, "x"),
        b"",
        FAR,
    ),
    "a kind in two bytes": (xlsb_row(1_048_575) + b"\x86\x00" + xlsb_cell(16_383, "x")[1:], b"", FAR),
    "a row of an earlier record": (STALE + b"\x00\x00" + xlsb_cell(1, "x"), b"", DAMAGED),
    "a text of an earlier record": (
        STALE + b"".join(xlsb_record(0x06, struct.pack("<III", at, 0, 90_000)) for at in range(1, 10_000)),
        b"",
        DAMAGED,
    ),
    "a shared text used over and over": (in_rows(named(0, 0)), item("x" * 180_000) + item("y"), REPEATED),
    "a shared text of an earlier record": (
        in_rows(named(0, 1)),
        item("x" * 180_000) + xlsb_record(0x13, struct.pack("<BI", 0, 180_000)),
        DAMAGED,
    ),
    "shared texts that are left out": (
        in_rows(named(0, 0)),
        xlsb_record(0x23) + item("y") + xlsb_record(0x24) + item("x" * 180_000),
        REPEATED,
    ),
    "a record without an end": (xlsb_row(1) + b"\x06\xff\xff\xff\x7f", b"", DAMAGED),
}


@pytest.mark.parametrize("case", XLSB)
def test_an_xlsb_that_grows(tmp_path: Path, case: str) -> None:
    """The rectangle around its cells, and the texts that they share, are known from its records."""
    sheet, shared, message = XLSB[case]
    with pytest.raises(SourceError, match=message):
        read(xlsb(tmp_path / "far.xlsb", sheet, shared))


def test_a_sound_xlsb_is_read(tmp_path: Path) -> None:
    """Also with a long text among the shared ones, each counted as often as it is used."""
    sheet = in_rows(named(0, 0) + xlsb_cell(1, "a"), 3_000)
    found = read(xlsb(tmp_path / "sound.xlsb", sheet, item("vpc-1") + item("x" * 180_000)))
    assert (found.records, rows(found)[0]) == (3_000, (2, "vpc-1", "a"))


def test_a_package_of_two_formats(tmp_path: Path) -> None:
    """Its name decides which of two workbooks is read: what is checked has to be that one."""
    path = workbook(tmp_path / "two.xlsx", HEADER + f'<row r="1048576">{text_cell("BH1048576", "x")}</row>')
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/workbook.bin", b"")
    with pytest.raises(SourceError, match="two formats"):
        read(path)


def shared_texts(*texts: str) -> bytes:
    """Return the record of shared texts of an .xls, continued in the middle of texts."""
    items = [struct.pack("<HB", len(text), 0) + text.encode("latin-1") for text in texts]
    content = struct.pack("<II", len(texts), len(texts)) + b"".join(items)
    first, rest = content[:8_000], content[8_000:]
    more = (xls_record(0x3C, b"\0" + rest[at : at + 8_000]) for at in range(0, len(rest), 8_000))
    return xls_record(0xFC, first) + b"".join(more)


def names(row: int, column: int, index: int) -> bytes:
    """Return a cell of an .xls that names a shared text."""
    return xls_record(0xFD, struct.pack("<HHHI", row, column, 0, index))


LONG = shared_texts("x" * 60_000, "y")
CHART = xls_record(0x0809, struct.pack("<HHHH", 0x0600, 0x20, 0, 0))

XLS = {
    "a cell far away": (xls_cell(65_535, 255, "x"), b"", FAR),
    "a column beyond any sheet": (xls_cell(65_535, 65_535, "x"), b"", FAR),
    "a number far away": (xls_record(0x0203, struct.pack("<HHHd", 65_535, 255, 0, 1)), b"", FAR),
    "numbers that end far away": (
        xls_record(0xBD, struct.pack("<HH", 65_535, 0) + bytes(6) * 255 + struct.pack("<H", 254)),
        b"",
        FAR,
    ),
    "a formula far away": (
        xls_record(0x06, struct.pack("<HHHdHIH", 65_535, 255, 0, 1.0, 0, 0, 0)),
        b"",
        FAR,
    ),
    "behind a chart": (CHART + xls_record(0x0A) + xls_cell(65_535, 255, "x"), b"", FAR),
    "dimensions that are none": (xls_record(0x0200, struct.pack("<IIHHH", 1, 0xFFFFFFFF, 0, 0xFFFF, 0)), b"", DAMAGED),
    "texts that are shorter than they say": (
        b"".join(xls_record(0x0204, struct.pack("<HHHHB", row, 0, 0, 0xFFFF, 0)) for row in range(1, 5_000)),
        b"",
        REPEATED,
    ),
    "a shared text used over and over": (b"".join(names(row, 0, 0) for row in range(1, 5_000)), LONG, REPEATED),
    "a record without an end": (struct.pack("<HH", 0x0204, 60_000), b"", DAMAGED),
    "very many continued records": (xls_record(0x0203, bytes(14)) + xls_record(0x3C) * 40_000, b"", DAMAGED),
}


@pytest.mark.parametrize("case", XLS)
def test_an_xls_that_grows(tmp_path: Path, case: str) -> None:
    """The rectangle around its cells, and the texts that they share, are known from its records."""
    sheet, shared, message = XLS[case]
    with pytest.raises(SourceError, match=message):
        read(xls(tmp_path / "far.xls", sheet, shared))


def test_sheets_of_an_xls_that_are_one(tmp_path: Path) -> None:
    """All sheets are held at once, and all of them may begin at one place."""
    rows = b"".join(xls_cell(row, 0, "x") for row in range(1, 2_000))
    with pytest.raises(SourceError, match="lie over each other"):
        read(xls(tmp_path / "one.xls", rows, sheets=3_000))


@pytest.mark.parametrize(
    ("offset", "value"), [("at_44", 0xFFFFFFFF), ("at_64", 0xFFFF), ("at_68", 0), ("at_48", 1), ("at_30", 0x00050009)]
)
def test_compound_files_that_do_not_end(tmp_path: Path, offset: str, value: int) -> None:
    """Numbers in the header that are too large, and chains of sectors that lead back to their beginning."""
    path = xls(tmp_path / "odd.xls", xls_cell(1, 0, "x"))
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, int(offset.removeprefix("at_")), value)
    if offset in ("at_68", "at_48"):
        # Sectors that name themselves as the next one.
        content[512:] = struct.pack("<I", 1) * ((len(content) - 512) // 4)
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"damaged"):
        read(path)


def test_a_sound_xls_is_read(tmp_path: Path) -> None:
    """Also with a long text among the shared ones, each counted as often as it is used."""
    sheet = b"".join(names(row, 0, 1) + xls_cell(row, 1, "a") for row in range(1, 5_001))
    found = read(xls(tmp_path / "sound.xls", sheet, LONG))
    assert (found.records, rows(found)[0]) == (5_000, (2, "y", "a"))


def test_an_xls_that_is_a_package_too(tmp_path: Path) -> None:
    """Its name decides which of the two is read, so that both are checked."""
    path = workbook(tmp_path / "sound.xlsx", HEADER)
    both = tmp_path / "both.xls"
    both.write_bytes(xls(tmp_path / "far.xls", xls_cell(65_535, 255, "x")).read_bytes() + path.read_bytes())
    with pytest.raises(SourceError, match=FAR):
        read(both)
