"""JSON in every shape that holds records, and JSON that is made to break its reader."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError
from tasks.formats.base import ABSENT
from tasks.formats.json.parser import JsonReader
from tests.laws import law
from tests.tasks.formats.support import faults, read, read_text, rows

VPC = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}

SHAPES: list[tuple[Any, str | None, list[str]]] = [
    ({"Vpc": VPC}, "Vpc", ["vpc-1"]),
    ([{"Vpcs": [VPC]}, {"Vpcs": [{"VpcId": "vpc-2"}]}], "Vpcs", ["vpc-1", "vpc-2"]),
    ([[VPC], [{"VpcId": "vpc-2"}]], None, ["vpc-1", "vpc-2"]),
    ({"data": {"vpcs": [VPC, {"VpcId": "vpc-2"}]}, "count": 2}, "vpcs", ["vpc-1", "vpc-2"]),
    (VPC | {"Tags": [{"Key": "a", "Value": "b"}]}, None, ["vpc-1"]),
    (VPC | {"CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}], "Tags": [{"Key": "a"}]}, None, ["vpc-1"]),
    ({"generated": "today", "vpcs": [VPC]}, "vpcs", ["vpc-1"]),
    ({"Other": [{"x": 1}], "Vpcs": [VPC]}, "Vpcs", ["vpc-1"]),
]


@pytest.mark.parametrize(("document", "key", "ids"), SHAPES, ids=lambda value: json.dumps(value)[:30])
def test_where_the_records_are(tmp_path: Path, document: Any, key: str | None, ids: list[str]) -> None:
    """An object that has a type's members is a record, its lists and all; otherwise a list in it holds them."""
    found = read_text(tmp_path, "t.json", json.dumps(document))
    assert (found.document, found.frame.collect()["VpcId"].to_list()) == (key, ids)


def test_records_named_by_a_path(tmp_path: Path) -> None:
    """Members between dots, through lists; a name that is not there is told with those that are."""
    document = json.dumps({"Reservations": [{"Instances": [{"a": 1}]}, {"Instances": [{"a": 2}]}], "a.b": [{"c": 3}]})
    assert rows(read_text(tmp_path, "t.json", document, records="Reservations.Instances")) == [(1, "1"), (2, "2")]
    assert rows(read_text(tmp_path, "t.json", document, records="a.b")) == [(1, "3")]
    with pytest.raises(SourceError, match=r"no records at 'items': it holds Reservations, a\.b"):
        read_text(tmp_path, "t.json", document, records="items")


BROKEN = [
    ('[{"a":1},\n{"a":}]', "expecting value in line 2, column 6"),
    ('[{"a":1}] x', "follows the end of the document in line 1, column 11"),
    ('{"a":1\n}\n{"a":2}\n3', "follows the end of the document in line 4, column 1"),
    ('[{"a":1}', r"'\]' is missing at the end"),
    ('[{"a":NaN}]', "NaN is not JSON"),
    ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ('[{"a":' + "[" * 100_000 + "]" * 100_000 + "}]", "nested too deeply"),
    ('[{"a":' + '{"a":' * 900 + "1" + "}" * 900 + "}]", "nested too deeply"),
    ('[{"a":' + "9" * 5_000 + "}]", "too many digits"),
    ("[1, 2]", "record 1 is a number, not an object"),
    ('[{"a":1},"x"]', "record 2 is a text, not an object"),
    ("[]", "has no records"),
    ('{"data":[]}', "has no records"),
]


@pytest.mark.parametrize(("text", "told"), BROKEN, ids=lambda value: value[:20])
def test_what_is_no_json_or_no_records(tmp_path: Path, text: str, told: str) -> None:
    """It is refused with the place, and never brings the process down."""
    with pytest.raises(SourceError, match=told):
        read_text(tmp_path, "t.json", text)


def test_members_of_one_name(tmp_path: Path) -> None:
    """A dotted member and a nested one are one column, and no value moves to another row."""
    records = '[{"a.b":1,"a":{"b":2},"c":1},{"a":{"b":3},"c":2},{"a.b":4,"c":3},{" c ":4,"":5}]'
    found = read_text(tmp_path, "t.json", records)
    assert found.columns == ("a.b", "c", "column 5", ABSENT)
    assert rows(found) == [
        (1, "2", "1", "", "column 5"),
        (2, "3", "2", "", "column 5"),
        (3, "4", "3", "", "a\ncolumn 5"),
        (4, "", "4", "5", "a.b\na"),
    ]


@pytest.mark.parametrize("name", ["t.json", "t.ndjson"])
def test_numbers_of_any_length_keep_their_digits(tmp_path: Path, name: str) -> None:
    """Beyond 64 bits too, in lists too where JSON is read whole."""
    lines = ['{"a":123456789012345678901234,"b":0.1}', '{"a":18446744073709551616,"b":1e3}']
    text = "\n".join(lines) if name.endswith("ndjson") else f"[{','.join(lines)}]"
    assert rows(read_text(tmp_path, name, text)) == [
        (1, "123456789012345678901234", "0.1"),
        (2, "18446744073709551616", "1000"),
    ]


@pytest.mark.parametrize("name", ["t.json", "t.ndjson"])
def test_cells_that_are_too_long(tmp_path: Path, name: str) -> None:
    """They are a fault of their row, as in every format."""
    lines = [json.dumps({"a": "x" * 2000}), json.dumps({"a": "x"})]
    path = tmp_path / name
    path.write_text("\n".join(lines) if name.endswith("ndjson") else f"[{','.join(lines)}]")
    assert faults(read(path, {"max_cell_chars": 1000})) == [(1, "cell_too_long")]


def test_older_encodings(tmp_path: Path) -> None:
    """JSON that is no UTF-8 is read as cp1252, and the report says so."""
    assert rows(read_text(tmp_path, "t.json", b'[{"a":"caf\xe9"}]')) == [(1, "café")]
    assert rows(read_text(tmp_path, "t.json", '[{"a":"Łódź"}]'.encode("cp1250"), encoding="cp1250")) == [(1, "Łódź")]


def test_half_a_surrogate_pair(tmp_path: Path) -> None:
    """It is shown as the sign for what can't be shown."""
    assert rows(read_text(tmp_path, "t.json", '[{"a":"x\\ud800"}]')) == [(1, "x\ufffd")]


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class InPieces(io.BytesIO):
    """A file that gives a few bytes at a time, so that values are cut everywhere."""

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, enough for the longest word and escape of JSON."""
        return super().read(16 if size else 0)


@law(100)
@given(items=st.lists(VALUE, max_size=4), indent=st.sampled_from([None, 2]))
def test_the_reader_reads_what_the_json_module_reads(items: list[Any], indent: int | None) -> None:
    """Wherever its chunks are cut."""
    text = json.dumps(items, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if b"\xed" in text:
        return
    for file in (io.BytesIO(text), InPieces(text)):
        reader = JsonReader(file, "t.json")
        assert json.loads(json.dumps(list(reader.values()), default=float)) == items
        reader.end()


def test_a_nul_in_a_text(tmp_path: Path) -> None:
    """It is no text that PostgreSQL holds: its row is rejected, the others are read."""
    found = read_text(tmp_path, "t.json", '[{"a": "x\\u0000y"}, {"a": "z"}]')
    assert faults(found) == [(1, "nul")]
