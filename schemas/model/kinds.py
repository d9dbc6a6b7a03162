"""Field kinds: how the text of a cell is read into a typed value, and how PostgreSQL stores it.

A kind reads a whole column at once: a Series of stripped text (null where the cell is empty) becomes a Series of
`dtype`, null where the text can't be read. Common spellings go a vectorised way; only what that leaves is read value
by value, and then each distinct value once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl
from sqlalchemy import BigInteger, Boolean, Double, Text
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, INET, JSONB
from sqlalchemy.types import TypeEngine

from schemas.mapping import Measure
from schemas.spelling import plain

Read = Callable[[pl.Series], pl.Series]

HIDDEN = "***"
"""What stands for a secret."""


@dataclass(frozen=True)
class Kind:
    """How a field's text is read and stored.

    `wants` completes "… is not"; `hints` are (pattern, explanation) pairs, the first whose pattern is found in an
    unreadable text explaining it better; `repair` says what reading may alter, and makes an alteration an entry in
    the report; `blanks` are texts that mean an empty cell. `hide` takes the secrets out of a column's text,
    readable or not, before it is shown or kept anywhere. `choices` are the values of an enum.
    """

    name: str
    dtype: pl.DataType
    sql: TypeEngine[Any]
    read: Read
    wants: str
    repair: str | None = None
    hide: Read | None = None
    hints: tuple[tuple[str, str], ...] = ()
    blanks: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


def each(values: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
    """Read text value by value, each distinct one once."""
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return values
    read_values = pl.Series([read(value) for value in distinct], dtype=pl.String)
    return values.replace_strict(distinct, read_values, default=None, return_dtype=pl.String)


def fall_back(values: pl.Series, fast: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
    """Keep what the fast way read; read value by value what it left null."""
    left = values.is_not_null() & fast.is_null()
    if not left.any():
        return fast
    rest = each(values.filter(left), read)
    return fast.scatter(left.arg_true(), rest)


# Text -----------------------------------------------------------------------------------------------------------------


def _as_it_is(values: pl.Series) -> pl.Series:
    return values


def _lower(values: pl.Series) -> pl.Series:
    return values.str.to_lowercase()


_SHOWN_VRF = r"^.+ \(((?:\d+|\d+\.\d+\.\d+\.\d+):\d+)\)$"


def _vrf(values: pl.Series) -> pl.Series:
    """Read `blue (65000:1)`, as NetBox shows a VRF, by its route distinguisher (RFC 4364)."""
    return values.str.replace(_SHOWN_VRF, "$1") if values.str.ends_with(")").any() else values


TEXT = Kind("text", pl.String(), Text(), _as_it_is, "text")
# What NetBox shows in the place of a name that a device does not have (netbox/dcim/tables/template_code.py).
DEVICE_NAME = replace(TEXT, blanks=("Unnamed device",))
VRF = replace(TEXT, read=_vrf, repair="NetBox shows a VRF with its route distinguisher, which names it")
CODE = Kind("code", pl.String(), Text(), _lower, "text", repair="written in lower case")


def _ids(values: pl.Series) -> pl.Series:
    """Ids in lower case; AWS's console writes the name of a record after its id: `vpc-0a1b2c3d | main`."""
    lower = values.str.to_lowercase()
    named = lower.str.contains("|", literal=True) | lower.str.contains(" / ", literal=True)
    return lower.str.replace(r"^([a-z-]+-[0-9a-f]+) ?[|/] .*$", "$1") if named.any() else lower


ID = Kind("code", pl.String(), Text(), _ids, "text", repair="written in lower case, without the name next to it")


