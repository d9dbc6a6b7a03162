"""The query: every operator of every kind of field gives what plain Python gives, and no value is ever SQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert

from schemas.errors import UsageError
from schemas.job_options.filters import Condition, Filter, Op, parse
from schemas.model.tables import TABLES
from schemas.resources import RESOURCES
from tasks.store.connection.engine import engine
from tasks.store.read.query import OPERATORS, TIME, Selection, condition, moment, snapshot
from tests.databases import database
from tests.support import execute

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Sample:
    """One field of each kind: what six records hold, and what is asked for, as text and as what the text means.

    `parts` are asked by the operators that take other values than the field holds: a piece of text, a block around.
    """

    kind: str
    resource_type: str
    name: str
    stored: tuple[Any, ...]
    asked: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.resource_type}.{self.name}"


def networks(*texts: str) -> dict[str, Any]:
    """Blocks and addresses by their text."""
    return {text: ip_network(text, strict=False) for text in texts}


def noon(day: int) -> datetime:
    """A time of November 2026."""
    return datetime(2026, 11, day, 12, tzinfo=UTC)


AROUND = networks("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1")
RUNS = tuple(UUID(f"{n:08x}-0000-4000-8000-000000000000") for n in range(1, 6))

SAMPLES = (
    Sample(
        "text",
        "vpc",
        "description",
        ("alpha", "beta", "betamax", "gamma", "in between", None),
        {"beta": "beta", "gamma": "gamma", "zeta": "zeta"},
        {"bet": "bet", "AMA": "ama", "n b": "n b"},
    ),
    Sample(
        "enum",
        "vpc",
        "state",
        ("available", "pending", "available", "deleting", None, None),
        {"available": "available", "PENDING": "pending"},
        {"Avail": "avail", "ing": "ing"},
    ),
    Sample(
        "code",
        "vpc",
        "region",
        ("eu-west-1", "us-east-1", "us-east-2", "us-west-1", None, None),
        {"us-east-1": "us-east-1", "EU-WEST-1": "eu-west-1", "nowhere": "nowhere"},
        {"US-": "us-", "east": "east"},
    ),
    Sample(
        "account",
        "vpc",
        "account_id",
        ("000000000042", "012345678901", "123456789012", None, "012345678901", "999999999999"),
        {"12345678901": "012345678901", "0123-4567-8901": "012345678901", "42": "000000000042"},
        {"0123": "0123", "99": "99"},
    ),
    Sample("boolean", "vpc", "is_default", (True, False, None, True, False, None), {"yes": True, "FALSE": False}),
    Sample(
        "cidrs",
        "vpc",
        "secondary_cidr_blocks",
        (
            None,
            tuple(networks("10.1.0.0/16").values()),
            tuple(networks("10.1.2.0/24", "192.168.0.0/24").values()),
            tuple(networks("2001:db8:1::/48").values()),
            tuple(networks("11.0.0.0/8").values()),
            None,
        ),
        parts=AROUND | networks("192.168.0.0/24", "192.168.0.7/24"),
    ),
    Sample("tags", "vpc", "tags", ({"Owner": "x"}, None, {"Project": "y"}, {}, None, {"Owner": ""})),
    Sample(
        TIME,
        "vpc",
        "updated_at",
        tuple(noon(day) for day in (1, 2, 3, 4, 5, 6)),
        {
            "2026-11-03T00:00": datetime(2026, 11, 3, tzinfo=UTC),
            "2026-11-03T12:00Z": noon(3),
            "2026-11-04T14:00:00+02:00": noon(4),
        },
    ),
    Sample(
        "code",
        "vpc",
        "updated_by_run",
        (*RUNS, None),
        {str(RUNS[1]): str(RUNS[1]), str(RUNS[3]).upper(): str(RUNS[3])},
        {"00000003-": "00000003-"},
    ),
    Sample(
        "cidr",
        "subnet",
        "cidr_block",
        (*networks("10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16", "9.0.0.0/8", "2001:db8:1::/48").values(), None),
        networks("10.1.0.0/16", "10.1.2.9/24", "2001:db8::/32"),
        AROUND,
    ),
    Sample("integer", "vlan", "vid", (1, 2, 110, 111, 4000, 4094), {"110": 110, "2": 2, "111.0": 111, "5": 5}),
    Sample(
        "number", "site", "latitude", (50.1192, -33.9, 0.0, 51.5, None, 50.1192), {"50.1192": 50.1192, "-33.90": -33.9}
    ),
    Sample(
        "asn",
        "vpnGateway",
        "amazon_side_asn",
        (64512, 65001, 65546, 4200000000, None, 65001),
        {"65001": 65001, "AS64512": 64512, "1.10": 65546},
    ),
    Sample(
        "inet",
        "device",
        "primary_ip",
        (*(ip_address(text) for text in ("10.1.2.3", "10.1.2.4", "9.9.9.9", "2001:db8::1", "::1")), None),
        {text: ip_address(text.removesuffix("/32")) for text in ("10.1.2.3", "10.1.2.4/32", "2001:DB8::1")},
        AROUND,
    ),
    Sample(
        "texts",
        "vpcEndpoint",
        "subnet_ids",
        (None, ("subnet-a",), ("subnet-a", "subnet-b"), ("subnet-c",), ("subnet-ab",), None),
        parts={"subnet-a": "subnet-a", "subnet-b": "subnet-b", "subnet": "subnet", "SUBNET-A": "SUBNET-A"},
    ),
    Sample("json", "vpnConnection", "tunnels", ([{"a": 1}], None, [], None, {"b": [None]}, "text")),
)
PARTIAL = (Op.CONTAINS, Op.STARTS_WITH, Op.WITHIN, Op.CONTAINS_ADDRESS, Op.OVERLAPS)


# What plain Python says -----------------------------------------------------------------------------------------------


def order(value: Any) -> Any:
    """What a value is compared by: of blocks, the family, the address and then the length."""
    if isinstance(value, Network):
        return value.version, int(value.network_address), value.prefixlen
    return (value.version, int(value)) if hasattr(value, "version") and hasattr(value, "packed") else value


def alike(inside: Network, outside: Network) -> bool:
    """Say whether a block lies within another, whatever their families."""
    return inside.version == outside.version and inside.subnet_of(outside)  # type: ignore[arg-type]  # of one family


def blocks(stored: Any) -> list[Network]:
    """The blocks that a field holds; an address is a block of one."""
    return [ip_network(item) for item in (stored if isinstance(stored, tuple) else [stored])]


PYTHON: dict[Op, Callable[[Any, list[Any]], bool]] = {
    Op.EQ: lambda stored, asked: bool(stored == asked[0]),
    Op.NE: lambda stored, asked: bool(stored != asked[0]),
    Op.IN: lambda stored, asked: stored in asked,
    Op.NOT_IN: lambda stored, asked: stored not in asked,
    Op.LT: lambda stored, asked: bool(order(stored) < order(asked[0])),
    Op.LE: lambda stored, asked: bool(order(stored) <= order(asked[0])),
    Op.GT: lambda stored, asked: bool(order(stored) > order(asked[0])),
    Op.GE: lambda stored, asked: bool(order(stored) >= order(asked[0])),
    Op.BETWEEN: lambda stored, asked: bool(order(asked[0]) <= order(stored) <= order(asked[1])),
    Op.CONTAINS: lambda stored, asked: asked[0] in stored,
    Op.STARTS_WITH: lambda stored, asked: bool(stored.startswith(asked[0])),
    Op.WITHIN: lambda stored, asked: any(alike(block, asked[0]) for block in blocks(stored)),
    Op.CONTAINS_ADDRESS: lambda stored, asked: any(alike(asked[0], block) for block in blocks(stored)),
    Op.OVERLAPS: lambda stored, asked: any(
        alike(block, asked[0]) or alike(asked[0], block) for block in blocks(stored)
    ),
}
ABSENT = (Op.NE, Op.NOT_IN, Op.IS_NULL)
"""What holds where nothing is stored: nothing differs from everything."""


def holds(stored: Any, op: Op, asked: list[Any]) -> bool:
    """Say whether a condition holds."""
    if stored is None or op in (Op.IS_NULL, Op.NOT_NULL):
        return op in ABSENT if stored is None else op is Op.NOT_NULL
    return PYTHON[op](str(stored) if isinstance(stored, UUID) else stored, asked)


def questions(sample: Sample, op: Op) -> list[tuple[str, ...]]:
    """The values that an operator is asked with."""
    if op in (Op.IS_NULL, Op.NOT_NULL):
        return [()]
    texts = list(sample.parts if op in PARTIAL else sample.asked)
    if sample.kind == "cidrs" and op is Op.CONTAINS:
        texts = [text for text in texts if "/" in text]
    return list(itertools.permutations(texts, 2 if op in (Op.IN, Op.NOT_IN, Op.BETWEEN) else 1))


# What the database says -----------------------------------------------------------------------------------------------


def sql_value(value: Any) -> Any:
    """A value as SQLAlchemy takes it."""
    if isinstance(value, tuple):
        return [sql_value(item) for item in value]
    return str(value) if hasattr(value, "version") and not isinstance(value, UUID) else value


def put(url: str, resource_type: str, name: str, **values: Any) -> None:
    """Store a record as it is, with something in every column that must have it."""
    table = TABLES[resource_type]
    wanted = {column.name for column in table.columns if not column.nullable and column.server_default is None}
    filled = dict.fromkeys(wanted, name) | ({"cidr_block": "10.0.0.0/16"} if resource_type == "vpc" else {})
    given = {column: sql_value(value) for column, value in values.items() if value is not None}
    with engine(url).begin() as connection:
        connection.execute(insert(table).values(filled | {"name": name} | given))


@pytest.fixture(scope="module")
def records(postgres_url: str, template_database: str) -> Iterator[Connection]:
    """A connection to six records, r0 to r5, of each type of the samples."""
    with database(postgres_url, template_database) as url:
        for resource_type in {sample.resource_type for sample in SAMPLES}:
            own = [sample for sample in SAMPLES if sample.resource_type == resource_type]
            for number in range(6):
                put(url, resource_type, f"r{number}", **{sample.name: sample.stored[number] for sample in own})
        with engine(url).connect() as connection:
            yield connection


def answer(connection: Connection, resource_type: str, where: Filter | str | None = None, **options: Any) -> list[str]:
    """The names of the selected records in their order, read in frames of two; their count agrees."""
    asked = parse(where) if isinstance(where, str) else where
    selection = Selection(RESOURCES[resource_type], ("name",), asked, **options)
    with connection.begin():
        snapshot(connection, uuid4())
        count = selection.count(connection)
        with closing(selection.frames(connection, 2)) as frames:
            names: list[str] = [name for frame in frames for name in frame["name"]]
    assert count == len(names)
    return names


# Operators ------------------------------------------------------------------------------------------------------------


def test_every_kind_has_a_sample() -> None:
    """No kind of field goes untested."""
    assert {sample.kind for sample in SAMPLES} == set(OPERATORS)


@pytest.mark.parametrize(
    ("sample", "op"),
    [
        pytest.param(sample, op, id=f"{sample} {op}")
        for sample in SAMPLES
        for op in (*OPERATORS[sample.kind], Op.IS_NULL, Op.NOT_NULL)
    ],
)
def test_an_operator_gives_what_python_gives(records: Connection, sample: Sample, op: Op) -> None:
    """Every operator of every kind, with several values; nothing stored differs from everything."""
    asked = questions(sample, op)
    assert asked
    meanings = sample.parts if op in PARTIAL else sample.asked
    for values in asked:
        wanted = [
            f"r{number}"
            for number, stored in enumerate(sample.stored)
            if holds(stored, op, [meanings[text] for text in values])
        ]
        found = answer(records, sample.resource_type, Condition(field=sample.name, op=op, value=values), sort=("name",))
        assert found == wanted, values


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_an_operator_that_does_not_fit_its_kind_is_refused(records: Connection, sample: Sample) -> None:
    """The message has the operators that fit."""
    others = set(Op) - {*OPERATORS[sample.kind], Op.IS_NULL, Op.NOT_NULL}
    for op in sorted(others):
        values = ("1", "2") if op is Op.BETWEEN else ("1",)
        where = Condition(field=sample.name, op=op, value=values)
        with pytest.raises(UsageError, match=f"{sample.name} does not support '{op}': .*(it takes|ask for one tag)"):
            answer(records, sample.resource_type, where)


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("region eq us-east-1 or region eq us-west-1", ["r1", "r3"]),
        ("(region is null or region eq us-east-2) and account_id eq 012345678901", ["r4"]),
        ("region is null or region eq us-east-2 and account_id eq 012345678901", ["r4", "r5"]),
        ("tags.Owner eq x", ["r0"]),
        ("tags.Owner ne x", ["r1", "r2", "r3", "r4", "r5"]),
        ("tags.Owner not in (x, y)", ["r1", "r2", "r3", "r4", "r5"]),
        ("tags.Owner is null", ["r1", "r2", "r3", "r4"]),
        ("tags.Owner is not null", ["r0", "r5"]),
        ('tags.Owner eq ""', ["r5"]),
        ("tags.Owner contains X", ["r0"]),
        ("tags.owner eq x", []),
        ("Tags.Project between x and z", ["r2"]),
    ],
)
def test_conditions_together_and_tags(records: Connection, where: str, wanted: list[str]) -> None:
    """`and`, `or`, brackets; one tag is asked as text, by the key as it is written."""
    assert answer(records, "vpc", where) == wanted


@pytest.mark.parametrize(
    ("resource_type", "written", "name"),
    [
        ("vpc", '"VPC ID"', "vpc_id"),
        ("vpc", '"Account ID"', "account_id"),
        ("vpc", "ACCOUNT", "account_id"),
        ("vpc", "env", "environment"),
        ("vpc", '"Updated at"', "updated_at"),
        ("subnet", "az", "availability_zone"),
        ("device", "hostname", "name"),
    ],
)
def test_titles_and_aliases_name_fields(records: Connection, resource_type: str, written: str, name: str) -> None:
    """What an import takes as the name of a column, a filter takes too."""
    for op in ("is null", "is not null"):
        assert answer(records, resource_type, f"{written} {op}") == answer(records, resource_type, f"{name} {op}")
    # Two fields may lack a value in the same records: the column that is asked is that of the field itself.
    resource, table = RESOURCES[resource_type], TABLES[resource_type]
    assert str(condition(resource, parse(f"{written} is null"), table)) == f"{table.name}.{name} IS NULL"


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("regoin eq x", "vpc has no field 'regoin': did you mean region?"),
        ("quark eq x", "vpc has no field 'quark': its fields are vpc_id, name, cidr_block"),
        ("tags eq x", "tags does not support 'eq': ask for one tag, as in tags.Owner eq network"),
        ("region.x eq y", "region has no members: write region alone."),
        ("is_default lt true", "is_default does not support 'lt': it takes eq, ne, is null, is not null."),
        ("is_default eq maybe", "In the filter on is_default, 'maybe' is not yes or no"),
        ("account_id eq 1234567890123", "'1234567890123' is not an AWS account id: 12 digits"),
        ("cidr_block eq 10.0.0.1", "In the filter on cidr_block, '10.0.0.1' is not an IP block such as"),
        ("cidr_block within 10.0.0.0/33", "'10.0.0.0/33' is not an IP block such as"),
        ("cidr_block contains address here", "'here' is not an IP address such as"),
        ("secondary_cidr_blocks contains 10.0.0.0", "'10.0.0.0' is not an IP block such as"),
        ("updated_at ge yesterday", "'yesterday' is not a time: write 2026-11-24, 2026-11-24T08:30Z, or 7d"),
        ("updated_at ge 99999999d", "'99999999d' is not a time"),
        ("updated_at ge ²d", "'²d' is not a time"),
        ("updated_at contains 2026", "updated_at does not support 'contains': it takes eq, ne"),
    ],
)
def test_a_wrong_filter_is_refused(records: Connection, where: str, says: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(UsageError) as error:
        answer(records, "vpc", where)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("resource_type", "where", "says"),
    [
        ("vlan", "vid eq many", "'many' is not a whole number"),
        ("vlan", "vid eq 99999999999999999999", "is not a whole number"),
        ("site", "latitude gt 50,1", "',' is not expected here"),
        ("site", "latitude gt nan", "'nan' is not a number such as 52.37"),
        ("vpnGateway", "amazon_side_asn eq ASX", "'ASX' is not an autonomous system number"),
        ("device", "primary_ip eq 10.0.0.0/8", "'10.0.0.0/8' is not an IP address such as"),
    ],
)
def test_a_value_of_another_kind_is_refused(records: Connection, resource_type: str, where: str, says: str) -> None:
    """Numbers and addresses that are none."""
    with pytest.raises(UsageError) as error:
        answer(records, resource_type, where)
    assert says in str(error.value)


# Values are never SQL -------------------------------------------------------------------------------------------------

NASTY = (
    "'; drop table vpc; --",
    '" or 1=1',
    "100%",
    "under_score",
    "back\\slash",
    "%(name)s",
    ":name",
    "{}",
    "$1",
    "two\nlines",
    "é–ü\N{OGHAM SPACE MARK}日本",
)


@pytest.fixture(scope="module")
def nasty_records(postgres_url: str, template_database: str) -> Iterator[Connection]:
    """A connection to a VPC for each nasty text, as its description and as a tag's key and value, and a plain one."""
    with database(postgres_url, template_database) as url:
        for number, text in enumerate((*NASTY, "1000 x underXscore backslash")):
            put(url, "vpc", f"r{number}", description=text, tags={text: text})
        with engine(url).connect() as connection:
            yield connection


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("op", [Op.EQ, Op.IN, Op.CONTAINS, Op.STARTS_WITH])
@pytest.mark.parametrize("tag", [False, True])
def test_a_value_is_taken_as_it_is(nasty_records: Connection, text: str, op: Op, tag: bool) -> None:
    """Quotes, percent signs, backslashes and placeholders mean themselves, also in the key of a tag."""
    where = Condition(field=f"tags.{text}" if tag else "description", op=op, value=(text,))
    assert answer(nasty_records, "vpc", where) == [f"r{NASTY.index(text)}"]
    assert len(answer(nasty_records, "vpc")) == len(NASTY) + 1


