"""Every format, encoding and shape that is read, down to the text of each cell and the number of each row."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError, UsageError
from tasks.formats.base import ABSENT
from tests.laws import law
from tests.tasks.formats.support import read, rows

HEADER = ["vpc_id", "name", "note"]
RECORDS = [["vpc-1", "Zürich", "a"], ["vpc-2", "“Bern”", ""]]


def csv_text(delimiter: str = ",", newline: str = "\n") -> str:
    """Return the sample table as text."""
    return newline.join(delimiter.join(record) for record in [HEADER, *RECORDS]) + newline


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_delimiters_and_line_ends(tmp_path: Path, encoding: str, delimiter: str, newline: str) -> None:
    """Each is found out, and the cells come through."""
    path = tmp_path / "table.csv"
    path.write_bytes(csv_text(delimiter, newline).encode(encoding))
    found = read(path)
    assert found.columns == tuple(HEADER)
    assert rows(found) == [(2, *RECORDS[0]), (3, *RECORDS[1])]
    assert (found.delimiter, found.records, found.header_row) == (delimiter, 2, 1)
    assert found.encoding == encoding


def test_latin_1_and_named_encodings(tmp_path: Path) -> None:
    """Bytes that cp1252 has no sign for are read as latin-1; an encoding that is named is used."""
    path = tmp_path / "table.csv"
    path.write_bytes("name,x\nZ\xfcrich\x81,1\n".encode("latin-1"))
    assert (read(path).encoding, rows(read(path))) == ("latin-1", [(2, "Zürich\x81", "1")])
    path.write_bytes("name,x\nŁódź,1\n".encode("cp1250"))
    assert rows(read(path, encoding="cp1250")) == [(2, "Łódź", "1")]


CELL = st.just("# a") | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@law(60)
@given(table=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_any_table_reads_back_equal(tmp_path: Path, delimiter: str, table: list[list[str]]) -> None:
    """Whatever the csv module writes, quotes, line ends and delimiters included, comes back cell by cell."""
    path = tmp_path / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        # A record that begins with "#" is no comment where its first field is quoted.
        hashes = any(cells[0].startswith("#") for cells in table)
        options: dict[str, Any] = {"quoting": csv.QUOTE_ALL if hashes else csv.QUOTE_MINIMAL}
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", **options)
        writer.writerow(["first", "second", "third"])
        writer.writerows(table)
    found = read(path, delimiter=delimiter)
    assert rows(found) == [(number, *cells) for number, cells in enumerate(table, start=2)]
    assert found.records == len(table)


def test_row_numbers_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    """Comment and blank lines count, a field of two lines is one row, and a ragged line is told by row and line."""
    path = tmp_path / "table.csv"
    path.write_text('# by hand\n\na,b\n1,"two\nlines"\n\n3\n4,4,4\n5,5\n')
    found = read(path)
    assert found.header_row == 3
    assert [row for row in rows(found) if row[0] in (4, 5, 8)] == [(4, "1", "two\nlines"), (5, "", ""), (8, "5", "5")]
    told = [(fault["row"], fault["message"][:22]) for fault in found.faults.iter_rows(named=True)]
    assert told == [(6, "line 7 has 1 fields wh"), (7, "line 8 has 3 fields wh")]
    assert read(path, header_row=4).columns[0] == "1"


def test_header_cells_without_a_name_or_with_one_twice(tmp_path: Path) -> None:
    """Each column has a name of its own, and the report says which was given."""
    path = tmp_path / "table.csv"
    path.write_text("a,,a,a\n1,2,3,4\n")
    found = read(path)
    assert found.columns == ("a", "column 2", "a (2)", "a (3)")
    assert [notice.rule for notice in found.notices] == ["duplicate_header"] * 2


DOCUMENTS = [
    [{"id": 1, "name": "x"}],
    {"data": [{"id": 1, "name": "x"}], "count": 1},
    {"NextToken": "t", "Things": [{"id": 1, "name": "x"}], "meta": {"a": [1]}},
    {"id": 1, "name": "x"},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["list", "data", "named", "one"])
def test_json_documents(tmp_path: Path, document: Any) -> None:
    """A list of objects, an object that holds one, and one object by itself."""
    path = tmp_path / "things.json"
    path.write_text(json.dumps(document))
    assert rows(read(path)) == [(1, "1", "x")]


def test_json_values_keep_their_digits_and_shape(tmp_path: Path) -> None:
    """Numbers are exact, nested objects are dotted columns, lists are JSON, and columns are those of all records."""
    path = tmp_path / "things.json"
    records = [
        '{"big": 12345678901234567890, "whole": 65000.0, "part": 1.5, "yes": true, "none": null, "text": "007"}',
        '{"deep": {"er": {"x": "1"}, "list": [1, "a", {"k": 2.5}]}, "empty": {}, "huge": 1e400}',
    ]
    path.write_text(f"[{','.join(records)}]")
    frame = read(path).frame.collect()
    one, two = frame.rows(named=True)
    assert {name: one[name] for name in ("big", "whole", "part", "yes", "none", "text")} == {
        "big": "12345678901234567890",
        "whole": "65000",
        "part": "1.5",
        "yes": "true",
        "none": None,
        "text": "007",
    }
    assert (two["deep.er.x"], two["deep.list"], two["empty"]) == ("1", '[1,"a",{"k":2.5}]', "{}")
    assert two["big"] is None


def test_json_of_several_lists_takes_the_named_one(tmp_path: Path) -> None:
    """`--records` names the list; an AWS key decides by itself."""
    path = tmp_path / "things.json"
    path.write_text(json.dumps({"a": [{"x": 1}], "b": [{"y": 2}]}))
    assert read(path, records="b").columns == ("y",)
    path.write_text(json.dumps({"Reservations": [{"x": 1}], "Vpcs": [{"VpcId": "vpc-0a1b2c3d"}]}))
    found = read(path)
    assert (found.document, found.resource_type) == ("Vpcs", "vpc")


def test_ndjson_rows_are_its_lines(tmp_path: Path) -> None:
    """A blank line counts, and a line that is no object is told by its number."""
    path = tmp_path / "things.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2, "b": "x"}\nno\n')
    found = read(path)
    assert rows(found) == [(1, "1", "", "b"), (3, "2", "x", ""), (4, "", "", "a\nb")]
    assert found.columns == ("a", "b", ABSENT)
    assert [(fault["row"], fault["rule"]) for fault in found.faults.iter_rows(named=True)] == [(4, "ndjson")]


def test_more_records_than_are_spooled_at_once(tmp_path: Path) -> None:
    """A member that only a late record has is a column of all."""
    path = tmp_path / "many.ndjson"
    path.write_text(
        "".join(json.dumps({"n": n} | ({"late": "yes"} if n == 45_000 else {})) + "\n" for n in range(45_001))
    )
    found = read(path)
    assert (found.records, found.columns) == (45_001, ("n", "late", ABSENT))
    assert found.frame.filter(pl.col("late") == "yes").collect().rows() == [(45_001, "45000", "yes", None)]
    assert found.frame.collect()[ABSENT].value_counts(sort=True).rows() == [("late", 45_000), (None, 1)]


def workbook(path: Path, table: list[list[Any]], sheet: str = "Sheet") -> Path:
    """Write a workbook of one sheet."""
    book = openpyxl.Workbook()
    active = book.active
    assert active is not None
    active.title = sheet
    for record in table:
        active.append(record)
    book.save(path)
    return path


def test_excel_cells_as_text(tmp_path: Path) -> None:
    """Ids that are numbers keep their digits, dates are ISO, and empty rows count."""
    table: list[list[Any]] = [
        ["id", "n", "when", "yes"],
        [123456789012, 1.5, datetime.datetime(2026, 1, 2, 3, 4, 5), True],  # a cell has no zone
        [None, None, None, None],
        ["007", 999_999_999_999_999, datetime.date(2026, 1, 2), False],
    ]
    found = read(workbook(tmp_path / "t.xlsx", table))
    assert rows(found) == [
        (2, "123456789012", "1.5", "2026-01-02 03:04:05", "true"),
        (3, "", "", "", ""),
        (4, "007", "999999999999999", "2026-01-02", "false"),
    ]
    assert (found.sheet, found.records) == ("Sheet", 3)


def test_excel_header_below_titles_and_empty_rows(tmp_path: Path) -> None:
    """The header is the first row about as wide as the table, and rows keep their numbers."""
    table: list[list[Any]] = [[], [], ["Inventory"], [], ["a", "b", "c"], ["1", "2", "3"]]
    found = read(workbook(tmp_path / "t.xlsx", table))
    assert (found.header_row, found.columns, rows(found)) == (5, ("a", "b", "c"), [(6, "1", "2", "3")])
    with pytest.raises(SourceError, match="its sheets are Sheet"):
        read(tmp_path / "t.xlsx", sheet="Other")


def test_parquet(tmp_path: Path) -> None:
    """Typed columns become text: dates in ISO form, lists between commas, structs as JSON."""
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame(
        {
            "id": ["007"],
            "n": [65001],
            "when": [datetime.date(2026, 1, 2)],
            "ids": [["a", "b"]],
            "tags": [[{"Key": "k", "Value": "v"}]],
            "yes": [True],
        }
    )
    frame.write_parquet(path)
    assert rows(read(path)) == [(1, "007", "65001", "2026-01-02", "a,b", '[{"Key":"k","Value":"v"}]', "true")]


def test_compressed_files(tmp_path: Path) -> None:
    """A .gz and a .zip of one file are read as that file; the size limit holds while unpacking."""
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(csv_text().encode()))
    assert rows(read(packed))[0][1:] == tuple(RECORDS[0])
    archive = tmp_path / "t.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("folder/t.json", json.dumps([{"a": 1}]))
        file.writestr("__MACOSX/._t.json", "x")
    archive.write_bytes(buffer.getvalue())
    assert rows(read(archive)) == [(1, "1")]
    bomb = tmp_path / "bomb.csv.gz"
    bomb.write_bytes(gzip.compress(b"a,b\n" + b"0" * (3 << 20)))
    with pytest.raises(SourceError, match="unpacks to more than 1 MB"):
        read(bomb, {"max_file_mb": 1})


def test_limits_and_formats_that_are_named(tmp_path: Path) -> None:
    """A file over the limit is refused before it is read; a format can be named, if the content is like it."""
    path = tmp_path / "t.dat"
    path.write_text("a,b\n" + "1,2\n" * 300_000)
    with pytest.raises(SourceError, match="at most 1 MB are read"):
        read(path, {"max_file_mb": 1})
    assert read(path, format="csv").records == 300_000
    with pytest.raises(SourceError, match=r"is delimited text, not an Excel workbook: give read\.format=csv"):
        read(path, format="xlsx")
    with pytest.raises(UsageError, match="Unknown format 'toml'"):
        read(path, format="toml")