def enum(values: tuple[str, ...], *, any_case: bool = False) -> Kind:
    """One of `values`, in any case; what is none of them stays as it is, and is reported.

    With `any_case`, one case is as good as another, and another than the list's is no repair.
    """
    canonical = {value.lower(): value for value in values}

    def read(column: pl.Series) -> pl.Series:
        distinct = column.drop_nulls().unique()
        known = {text: canonical[text.lower()] for text in distinct if text.lower() in canonical}
        altered = {text: value for text, value in known.items() if text != value}
        return column.replace(altered) if altered else column

    wants = f"one of {', '.join(values)}"
    repair = None if any_case else "written as the list has it"
    return Kind("enum", pl.String(), Text(), read, wants, repair=repair, choices=values)


# Numbers --------------------------------------------------------------------------------------------------------------

_WHOLE = r"^([+-]?\d+)\.0+$"
_SPREADSHEET_NUMBER = (
    r"^[+-]?\d+([.,]\d+)?[eE]\+?\d+$",
    "is how a spreadsheet shows a long number, and digits are lost: format the column as text, enter the value again",
)


def _whole_number(values: pl.Series) -> pl.Series:
    return values.str.replace(_WHOLE, "$1").cast(pl.Int64, strict=False)


def _number(values: pl.Series) -> pl.Series:
    # To nine places, a tenth of a millimetre of a coordinate: what a workbook gives back of it is the same.
    numbers = values.cast(pl.Float64, strict=False).round(9)
    return numbers.set(~numbers.is_finite(), None)


def _account(values: pl.Series) -> pl.Series:
    return fall_back(values, values.set(~values.str.contains(r"^[0-9]{12}$"), None), _padded)


def _padded(text: str) -> str | None:
    whole = re.sub(r"^(\d{1,12})\.0+$", r"\1", re.sub(r"^(\d{4})-(\d{4})-(\d{4})$", r"\1\2\3", text, flags=re.ASCII))
    return whole.zfill(12) if re.fullmatch(r"[0-9]{1,12}", whole) else None


INTEGER = Kind(
    "integer",
    pl.Int64(),
    BigInteger(),
    _whole_number,
    "a whole number",
    repair="written as a whole number",
    hints=(_SPREADSHEET_NUMBER,),
)
NUMBER = Kind(
    "number",
    pl.Float64(),
    Double(),
    _number,
    "a number such as 52.37",
    hints=((r",", "has a comma: write a point, or give --decimal-comma if commas begin the decimals"),),
)
ACCOUNT = Kind(
    "account",
    pl.String(),
    Text(),
    _account,
    "an AWS account id: 12 digits",
    repair="written with 12 digits, as a spreadsheet drops leading zeros",
    hints=(_SPREADSHEET_NUMBER, (r"^\d{13,}$", "has more than 12 digits")),
)


def _asdot(text: str) -> str | None:
    match = re.fullmatch(r"(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})", text, flags=re.ASCII)
    if not match:
        return None
    high, low = int(match[1]), int(match[2])
    # "65000.0" is far likelier a spreadsheet's 65000 than the asdot of 4259840000: refuse to guess (RFC 5396).
    return None if high > 65_535 or low > 65_535 or low == 0 else str(high * 65_536 + low)


def _asn(values: pl.Series) -> pl.Series:
    plain = values.str.replace(r"^(?i:AS) ?(\d)", "$1")
    return fall_back(plain, plain.set(~plain.str.contains(r"^\d+$"), None), _asdot).cast(pl.Int64, strict=False)


ASN = Kind(
    "asn",
    pl.Int64(),
    BigInteger(),
    _asn,
    "an autonomous system number such as 65001 or, as asdot, 1.10",
    repair="written as one number",
    hints=(
        (r"^\d+\.0+$", "may be a spreadsheet's whole number or asdot: write it without the point"),
        _SPREADSHEET_NUMBER,
    ),
)

# Yes and no -----------------------------------------------------------------------------------------------------------

_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "1", "t", "on", "enable", "enabled", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "0", "f", "off", "disable", "disabled", "0.0"), False),
}


def _yes_or_no(values: pl.Series) -> pl.Series:
    return values.str.to_lowercase().replace_strict(_WORDS, default=None, return_dtype=pl.Boolean)


