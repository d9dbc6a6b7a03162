"""Lines that Polars reads at once are what they are when each is read by itself, or are left to be read so."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from tasks.formats.aws.document import flattener
from tasks.formats.base import ABSENT
from tasks.formats.json.flat_ndjson import FlatReader, is_left_alone
from tasks.formats.json.spool import _columns
from tests.laws import law

TEXTS = st.sampled_from(
    [
        "",
        "x",
        "007",
        "1.0",
        "null",
        "true",
        'a"b',
        '":null',
        '": null',
        "a\\",
        '\\"',
        "\\u0000",
        "é",
        "\U0001f600",
        "a\nb",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
ODD: st.SearchStrategy[Any] = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.just([]) | st.just({}) | st.just({"b": 1})
)
MEMBERS = st.lists(st.tuples(st.sampled_from(["a", "b", "c d", " b", "", "a.b"]), SCALARS), max_size=4)
STRANGE = st.lists(st.tuples(st.sampled_from(["a", "b"]), SCALARS | ODD), max_size=3)


def line(members: list[tuple[str, Any]], *, ascii_only: bool, space: str) -> bytes:
    """Write an object with its members as they come, one name more than once too."""
    pairs = (f"{json.dumps(name)}:{space}{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in members)
    return f"{{{','.join(pairs)}}}\n".encode()


def one_by_one(lines: list[bytes]) -> dict[str, list[str | None]]:
    """Read each line by itself."""
    records = [orjson.loads(each) for each in lines]
    return {name: values.to_list() for name, values in _columns(records, exact=True, absent=True, most=1_000).items()}


def filled(columns: dict[str, list[str | None]]) -> dict[str, list[Any]]:
    """Leave out the columns without any value: what other lines have is a column of these too.

    What each line lacks is a set of the columns that are left.
    """
    absent = columns.get(ABSENT, [])
    found = {name: values for name, values in columns.items() if name != ABSENT and any(v is not None for v in values)}
    lacking = [{name for name in (names or "").split("\n") if name in found} for names in absent]
    return {**found, ABSENT: lacking if any(lacking) else []}


@law(300)
@given(
    chunks=st.lists(st.lists(MEMBERS, min_size=1, max_size=4), min_size=1, max_size=3),
    strange=STRANGE,
    ascii_only=st.booleans(),
    space=st.sampled_from(["", " ", "  "]),
)
def test_it_is_the_same(
    chunks: list[list[list[tuple[str, Any]]]], strange: list[tuple[str, Any]], *, ascii_only: bool, space: str
) -> None:
    """Of any lines, with the schema of those before them too."""
    reader = FlatReader()
    for members in [*chunks, [*chunks[0], strange]]:
        lines = [line(each, ascii_only=ascii_only, space=space) for each in members]
        frame = reader.read(lines)
        if frame is not None:
            assert filled(frame.to_dict(as_series=False)) == filled(one_by_one(lines))


FLAT = [
    b'{"id":"vpc-1","mtu":1500,"dns":true,"name":null}\n',
    b'{"id":"vpc-2","name":"caf\\u00e9 \\"x\\" \\\\"}\r\n',
    b'{"dns": false, "id": "\xc5\x81"}\n',
]


def test_flat_lines_are_read_at_once() -> None:
    """Texts, whole numbers, truth values and nulls, in any order and number."""
    frame = FlatReader().read(FLAT)
    assert frame is not None
    assert frame.to_dicts() == [
        {"id": "vpc-1", "mtu": "1500", "dns": "true", "name": None, ABSENT: None},
        {"id": "vpc-2", "mtu": None, "dns": None, "name": 'café "x" \\', ABSENT: "mtu\ndns"},
        {"id": "Ł", "mtu": None, "dns": "false", "name": None, ABSENT: "mtu\nname"},
    ]


NOT_FLAT = [
    b'{"a":1.5}',
    b'{"a":1}\n{"a":1.5}',
    b'{"a":"x"}\n{"a":1.0}',
    b'{"a":"x"}\n{"a":[1]}',
    b'{"a":{"b":1}}',
    b'{"a":"x","a":"y"}',
    b'{"a":"x","a":"y"}\n{"a":"x","b":"y"}',
    b'{"a":"x","a":null}\n{}',
    b'{"a":"x","b":"y"}\n{"a":"x","a":null}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\u0000"}',
    b'{"a":123456789012345678901234567890}',
    b'{"a" :"x"}',
    b'{"a":"x"} {"a":"y"}',
    b'{"a":"x"}\n\n{"a":"y"}',
    b'{"a":"x"}\n["y"]',
    b'{"a":"x"}\n{"a":',
    b'{"a":"\xff"}',
    b'{" a":"x","a":"y"}',
]


@pytest.mark.parametrize("text", NOT_FLAT, ids=repr)
def test_what_is_in_doubt_is_read_one_by_one(text: bytes) -> None:
    """Whatever comes before it."""
    lines = text.splitlines(keepends=True)
    reader = FlatReader()
    assert reader.read([b'{"a":"x"}\n']) is not None
    assert reader.read(lines) is None
    assert FlatReader().read(lines) is None


def test_a_file_that_is_not_flat_is_not_tried_for_long() -> None:
    """Two times, and no more."""
    reader = FlatReader()
    for _ in range(2):
        assert reader.read([b'{"a":[]}\n']) is None
    assert reader.read([b'{"a":"x"}\n']) is None


DOCUMENTED = [each for each in RESOURCES.values() if each.document]


@pytest.mark.parametrize("resource", DOCUMENTED, ids=lambda each: each.type)
def test_our_own_fields_are_left_alone(resource: Resource) -> None:
    """They are no members that a document of AWS has."""
    assert is_left_alone(flattener(resource), list(resource.fields))


@law()
@given(data=st.data(), resource=st.sampled_from(DOCUMENTED))
def test_what_flattening_leaves_alone(data: st.DataObject, resource: Resource) -> None:
    """Is told by the names of its members, whatever they hold that is flat."""
    heads = [re.split(r"\W", spec.aws.lstrip("["))[0] for spec in resource.fields.values() if spec.aws]
    members = st.sampled_from(["Tags", "Tags.x", "Options", "PreSharedKey", *heads, *resource.fields])
    record = data.draw(st.dictionaries(members, SCALARS, max_size=4))
    flatten = flattener(resource)
    if is_left_alone(flatten, list(record)):
        assert flatten(record) == record


def test_columns_are_text() -> None:
    """All of them, one without any value too."""
    frame = FlatReader().read([b'{"a":null,"b":1}\n'])
    assert frame is not None
    assert frame.dtypes == [pl.String, pl.String]