@pytest.mark.parametrize("text", ["%", "_", "0%", "r_s", "\\"])
def test_wildcards_are_letters(nasty_records: Connection, text: str) -> None:
    """What LIKE would take for a wildcard is looked for as it stands."""
    wanted = [f"r{number}" for number, nasty in enumerate(NASTY) if text in nasty]
    assert answer(nasty_records, "vpc", Condition(field="description", op=Op.CONTAINS, value=(text,))) == wanted


# Times ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("90m", ["r0"]), ("12h", ["r0", "r1"]), ("7d", ["r0", "r1", "r2"]), ("2w", ["r0", "r1", "r2", "r3"])],
)
@pytest.mark.parametrize("column", ["updated_at", "created_at"])
def test_how_long_ago(database_url: str, column: str, value: str, wanted: list[str]) -> None:
    """Minutes, hours, days and weeks before now."""
    for number, hours in enumerate((1, 2, 30, 24 * 10, 24 * 20)):
        put(database_url, "vpc", f"r{number}", **{column: datetime.now(UTC) - timedelta(hours=hours)})
    with engine(database_url).connect() as connection:
        assert answer(connection, "vpc", f"{column} ge {value}") == wanted


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2026-11-24", "2026-11-24T00:00:00+00:00", "2026-11-24T23:59:59.999999+00:00"),
        ("20261124", "2026-11-24T00:00:00+00:00", "2026-11-24T23:59:59.999999+00:00"),
        ("2026-11-24T08:30", "2026-11-24T08:30:00+00:00", "2026-11-24T08:30:00+00:00"),
        (" 2026-11-24T08:30Z ", "2026-11-24T08:30:00+00:00", "2026-11-24T08:30:00+00:00"),
        ("2026-11-24 08:30:01.5+02:00", "2026-11-24T08:30:01.500000+02:00", "2026-11-24T08:30:01.500000+02:00"),
    ],
)
def test_moments(value: str, first: str, last: str) -> None:
    """A date is its first moment, or its last where a range ends; times are UTC unless they say otherwise."""
    assert (moment(value).isoformat(), moment(value, end=True).isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("updated_at le 2026-11-24", ["r0", "r1"]),
        ("updated_at gt 2026-11-24", ["r2"]),
        ("updated_at ge 2026-11-24", ["r1", "r2"]),
        ("updated_at lt 2026-11-24", ["r0"]),
        ("updated_at between 2026-11-23 and 2026-11-24", ["r0", "r1"]),
    ],
)
def test_days(database_url: str, where: str, wanted: list[str]) -> None:
    """A day counts whole: up to it includes its evening, after it does not."""
    for number, day in enumerate((23, 24, 25)):
        put(database_url, "vpc", f"r{number}", updated_at=datetime(2026, 11, day, 18, tzinfo=UTC))
    with engine(database_url).connect() as connection:
        assert answer(connection, "vpc", where) == wanted


