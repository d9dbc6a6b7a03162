"""Text that is almost CSV: nothing of it is read wrongly without a word."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import SourceError
from schemas.sources import Extracted
from tests.laws import law
from tests.tasks.formats.support import faults, read, read_text, rows


def by_the_csv_module(text: str) -> Iterator[list[str] | None]:
    """Yield the records after the header; None for one whose quotes are wrong; raises csv.Error for an open quote."""
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True, skipinitialspace=True)
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
    fits = len(record) >= 2 and not any(cell.strip() for cell in record[2:])
    return "ragged" if not fits and any(cell.strip() for cell in record) else None


@law(300)
@given(body=st.text('ab,"\n \t;', min_size=1, max_size=25))
def test_any_text_is_read_as_the_csv_module_reads_it(tmp_path: Path, body: str) -> None:
    """Row by row: the same cells, or a fault of that row; an open quote is refused.

    Spaces around quoted fields are no part of them, nor are empty fields beyond the last column.
    """
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
        if record is None and told.get(row) != "quote":
            assert '" ' in text  # after a closing quote
            continue
        assert told.get(row) == expected_fault(record)
        if record and any(cell.strip() for cell in record) and row not in told:
            assert [cell.lstrip(" ") for cell in cells[row]] == [cell.lstrip(" ") for cell in record[:2]]


SPACES = st.text(" ", max_size=3)


@law(60)
@given(
    data=st.data(),
    table=st.lists(
        st.lists(st.text('ab,"; #', min_size=1, max_size=6), min_size=2, max_size=2), min_size=1, max_size=5
    ),
)
def test_spaces_around_quoted_fields_are_no_part_of_them(
    tmp_path: Path, data: st.DataObject, table: list[list[str]]
) -> None:
    """Whatever the fields hold."""

    def written(cell: str) -> str:
        quoted = '"' + cell.replace('"', '""') + '"'
        return data.draw(SPACES) + quoted + data.draw(SPACES)

    lines = [f"{written(first)},{written(second)}" for first, second in table]
    found = read_text(tmp_path, "t.csv", "\n".join(["name,site", *lines]) + "\n")
    assert (faults(found), rows(found)) == ([], [(row, *cells) for row, cells in enumerate(table, start=2)])


def said(found: Extracted) -> list[tuple[str, str]]:
    """Return the rule and the message of each notice."""
    return [(notice.rule, notice.message) for notice in found.notices]


def test_spaces_around_quotes_are_reported(tmp_path: Path) -> None:
    """Once for the file, with the first rows."""
    found = read_text(tmp_path, "t.csv", '"name", "site"\n"Bonn", "DC 1"\nUlm,x\n"Kiel" ,"a, b"\n')
    assert rows(found) == [(2, "Bonn", "DC 1"), (3, "Ulm", "x"), (4, "Kiel", "a, b")]
    assert said(found) == [
        ("space_around_quotes", "2 rows have spaces around a quoted field, which are left out: rows 2, 4")
    ]


TRAILING = [
    (
        "name;site\nsw1;HQ;\nsw2;HQ;\n",
        ["2 rows end in empty fields beyond the last column, which are left out: rows 2, 3"],
    ),
    (
        "name;site\nsw1;HQ; ;;\nsw2;HQ\n",
        ["1 rows end in empty fields beyond the last column, which are left out: row 2"],
    ),
    (
        'name;site\nsw1;HQ;""\n"sw2";HQ\n',
        ["1 rows end in empty fields beyond the last column, which are left out: row 2"],
    ),
    ('name;site\nsw1;HQ;""\n sw2; "HQ"\n', None),
    ("name;site;\nsw1;HQ\nsw2;HQ\n", []),
    ("name;site;\nsw1;HQ;\nsw2;HQ;\n", []),
    ('name;site;;\nsw1;"HQ";;\nsw2;HQ;;\n', []),
]


@pytest.mark.parametrize(("text", "told"), TRAILING)
def test_delimiters_at_the_end_of_lines(tmp_path: Path, text: str, told: list[str] | None) -> None:
    """Of the header or of rows: with nothing behind them, nothing is lost without them."""
    found = read_text(tmp_path, "t.csv", text)
    assert (found.columns, found.delimiter, faults(found)) == (("name", "site"), ";", [])
    assert rows(found) == [(2, "sw1", "HQ"), (3, "sw2", "HQ")]
    assert told is None or [message for _, message in said(found)] == told


def test_a_value_beyond_the_last_column_is_an_error(tmp_path: Path) -> None:
    """Wherever the header ends."""
    for header in ("name;site", "name;site;"):
        found = read_text(tmp_path, "t.csv", f"{header}\nsw1;HQ;\nsw3\n" + "sw4;HQ;\n" * 100 + "sw2;HQ;x\n")
        assert faults(found) == [(3, "ragged"), (104, "ragged")]


def test_comments_among_the_records(tmp_path: Path) -> None:
    """What can only be a comment is left out; what may be a record as well is rejected."""
    text = "name,site\nsw1,HQ\n# decommissioned:\n# sw2,HQ\n#sw3,HQ\n#sw4\n"
    found = read_text(tmp_path, "t.csv", text)
    assert faults(found) == [(3, "comment"), (4, "comment"), (5, "comment"), (6, "comment")]
    assert found.faults["severity"].to_list() == ["warning", "warning", "error", "warning"]
    quoted = read_text(tmp_path, "t.csv", text + '# it is 19" or "more\n"# x",HQ\n')
    assert (faults(quoted), rows(quoted)[-1]) == ([*faults(found), (7, "comment")], (8, "# x", "HQ"))
    assert faults(read_text(tmp_path, "t.csv", "name,site\n#1,HQ\n#2,HQ\n")) == []


TITLES = [
    ("Subnets;;\nname;site;role\nsw1;HQ;core\n", 2, ["line 1: 'Subnets'"]),
    ("Subnets\n\nname;site;role\nsw1;HQ;core\n", 3, ["line 1: 'Subnets'"]),
    ("VLAN;;\n# by hand\n;of 2026;\nname;site;role\nsw1;HQ;core\n", 4, ["line 1: 'VLAN'", "line 3: 'of 2026'"]),
    ("name;;\nsw1;HQ;core\n", 1, []),
]


@pytest.mark.parametrize(("text", "row", "titles"), TITLES)
def test_titles_before_the_header(tmp_path: Path, text: str, row: int, titles: list[str]) -> None:
    """They are narrower than a row below that names fields; they are reported."""
    found = read_text(tmp_path, "t.csv", text)
    assert (found.header_row, rows(found)) == (row, [(row + 1, "sw1", "HQ", "core")])
    wanted = [f"titles before the header are left out: {'; '.join(titles)}"] if titles else []
    assert [message for rule, message in said(found) if rule == "title"] == wanted


HEADERLESS = [
    "host,10.0.0.1",
    "a,2001:db8::1/64",
    "x,vpc-0a1b2c3d",
    "sw1,HQ,17",
    "core,00:11:22:33:44:55",
    "a,2026-01-02",
]


@pytest.mark.parametrize("line", HEADERLESS)
def test_a_first_line_that_looks_like_a_record(tmp_path: Path, line: str) -> None:
    """It is refused with what to do, and read with its columns numbered or named."""
    text = f"{line}\n{line}x\n"
    with pytest.raises(SourceError, match=r"line 1 looks like a record, not a header: .* use read\.no_header"):
        read_text(tmp_path, "t.csv", text)
    found = read_text(tmp_path, "t.csv", text, no_header=True)
    wide = line.count(",") + 1
    assert found.columns == tuple(f"column {number}" for number in range(1, wide + 1))
    assert [row[0] for row in rows(found)] == [1, 2]
    names = tuple("abc"[:wide])
    named = read_text(tmp_path, "t.csv", f"# by hand\n{text}", columns=names)
    assert (named.columns, named.header_row, rows(named)[0]) == (names, None, (2, *line.split(",")))
    with pytest.raises(SourceError, match=rf"has {wide} columns, and read\.columns names 4"):
        read_text(tmp_path, "t.csv", text, columns=("a", "b", "c", "d"))
    assert read_text(tmp_path, "t.csv", text, header_row=1).columns == tuple(line.split(","))


@pytest.mark.parametrize("line", ["name,2024,2025", "VLAN,Zweck", "first,second", "Site Name,Status", "site.name,x"])
def test_headers_are_no_records(tmp_path: Path, line: str) -> None:
    """A year may be the name of a column where another names a field."""
    assert len(read_text(tmp_path, "t.csv", f"{line}\n{line}x\n").columns) == line.count(",") + 1


def test_a_header_that_begins_with_a_hash(tmp_path: Path) -> None:
    """It is as wide as the records and names fields, which the line below does not."""
    for header in ("# name,site", "#name,site"):
        found = read_text(tmp_path, "t.csv", f"# exported by x, today\n{header}\nsw1,HQ\n")
        assert (found.columns, rows(found)) == (("name", "site"), [(3, "sw1", "HQ")])
        assert [rule for rule, _ in said(found)] == ["header"]
    found = read_text(tmp_path, "t.csv", "# name,site\n# sw0,HQ\nsw1,HQ\n")
    assert (found.columns, rows(found)[-1], faults(found)) == (("name", "site"), (3, "sw1", "HQ"), [(2, "comment")])
    assert read_text(tmp_path, "t.csv", "# row,name\n1,sw1\n").columns == ("# row", "name")
    assert read_text(tmp_path, "t.csv", "#name, by hand\nname,site\nsw1,HQ\n").columns == ("name", "site")


@pytest.mark.parametrize("cell", ['"=""00045"""', '="00045"', '"=""00045"""  '])
def test_text_that_a_spreadsheet_wrote_as_a_formula(tmp_path: Path, cell: str) -> None:
    """It is the text that a person sees."""
    found = read_text(tmp_path, "t.csv", f'name,serial\nsw1,{cell}\nsw2,"=""say """"x"""""""\nsw3,=A1\n')
    assert rows(found) == [(2, "sw1", "00045"), (3, "sw2", 'say "x"'), (4, "sw3", "=A1")]
    assert said(found)[-1] == ("text_formula", "cells such as =\"00045\" are read as the text 00045: 'serial' (2)")


