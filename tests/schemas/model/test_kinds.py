"""Field kinds: what each reads a cell's text as, and what it refuses."""

from __future__ import annotations

import ipaddress
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from schemas.language.remedies import option
from schemas.model import kinds
from schemas.model.kinds.kind import Kind
from tests.laws import law

SPELT = kinds.enum(("active", "GatewayLoadBalancer"))
SECRETIVE = kinds.json_without(("PreSharedKey", "psk"))


def read(kind: Kind, text: str) -> Any:
    """Read one text, among others as in a column."""
    column = kind.read(pl.Series(["#", text, None], dtype=pl.String))
    assert column.dtype == kind.dtype
    assert column[2] is None
    value = column[1]
    return value.to_list() if isinstance(value, pl.Series) else value


def written(value: Any) -> str:
    """Return a value as the text that means it."""
    return ",".join(value) if isinstance(value, list) else str(value)


READS: list[tuple[Kind, dict[str, Any]]] = [
    (kinds.TEXT, {"Frankfurt 1": "Frankfurt 1", "00123": "00123", "Zürich": "Zürich"}),
    (kinds.CODE, {"us-east-1": "us-east-1", "US-East-1": "us-east-1"}),
    (SPELT, {"active": "active", "ACTIVE": "active", "gatewayloadbalancer": "GatewayLoadBalancer", "other": "other"}),
    (kinds.INTEGER, {"110": 110, "-5": -5, "+5": 5, "110.0": 110, "0": 0}),
    (kinds.NUMBER, {"52.37": 52.37, "-8": -8.0, ".5": 0.5, "1e2": 100.0}),
    (
        kinds.ACCOUNT,
        {
            "012345678901": "012345678901",
            "12345678901": "012345678901",
            "12345678901.0": "012345678901",
            "1234-5678-9012": "123456789012",
            "1": "000000000001",
        },
    ),
    (kinds.ASN, {"65001": 65001, "AS65001": 65001, "as 65001": 65001, "1.10": 65546, "65535.65535": 4_294_967_295}),
    (
        kinds.BOOLEAN,
        {
            **dict.fromkeys(["true", "Yes", "Y", "1", "t", "ON", "enable", "Enabled"], True),
            **dict.fromkeys(["false", "No", "n", "0", "F", "off", "disable", "disabled"], False),
        },
    ),
    (
        kinds.BLOCK,
        {
            "10.0.0.0/16": "10.0.0.0/16",
            "10.0.1.5/16": "10.0.0.0/16",
            "0.0.0.0/0": "0.0.0.0/0",
            "10.0.0.0/08": "10.0.0.0/8",
            "10.0.0.0/255.255.0.0": "10.0.0.0/16",
            "2001:DB8::1/32": "2001:db8::/32",
        },
    ),
    (
        kinds.ADDRESS,
        {
            "203.0.113.7": "203.0.113.7",
            "203.0.113.7/32": "203.0.113.7",
            "2001:DB8:0::1": "2001:db8::1",
            "2001:db8::1/128": "2001:db8::1",
        },
    ),
    (
        kinds.TEXTS,
        {"a": ["a"], "a, b;c d": ["a", "b", "c", "d"], '["a", "b"]': ["a", "b"], "sg-1,rtb-2": ["sg-1", "rtb-2"]},
    ),
    (
        kinds.BLOCKS,
        {"10.1.0.9/16, 10.2.0.0/16": ["10.1.0.0/16", "10.2.0.0/16"], '["2001:DB8::/56"]': ["2001:db8::/56"]},
    ),
    (
        kinds.TAGS,
        {
            "Owner=net,Project=core": '{"Owner":"net","Project":"core"}',
            "Owner=net; Project=a=b": '{"Owner":"net","Project":"a=b"}',
            '[{"Key":"Owner","Value":"net"}]': '{"Owner":"net"}',
            '[{"key":"Owner","value":null}]': '{"Owner":""}',
            '{"Project":1,"Owner":"net"}': '{"Owner":"net","Project":"1"}',
        },
    ),
    (kinds.JSON, {'{"b": 1, "a": [true]}': '{"a":[true],"b":1}', "[1, 2]": "[1,2]", '"text"': '"text"'}),
]

