"""Workbooks that no spreadsheet writes, part by part."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"

PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
    'ContentType="application/xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>'
    '<sheet name="VPC" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_LINKS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_LINKS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
}


def text_cell(place: str, text: str) -> str:
    """Return a cell of text."""
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f'<row r="1">{text_cell("A1", "vpc_id")}{text_cell("B1", "name")}</row>'


def workbook(path: Path, rows: str, after: str = "", **parts: str) -> Path:
    """Write a workbook whose one sheet has these rows; `after` follows them, and `parts` are those of xl/."""
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'
    others = {f"xl/{name}.xml": text for name, text in parts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (PARTS | {"xl/worksheets/sheet1.xml": sheet} | others).items():
            archive.writestr(name, text)
    return path


def shared(*texts: str) -> str:
    """Return the part of shared texts."""
    items = "".join(f"<si><t>{text}</t></si>" for text in texts)
    return f'<sst xmlns="{_MAIN}">{items}</sst>'


# Workbooks of records ------------------------------------------------------------------------------------------------


def xlsb_record(kind: int, content: bytes = b"") -> bytes:
    """Return a record of an .xlsb: its kind and length in seven bits a byte."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(content)
    sizes = [length >> shift & 0x7F for shift in (0, 7, 14, 21) if shift == 0 or length >> shift]
    return (
        head + bytes(size | (0x80 if more else 0) for size, more in zip(sizes, [*sizes[1:], 0], strict=True)) + content
    )


def wide(text: str) -> bytes:
    """Return a text of an .xlsb with its length."""
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_cell(column: int, text: str) -> bytes:
    """Return a cell of text."""
    return xlsb_record(0x06, struct.pack("<II", column, 0) + wide(text))


def xlsb_row(row: int) -> bytes:
    """Return the head of a row."""
    return xlsb_record(0x00, struct.pack("<I", row) + bytes(13))


def xlsb(path: Path, sheet: bytes, shared: bytes = b"") -> Path:
    """Write an .xlsb whose one sheet has a header and these records; `shared` are those of shared texts."""
    header = xlsb_row(0) + xlsb_cell(0, "vpc_id") + xlsb_cell(1, "name")
    begin = xlsb_record(0x81) + xlsb_record(0x94, bytes(16)) + xlsb_record(0x91)
    count = shared.count(xlsb_record(0x13)[:1])
    bundle = struct.pack("<II", 0, 1) + wide("rId1") + wide("VPC")
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": PARTS["[Content_Types].xml"],
        "xl/workbook.bin": xlsb_record(0x9C, bundle) + xlsb_record(0x90) + xlsb_record(0x84),
        "xl/_rels/workbook.bin.rels": '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.bin"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.bin": begin + header + sheet + xlsb_record(0x92),
        "xl/sharedStrings.bin": xlsb_record(0x9F, struct.pack("<II", count, count)) + shared,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def xls_record(kind: int, content: bytes = b"") -> bytes:
    """Return a record of an .xls."""
    return struct.pack("<HH", kind, len(content)) + content


def xls_cell(row: int, column: int, text: str) -> bytes:
    """Return a cell of text."""
    return xls_record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode("latin-1"))


def xls(path: Path, sheet: bytes, shared: bytes = b"", sheets: int = 1) -> Path:
    """Write an .xls whose sheets have a header and these records; `shared` is the record of shared texts."""
    begin = xls_record(0x0809, struct.pack("<HHHH", 0x0600, 0x05, 0, 0))
    lists = [xls_record(0x85, struct.pack("<IBBBB", 0, 0, 0, 4, 0) + f"VPC{at}".encode()) for at in range(sheets)]
    size = len(begin) + sum(map(len, lists)) + len(shared) + 4
    lists = [record[:4] + struct.pack("<I", size) + record[8:] for record in lists]
    header = xls_cell(0, 0, "vpc_id") + xls_cell(0, 1, "name")
    end = xls_record(0x0A)
    stream = begin + b"".join(lists) + shared + end + begin + header + sheet + end
    path.write_bytes(compound_file(stream))
    return path


def compound_file(stream: bytes) -> bytes:
    """Return a compound file with one stream, `Workbook`."""
    sectors = max(-(-len(stream) // 512), 8)
    tables = -(-(sectors + 1) // 127)
    chain = [*range(1, sectors), 0xFFFFFFFE, 0xFFFFFFFE, *[0xFFFFFFFD] * tables]
    chain += [0xFFFFFFFF] * (128 * tables - len(chain))
    entries = [
        ("Root Entry", 5, 0xFFFFFFFE, 0),
        ("Workbook", 2, 0, max(len(stream), 4096)),
        ("", 0, 0, 0),
        ("", 0, 0, 0),
    ]
    directory = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HBB12x", 2 * len(name) + 2, kind, 1)
        + bytes(36)
        + struct.pack("<IQ", start, size)
        for name, kind, start, size in entries
    )
    difat = [sectors + 1 + at for at in range(tables)]
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16))
    head += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, tables, sectors, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", *difat, *[0xFFFFFFFF] * (109 - tables))
    body = stream.ljust(512 * sectors, b"\0") + directory + struct.pack(f"<{len(chain)}I", *chain)
    return bytes(head) + body