BOOLEAN = Kind("boolean", pl.Boolean(), Boolean(), _yes_or_no, "yes or no (true, false, 1, 0, enable, disable)")

# Addresses ------------------------------------------------------------------------------------------------------------

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_NO_LENGTH = (r"^[0-9a-fA-F:.]+$", "has no prefix length: write it as in 10.0.0.0/16")
_SEVERAL_BLOCKS = (
    r"^[0-9a-fA-F:.]+(\s*[–-]\s*[0-9a-fA-F:.]+| and \d+ addresses)$",
    "is no single block: write one row for each of its blocks, such as 10.0.0.0/25",
)


def _network(text: str) -> str | None:
    """One block: with its length or mask, or as the range from its first address to its last."""
    compact = re.sub(r"\s{0,9}([/–-])\s{0,9}", r"\1", text).replace("–", "-")
    # A zone (fe80::%eth0) means something on one machine only, and PostgreSQL holds none.
    if "%" in compact:
        return None
    try:
        if "/" in compact:
            return str(ipaddress.ip_network(compact, strict=False))
        return _one_block(*compact.split("-")) if compact.count("-") == 1 else None
    except (ValueError, TypeError):
        return None


def _one_block(first: str, last: str) -> str | None:
    """The one block that a range is; None where it is several. Raises ValueError or TypeError for what is no range."""
    ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
    blocks = list(ipaddress.summarize_address_range(*ends))
    return str(blocks[0]) if len(blocks) == 1 else None


def _host(text: str) -> str | None:
    """One address, also with the length of its network (`10.0.0.1/24`); a network's own address is none of a host."""
    try:
        interface = ipaddress.ip_interface(re.sub(r"\s{0,9}/\s{0,9}", "/", text))
    except ValueError:
        return None
    network = interface.network
    # RFC 3021, RFC 6164: both addresses of a block of two are hosts.
    is_host = network.num_addresses <= 2 or interface.ip != network.network_address
    return str(interface.ip) if is_host and "%" not in text else None


def ipv4_blocks(values: pl.Series) -> pl.DataFrame:
    """Return `address`, `length` and `size` of each IPv4 block, as numbers; null for everything else.

    Four numbers and a length, by arithmetic on whole columns.
    """
    block = values.str.split_exact("/", 1).struct.unnest()
    octets = block["field_0"].str.split_exact(".", 3).struct.unnest()
    numbers = [octets[f"field_{n}"].cast(pl.UInt8, strict=False).alias(str(n)) for n in range(4)]
    length = block["field_1"].cast(pl.UInt8, strict=False).alias("length")
    # As many digits as the numbers need: "+5", "010" and what follows a fifth dot are left to the careful way.
    digits = sum((_digits(pl.col(str(n))) for n in range(4)), start=_digits(pl.col("length"))) + 4
    sound = (digits == pl.lit(values.str.len_bytes())) & (pl.col("length") <= 32)
    address = pl.sum_horizontal(pl.col(str(n)).cast(pl.Int64) * 256 ** (3 - n) for n in range(4))
    size = pl.lit(2, pl.Int64).pow(32 - pl.col("length").cast(pl.Int64))
    frame = pl.DataFrame([*numbers, length])
    parts = {"address": address, "length": pl.col("length"), "size": size}
    return frame.select(pl.when(sound).then(part).alias(name) for name, part in parts.items())


def _ipv4_networks(values: pl.Series) -> pl.Series:
    """Canonical IPv4 blocks, null for everything else."""
    blocks = ipv4_blocks(values)
    network = blocks["address"] - blocks["address"] % blocks["size"]
    result = values.set(blocks["address"].is_null(), None)
    where = (network != blocks["address"]).fill_null(value=False).arg_true()
    if where.is_empty():
        return result
    shifted = pl.DataFrame({"network": network, "length": blocks["length"]})[where]
    return result.scatter(where, shifted.select(_dotted(pl.col("network")))["text"])


