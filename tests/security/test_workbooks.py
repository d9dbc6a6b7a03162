"""Small workbooks that grow in memory, or take their reader minutes: each is refused before it is read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import pytest

from schemas.errors import SourceError
from tests.security.workbooks import HEADER, shared, text_cell, workbook
from tests.tasks.formats.support import read, rows

ROW_2 = f'<row r="2">{text_cell("A2", "vpc-1")}{text_cell("B2", "a")}</row>'

GAP = " " * 2_000

FAR = {
    "the last cell of a sheet": f'<row r="1048576">{text_cell("XFD1048576", "x")}</row>',
    "the last row": f'<row r="1048576">{text_cell("BH1048576", "x")}</row>',
    "a row beyond any sheet": f'<row r="3000000000">{text_cell("A3000000000", "x")}</row>',
    "only in the place of the cell": f"<row>{text_cell('XFD1048576', 'x')}</row>",
    "only in the place of the row": f'<row r="1048500">{text_cell("BH2", "x")}</row>'
    '<row r="1048576"><c><v>1</v></c></row>',
    "behind other attributes": '<row spans=">" r="1048576"><c s=">" t="n" r = \'bh1048576\'><v>1</v></c></row>',
    "in quotes that a comment opens": f'<!-- <row x=" --><row y=">" r="1048576">{text_cell("BH1048576", "x")}</row>',
    "before the others": f'<row r="1048576">{text_cell("BH1048576", "x")}</row>{ROW_2 * 40}',
    "rows without places": "<row/>" * 100_000 + f"<row>{'<c><v>1</v></c>' * 200}</row>",
    "cells without places": f'<row r="2">{"<c><v>1</v></c>" * 3_000}</row><row r="9000"><c><v>1</v></c></row>',
    "padded": f'<row r="200000">{text_cell("Z200000", "x")}</row>' + " " * (1 << 21),
    "at the end of a chunk": f'{" " * ((1 << 20) - 900)}<row{GAP}r{GAP}="1048576"><c r="BH2"><v>1</v></c></row>',
}

ALONE = '<row r="9000"><c><v>1</v></c></row><row r="2">{}</row>'

ODD = {
    "rows without an end": "".join(f'<row r="{row}"><c><v>1</v></c>' for row in range(2, 9_000)),
    "ends of rows alone": "</row>" * 300_000 + f"<row>{'<c><v>1</v></c>' * 60}</row>",
    "ends of rows that are none": "".join(f'<row r="{row}"><c><v>1</v></c><!--</row>-->' for row in range(2, 9_000)),
    "ends in a value": "".join(f'<row r="{row}"><c><v>1</v></c><x y="</row>"/>' for row in range(2, 9_000)),
    "a second place": f'<row r="2">{text_cell("A2", "x")}<c r="A2" r="XFD1048576"><v>1</v></c></row>',
    "a second place behind a sign": '<row r="2"><c r="A2"/s=">" r="XFD1048576"><v>1</v></c></row>',
    "a second place after a tag in a value": '<row r="2"><c r="A2" s="<c>" r="XFD1048576"><v>1</v></c></row>',
    "places with another name": ALONE.format('<c r-x="1"><v>1</v></c>' * 3_000),
    "a prefix with a sign": ALONE.format("<x-y:c><v>1</v></x-y:c>" * 3_000),
    "cut at a tag in a value": '<row r="2"><c s="' + "<" * (9 << 20) + '" r="XFD1048576"><v>1</v></c></row>',
}


@pytest.mark.parametrize("case", ODD)
def test_a_far_cell_in_odd_markup(tmp_path: Path, case: str) -> None:
    """Calamine reads markup that no spreadsheet writes: what hides where a cell is counts against the workbook."""
    with pytest.raises(SourceError, match="far away from the table"):
        read(workbook(tmp_path / "odd.xlsx", HEADER + ROW_2 + ODD[case]))


def test_prefixes_and_other_orders_are_read(tmp_path: Path) -> None:
    """Some programs write a prefix before each name, or the place of a cell after its style."""
    cells = '<x:c s="0" r="A{0}" t="str" ><x:v>vpc-{0}</x:v></x:c><x:c s="0" r="B{0}"  />'
    many = "".join(f'<x:row spans="1:2" r="{row}">{cells.format(row)}</x:row>' for row in range(2, 40_002))
    assert read(workbook(tmp_path / "prefixed.xlsx", HEADER + many)).records == 40_000


@pytest.mark.parametrize("case", FAR)
def test_a_cell_that_is_far_away(tmp_path: Path, case: str) -> None:
    """Every cell of the rectangle around those that are filled takes memory: gigabytes for a file of 1.7 KB."""
    with pytest.raises(SourceError, match="far away from the table"):
        read(workbook(tmp_path / "far.xlsx", HEADER + ROW_2 + FAR[case]))


def test_sheets_with_gaps_are_read(tmp_path: Path) -> None:
    """A note some way off is no attack, nor are cells and rows without places."""
    note = f'<row r="900">{text_cell("CA900", "a note")}</row>'
    found = read(workbook(tmp_path / "note.xlsx", HEADER + ROW_2 + note))
    assert rows(found)[0] == (2, "vpc-1", "a")
    bare = "".join("<row><c><v>7</v></c><c t='str'><v>b</v></c></row>" for _ in range(3_000))
    found = read(workbook(tmp_path / "bare.xlsx", HEADER + bare))
    assert (found.records, rows(found)[-1]) == (3_000, (3_001, "7", "b"))


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="A{}" t="s"><v>0</v></c>',
        "<c r='A{}' t = 's'><x/><v>0</v></c>",
        '<c r="A{}" t="s"><v>1</v><v>0</v></c>',
        '<c r="A{}" t="s"><v><!-- -->0</v></c>',
    ],
    ids=["plain", "another element", "two values", "a comment"],
)
def test_a_text_that_is_used_over_and_over(tmp_path: Path, cell: str) -> None:
    """A text of 180 KB in 10,000 cells takes 1.8 GB."""
    many = "".join(f'<row r="{row}">{cell.format(row)}</row>' for row in range(2, 10_002))
    path = workbook(tmp_path / "shared.xlsx", HEADER + many, sharedStrings=shared("x" * 180_000, "y"))
    with pytest.raises(SourceError, match="uses long texts over and over"):
        read(path)


HIDDEN = {
    "an end in a comment": "<si><t>{}</t></si>".format(("x" * 200 + "<!--</si>-->") * 900),
    "an end in a value": "<si><t>{}</t></si>".format(("x" * 200 + '<b c="</si>"/>') * 900),
    "an end with another prefix": "<p:si><t>{}</t></p:si>".format(("x" * 200 + "</si>") * 900),
    "ends before the first item": "</si></si><si><t>{}</t></si>".format("x" * 180_000),
    "items before the list": None,
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_long_text_that_hides(tmp_path: Path, case: str) -> None:
    """Where an item of the list seems to end earlier, or to be another one, the longest one counts."""
    many = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(2, 10_002))
    texts = shared("y", "z").replace("<si>", (HIDDEN[case] or "") + "<si>", 1)
    if HIDDEN[case] is None:
        texts = f"<x><si><t>y</t></si>{shared('x' * 180_000)}</x>"
    path = workbook(tmp_path / "hidden.xlsx", HEADER + many, sharedStrings=texts)
    with pytest.raises(SourceError, match="uses long texts over and over"):
        read(path)


def test_a_shared_text_behind_a_value(tmp_path: Path) -> None:
    """The value that a cell seems to have may stand in one of its attributes."""
    cell = '<c r="A{}" t="s" x="><v>1</v></"><v>0</v></c>'
    many = "".join(f'<row r="{row}">{cell.format(row)}</row>' for row in range(2, 10_002))
    path = workbook(tmp_path / "behind.xlsx", HEADER + many, sharedStrings=shared("x" * 180_000, "y"))
    with pytest.raises(SourceError, match="uses long texts over and over"):
        read(path)


@pytest.mark.parametrize("before", ["", f"<!-- {'<' * 100} -->"])
def test_a_list_that_declares_too_many_texts(tmp_path: Path, before: str) -> None:
    """Calamine makes room for as many: a number of ten digits ended the process."""
    texts = before + shared("vpc-1").replace("<sst ", '<sst uniqueCount = "0099999999999" ')
    cell = '<row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    with pytest.raises(SourceError, match="more texts than it can have"):
        read(workbook(tmp_path / "declared.xlsx", HEADER + cell, sharedStrings=texts))


def test_one_long_text_among_others_is_read(tmp_path: Path) -> None:
    """It is counted as often as it is used."""
    many = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>1</v></c></row>' for row in range(2, 10_002))
    path = workbook(tmp_path / "sound.xlsx", HEADER + many, sharedStrings=shared("x" * 50_000, "vpc-1"))
    assert read(path).records == 10_000


def test_a_part_that_is_longer_than_it_declares(tmp_path: Path) -> None:
    """Sizes that are declared too small, with a checksum that fits, are found before anything relies on them."""
    path = workbook(tmp_path / "lies.xlsx", HEADER + ROW_2 + " " * 10_000)
    with zipfile.ZipFile(path) as archive:
        item = archive.getinfo("xl/worksheets/sheet1.xml")
        text = archive.read(item)
    content = path.read_bytes()
    for size in (400, 401):
        lies = _sizes(zlib.crc32(text[:size]), item.compress_size, 400)
        path.write_bytes(content.replace(_sizes(item.CRC, item.compress_size, item.file_size), lies))
        with pytest.raises(SourceError, match="damaged workbook"):
            read(path)


def _sizes(*fields: int) -> bytes:
    """Checksum, packed and unpacked size, as a zip file holds them."""
    return b"".join(field.to_bytes(4, "little") for field in fields)


def test_two_parts_of_one_name(tmp_path: Path) -> None:
    """One reader takes the first, another the last: what is checked has to be what is read."""
    path = workbook(tmp_path / "twice.xlsx", HEADER + ROW_2)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/Worksheets/Sheet1.xml", "<worksheet/>")
    with pytest.raises(SourceError, match="two parts of one name"):
        read(path)


def test_merged_areas_that_overlap(tmp_path: Path) -> None:
    """Each is filled, so that a hundred thousand of them are a table of their own for each row."""
    many = "".join(f'<row r="{row}">{text_cell(f"A{row}", "x")}</row>' for row in range(2, 2_002))
    merged = '<mergeCell ref="A2:A2001"/>' * 3_000
    with pytest.raises(SourceError, match="merged cells that overlap"):
        read(workbook(tmp_path / "merged.xlsx", HEADER + many, f"<mergeCells>{merged}</mergeCells>"))


@pytest.mark.parametrize(("rows", "columns"), [(1_000_000, 100), (2_000_000_000, 1), (1, 2_000_000_000)])
def test_cells_of_opendocument_that_are_repeated(tmp_path: Path, rows: int, columns: int) -> None:
    """A cell may say that it and its row are there a million times; empty ones at the end are no cells."""
    text = 'office:value-type="string"><text:p>a</text:p>'
    cell = f'<table:table-cell table:number-columns-repeated="{{}}" {text}</table:table-cell>'
    row = '<table:table-row table:number-rows-repeated="{}">{}</table:table-row>'
    rest = row.format(1_048_574, '<table:table-cell table:number-columns-repeated="16384"/>')

    def written(rows: int, columns: int, rest: str = "") -> Path:
        path = tmp_path / f"{rows}.ods"
        sheet = row.format(1, cell.format(1)) + row.format(rows, cell.format(columns))
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("META-INF/manifest.xml", MANIFEST)
            archive.writestr("content.xml", ODS.format(sheet + rest))
        return path

    with pytest.raises(SourceError, match="repeats cells"):
        read(written(rows, columns))
    assert read(written(3, 1, rest)).records == 3


MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    '<table:table table:name="VPC">{}</table:table></office:spreadsheet></office:body></office:document-content>'
)
