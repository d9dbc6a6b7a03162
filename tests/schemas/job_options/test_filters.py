"""Filters: the text that people write, the JSON that programs send, and that both come back as they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.errors import UsageError
from schemas.job_options.filters import AllOf, AnyOf, Condition, Filter, Filters, Op, both, of_fields, parse
from tests.laws import law

FILTERS: TypeAdapter[Filter] = TypeAdapter(Filter)


def eq(field: str, value: str = "1") -> Condition:
    """A condition of the plainest sort."""
    return Condition(field=field, op=Op.EQ, value=(value,))


A, B, C, D = (eq(name) for name in "abcd")


@pytest.mark.parametrize(
    ("text", "op", "value"),
    [
        ("f eq x", Op.EQ, ("x",)),
        ("f = x", Op.EQ, ("x",)),
        ("f == x", Op.EQ, ("x",)),
        ("f=x", Op.EQ, ("x",)),
        ("f ne x", Op.NE, ("x",)),
        ("f != x", Op.NE, ("x",)),
        ("f<>x", Op.NE, ("x",)),
        ("f in (a, b)", Op.IN, ("a", "b")),
        ("f in a, b", Op.IN, ("a", "b")),
        ("f in (a)", Op.IN, ("a",)),
        ("f not in (a,'b, c')", Op.NOT_IN, ("a", "b, c")),
        ("f not_in (a)", Op.NOT_IN, ("a",)),
        ("f lt 1", Op.LT, ("1",)),
        ("f < 1", Op.LT, ("1",)),
        ("f le 1", Op.LE, ("1",)),
        ("f <= 1", Op.LE, ("1",)),
        ("f gt 1", Op.GT, ("1",)),
        ("f>1", Op.GT, ("1",)),
        ("f ge 1", Op.GE, ("1",)),
        ("f >= 1", Op.GE, ("1",)),
        ("f between 1 and 2", Op.BETWEEN, ("1", "2")),
        ("f contains x", Op.CONTAINS, ("x",)),
        ("f starts with x", Op.STARTS_WITH, ("x",)),
        ("f starts_with x", Op.STARTS_WITH, ("x",)),
        ("f is null", Op.IS_NULL, ()),
        ("f is not null", Op.NOT_NULL, ()),
        ("f IS NOT NULL", Op.NOT_NULL, ()),
        ("f within 10.0.0.0/8", Op.WITHIN, ("10.0.0.0/8",)),
        ("f contains address 10.0.0.1", Op.CONTAINS_ADDRESS, ("10.0.0.1",)),
        ("f overlaps 2001:db8::/32", Op.OVERLAPS, ("2001:db8::/32",)),
    ],
)
def test_operators(text: str, op: Op, value: tuple[str, ...]) -> None:
    """Every operator, as a word in any case, with underscores, and as a sign with spaces around it or none."""
    assert parse(text) == Condition(field="f", op=op, value=value)


def test_the_table_above_has_every_operator() -> None:
    """No operator goes untested."""
    tested = {row[1] for mark in test_operators.pytestmark for row in mark.args[1]}  # type: ignore[attr-defined]
    assert tested == set(Op)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("two words", "two words"),
        ("many   spaces\n\there", "many spaces here"),
        ('"many   spaces"', "many   spaces"),
        ('"sand and sea"', "sand and sea"),
        ("'this or that'", "this or that"),
        ('"and"', "and"),
        ("sandy", "sandy"),
        ('"(a, b)"', "(a, b)"),
        ('"it\'s"', "it's"),
        ("'say \"x\"'", 'say "x"'),
        (r'"say \"x\""', 'say "x"'),
        (r"'it\'s'", "it's"),
        (r'"C:\\dir"', r"C:\dir"),
        (r'"a\nb"', "anb"),
        ('"a\\\nb"', "a\nb"),
        ("a\\b", "a\\b"),
        ('"two\nlines"', "two\nlines"),
        ('""', ""),
        ('"a" b', "a b"),
        ("a=b", "a = b"),
        ("eq", "eq"),
        ("é–ü", "é–ü"),
    ],
)
def test_values(written: str, value: str) -> None:
    """Words up to the next joint; in quotes anything, with a backslash before what would end them."""
    assert parse(f"f eq {written}") == eq("f", value)


@pytest.mark.parametrize(
    ("text", "field"),
    [("tags.Owner eq 1", "tags.Owner"), ('"tags.cost centre" eq 1', "tags.cost centre"), ("'and' eq 1", "and")],
)
def test_fields(text: str, field: str) -> None:
    """A field with a space in its name stands in quotes."""
    assert parse(text) == eq(field)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1 and b=1 and c=1", AllOf(all=(A, B, C))),
        ("a=1 or b=1 or c=1", AnyOf(any=(A, B, C))),
        ("a=1 or b=1 and c=1", AnyOf(any=(A, AllOf(all=(B, C))))),
        ("a=1 AND b=1 Or c=1", AnyOf(any=(AllOf(all=(A, B)), C))),
        ("(a=1 or b=1) and c=1", AllOf(all=(AnyOf(any=(A, B)), C))),
        ("a=1 and (b=1 or (c=1 and d=1))", AllOf(all=(A, AnyOf(any=(B, AllOf(all=(C, D))))))),
        ("((a=1))", A),
        ("(a=1)and(b=1)", AllOf(all=(A, B))),
        (
            "f between 1 and 2 and a=1",
            AllOf(all=(Condition(field="f", op=Op.BETWEEN, value=("1", "2")), A)),
        ),
        ("f in a, b and a=1", AllOf(all=(Condition(field="f", op=Op.IN, value=("a", "b")), A))),
        ("f is null or a=1", AnyOf(any=(Condition(field="f", op=Op.IS_NULL, value=()), A))),
    ],
)
def test_precedence(text: str, tree: Filter) -> None:
    """`and` binds closer than `or`, brackets closer than both, and the `and` of `between` joins nothing."""
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a field is missing at its end"),
        ("  \n", "a field is missing at its end"),
        ("region", "an operator after region is missing at its end"),
        ("region us-east-1", "'us-east-1' is not an operator: use one of eq, ne, in"),
        ("region eq", "a value is missing at its end"),
        ("region eq and a=1", "a value is missing before 'and'"),
        ("region and a=1", "an operator after region is missing before 'and'"),
        ("and region eq a", "a field is missing before 'and'"),
        ("region eq a and and a=1", "a field is missing before 'and'"),
        ("()", "a field is missing before ')'"),
        ("region eq a and", "a field is missing at its end"),
        ("region eq a or", "a field is missing at its end"),
        ("region eq , b", "a value is missing before ','"),
        ("region eq a, b", "',' is not expected here"),
        ("region in ()", "a value is missing before ')'"),
        ("region in (a, )", "a value is missing before ')'"),
        ("region in (a, b", "a bracket is not closed"),
        ("(region eq a", "a bracket is not closed"),
        ("region eq a)", "')' is not expected here"),
        ("vid between 1", "between takes two values: between 1 and 2"),
        ("vid between 1 or 2", "between takes two values: between 1 and 2"),
        ("vid is null 3", "'3' is not expected here"),
        ("region eq 'a", "is a quote left open?"),
        ('name eq 19" rack', "is a quote left open?"),
        ("name eq a\0b", "it holds a character that no record can hold"),
        ("name in (a, \udcff)", "it holds a character that no record can hold"),
        ("tags.\udcff is null", "it holds a character that no record can hold"),
    ],
)
def test_what_can_not_be_read(text: str, says: str) -> None:
    """The message has the filter, and what is wrong with it."""
    with pytest.raises(UsageError) as error:
        parse(text)
    assert f"The filter '{text}' cannot be read" in str(error.value)
    assert says in str(error.value)


# Written and read again -----------------------------------------------------------------------------------------------

# The language's own words and signs are the values that are likeliest to be misread.
WORDS = [word for op in Op for word in (op, *op.split())] + ["and", "or", "(", ")", ",", "=", "<=", "'", '"', "\\", ""]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(WORDS)
VALUES: dict[Op, st.SearchStrategy[tuple[str, ...]]] = {
    Op.BETWEEN: st.tuples(TEXT, TEXT),
    **dict.fromkeys((Op.IN, Op.NOT_IN), st.lists(TEXT, min_size=1, max_size=4).map(tuple)),
    **dict.fromkeys((Op.IS_NULL, Op.NOT_NULL), st.just(())),
}
CONDITIONS = st.sampled_from(Op).flatmap(
    lambda op: st.builds(Condition, field=TEXT, op=st.just(op), value=VALUES.get(op, st.tuples(TEXT)))
)


def joined(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    """Trees of these parts; one of a single part is written as that part, and so reads as it."""
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.builds(AllOf, all=several) | st.builds(AnyOf, any=several)


@law()
@given(tree=st.recursive(CONDITIONS, joined, max_leaves=8))
@example(tree=AllOf(all=(AllOf(all=(A, B)), C)))
@example(tree=AnyOf(any=(A, AnyOf(any=(B, C)))))
@example(tree=Condition(field="f", op=Op.CONTAINS, value=("address",)))
def test_a_written_filter_reads_as_it_was(tree: Filter) -> None:
    """Whatever the fields, values and brackets, in the language as in JSON."""
    assert parse(str(tree)) == tree
    assert FILTERS.validate_json(FILTERS.dump_json(tree)) == tree


# JSON -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "tree"),
    [
        ({"field": "a", "op": "eq", "value": "1"}, A),
        ({"field": "a", "op": "EQ", "value": ["1"]}, A),
        ({"field": "a", "op": "eq", "value": 1}, A),
        ({"field": "a", "op": "eq", "value": True}, eq("a", "true")),
        ({"field": "a", "op": "not_in", "value": [1, "x"]}, Condition(field="a", op=Op.NOT_IN, value=("1", "x"))),
        ({"field": "a", "op": "between", "value": [1, 2]}, Condition(field="a", op=Op.BETWEEN, value=("1", "2"))),
        ({"field": "a", "op": "is null"}, Condition(field="a", op=Op.IS_NULL, value=())),
        ({"field": "a", "op": "is_not_null", "value": None}, Condition(field="a", op=Op.NOT_NULL, value=())),
        (
            {"all": [{"field": "a", "op": "eq", "value": "1"}, {"any": [{"field": "b", "op": "eq", "value": "1"}]}]},
            AllOf(all=(A, AnyOf(any=(B,)))),
        ),
    ],
)
def test_json(sent: dict[str, Any], tree: Filter) -> None:
    """Operators in any spelling, one value or a list, numbers and yes or no as themselves."""
    assert FILTERS.validate_python(sent) == tree


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"field": "a", "op": "like", "value": "1"}, "Input should be 'eq', 'ne'"),
        ({"field": "a", "op": "eq"}, "a eq takes one value, and 0 are given"),
        ({"field": "a", "op": "eq", "value": ["1", "2"]}, "a eq takes one value, and 2 are given"),
        ({"field": "a", "op": "between", "value": "1"}, "a between takes two values, and 1 are given"),
        ({"field": "a", "op": "in", "value": []}, "a in takes at least one value, and 0 are given"),
        ({"field": "a", "op": "is null", "value": "1"}, "a is null takes no value, and 1 are given"),
        ({"field": "a", "op": "eq", "value": "1", "not": True}, "Extra inputs are not permitted"),
        ({"field": "a", "op": "eq", "value": "\0"}, "it holds a character that no record can hold"),
        ({"all": []}, "at least 1 item"),
        ({"any": [], "all": []}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_json(sent: dict[str, Any], says: str) -> None:
    """A filter that asks nothing sensible is refused with the reason."""
    with pytest.raises(ValidationError) as error:
        FILTERS.validate_python(sent)
    assert says in str(error.value)


@pytest.mark.parametrize(("filters", "tree"), [([], None), ([A], A), ([A, B], AllOf(all=(A, B)))])
def test_several_filters_hold_together(filters: list[Filter], tree: Filter | None) -> None:
    """None, one and two."""
    assert both(filters) == tree


def test_too_deep() -> None:
    """Brackets within brackets end somewhere, and not in a crash."""
    with pytest.raises(UsageError, match="too many brackets"):
        parse("(" * 5000 + "a eq 1" + ")" * 5000)
    assert parse("(" * 50 + "a eq 1" + ")" * 50) == parse("a eq 1")


# The short form -------------------------------------------------------------------------------------------------------

SHORT: TypeAdapter[Filters] = TypeAdapter(Filters)


@pytest.mark.parametrize(
    ("short", "text"),
    [
        ({"region": "us-east-1"}, "region eq us-east-1"),
        ({"region": ["us-east-1", "eu-west-1"]}, "region in (us-east-1, eu-west-1)"),
        ({"is_default": True, "asn": 65001}, "is_default eq true and asn eq 65001"),
        ({"name": None}, "name is null"),
        ({"updatedAt": {"from": "2026-11-01"}}, "updatedAt ge 2026-11-01"),
        (
            {"updatedAt": {"from": "2026-11-01", "to": "2026-11-30"}},
            "updatedAt ge 2026-11-01 and updatedAt le 2026-11-30",
        ),
        ({"vid": {"start": 100, "end": 199}}, "vid ge 100 and vid le 199"),
        ({}, None),
    ],
)
def test_the_short_form(short: dict[str, Any], text: str | None) -> None:
    """A value, several, none, and a range with either end open."""
    found = of_fields(SHORT.validate_python(short))
    assert (None if found is None else str(found)) == text


@pytest.mark.parametrize(
    "wrong", [{"region": []}, {"vid": {}}, {"vid": {"from": 1, "until": 2}}, {"vid": {"from": None}}]
)
def test_wrong_short_forms(wrong: dict[str, Any]) -> None:
    """An empty list, and a range without limits or with unknown ones, are refused."""
    with pytest.raises(ValidationError):
        SHORT.validate_python(wrong)