REFUSES: list[tuple[Kind, list[str]]] = [
    (kinds.INTEGER, ["x", "1.5", "1_000", "1e3", "99999999999999999999"]),
    (kinds.NUMBER, ["52,37", "north", "inf", "NaN", "1e400"]),
    (kinds.ACCOUNT, ["1234567890123", "1.2345E+10", "abc", "-1", "12345678901.5"]),
    (kinds.ASN, ["65000.0", "65536.1", "1.65536", "-1", "1.2.3", "4.2E+9", "ASN"]),
    (kinds.BOOLEAN, ["maybe", "2", "ja"]),
    (
        kinds.BLOCK,
        ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "010.0.0.0/8", "10.0.0.0/", "+1.0.0.0/8", "fe80::%1/64", "x/8"],
    ),
    (kinds.ADDRESS, ["10.0.0.0/16", "2001:db8::/32", "01.2.3.4", "203.0.113", "fe80::1%eth0", "host"]),
    (kinds.TEXTS, ['a"b', "{a}", "[1]", "[ \n ]", '[""]', '["a"', "a,null"]),
    (kinds.BLOCKS, ["10.0.0.0/16,x", "10.0.0.0/16,10.1.0.0", '["10.0.0.0/16", 1]', "fe80::%1/64"]),
    (kinds.TAGS, ["Owner=a,b", "b;Owner=a", "=a", "[1]", '[{"Name":"a"}]', '[{"slug":"a"}]', '{"a"']),
    (kinds.TAGS, ['{"a":"\\u0000"}', '{"a":' * 300 + "1" + "}" * 300]),
    (kinds.AWS_TAGS, ["Owner=a,b", "=a", f"a={'x' * 257}", f"{'k' * 129}=a"]),
    (kinds.AWS_TAGS, [",".join(f"k{number}=v" for number in range(51))]),
    (kinds.JSON, ["{", "x", "{'a': 1}", '"\\u0000"', '{"\\u0000": 1}', "[" * 300 + "]" * 300, '"\\ud800"']),
]

CASES = [(kind, text, value) for kind, values in READS for text, value in values.items()]
UNREADABLE = [(kind, text) for kind, texts in REFUSES for text in texts]


@pytest.mark.parametrize(("kind", "text", "value"), CASES, ids=[f"{k.name}-{t[:20]}" for k, t, _ in CASES])
def test_reads(kind: Kind, text: str, value: Any) -> None:
    """Each spelling of a value is read as the value, and the value's own text as itself."""
    assert read(kind, text) == value
    assert read(kind, written(value)) == value


@pytest.mark.parametrize(("kind", "text"), UNREADABLE, ids=[f"{k.name}-{t[:20]}" for k, t in UNREADABLE])
def test_refuses(kind: Kind, text: str) -> None:
    """What is no value of the kind is read as null."""
    assert read(kind, text) is None


@pytest.mark.parametrize("kind", {kind.name: kind for kind, _ in READS}.values(), ids=lambda kind: kind.name)
def test_an_empty_column(kind: Kind) -> None:
    """A column without a row, and one without a value, is read as one of the kind's own dtype."""
    assert kind.read(pl.Series([], dtype=pl.String)).dtype == kind.dtype
    assert kind.read(pl.Series([None, None], dtype=pl.String)).to_list() == [None, None]


def test_json_holds_a_backslash_before_u0000() -> None:
    r"""A text that merely spells `\\u0000` is no NUL, and is kept."""
    assert read(kinds.JSON, r'"\\u0000"') == r'"\\u0000"'
    assert read(kinds.JSON, r'"\\\u0000"') is None


# Secrets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["PreSharedKey", "pre_shared_key", "PRE-SHARED-KEY", "preSharedKey", "psk"])
def test_secret_members_are_dropped(name: str) -> None:
    """A secret is dropped however its member is spelt and however deep it stands, in a text of JSON too."""
    document = {name: "s3cret", "tunnels": [{name: "s3cret", "ip": "203.0.113.7", "more": {name: ["s3cret"]}}]}
    text = orjson.dumps(document | {"text": orjson.dumps(document).decode()}).decode()
    kept = read(SECRETIVE, text)
    assert "s3cret" not in kept
    assert orjson.loads(kept)["tunnels"] == [{"ip": "203.0.113.7", "more": {}}]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('[{"PreSharedKey":"s3cret","ip":1}]', '[{"ip":1}]'),
        ('[{"pre_shared_key": "s3cret, and mo', kinds.HIDDEN),
        ("psk: s3cret", kinds.HIDDEN),
        ("[{", "[{"),
        ('{"note":"rotate the psk"}', '{"note":"rotate the psk"}'),
    ],
)
def test_secrets_are_hidden_before_a_text_is_shown(text: str, shown: str) -> None:
    """What is shown of a cell holds no secret, be it readable or not."""
    assert SECRETIVE.hide
    assert SECRETIVE.hide(pl.Series([text])).to_list() == [shown]