# Order and number -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "limit", "wanted"),
    [
        ((), None, ["r0", "r1", "r2", "r3", "r4", "r5"]),
        (("-vpc_id",), None, ["r5", "r4", "r3", "r2", "r1", "r0"]),
        (("region",), None, ["r0", "r1", "r2", "r3", "r4", "r5"]),
        (("-region",), None, ["r3", "r2", "r1", "r0", "r4", "r5"]),
        (("state", "-vpc_id"), None, ["r2", "r0", "r3", "r1", "r5", "r4"]),
        (("-is_default", "account_id"), None, ["r0", "r3", "r1", "r4", "r2", "r5"]),
        (("-updated_at",), 2, ["r5", "r4"]),
        ((), 3, ["r0", "r1", "r2"]),
        ((), 100, ["r0", "r1", "r2", "r3", "r4", "r5"]),
    ],
)
def test_sort_and_limit(records: Connection, sort: tuple[str, ...], limit: int | None, wanted: list[str]) -> None:
    """Up and down by several fields, nothing last either way, the key at the end; a limit after that."""
    assert answer(records, "vpc", sort=sort, limit=limit) == wanted


def test_blocks_sort_as_numbers(records: Connection) -> None:
    """9.0.0.0 comes before 10.0.0.0, a block before its parts, IPv4 before IPv6."""
    assert answer(records, "subnet", sort=("cidr_block",)) == ["r3", "r0", "r2", "r1", "r4", "r5"]


def test_a_snapshot_is_of_one_moment_and_read_only(database_url: str) -> None:
    """What is stored between counting and reading is not read, and nothing can be written."""
    put(database_url, "vpc", "r0")
    selection = Selection(RESOURCES["vpc"], ("name", "tags"))
    with engine(database_url).connect() as connection:
        snapshot(connection, uuid4())
        assert selection.count(connection) == 1
        put(database_url, "vpc", "r1")
        with closing(selection.frames(connection, 10)) as frames:
            assert [frame.rows() for frame in frames] == [[("r0", None)]]
        with pytest.raises(Exception, match="read-only transaction"):
            connection.execute(insert(TABLES["vpc"]).values(vpc_id="r2", cidr_block="10.0.0.0/16"))
    assert execute(database_url, "select count(*) from vpc") == [(2,)]


def test_one_column_with_nothing_in_it_is_read_whole(records: Connection) -> None:
    """A record whose only column is empty is a record."""
    selection = Selection(RESOURCES["vpc"], ("description",), sort=("vpc_id",))
    with records.begin(), closing(selection.frames(records, 4)) as frames:
        assert [value for frame in frames for value in frame["description"]] == list(SAMPLES[0].stored)