def test_a_line_that_names_the_separator(tmp_path: Path) -> None:
    """A spreadsheet does not show it, and counts the lines after it."""
    for first in ("sep=;", '"sep=;"', "\ufeffsep=;"):
        found = read_text(tmp_path, "t.csv", f"{first}\nname;site\nsw1;HQ\nsw2\n")
        assert (found.header_row, rows(found)[0], faults(found)) == (1, (2, "sw1", "HQ"), [(3, "ragged")])
        assert found.faults["message"][0].startswith("line 4 has 1 fields")


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
    (b"a,b\ncaf\xe9,1\nz\xc3\xbcrich,2\n", "not valid UTF-8 in line 2 .byte 0xE9., and UTF-8 in line 3"),
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
    with pytest.raises(ValidationError, match="Unknown encoding 'base64'"):
        read_text(tmp_path, "t.csv", "a,b\n1,2\n", encoding="base64")


FOREIGN = [
    (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "is a web page"),
    (b'<?xml version="1.0"?>\n<a/>', "is an XML document"),
    (b"%PDF-1.4\n1 0 obj\n", "a PDF document. has an unsupported binary format"),
    (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG picture. has an unsupported binary format"),
]


@pytest.mark.parametrize(("content", "told"), FOREIGN, ids=["html", "xml", "pdf", "png"])
def test_files_that_are_no_table(tmp_path: Path, content: bytes, told: str) -> None:
    """They are called what they are."""
    with pytest.raises(SourceError, match=told):
        read_text(tmp_path, "t.csv", content)


LINES = {
    "record": "n{n},HQ,core",
    "quoted": '"n{n}", "HQ",core',
    "trailing": "n{n},HQ,core,,",
    "comment": "# n{n}, old",
    "unclear": "#n{n},HQ,core",
    "short": "n{n},HQ",
    "long": "n{n},HQ,core,x",
    "blank": "",
    "spaces": " , , ",
    "header": "name,site,role",
    "misquoted": '"n{n}"x,HQ,core',
}
READ = {"record", "quoted", "trailing"}
NO_RECORDS = {"comment", "header"}


@law(100)
@given(kinds=st.lists(st.sampled_from(sorted(LINES)), max_size=12), title=st.booleans())
def test_every_line_is_a_record_a_fault_or_blank(tmp_path: Path, kinds: list[str], title: bool) -> None:
    """Law 6: whatever stands between the records, each line is read, rejected or reported with its row, none twice."""
    kinds = ["record", *kinds, "record"]
    lines = [LINES[kind].format(n=number) for number, kind in enumerate(kinds)]
    text = "\n".join([*(["Plan,,", ""] if title else []), "name,site,role", *lines]) + "\n"
    found = read_text(tmp_path, "t.csv", text)
    first = 4 if title else 2
    rows_of = dict(enumerate(kinds, start=first))
    told = {fault["row"]: fault["severity"] for fault in found.faults.to_dicts()}
    assert len(told) == len(found.faults)
    blank = {"blank", "spaces"}
    assert told == {
        row: "warning" if kind in NO_RECORDS else "error"
        for row, kind in rows_of.items()
        if kind not in READ and kind not in blank
    }
    cells = {row[0]: row[1:] for row in rows(found) if any(cell.strip() for cell in row[1:]) and row[0] not in told}
    assert cells == {row: (f"n{row - first}", "HQ", "core") for row, kind in rows_of.items() if kind in READ}
    assert ("title" in [rule for rule, _ in said(found)]) == title