# What is said ---------------------------------------------------------------------------------------------------------

EMPTY = ("[]", "{}", "{ }", "[ ]")
CANONICAL = "written as the network's own address, in canonical form"
SAID: list[tuple[Kind, str, str, str | None, tuple[str, ...]]] = [
    (kinds.TEXT, "text", "text", None, ()),
    (kinds.CODE, "code", "text", "written in lower case", ()),
    (SPELT, "enum", "one of active, GatewayLoadBalancer", "written as the list has it", ()),
    (kinds.enum(("a", "b"), any_case=True), "enum", "one of a, b", None, ()),
    (kinds.INTEGER, "integer", "a whole number", "written as a whole number", ()),
    (kinds.NUMBER, "number", "a number such as 52.37", None, ()),
    (
        kinds.ACCOUNT,
        "account",
        "an AWS account id: 12 digits",
        "written with 12 digits, as a spreadsheet drops leading zeros",
        (),
    ),
    (kinds.ASN, "asn", "an autonomous system number such as 65001 or, as asdot, 1.10", "written as one number", ()),
    (kinds.BOOLEAN, "boolean", "yes or no (true, false, 1, 0, enable, disable)", None, ()),
    (kinds.BLOCK, "cidr", "an IP block such as 10.0.0.0/16 or 2001:db8::/56", CANONICAL, ()),
    (kinds.ADDRESS, "inet", "an IP address such as 203.0.113.7", "written as the address alone, in canonical form", ()),
    (kinds.TEXTS, "texts", "a list of names or ids between commas", None, EMPTY),
    (kinds.BLOCKS, "cidrs", "a list of IP blocks between commas", CANONICAL, EMPTY),
    (
        kinds.AWS_TAGS,
        "tags",
        f"{kinds.TAGS.wants}: at most 50 (aws: tags aside), keys of 128 and values of 256 characters",
        None,
        EMPTY,
    ),
    (kinds.TAGS, "tags", "tags such as Owner=net,Project=core or core,edge", None, EMPTY),
    (kinds.JSON, "json", "a JSON value", None, EMPTY),
    (SECRETIVE, "json", "a JSON value", None, EMPTY),
]


@pytest.mark.parametrize(("kind", "name", "wants", "repair", "blanks"), SAID, ids=[name for _, name, *_ in SAID])
def test_what_a_kind_says(kind: Kind, name: str, wants: str, repair: str | None, blanks: tuple[str, ...]) -> None:
    """What a rejection says is wanted, what a repair says was altered, and which texts mean an empty cell."""
    assert (kind.name, kind.wants, kind.repair, kind.blanks) == (name, wants, repair, blanks)
    assert (kind.hide is None) == (kind is not SECRETIVE)


def test_an_enum_has_its_choices() -> None:
    """They are those that it is made of, and no other kind has any."""
    assert SPELT.choices == ("active", "GatewayLoadBalancer")
    assert {kind.choices for kind, *_ in SAID if kind.name != "enum"} == {()}


