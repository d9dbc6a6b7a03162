"""Rules: which rows break one, what it says of them, and which fields make it be asked again."""

from __future__ import annotations

from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.issues import Severity
from schemas.model.rules import (
    AMAZON_ASNS,
    Contained,
    Inside,
    NoConnectedOverlap,
    NoOverlap,
    Objects,
    RecordRule,
    Reference,
    RowRule,
    SetRule,
    Unique,
    lists_objects,
    objects_rule,
    private_asn,
)
from tests.laws import law


def answers(rule: RowRule, *values: Any) -> list[bool | None]:
    """Ask a rule of a column; true where it is broken."""
    frame = pl.DataFrame({rule.field: values, "other": ["x"] * len(values)}, strict=False)
    asked = frame.lazy().select(rule.broken())
    assert asked.collect_schema().dtypes() == [pl.Boolean]
    return asked.collect()[rule.field].to_list()


# Rules of a row -------------------------------------------------------------------------------------------------------


def test_private_as_numbers() -> None:
    """The ranges of RFC 6996 are kept with both their ends, the exceptions too, and a cell without a value."""
    rule = private_asn("asn", but=AMAZON_ASNS)
    amazon = (7224, 9059, 10_124, 17_493, 17_943)
    kept = [64_512, 65_534, 4_200_000_000, 4_294_967_294, *amazon]
    broken = [64_511, 65_535, 4_199_999_999, 4_294_967_295, 1, 0]
    assert answers(rule, *kept, *broken) == [False] * len(kept) + [True] * len(broken)
    assert answers(private_asn("asn"), 65_000, *amazon) == [False, True, True, True, True, True]
    assert not any(answers(rule, 65_000, None))
    assert (rule.name, rule.field, rule.fields) == ("range", "asn", ("asn",))
    assert rule.message == "is not a private AS number: write one of 64512 to 65534 or 4200000000 to 4294967294"
    assert (rule.severity, rule.partial) == (Severity.ERROR, False)


OBJECTS = ['[{"a":1}]', "[]", '[{"a":1},2]', '[2,{"a":1}]', "[[]]", '{"a":1}', '"a"', "null", None]


def test_lists_of_objects() -> None:
    """What is a list holds objects alone; an empty list is one, and a cell without a value keeps the rule."""
    rule = lists_objects("routes", '[{"a": 1}]')
    assert answers(rule, *OBJECTS) == [False, False, True, True, True, True, True, True, None]
    assert (rule.name, rule.field, rule.fields) == ("shape", "routes", ("routes",))
    assert rule.message == 'is not a list of objects: write it as [{"a": 1}]'
    assert rule.severity is Severity.ERROR


def test_rules_of_listed_objects() -> None:
    """One is asked of what lists objects alone, and has the words that it is given."""
    seen: list[Objects] = []

    def broken(objects: Objects) -> bool:
        seen.append(objects)
        return objects == [{"a": 1}]

    rule = objects_rule("mine", "routes", broken, "is wrong")
    texts = [*OBJECTS, *OBJECTS, '[{"a":2}]']
    assert answers(rule, *texts) == [True, *[False] * 7, None, True, *[False] * 7, None, False]
    assert sorted({str(objects) for objects in seen}) == ["[]", "[{'a': 1}]", "[{'a': 2}]"]
    assert (rule.name, rule.field, rule.fields, rule.message) == ("mine", "routes", ("routes",), "is wrong")
    assert rule.severity is Severity.ERROR


def test_a_column_without_a_value() -> None:
    """No rule is asked of one, and none is broken."""
    rule = lists_objects("routes", "[]")
    empty = pl.DataFrame({"routes": [None, None]}, schema={"routes": pl.String})
    assert empty.select(rule.broken())["routes"].to_list() == [None, None]
    assert empty.clear().select(rule.broken())["routes"].to_list() == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@law(60)
@given(st.lists(st.none() | VALUES, min_size=1, max_size=8))
def test_the_shape_of_any_json(values: list[Any]) -> None:
    """A column of any JSON breaks the rule exactly where Python sees no list of dictionaries."""
    texts = [None if value is None else orjson.dumps(value).decode() for value in values]
    frame = pl.DataFrame({"routes": texts}, schema={"routes": pl.String})
    expected = [
        None if value is None else not (isinstance(value, list) and all(isinstance(item, dict) for item in value))
        for value in values
    ]
    assert frame.select(lists_objects("routes", "[]").broken())["routes"].to_list() == expected


# Rules of records -----------------------------------------------------------------------------------------------------

SAYS: list[tuple[SetRule, str, str, Severity]] = [
    (Reference("vpc_id", "vpc"), "reference", "is not a known vpc", Severity.ERROR),
    (
        Reference("resource_id", "vpc", when=("resource_type", "vpn")),
        "reference",
        "is not a known vpc, where resource_type is vpn",
        Severity.ERROR,
    ),
    (NoOverlap("cidr_block", ("vpc_id",)), "overlap", "overlaps another in the same vpc_id", Severity.ERROR),
    (
        NoOverlap("cidr_block", ("account_id", "region")),
        "overlap",
        "overlaps another in the same account_id and region",
        Severity.ERROR,
    ),
    (
        Inside("cidr_block", "vpc_id", "vpc", ("cidr_block", "secondary_cidr_blocks")),
        "inside",
        "lies outside the blocks of its vpc: cidr_block, secondary_cidr_blocks",
        Severity.ERROR,
    ),
    (Unique("public_ip"), "unique", "is the value of another record", Severity.ERROR),
    (
        Unique("name", within=("vpc_id", "region")),
        "unique",
        "is the value of another record in the same vpc_id and region",
        Severity.ERROR,
    ),
    (
        Contained("prefix", ("vrf",), ("status", "container")),
        "container",
        "lies in none of the records whose status is container",
        Severity.WARNING,
    ),
    (
        NoConnectedOverlap("resource_id", ("resource_id", "resource_type")),
        "connected_overlap",
        "connects networks whose blocks overlap, or is one of them",
        Severity.ERROR,
    ),
]


@pytest.mark.parametrize(("rule", "name", "says", "severity"), SAYS, ids=[says for *_, says, _ in SAYS])
def test_what_a_rule_says(rule: SetRule, name: str, says: str, severity: Severity) -> None:
    """Its name, its sentence after the value, and whether a record that breaks it is rejected."""
    assert (rule.name, rule.says, rule.severity) == (name, says, severity)


@pytest.mark.parametrize(
    ("rule", "watched"),
    [
        (NoOverlap("cidr_block", ("account_id", "region")), ("cidr_block", "account_id", "region")),
        (Unique("main", ("vpc_id",), only=True), ("main", "vpc_id")),
        (Unique("public_ip"), ("public_ip",)),
        (Contained("prefix", ("vrf",), ("status", "container")), ("prefix", "vrf", "status")),
        (NoConnectedOverlap("b", ("a", "b")), ("a", "b")),
    ],
)
def test_what_makes_a_rule_be_checked_again(rule: RecordRule, watched: tuple[str, ...]) -> None:
    """A change of its field, of those that records agree in, or of what makes a container."""
    assert rule.checked_fields == watched


def test_what_decides_a_reference() -> None:
    """Its field, and the one that says whether it is asked; it and a unique value need no condition."""
    assert (Reference("vpc_id", "vpc").when, Unique("public_ip").only) == (None, None)
    assert Reference("vpc_id", "vpc").deciding_fields == ("vpc_id",)
    assert Reference("resource_id", "vpc", when=("resource_type", "vpc")).deciding_fields == (
        "resource_id",
        "resource_type",
    )