def _digits(number: pl.Expr) -> pl.Expr:
    return (number >= 10).cast(pl.UInt32) + (number >= 100).cast(pl.UInt32) + 1


def _dotted(network: pl.Expr) -> pl.Expr:
    parts = [network // 16_777_216, network // 65_536 % 256, network // 256 % 256, network % 256]
    return pl.format("{}.{}.{}.{}/{}", *parts, pl.col("length")).alias("text")


def _networks(values: pl.Series) -> pl.Series:
    return fall_back(values, _ipv4_networks(values), _network)


def _hosts(values: pl.Series) -> pl.Series:
    return fall_back(values, values.set(~values.str.contains(rf"^{_IPV4}$"), None), _host)


BLOCK = Kind(
    "cidr",
    pl.String(),
    CIDR(),
    _networks,
    "an IP block such as 10.0.0.0/16 or 2001:db8::/56",
    repair="written as the network's own address, in canonical form",
    hints=(_NO_LENGTH, _SEVERAL_BLOCKS),
)
ADDRESS = Kind(
    "inet",
    pl.String(),
    INET(),
    _hosts,
    "an IP address such as 203.0.113.7",
    repair="written as the address alone, in canonical form",
    hints=((r"/ *\d+$", "is a block: give one address, without a prefix length"),),
)

# fmt: off
MEASURES: dict[Measure, frozenset[str]] = {
    Measure.MASK: frozenset((
        "netmask", "mask", "subnetmask", "networkmask", "netmasklength", "prefixlength", "prefixlen", "length",
        "masklength", "masklen", "maskbits", "cidrlength", "cidrmask", "bits",
    )),
    Measure.END: frozenset((
        "end", "endaddress", "endip", "last", "lastaddress", "lastip", "to", "toip", "toaddress", "rangeend",
        "endofrange", "ipend", "broadcast", "broadcastaddress",
    )),
    Measure.COUNT: frozenset((
        "count", "value", "addresses", "addresscount", "numberofaddresses", "ipcount",
    )),
}
"""What columns are called, in plain spelling, that say how large the block is whose first address another one has."""

STARTS = frozenset((
    "address", "networkaddress", "baseaddress", "subnetaddress", "ipaddress", "ip", "start", "startaddress", "startip",
    "first", "firstaddress", "firstip", "from", "fromip", "fromaddress", "rangestart", "ipstart", "startofrange",
    "network", "subnet", "net",
))
# fmt: on
"""What columns are called, in plain spelling, that hold a block's first address, next to one of `MEASURES`."""

# Lists and objects ----------------------------------------------------------------------------------------------------


def _items(text: str) -> Iterable[str]:
    if not text.startswith("["):
        return re.split(r"[,;\s]+", text.strip(",; "))
    items = orjson.loads(text)
    if not all(isinstance(item, str) for item in items):
        raise ValueError(text)
    return [item.strip() for item in items]


def _listed(read: Callable[[str], str | None]) -> Read:
    """Read a list column: a JSON list, or items between commas, semicolons or spaces; order is kept."""

    def one(text: str) -> str | None:
        try:
            items = [read(item) for item in _items(text)]
        except ValueError:
            return None
        return ",".join(item for item in items if item) or None if all(items) else None

    def column(values: pl.Series) -> pl.Series:
        return each(values, one).str.split(",")

    return column


def _word(text: str) -> str | None:
    # An item `null` would be no item to PostgreSQL.
    return text if re.fullmatch(r"(?!(?i:null)$)[\w.:/+=@-]+", text) else None


_EMPTY = ("[]", "{}", "{ }", "[ ]")
TEXTS = Kind(
    "texts", pl.List(pl.String()), ARRAY(Text()), _listed(_word), "a list of names or ids between commas", blanks=_EMPTY
)
BLOCKS = Kind(
    "cidrs",
    pl.List(pl.String()),
    ARRAY(CIDR()),
    _listed(_network),
    "a list of IP blocks between commas",
    repair=BLOCK.repair,
    blanks=_EMPTY,
)


def _written(value: Any) -> str | None:
    """JSON in one spelling; None for what PostgreSQL's jsonb can't hold: NUL (and what is nested past all use)."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return None
    return None if re.search(r"(?<!\\)(\\\\)*\\u0000", text) else text


def _pairs(text: str) -> dict[str, Any]:
    """Tags as AWS and NetBox write them, as an object, or between commas or semicolons; raises ValueError.

    Between commas they are `key=value`, or names without values; which of the two "a=1,b" is, nobody knows.
    """
    if text[0] not in "[{":
        parts = [part.partition("=") for part in re.split(r"[,;\n]", text) if part.strip()]
        if len({bool(sign) for _, sign, _ in parts}) > 1:
            raise ValueError(text)
        return {key.strip(): value.strip() for key, _, value in parts}
    loaded = orjson.loads(text)
    return dict(map(_pair, loaded)) if isinstance(loaded, list) else dict(loaded)


def _pair(tag: Any) -> tuple[str, Any]:
    """One tag of a list: a name, AWS's `{"Key": …, "Value": …}`, or NetBox's `{"name": …, "slug": …}` without a value.

    Raises KeyError or TypeError for anything else.
    """
    if isinstance(tag, str):
        return tag, ""
    key = next((name for name in ("Key", "key") if name in tag), None)
    if key is None:
        return str(tag["name"]), tag.get("value", "")
    return str(tag[key]), tag.get("Value", tag.get("value", ""))


def _tags(text: str) -> str | None:
    texts = _tag_texts(text)
    return None if texts is None or not all(texts) else _written(texts)


def _aws_tags(text: str) -> str | None:
    """Tags within the limits of AWS, which are those of people: what AWS adds (`aws:…`) does not count."""
    texts = _tag_texts(text)
    if texts is None or not all(texts):
        return None
    # EC2 User Guide, tag restrictions: at most 50 tags, keys of 1–128 characters, values of at most 256.
    own = {key: value for key, value in texts.items() if not key.startswith("aws:")}
    sound = len(own) <= 50 and all(len(key) <= 128 and len(value) <= 256 for key, value in own.items())
    return _written(texts) if sound else None


def _tag_texts(text: str) -> dict[str, str] | None:
    try:
        return {key: _tag(value) for key, value in _pairs(text).items()}
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def _tag(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def _json(text: str) -> str | None:
    try:
        return _written(orjson.loads(text))
    except ValueError:
        return None


TAGS = Kind(
    "tags",
    pl.String(),
    JSONB(),
    lambda values: each(values, _tags),
    "tags such as Owner=net,Project=core or core,edge",
    blanks=_EMPTY,
)
AWS_TAGS = replace(
    TAGS,
    read=lambda values: each(values, _aws_tags),
    wants=f"{TAGS.wants}: at most 50 (aws: tags aside), keys of 128 and values of 256 characters",
)
JSON = Kind("json", pl.String(), JSONB(), lambda values: each(values, _json), "a JSON value", blanks=_EMPTY)


def json_without(secrets: tuple[str, ...]) -> Kind:
    """Return the kind of a JSON value that is kept without its members of these names, however deep or spelt."""
    names = {plain(name) for name in secrets}

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(inner) for key, inner in value.items() if plain(key) not in names}
        if isinstance(value, list):
            return [without(inner) for inner in value]
        # A document may stand in a text of another.
        return hide(value) if isinstance(value, str) and value.lstrip().startswith(("{", "[")) else value

    def read(text: str) -> str | None:
        whole = _json(text)
        return whole and _written(without(orjson.loads(whole)))

    def hide(text: str) -> str:
        return read(text) or (HIDDEN if any(name in plain(text) for name in names) else text)

    return replace(JSON, read=lambda values: each(values, read), hide=lambda values: each(values, hide))