LOST = "is how a spreadsheet shows a long number, and digits are lost: format the column as text, enter the value again"
ASDOT = "may be a spreadsheet's whole number or asdot: write it without the point"
LENGTH = "has no prefix length: write it as in 10.0.0.0/16"
BLOCK_GIVEN = "is a block: give one address, without a prefix length"
COMMA = f"has a comma: write a point, or give {option('read.decimal_comma')} if commas begin the decimals"
HINTS: list[tuple[Kind, str, str | None]] = [
    (kinds.INTEGER, "1.23457E+11", LOST),
    (kinds.INTEGER, "1,23457E+11", LOST),
    (kinds.INTEGER, "-5e12", LOST),
    (kinds.INTEGER, "5e-12", None),
    (kinds.INTEGER, "x1e5", None),
    (kinds.INTEGER, "1e5x", None),
    (kinds.INTEGER, "1.5", None),
    (kinds.NUMBER, "52,37", COMMA),
    (kinds.NUMBER, "north", None),
    (kinds.ACCOUNT, "1.23457E+11", LOST),
    (kinds.ACCOUNT, "1234567890123", "has more than 12 digits"),
    (kinds.ACCOUNT, "x1234567890123", None),
    (kinds.ASN, "65000.0", ASDOT),
    (kinds.ASN, "65000.00", ASDOT),
    (kinds.ASN, "65536.1", None),
    (kinds.ASN, "4.2E+9", LOST),
    (kinds.BLOCK, "10.0.0.0", LENGTH),
    (kinds.BLOCK, "2001:DB8::a", LENGTH),
    (kinds.BLOCK, "10.0.0.0/33", None),
    (kinds.BLOCK, "host", None),
    (kinds.ADDRESS, "10.0.0.0/16", BLOCK_GIVEN),
    (kinds.ADDRESS, "10.0.0.0/x", None),
]


