"""Text that is almost CSV: nothing of it is read wrongly without a word."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError
from tests.laws import law
from tests.tasks.formats.support import faults, read, read_text, rows


def by_the_csv_module(text: str) -> Iterator[list[str] | None]:
    """Yield the records after the header; None for one whose quotes are wrong; raises csv.Error for an open quote."""
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    next(reader)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise
            yield None


def expected_fault(record: list[str] | None) -> str | None:
    """Return the rule that a record of a table of two columns breaks."""
    if record is None:
        return "quote"
    if record == ["h1", "h2"]:
        return "repeated_header"
    return "ragged" if len(record) != 2 and any(cell.strip() for cell in record) else None


@law(300)
@given(body=st.text('ab,"\n \t;', min_size=1, max_size=25))
def test_any_text_is_read_as_the_csv_module_reads_it(tmp_path: Path, body: str) -> None:
    """Row by row: the same cells, or a fault of that row; an open quote is refused."""
    text = f"h1,h2\n{body}"
    try:
        wanted = list(by_the_csv_module(text))
    except csv.Error:
        with pytest.raises(SourceError, match="never closed"):
            read_text(tmp_path, "t.csv", text, delimiter=",")
        return
    if not wanted:
        return
    found = read_text(tmp_path, "t.csv", text, delimiter=",")
    cells = {row: record for row, *record in rows(found)}
    told = dict(faults(found))
    for row, record in enumerate(wanted, start=2):
        assert told.get(row) == expected_fault(record)
        if record and any(cell.strip() for cell in record) and row not in told:
            assert cells[row] == record


def test_a_missing_quote_never_swallows_rows_unseen(tmp_path: Path) -> None:
    """The rows that it runs over are one fault with their lines and their text; the next row is read."""
    found = read_text(tmp_path, "t.csv", 'a,b\n1,"x\n2,y\n3,"z"\n4,w\n')
    assert faults(found) == [(2, "quote")]
    assert found.faults["message"][0].startswith("lines 2 to 4: text follows a closing quote")
    assert rows(found) == [(2, '1,"x\n2,y\n3,"z"', ""), (3, "4", "w")]
    with pytest.raises(SourceError, match="opened in line 3 is never closed"):
        read_text(tmp_path, "t.csv", 'a,b\n5",1\n"x,2\n3,4\n')


def test_lines_end_in_line_feeds_only(tmp_path: Path) -> None:
    """A form feed or a Unicode line separator in a comment or a name is no line's end."""
    assert rows(read_text(tmp_path, "t.csv", "# page\fbreak\na,b\n1,2\n")) == [(3, "1", "2")]
    found = read_text(tmp_path, "t.csv", "a\u2028x,b\n1,2\n")
    assert (found.columns, rows(found)) == (("a x", "b"), [(2, "1", "2")])


def test_a_repeated_header_is_found_however_it_is_quoted(tmp_path: Path) -> None:
    """It is the same line, or the same cells."""
    assert faults(read_text(tmp_path, "t.csv", '"a","b"\n1,2\n"a","b"\na,b\n')) == [
        (3, "repeated_header"),
        (4, "repeated_header"),
    ]


def test_a_header_may_begin_with_a_note(tmp_path: Path) -> None:
    """`#row` is a column when it is as wide as the records; a comment that happens to hold a comma is none."""
    assert read_text(tmp_path, "t.csv", "#row,vpc_id\n1,vpc-1\n").columns == ("#row", "vpc_id")
    assert read_text(tmp_path, "t.csv", "# ours, by hand\nname,vpc_id\n1,vpc-1\n").header_row == 2


def test_names_that_polars_takes_for_patterns(tmp_path: Path) -> None:
    """They stay single columns."""
    found = read_text(tmp_path, "t.csv", "*,^a$,__row__\n1,2,3\n")
    assert found.columns == ("* (column 1)", "^a$ (column 2)", "__row__ (column 3)")
    assert rows(found) == [(2, "1", "2", "3")]


@pytest.mark.parametrize("columns", [3, 700])
def test_every_line_ragged(tmp_path: Path, columns: int) -> None:
    """Thousands of faults are told as one is; very wide tables are counted too."""
    header = ",".join(f"c{number}" for number in range(columns))
    line = ",".join("x" * columns)
    found = read_text(tmp_path, "t.csv", f"{header}\n" + f"{line},y\n" * 5_000 + f"{line}\n")
    assert len(found.faults) == 5_000
    assert found.records == 5_001
    assert f"line 2 has {columns + 1} fields where the header has {columns}" in found.faults["message"][0]


def test_a_low_limit_for_cells_holds(tmp_path: Path) -> None:
    """Whatever the setting, and in quoted cells of several lines."""
    path = tmp_path / "t.csv"
    path.write_text(f'a,b\n{"x" * 2000},1\n"y\n{"z" * 990}\nz",2\n3,4\n')
    assert faults(read(path, {"max_cell_chars": 900})) == [(2, "cell_too_long"), (3, "cell_too_long")]


MIXED = [
    (b"a,b\nz\xc3\xbcrich,1\ncaf\xe9,2\n", "UTF-8 up to line 3, which holds the byte 0xE9"),
    (b"a,b\ncaf\xe9,1\nz\xc3\xbcrich,2\n", "no UTF-8 in line 2 .byte 0xE9., and UTF-8 in line 3"),
]


@pytest.mark.parametrize(("content", "told"), MIXED, ids=["utf-8 first", "cp1252 first"])
def test_two_encodings_in_one_file(tmp_path: Path, content: bytes, told: str) -> None:
    """Read as either, one of the two would be garbled; it is read when the encoding is named."""
    with pytest.raises(SourceError, match=told):
        read_text(tmp_path, "t.csv", content)
    assert read_text(tmp_path, "t.csv", content, encoding="cp1252").records == 2


def test_a_named_encoding_that_fails_late(tmp_path: Path) -> None:
    """The line and the byte are told."""
    content = b"a,b\n" + b"x,1\n" * 3_000_000 + b"caf\xe9,1\n"
    with pytest.raises(SourceError, match="line 3000002 holds the byte 0xE9"):
        read_text(tmp_path, "t.csv", content, encoding="utf-8")
    with pytest.raises(SourceError, match="There is no encoding 'base64'"):
        read_text(tmp_path, "t.csv", "a,b\n1,2\n", encoding="base64")


FOREIGN = [
    (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "is a web page"),
    (b'<?xml version="1.0"?>\n<a/>', "is an XML document"),
    (b"%PDF-1.4\n1 0 obj\n", "a PDF document. is a binary file"),
    (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG picture. is a binary file"),
]


@pytest.mark.parametrize(("content", "told"), FOREIGN, ids=["html", "xml", "pdf", "png"])
def test_files_that_are_no_table(tmp_path: Path, content: bytes, told: str) -> None:
    """They are called what they are."""
    with pytest.raises(SourceError, match=told):
        read_text(tmp_path, "t.csv", content)
