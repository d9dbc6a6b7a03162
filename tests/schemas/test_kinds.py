"""Field kinds: what each reads a cell's text as, and what it refuses."""

from __future__ import annotations

import ipaddress
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import kinds
from schemas.kinds import Kind
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
    (kinds.ADDRESS, ["10.0.0.0/16", "2001:db8::1/32", "01.2.3.4", "203.0.113", "fe80::1%eth0", "host"]),
    (kinds.TEXTS, ['a"b', "{a}", "[1]", "[ \n ]", '[""]', '["a"', "a,null"]),
    (kinds.BLOCKS, ["10.0.0.0/16,x", "10.0.0.0/16,10.1.0.0", '["10.0.0.0/16", 1]', "fe80::%1/64"]),
    (kinds.TAGS, ["Owner", "Owner=a,b", "=a", "[1]", '[{"Name":"a"}]', '{"a"', f"a={'x' * 257}", f"{'k' * 129}=a"]),
    (
        kinds.TAGS,
        [",".join(f"k{number}=v" for number in range(51)), '{"a":"\\u0000"}', '{"a":' * 300 + "1" + "}" * 300],
    ),
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