@pytest.mark.parametrize(("kind", "text", "hint"), HINTS, ids=[f"{kind.name}-{text}" for kind, text, _ in HINTS])
def test_hints(kind: Kind, text: str, hint: str | None) -> None:
    """The likely cause of a text that can't be read is told, where one is known."""
    found = [explanation for pattern, explanation in kind.hints if pl.Series([text]).str.contains(pattern)[0]]
    assert found[:1] == ([hint] if hint else [])
    assert read(kind, text) is None


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        (kinds.TEXT, "TEXT"),
        (kinds.CODE, "TEXT"),
        (SPELT, "TEXT"),
        (kinds.INTEGER, "BIGINT"),
        (kinds.NUMBER, "DOUBLE PRECISION"),
        (kinds.ACCOUNT, "TEXT"),
        (kinds.ASN, "BIGINT"),
        (kinds.BOOLEAN, "BOOLEAN"),
        (kinds.BLOCK, "CIDR"),
        (kinds.ADDRESS, "INET"),
        (kinds.TEXTS, "TEXT[]"),
        (kinds.BLOCKS, "CIDR[]"),
        (kinds.TAGS, "JSONB"),
        (kinds.JSON, "JSONB"),
        (SECRETIVE, "JSONB"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_how_a_kind_is_stored(kind: Kind, sql: str) -> None:
    """Each kind has its type in PostgreSQL."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    assert kind.sql.compile(dialect=dialect) == sql


# Bounds ---------------------------------------------------------------------------------------------------------------

WORDS = {
    True: ("true", "yes", "y", "1", "t", "on", "enable", "enabled", "1.0"),
    False: ("false", "no", "n", "0", "f", "off", "disable", "disabled", "0.0"),
}
BOUNDS: list[tuple[Kind, str, Any]] = [
    *((kinds.BOOLEAN, word.upper(), meaning) for meaning, words in WORDS.items() for word in words),
    (kinds.INTEGER, "110.00", 110),
    (kinds.INTEGER, "-110.0", -110),
    (kinds.INTEGER, "9223372036854775807", 2**63 - 1),
    (kinds.INTEGER, "9223372036854775808", None),
    (kinds.INTEGER, "x110.0", None),
    (kinds.NUMBER, "0.1234567894", 0.123456789),
    (kinds.NUMBER, "0.123456789", 0.123456789),
    (kinds.ACCOUNT, "123456789012", "123456789012"),
    (kinds.ACCOUNT, "123456789012.00", "123456789012"),
    (kinds.ACCOUNT, "1234-56789012", None),
    (kinds.ACCOUNT, "1234-5678-90123", None),
    (kinds.ACCOUNT, "x123456789012", None),
    (kinds.ACCOUNT, "12345678901x", None),
    (kinds.ACCOUNT, "0000-0000-0001", "000000000001"),
    (kinds.ACCOUNT, "١٢٣", None),
    (kinds.ASN, "AS 1.10", 65_546),
    (kinds.ASN, "AS  65001", None),
    (kinds.ASN, "65535.1", 65_535 * 65_536 + 1),
    (kinds.ASN, "1.65535", 65_536 + 65_535),
    (kinds.ASN, "0.1", 1),
    (kinds.ASN, "1.0", None),
    (kinds.ASN, "١.١٠", None),
    (kinds.ASN, "٦٥٠٠١", None),
    (kinds.BLOCK, "10.0.0.0/32", "10.0.0.0/32"),
    (kinds.BLOCK, "255.255.255.255/31", "255.255.255.254/31"),
    (kinds.BLOCK, "1.2.3.4/0", "0.0.0.0/0"),
    (kinds.BLOCK, "100.99.10.9/30", "100.99.10.8/30"),
    (kinds.BLOCK, "2001:db8::/0", "::/0"),
    (kinds.BLOCK, "256.0.0.0/8", None),
    (kinds.ADDRESS, "255.249.199.99", "255.249.199.99"),
    (kinds.ADDRESS, "256.0.0.1", None),
    (kinds.ADDRESS, "10.0.0.1/", None),
    (kinds.ADDRESS, "10.0.0.1/31", "10.0.0.1"),
    (kinds.ADDRESS, "10.0.0.0/31", "10.0.0.0"),
    (kinds.ADDRESS, "10.0.0.0/30", None),
    (kinds.ADDRESS, "10.0.0.1/24", "10.0.0.1"),
    (kinds.ADDRESS, "10.0.0.1 / 24", "10.0.0.1"),
    (kinds.ADDRESS, "2001:db8::1/64", "2001:db8::1"),
    (kinds.BLOCK, "10.23.0.0 / 16", "10.23.0.0/16"),
    (kinds.BLOCK, "10.0.1.0/255.255.255.0", "10.0.1.0/24"),
    (kinds.BLOCK, "10.0.1.0 - 10.0.1.255", "10.0.1.0/24"),
    (kinds.BLOCK, "10.0.1.0–10.0.1.255", "10.0.1.0/24"),
    (kinds.BLOCK, "10.0.1.0-10.0.1.100", None),
    (kinds.BLOCK, "10.0.1.9-10.0.1.0", None),
    (kinds.BLOCK, "10.0.1.0-2001:db8::1", None),
    (kinds.ASN, "1.010", None),
    (kinds.ASN, "01.10", None),
    (kinds.ADDRESS, "10.0.0.1/32/32", None),
    (kinds.ADDRESS, "fe80::1%eth0/128", None),
    (kinds.TEXTS, ",a;, b ", ["a", "b"]),
    (kinds.TEXTS, '[" a ", "b"]', ["a", "b"]),
    (kinds.TEXTS, "X1,1X", ["X1", "1X"]),
    (kinds.TEXTS, "NULL", None),
    (kinds.TEXTS, "null-1", ["null-1"]),
    (kinds.TEXTS, "a.b:c/d+e=f@g-h_i", ["a.b:c/d+e=f@g-h_i"]),
    (kinds.TEXTS, "a,,b", ["a", "b"]),
    (kinds.AWS_TAGS, f"{'k' * 128}={'v' * 256}", f'{{"{"k" * 128}":"{"v" * 256}"}}'),
    (kinds.TAGS, "a=1\nb=2;\n", '{"a":"1","b":"2"}'),
    (kinds.TAGS, " a = 1 , b = ", '{"a":"1","b":""}'),
    (kinds.TAGS, "a", '{"a":""}'),
    (kinds.TAGS, "core,edge;a b", '{"a b":"","core":"","edge":""}'),
    (kinds.TAGS, '["core","edge"]', '{"core":"","edge":""}'),
    (kinds.TAGS, '[{"id":1,"name":"Core","slug":"core","color":"f00"}]', '{"Core":""}'),
    (kinds.TAGS, "X=1", '{"X":"1"}'),
    (kinds.TAGS, '[{"Key":"a"}]', '{"a":""}'),
    (kinds.TAGS, '[{"key":"a","value":"b"}]', '{"a":"b"}'),
    (kinds.TAGS, '[{"Key":1,"Value":true}]', '{"1":"true"}'),
    (kinds.TAGS, '{"a":{"b":[1]}}', '{"a":"{\\"b\\":[1]}"}'),
    (kinds.TAGS, '[["Key","a"]]', None),
    (kinds.JSON, "null", "null"),
    (kinds.JSON, '"\\\\u0000"', '"\\\\u0000"'),
]


@pytest.mark.parametrize(
    ("kind", "text", "value"), BOUNDS, ids=[f"{kind.name}-{text[:20]}" for kind, text, _ in BOUNDS]
)
def test_bounds(kind: Kind, text: str, value: Any) -> None:
    """What is just within a kind is read, and what is just outside is not."""
    assert read(kind, text) == value


def test_fifty_tags() -> None:
    """A record of AWS has at most 50 tags, those of AWS itself not counted (EC2 User Guide); others have any number."""
    listed = [f"k{number:02}=v" for number in range(51)]
    of_aws = [f"aws:cloudformation:k{number}={'v' * 300}" for number in range(9)]
    assert len(orjson.loads(read(kinds.AWS_TAGS, ",".join(listed[:50] + of_aws)))) == 59
    assert read(kinds.AWS_TAGS, ",".join(listed)) is None
    assert len(orjson.loads(read(kinds.TAGS, ",".join(listed)))) == 51


@pytest.mark.parametrize("any_case", [True, False])
def test_an_enum_reads_any_case(any_case: bool) -> None:
    """A whole column of one spelling, of several and of what is none of them, and an empty cell."""
    kind = kinds.enum(("active", "In-Use"), any_case=any_case)
    cells = ["active", "ACTIVE", "in-use", "In-Use", "none", None]
    assert kind.read(pl.Series(cells)).to_list() == ["active", "active", "In-Use", "In-Use", "none", None]
    assert kind.read(pl.Series(["active", "none"])).to_list() == ["active", "none"]


@pytest.mark.parametrize("octet", [0, 9, 10, 99, 100, 199, 249, 255])
def test_the_number_of_a_block(octet: int) -> None:
    """Octets of one, two and three digits are read by whole columns."""
    for place in range(4):
        address = ".".join(str(octet if number == place else 10) for number in range(4))
        expected = (int(ipaddress.IPv4Address(address)), 30, 4)
        assert kinds.ipv4_blocks(pl.Series([f"{address}/30"])).row(0) == expected


def test_blocks_as_numbers() -> None:
    """The address, the length and the size of IPv4 blocks; what is not plainly one has none of the three."""
    texts = ["10.0.1.5/16", "0.0.0.0/0", "255.255.255.255/32", "10.0.0.0/33", "10.0.0.0", "::/0", "010.0.0.0/8", None]
    assert kinds.ipv4_blocks(pl.Series(texts)).rows() == [
        (10 * 2**24 + 261, 16, 2**16),
        (0, 0, 2**32),
        (2**32 - 1, 32, 1),
        *[(None, None, None)] * 5,
    ]


def test_each_distinct_text_is_read_once() -> None:
    """What is read value by value is read once however often it stands there, and what the fast way read is kept."""
    asked: list[str] = []

    def careful(text: str) -> str | None:
        asked.append(text)
        return text.upper() if text != "x" else None

    column = pl.Series(["a", "b", None, "a", "x"])
    assert kinds.each(column, careful).to_list() == ["A", "B", None, "A", None]
    assert sorted(asked) == ["a", "b", "x"]
    asked.clear()
    fast = pl.Series(["fast", None, None, "fast", None], dtype=pl.String)
    assert kinds.fall_back(column, fast, careful).to_list() == ["fast", "B", None, "fast", None]
    assert sorted(asked) == ["b", "x"]


def test_secrets_in_texts() -> None:
    """A document in a text, after space or as a list, is kept without its secrets; other texts as they are."""
    kept = read(
        SECRETIVE, orjson.dumps({"a": ' {"psk": 1, "b": 2}', "c": '[{"psk": 1}]', "d": "psk of no one"}).decode()
    )
    assert orjson.loads(kept) == {"a": '{"b":2}', "c": "[{}]", "d": "psk of no one"}
    assert read(SECRETIVE, "{") is None
    assert kinds.HIDDEN == "***"


# Any value ------------------------------------------------------------------------------------------------------------

IPV4 = st.tuples(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address), st.integers(0, 32))
IPV6 = st.tuples(st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address), st.integers(0, 128))
IPV6_TEXT = st.tuples(IPV6, st.sampled_from(["exploded", "compressed"])).map(
    lambda drawn: f"{getattr(drawn[0][0], drawn[1]).upper()}/{drawn[0][1]}"
)
BLOCK_TEXT = st.one_of(IPV4.map(lambda drawn: f"{drawn[0]}/{drawn[1]}"), IPV6_TEXT)


@law()
@given(st.lists(BLOCK_TEXT, min_size=1, max_size=50))
def test_blocks_are_canonical_as_ipaddress_has_them(texts: list[str]) -> None:
    """A column of any IPv4 and IPv6 blocks is read as Python's ipaddress reads each."""
    expected = [str(ipaddress.ip_network(text, strict=False)) for text in texts]
    assert kinds.BLOCK.read(pl.Series(texts)).to_list() == expected
    assert kinds.BLOCKS.read(pl.Series([",".join(texts)])).to_list() == [expected]


@law()
@given(st.lists(st.text(alphabet="0123456789./ +-:abf", max_size=20), min_size=1, max_size=30))
def test_what_is_almost_a_block_is_read_as_ipaddress_reads_it(texts: list[str]) -> None:
    """Text that resembles a block is refused or read just as ipaddress does, though by whole columns."""

    def expected(text: str) -> str | None:
        try:
            return str(ipaddress.ip_network(text, strict=False)) if "/" in text else None
        except ValueError:
            return None

    assert kinds.BLOCK.read(pl.Series(texts, dtype=pl.String)).to_list() == [expected(text) for text in texts]


@law()
@given(st.lists(st.one_of(IPV4, IPV6).map(lambda drawn: drawn[0]), min_size=1, max_size=50))
def test_addresses_are_canonical_as_ipaddress_has_them(addresses: list[Any]) -> None:
    """A column of any addresses, written at length or not, is read as ipaddress writes them."""
    expected = [str(address) for address in addresses]
    assert kinds.ADDRESS.read(pl.Series([address.exploded.upper() for address in addresses])).to_list() == expected


@law()
@given(st.integers(1, 4_294_967_295))
def test_asdot_means_its_number(number: int) -> None:
    """An AS number and its asdot notation are the same (RFC 5396)."""
    high, low = divmod(number, 65_536)
    assert read(kinds.ASN, str(number)) == number
    assert read(kinds.ASN, f"{high}.{low}") == (number if low else None)


@law()
@given(st.dictionaries(st.text(min_size=1, max_size=128), st.text(max_size=256), max_size=50))
def test_tags_survive_every_spelling(tags: dict[str, str]) -> None:
    """Tags read from AWS's list and from an object are the same, or both unreadable where PostgreSQL holds none."""
    listed = orjson.dumps([{"Key": key, "Value": value} for key, value in tags.items()]).decode()
    stored = read(kinds.TAGS, listed)
    assert stored == read(kinds.TAGS, orjson.dumps(tags).decode())
    assert stored is None if "\0" in "".join([*tags, *tags.values()]) else orjson.loads(stored) == tags


@pytest.mark.parametrize("kind", [kind for kind, _ in READS], ids=lambda kind: kind.name)
@law()
@given(data=st.data())
def test_reading_again_changes_nothing(kind: Kind, data: st.DataObject) -> None:
    """A value's own text is read as the value, whatever text it was first read from."""
    known = next(list(values) for kind_of, values in READS if kind_of is kind)
    text = data.draw(st.one_of(st.sampled_from(known), st.text(alphabet='0123456789.,:/-[]{}"=ae ', min_size=1)))
    value = read(kind, text.strip() or "0")
    if value is not None:
        assert read(kind, written(value)) == value


def test_a_vrf_as_netbox_shows_it() -> None:
    """By its route distinguisher; a name that merely ends in brackets is one."""
    texts = {
        "blue (65000:1)": "65000:1",
        "blue (10.0.0.1:7)": "10.0.0.1:7",
        "65000:1": "65000:1",
        "blue (old)": "blue (old)",
        "(65000:1)": "(65000:1)",
    }
    assert kinds.VRF.read(pl.Series([*texts])).to_list() == [*texts.values()]
    assert kinds.VRF.read(pl.Series(["blue"])).to_list() == ["blue"]
