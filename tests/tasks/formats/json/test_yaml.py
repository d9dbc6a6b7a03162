"""YAML: what stands there is what is read, and nothing in it costs more than its size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError
from tests.laws import law
from tests.strategies import NASTY_TEXT
from tests.tasks.formats.support import read, read_text, rows

VALUES = [
    ("no", "no"),
    ("off", "off"),
    ("0123", "0123"),
    ("0x1F", "0x1F"),
    ("12:30", "12:30"),
    ("1e3", "1e3"),
    ("1.10", "1.10"),
    ("1_000", "1_000"),
    ("2026-01-02", "2026-01-02"),
    ("012345678901", "012345678901"),
    ("123456789012345678901234", "123456789012345678901234"),
    ("+5", "+5"),
    ("-5", "-5"),
    ("True", "True"),
    ("true", "true"),
    ("'true'", "true"),
    ("~", ""),
    ("null", ""),
    ("", ""),
    ("'null'", "null"),
    ("!!str 5", "5"),
    ("!!int '5'", "5"),
    (".inf", ".inf"),
    ("=", "="),
    ("|\n    two\n    lines", "two\nlines\n"),
    ("[a, 1]", '["a",1]'),
]


@pytest.mark.parametrize(("written", "text"), VALUES)
def test_values_are_what_stands_there(tmp_path: Path, written: str, text: str) -> None:
    """YAML 1.1 makes numbers, dates and truth values of many a text; here, only JSON's own are."""
    assert rows(read_text(tmp_path, "t.yaml", f"- name: a\n  x: {written}\n")) == [(1, "a", text)]


DOCUMENTS = [
    "- name: a\n- name: b\n",
    "# by hand\n---\n- name: a\n---\n- name: b\n...\n",
    "- name: a\n---\nname: b\n",
    "name: a\n---\nname: b\n",
    "Things:\n- name: a\n- name: b\n",
    "%YAML 1.1\n---\nThings:\n  - {name: a}\n  - {name: b}\n",
    "- &x {name: a}\n- <<: *x\n  name: b\n",
]


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("name", ["t.yaml", "t.yml"])
def test_documents(tmp_path: Path, name: str, text: str) -> None:
    """Lists, mappings that hold them, and documents in a row."""
    found = read_text(tmp_path, name, text)
    assert (found.format, rows(found)) == ("yaml", [(1, "a"), (2, "b")])


@pytest.mark.parametrize("text", DOCUMENTS[:2] + DOCUMENTS[4:6])
def test_it_is_known_by_its_content(tmp_path: Path, text: str) -> None:
    """Without a name that says so; a mapping without lists might be a table of one column."""
    assert read_text(tmp_path, "t.dat", text).format == "yaml"
    assert read_text(tmp_path, "t.dat", "name\n- a: b\n").format == "csv"
    assert read_text(tmp_path, "t.csv", "---\n- a\n").format == "csv"
    assert read_text(tmp_path, "t.txt", "name: a\n", format="yaml").format == "yaml"


def test_a_document_of_aws(tmp_path: Path) -> None:
    """As `aws ec2 describe-vpcs --output yaml` writes it; `--records` names the list of another."""
    text = "Vpcs:\n- CidrBlock: 10.0.0.0/16\n  IsDefault: false\n  OwnerId: '012345678901'\n  VpcId: vpc-0aaaaaaa\n"
    found = read_text(tmp_path, "t.yaml", text)
    assert (found.resource_type, found.document) == ("vpc", "Vpcs")
    [record] = found.frame.collect().rows(named=True)
    assert (record["OwnerId"], record["IsDefault"]) == ("012345678901", "false")
    named = read_text(tmp_path, "t.yaml", "data:\n  items:\n  - {name: a}\nother: [{x: 1}]\n", records="data.items")
    assert rows(named) == [(1, "a")]


WRONG = [
    ("- name: a\n  name: b\n", "line 2: 'name' is there twice"),
    ("- !Ref x\n", "line 1: the tag '!Ref' is not read"),
    (
        "- !!python/object/apply:os.system ['true']\n",
        "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not",
    ),
    ("- &x\n  name: *x\n", "the alias '*x' has no anchor before it, or is inside of it"),
    ("- [" + "[" * 200 + "]" * 201 + "\n", "nested more than 100 deep"),
    ("- {[a]: b}\n", "a name is expected"),
    ("- name: a: b\n", "is not valid YAML: .* in line 1, column"),
    ("- name: a\n\t- b\n", "is not valid YAML"),
    ("- <<: 5\n", "takes in mappings only"),
    ("just a text\n", "holds text and no records"),
    ("# nothing\n", "holds text and no records"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_not_read(tmp_path: Path, text: str, told: str) -> None:
    """It is refused with its line and what to do."""
    with pytest.raises(SourceError, match=told.replace("*", r"\*").replace(r".\*", ".*")):
        read_text(tmp_path, "t.yaml", text)


def test_aliases_cannot_make_it_huge(tmp_path: Path) -> None:
    """A billion laughs in a kilobyte are refused; a block that is used by many is not."""
    laughs = "".join(f"- &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10))
    with pytest.raises(SourceError, match="aliases make it many times as large as it is"):
        read_text(tmp_path, "t.yaml", f"- &l0 lol\n{laughs}")
    used = "".join(f"- {{name: a{n}, tags: *t}}\n" for n in range(1_000))
    found = read_text(tmp_path, "t.yaml", f"- {{name: x, tags: &t {{a: b, c: d}}}}\n{used}")
    assert (found.records, rows(found)[-1][1:]) == (1_001, ("a999", '{"a":"b","c":"d"}'))


def test_encodings(tmp_path: Path) -> None:
    """As of any other text."""
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        assert rows(read_text(tmp_path, "t.yaml", "- name: Zürich\n".encode(encoding))) == [(1, "Zürich")]


INNER = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NASTY_TEXT | st.just("")
RECORDS = st.lists(
    st.fixed_dictionaries({"name": NASTY_TEXT}, optional={"x": INNER, "y": st.dictionaries(st.just("z"), INNER)}),
    min_size=1,
    max_size=4,
)


@law(100)
@given(records=RECORDS, flow=st.booleans())
def test_it_is_read_as_the_same_json_is(tmp_path: Path, records: list[dict[str, Any]], flow: bool) -> None:
    """Whatever the values, and however it is written."""
    path = tmp_path / "t.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    text = yaml.safe_dump(records, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    found = read_text(tmp_path, "t.yaml", text)
    assert (found.columns, rows(found)) == ((wanted := read(path)).columns, rows(wanted))
