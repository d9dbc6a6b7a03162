"""Which column fills which field, how surely, and which type a source is of."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from schemas.errors import MappingError, UnknownType
from schemas.reports import Extracted, Mode
from schemas.resources import RESOURCES
from tasks.map import MapOptions, detect_type, map_columns

VPC = RESOURCES["vpc"]


def matched(*columns: str, mode: Mode = Mode.UPSERT, **options: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return column → (field, how) of a mapping to VPCs."""
    mapping = map_columns(columns, VPC, MapOptions(**options), mode)  # type: ignore[arg-type]  # the test's own words
    return {match.column: (match.field, match.how) for match in mapping.matches}


@pytest.mark.parametrize(
    ("column", "field", "how"),
    [
        ("cidr_block", "cidr_block", "exact"),
        ("CIDR block", "cidr_block", "title"),
        ("CidrBlock", "cidr_block", "title"),
        ("cidr-BLOCK", "cidr_block", "title"),
        ("CIDR", "cidr_block", "alias"),
        ("VPC CIDR block", "cidr_block", "alias"),
        ("cidr_blok", "cidr_block", "spelling"),
    ],
)
def test_spellings_from_sure_to_likely(column: str, field: str, how: str) -> None:
    """The name, the title or AWS's name, another name, the name after the type's, and a near miss."""
    assert matched("vpc_id", column)[column] == (field, how)


def test_confidence_falls_with_likeness() -> None:
    """Each way of matching is surer than the next, and an unlike name is no match."""
    mapping = map_columns(("vpc_id", "CIDR", "Regionn", "Flavour"), VPC, MapOptions(), Mode.UPSERT)
    sureness = [match.confidence for match in mapping.matches]
    assert sureness == sorted(set(sureness), reverse=True)
    assert mapping.unknown == ("Flavour",)


def test_the_surer_column_wins_and_the_other_is_named() -> None:
    """An exact name takes the field from a near miss."""
    mapping = map_columns(("vpc_id", "cidr_block", "cidr_blok"), VPC, MapOptions(), Mode.UPSERT)
    assert [match.column for match in mapping.matches] == ["vpc_id", "cidr_block"]
    assert mapping.unknown == ("cidr_blok",)


def test_what_is_given_wins_over_what_is_saved_and_found() -> None:
    """A given column, then a saved one, then the spelling; a constant takes the field from any spelling."""
    found = matched("vpc_id", "cidr", "name", "label", columns={"label": "name"}, saved={"name": "name", "x": "region"})
    assert found["label"] == ("name", "given")
    assert "name" not in found
    mapping = map_columns(("vpc_id", "cidr", "region"), VPC, MapOptions(constants={"Region": "eu-west-1"}), Mode.UPSERT)
    assert (mapping.constants, mapping.unknown) == ({"region": "eu-west-1"}, ("region",))


def test_two_given_columns_of_one_field_are_refused() -> None:
    """A person who maps two columns to one field is told."""
    with pytest.raises(MappingError, match="'a' and 'b' are both mapped to name"):
        matched("vpc_id", "cidr", "a", "b", columns={"a": "name", "b": "name"})


def test_notes_and_secrets_are_no_columns() -> None:
    """A column that begins with # is passed over, and one that holds secrets is set aside."""
    resource = RESOURCES["vpnConnection"]
    columns = ("vpn_connection_id", "customer_gateway_id", "# note", "Pre-Shared Key")
    mapping = map_columns(columns, resource, MapOptions(), Mode.UPSERT)
    assert (mapping.unknown, mapping.secret) == ((), ("Pre-Shared Key",))


def source(*columns: str) -> Extracted:
    """Return a source of these columns."""
    frame = pl.LazyFrame({name: [] for name in columns})
    return Extracted(path=Path("x.csv"), name="x.csv", format="csv", size=1, sha256="", frame=frame, columns=columns)


@pytest.mark.parametrize(
    ("columns", "type"),
    [
        (("vpc_id", "cidr_block", "region"), "vpc"),
        (("Subnet ID", "VPC ID", "CIDR block", "Availability zone"), "subnet"),
        (("prefix", "vrf", "site", "status"), "prefix"),
        (("group", "vid", "name", "site", "status"), "vlan"),
        (("asn", "rir"), "asn"),
        (("name", "slug", "facility", "time_zone"), "site"),
    ],
)
def test_the_type_is_found_where_the_columns_leave_no_doubt(columns: tuple[str, ...], type: str) -> None:
    """Its key and required fields are there, and no other type fits as well."""
    assert detect_type(source(*columns)).type == type


@pytest.mark.parametrize("columns", [("name", "description"), ("a", "b"), ("vpc_id", "x", "y", "z", "w")])
def test_a_doubt_is_told(columns: tuple[str, ...]) -> None:
    """Where two types fit, or none, the person decides."""
    with pytest.raises(UnknownType, match=r"[Gg]ive --type"):
        detect_type(source(*columns))
