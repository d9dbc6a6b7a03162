"""Which type the records of a source are of, and when nobody can say."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UnknownType
from schemas.resources import RESOURCES
from schemas.sources import ROW, Extracted
from tasks.mapping.infer_type import detect_type
from tests.laws import law


def source(*columns: str, rows: tuple[str, ...] = ()) -> Extracted:
    """Return a source of these columns, its cells between bars."""
    frame = pl.DataFrame([row.split("|") for row in rows], schema=dict.fromkeys(columns, pl.String), orient="row")
    lazy = frame.with_row_index(ROW, offset=2).lazy()
    return Extracted(path=Path("x.csv"), name="x.csv", format="csv", size=1, sha256="", frame=lazy, columns=columns)


@pytest.mark.parametrize(
    ("columns", "type"),
    [
        (("vpc_id", "cidr_block", "region"), "vpc"),
        (("vpc_id", "name"), "vpc"),
        (("vpc_id", "cidr_block", "x", "y"), "vpc"),
        (("Subnet ID", "VPC ID", "CIDR block", "Availability zone"), "subnet"),
        (("nat_gateway_id", "subnet_id", "vpc_id"), "natGateway"),
        (("route_table_id", "vpc_id"), "routeTable"),
        (("security_group_id", "group_name", "vpc_id"), "securityGroup"),
        (("transit_gateway_id", "name"), "transitGateway"),
        (("prefix", "vrf", "site", "status"), "prefix"),
        (("prefix",), "prefix"),
        (("network", "netmask", "comment"), "prefix"),
        (("group", "vid", "name", "site", "status"), "vlan"),
        (("VID", "Name", "Site", "Status"), "vlan"),
        (("asn", "rir"), "asn"),
        (("asn",), "asn"),
        (("rd", "description"), "vrf"),
        (("provider", "cid"), "circuit"),
        (("name", "slug", "facility", "time_zone"), "site"),
        (("vid", "name"), "vlan"),
        (("name", "site", "serial", "role"), "device"),
        (("hostname", "manufacturer", "model"), "device"),
    ],
)
def test_the_key_and_a_field_of_its_own_tell_a_type(columns: tuple[str, ...], type: str) -> None:
    """The own name of a key is both, also where other types refer to it."""
    assert detect_type(source(*columns)).type == type


@pytest.mark.parametrize(
    "columns",
    [
        ("name", "description"),
        ("a", "b"),
        ("name", "site"),
        ("name", "type", "ttl", "value"),
        ("name", "type", "cidr"),
        ("name", "role", "status"),
        ("name", "status", "tags", "region"),
        ("host", "port"),
        ("vpc_id", "x", "y", "z", "w"),
        ("LoadBalancerName", "VpcId", "Scheme", "Type"),
        ("cluster", "vpc_id", "region"),
        ("id", "name"),
        ("id", "cidr", "name"),
        (),
    ],
)
def test_a_doubt_is_reported(columns: tuple[str, ...]) -> None:
    """Columns that many lists have tell nothing, nor does a key among columns that are not of its type."""
    with pytest.raises(UnknownType, match=r"Give resource_type"):
        detect_type(source(*columns))


GENERIC = [
    *("name", "Name", "description", "type", "status", "state", "site", "region", "tags", "cidr", "owner", "project"),
    *(
        "environment",
        "account",
        "account_id",
        "id",
        "ip",
        "title",
        "comment",
        "value",
        "ttl",
        "created",
        "role",
        "port",
    ),
]


@law(200)
@given(st.lists(st.sampled_from(GENERIC), min_size=1, max_size=8, unique_by=str.lower))
def test_no_generic_columns_tell_a_type(columns: list[str]) -> None:
    """However many of them there are."""
    with pytest.raises(UnknownType):
        detect_type(source(*columns))


@law(60)
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz _", min_size=4, max_size=14), min_size=1, max_size=6, unique=True))
def test_no_random_columns_tell_a_type(columns: list[str]) -> None:
    """A word that is none of a key's own names is no key."""
    keys = {spelling for r in RESOURCES.values() for key in r.key for names in r.spellings[key] for spelling in names}
    columns = [column for column in columns if column.replace(" ", "").replace("_", "") not in keys]
    with pytest.raises(UnknownType):
        detect_type(source(*columns))


@pytest.mark.parametrize(
    ("key", "type"),
    [
        ("vpc-0aaaaaaa", "vpc"),
        ("subnet-0aaaaaaaaaaaaaaaa", "subnet"),
        ("tgw-0aaaaaaa", "transitGateway"),
        ("tgw-rtb-0aaaaaaa", "transitGatewayRouteTable"),
        ("i-0aaaaaaa", None),
        ("17", None),
    ],
)
def test_ids_tell_a_type(key: str, type: str | None) -> None:
    """A column called just so is the key of the type whose ids it holds."""
    given = source("ID", "CIDR", "Name", "Default", rows=(f"{key}|10.0.0.0/16|main|false",))
    if type is None:
        with pytest.raises(UnknownType):
            detect_type(given)
    else:
        assert detect_type(given).type == type


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        # Instances and interfaces lie in subnets, and are none.
        (
            ("InstanceId", "VpcId", "SubnetId", "AvailabilityZone", "State"),
            ("i-0aaaaaaa|vpc-0aaaaaaa|subnet-0aaaaaaa|us-east-1a|running",),
        ),
        (
            ("SubnetId", "VpcId", "AvailabilityZone", "NetworkInterfaceId"),
            (
                "subnet-0aaaaaaa|vpc-0aaaaaaa|us-east-1a|eni-0aaaaaaa",
                "subnet-0aaaaaaa|vpc-0aaaaaaa|us-east-1a|eni-0bbbbbbb",
            ),
        ),
        # What repeats is no key.
        (("vpc_id", "cidr", "name"), ("vpc-0aaaaaaa|10.0.0.0/16|a",) * 4),
        # What can't be read is none either.
        (("prefix", "description"), ("+49|Germany", "+1|America")),
        (("vpc", "cidr"), ("core|10.0.0.0/16",)),
        (("name", "latitude"), ("Bonn|north",)),
    ],
)
def test_values_may_speak_against_a_type(columns: tuple[str, ...], rows: tuple[str, ...]) -> None:
    """Though the names of the columns are its own."""
    with pytest.raises(UnknownType):
        detect_type(source(*columns, rows=rows))


def test_close_spellings_tell_no_type() -> None:
    """A misspelt key is none, nor is a misspelt field one of a type's own."""
    with pytest.raises(UnknownType):
        detect_type(source("vpc_idd", "cidr_block"))
    with pytest.raises(UnknownType):
        detect_type(source("name", "latitud", "region"))


def test_a_doubt_in_words() -> None:
    """It names the two best candidates with what each lacks, in the message and as a value."""
    with pytest.raises(UnknownType) as two:
        detect_type(source("name", "type", "ttl"))
    said = str(two.value)
    assert said.startswith("The columns of x.csv do not say which type its records are of: 'name', 'type', 'ttl'.")
    assert "Closest are device (lacks a column that only it has, such as " in said
    assert len(two.value.candidates) == 2
    with pytest.raises(UnknownType) as none:
        detect_type(source("a", "b"))
    assert str(none.value) == (
        "The columns of x.csv do not say which type its records are of: 'a', 'b'. "
        f"Give resource_type; the types are {', '.join(RESOURCES)}."
    )
    with pytest.raises(UnknownType) as lacking:
        detect_type(source("cluster", "vpc_id", "region"))
    assert lacking.value.candidates[0] == ("vpc", ("cidr_block",))
    assert "vpc (lacks CIDR block)" in str(lacking.value)
