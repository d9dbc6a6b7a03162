"""Which column fills which field, how surely, and which type a source is of."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import MappingError, UnknownType
from schemas.reports import Extracted, Issue, Mapping, Match, Mode, Severity, Unknown
from schemas.resources import RESOURCES
from tasks.map import MapOptions, columns_of_nothing, detect_type, is_field, map_columns, notices
from tests.laws import law

VPC = RESOURCES["vpc"]
VRF = RESOURCES["vrf"]


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


@pytest.mark.parametrize(
    ("column", "match"),
    [
        ("cidr_block", Match("cidr_block", "cidr_block", 1.0, "exact")),
        ("CIDR block", Match("CIDR block", "cidr_block", 0.99, "title")),
        ("CidrBlock", Match("CidrBlock", "cidr_block", 0.99, "title")),
        ("cidr-BLOCK", Match("cidr-BLOCK", "cidr_block", 0.97, "title")),
        ("CIDR", Match("CIDR", "cidr_block", 0.95, "alias")),
        ("VPC CIDR block", Match("VPC CIDR block", "cidr_block", 0.92, "alias")),
        ("VPC CIDR", Match("VPC CIDR", "cidr_block", 0.92, "alias")),
        ("cidr_blok", Match("cidr_blok", "cidr_block", 0.8, "spelling")),
        ("regionn", Match("regionn", "region", 0.78, "spelling")),
        ("cidr_blockvpc", None),
        ("VPC", None),
        ("cidr_b", None),
    ],
)
def test_how_sure_a_match_is(column: str, match: Match | None) -> None:
    """Each way of matching has its confidence; a word that is less like a field than 0.86 is none."""
    others = ("vpc_id",) if match and match.field == "cidr_block" else ("vpc_id", "cidr_block")
    mapping = map_columns((*others, column), VPC, MapOptions(), Mode.UPSERT)
    assert mapping.matches[len(others) :] == ((match,) if match else ())
    assert mapping.unknown == (() if match else (column,))


@law(60)
@given(st.text(alphabet="regionx", min_size=1, max_size=9))
def test_a_near_miss_is_as_sure_as_it_is_like(word: str) -> None:
    """A misspelt name is matched from a likeness of 0.86, with 0.85 of it as its confidence."""
    likeness = SequenceMatcher(None, word, "region").ratio()
    mapping = map_columns(("vpc_id", "cidr_block", word), VPC, MapOptions(), Mode.UPSERT)
    found = [match.confidence for match in mapping.matches if match.field == "region"]
    assert found == ([] if likeness < 0.86 else [1.0 if word == "region" else round(likeness * 0.85, 2)])


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


@pytest.mark.parametrize(
    ("columns", "saved", "matches"),
    [
        ({}, {"label": "name"}, {"label": ("name", "saved")}),
        ({}, {"absent": "name"}, {}),
        ({}, {"label": "no_field"}, {}),
        ({"label": "region"}, {"label": "name"}, {"label": ("region", "given")}),
        ({"label": ""}, {"label": "name"}, {}),
        ({"text": "name"}, {"label": "name"}, {"text": ("name", "given")}),
        ({"LABEL": "NAME"}, {}, {"label": ("name", "given")}),
    ],
)
def test_what_is_saved_is_for_what_is_there(
    columns: dict[str, str], saved: dict[str, str], matches: dict[str, tuple[str, str]]
) -> None:
    """A saved column that is absent, given, of a field that is none or given, is passed over."""
    found = matched("label", "vpc_id", "cidr_block", "text", columns=columns, saved=saved)
    assert found == {"vpc_id": ("vpc_id", "exact"), "cidr_block": ("cidr_block", "exact")} | matches


def test_given_and_saved_columns_are_sure() -> None:
    """A person's word is as sure as an exact name, and matches stand in the order of the source."""
    options = MapOptions(columns={"c": "region"}, saved={"a": "name"})
    mapping = map_columns(("a", "vpc_id", "c", "cidr_block"), VPC, options, Mode.UPSERT)
    assert mapping.matches == (
        Match("a", "name", 1.0, "saved"),
        Match("vpc_id", "vpc_id", 1.0, "exact"),
        Match("c", "region", 1.0, "given"),
        Match("cidr_block", "cidr_block", 1.0, "exact"),
    )


def test_a_column_fills_the_field_that_it_is_likest() -> None:
    """Of the fields that a column may fill it fills the surest, and another column may fill the other."""
    assert matched("vpc_id", "cidr", "Ipv6 CIDR block", "IPv4 CIDR blok") == {
        "vpc_id": ("vpc_id", "exact"),
        "cidr": ("cidr_block", "alias"),
        "Ipv6 CIDR block": ("ipv6_cidr_blocks", "spelling"),
    }


REFUSED: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    (
        ("vpc_id", "cidr", "a", "b"),
        {"columns": {"a": "name", "b": "name"}},
        "Columns 'a' and 'b' are both mapped to name: keep one, and leave the other out with --map \"b=\".",
    ),
    (
        ("vpc_id", "cidr", "Primary CIDR"),
        {},
        (
            "Columns 'cidr' and 'Primary CIDR' are both mapped to cidr_block: "
            'keep one, and leave the other out with --map "Primary CIDR=".'
        ),
    ),
    (
        ("vpc_id", "cidr", "b"),
        {"columns": {"vpcid2": "name"}},
        "The source has no column 'vpcid2': did you mean 'vpc_id'?",
    ),
    (
        ("vpc_id", "cidr", "b"),
        {"columns": {"zzzz": "name"}},
        "The source has no column 'zzzz': its columns are 'vpc_id', 'cidr', 'b'.",
    ),
    (
        ("VPC-ID", "vpc_id", "cidr"),
        {"columns": {"vpcid": "name"}},
        "The source has no column 'vpcid': did you mean 'vpc_id'?",
    ),
    (("vpc_id", "cidr"), {"columns": {"cidr": "regiom"}}, "vpc has no field 'regiom': did you mean region?"),
    (
        ("vpc_id", "cidr"),
        {"constants": {"zzzz": "x"}},
        f"vpc has no field 'zzzz': its fields are {', '.join(VPC.fields)}.",
    ),
    (
        ("name", "region"),
        {},
        (
            "No column fills 'vpc_id', 'cidr_block', which vpc needs. The columns are 'name', 'region': "
            'name one with --map "COLUMN=vpc_id", or give a value for all rows with --set vpc_id=VALUE.'
        ),
    ),
    (
        ("vpc_id", "cidr", "Flavour", "Colour"),
        {"unknown": Unknown.REFUSE},
        "These columns fit no field of vpc: 'Flavour', 'Colour'. Map or remove them.",
    ),
    (
        ("vpc_id", "cidr", *(f"z{number:02}" for number in range(13))),
        {"unknown": Unknown.REFUSE},
        (
            "These columns fit no field of vpc: "
            f"{', '.join(repr(f'z{number:02}') for number in range(12))} and 1 more. Map or remove them."
        ),
    ),
    (
        ("vpc_id", "cidr", *(f"z{number:02}" for number in range(11)), "x" * 61),
        {"unknown": Unknown.REFUSE},
        (
            "These columns fit no field of vpc: "
            f"{', '.join(repr(f'z{number:02}') for number in range(11))}, '{'x' * 60}'. Map or remove them."
        ),
    ),
]


@pytest.mark.parametrize(("columns", "options", "says"), REFUSED, ids=[says[:40] for *_, says in REFUSED])
def test_what_is_refused(columns: tuple[str, ...], options: dict[str, Any], says: str) -> None:
    """Two columns of one field, names of nothing, what is needed and absent, and columns that fit nothing if asked."""
    with pytest.raises(MappingError) as refused:
        map_columns(columns, VPC, MapOptions(**options), Mode.UPSERT)
    assert str(refused.value) == says


def test_two_near_misses_are_no_doubt() -> None:
    """Of two that are equally like a field, the first is taken, and the other fits nothing."""
    mapping = map_columns(("vpc_id", "cidr_block", "regionn", "regiion"), VPC, MapOptions(), Mode.UPSERT)
    assert mapping.unknown == ("regiion",)


@pytest.mark.parametrize(
    ("column", "field", "filled"),
    [
        ("VPC-ID", "vpc_id", "vpc_id"),
        ("REGION", "Region", "region"),
        ("region", "DNS resolution", "enable_dns_support"),
        ("region", "enable-dns-SUPPORT", "enable_dns_support"),
    ],
)
def test_what_is_given_may_be_spelt_freely(column: str, field: str, filled: str) -> None:
    """A column by its plain spelling, and a field by its name's or its title's."""
    found = matched("vpc_id", "cidr_block", "region", columns={column: field})
    assert [name for name, how in found.values() if how == "given"] == [filled]


def test_a_column_that_is_left_out_is_no_surprise() -> None:
    """A column that is given to no field fills none, and is not unknown."""
    options = MapOptions(columns={"region": "", "Flavour": ""}, unknown=Unknown.REFUSE)
    mapping = map_columns(("vpc_id", "cidr_block", "region", "Flavour"), VPC, options, Mode.UPSERT)
    assert [match.field for match in mapping.matches] == ["vpc_id", "cidr_block"]
    assert mapping.unknown == ()


@pytest.mark.parametrize(
    ("name", "says"), [("region", True), ("Region", True), ("DNS Resolution", True), ("", True), ("colour", False)]
)
def test_is_field(name: str, says: bool) -> None:
    """A name or a title, however spelt, and the empty name that leaves a column out."""
    assert is_field(name, VPC) is says


@pytest.mark.parametrize(
    ("type", "mode", "columns", "missing"),
    [
        ("vpc", Mode.UPDATE, ("vpc_id", "name"), None),
        ("vpc", Mode.UPDATE, ("cidr_block",), "'vpc_id'"),
        ("vpc", Mode.UPSERT, ("vpc_id",), "'cidr_block'"),
        ("vpc", Mode.CREATE, ("cidr_block",), "'vpc_id'"),
        ("vrf", Mode.UPSERT, ("rd", "description"), None),
        ("vrf", Mode.UPSERT, ("name",), None),
        ("vrf", Mode.UPDATE, ("name",), None),
        ("vrf", Mode.UPSERT, ("description",), "'rd'"),
        ("vlan", Mode.UPDATE, ("vid",), None),
        ("vlan", Mode.UPDATE, ("name",), "'vid'"),
        ("vlan", Mode.UPSERT, ("vid",), "'name'"),
    ],
)
def test_what_a_mode_needs(type: str, mode: Mode, columns: tuple[str, ...], missing: str | None) -> None:
    """An update needs the key, others all required fields, and a type of either key one part of it."""
    if missing is None:
        assert map_columns(columns, RESOURCES[type], MapOptions(), mode).unknown == ()
        return
    with pytest.raises(MappingError, match=f"No column fills {missing}, which {type} needs"):
        map_columns(columns, RESOURCES[type], MapOptions(), mode)


def test_notes_and_secrets_are_no_columns() -> None:
    """A column that begins with # is passed over, and one that holds secrets, however deep, is set aside."""
    resource = RESOURCES["vpnConnection"]
    columns = ("vpn_connection_id", "customer_gateway_id", "# note", "Pre-Shared Key", "a.b.psk", "psk.name", "a#")
    mapping = map_columns(columns, resource, MapOptions(), Mode.UPSERT)
    assert (mapping.unknown, mapping.secret) == (("psk.name", "a#"), ("Pre-Shared Key", "a.b.psk"))
    site = map_columns(("name", "psk"), RESOURCES["site"], MapOptions(), Mode.UPSERT)
    assert (site.unknown, site.secret) == (("psk",), ())


@pytest.mark.parametrize(
    ("columns", "given_columns", "seen"),
    [
        (("created_at", "Updated At", "created_by_run"), {}, "Updated At"),
        (("created_at",), {}, None),
        (("updated_at",), {"updated_at": "description"}, None),
        (("updated_at", "UPDATED-AT"), {"updated_at": ""}, "UPDATED-AT"),
    ],
)
def test_columns_of_lineage(columns: tuple[str, ...], given_columns: dict[str, str], seen: str | None) -> None:
    """They fill no field and are no surprise; the time of the last change tells whether the file is stale."""
    options = MapOptions(columns=given_columns)
    mapping = map_columns(("vpc_id", "cidr_block", *columns), VPC, options, Mode.UPSERT)
    assert (mapping.unknown, mapping.seen) == ((), seen)
    assert [match.column for match in mapping.matches[2:]] == [name for name, field in given_columns.items() if field]


def test_notices_of_columns_that_are_left_out() -> None:
    """Secrets are told always, columns that fit nothing unless they are to be ignored."""
    assert MapOptions().unknown is Unknown.WARN
    mapping = Mapping((), unknown=("a", "b"), secret=("psk", "Key"))
    secrets = [
        Issue("secret", f"column '{name}' holds secrets and is not read", Severity.WARNING) for name in ("psk", "Key")
    ]
    unknown = Issue("unknown_column", "columns that fit no field are left out: 'a', 'b'", Severity.WARNING)
    assert notices(mapping, Unknown.WARN) == [*secrets, unknown]
    assert notices(mapping, Unknown.IGNORE) == secrets
    assert notices(Mapping(()), Unknown.WARN) == []


@pytest.mark.parametrize(
    ("type", "constants", "columns"),
    [
        ("vpc", {}, ("vpc_id", "cidr_block")),
        ("vpc", {"CIDR block": "10.0.0.0/16"}, ("vpc_id",)),
        ("vlan", {}, ("group", "site", "vid", "name")),
        ("vrf", {"name": "x"}, ("rd",)),
    ],
)
def test_a_source_without_columns(type: str, constants: dict[str, str], columns: tuple[str, ...]) -> None:
    """It is given those of the key and those that are required, but for constants."""
    assert columns_of_nothing(RESOURCES[type], MapOptions(constants=constants)) == columns


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
        (("vid", "name"), "vlan"),
        (("name", "site"), "device"),
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


def test_half_of_the_columns_tell_a_type() -> None:
    """A type fits where at least half of the columns are its own."""
    assert detect_type(source("vpc_id", "cidr_block", "x", "y")).type == "vpc"
    with pytest.raises(UnknownType):
        detect_type(source("vpc_id", "cidr_block", "x", "y", "z"))


def test_close_spellings_add_to_a_type_and_never_make_it() -> None:
    """A misspelt key tells no type, and a misspelt column beside the key counts as one of the type's."""
    with pytest.raises(UnknownType):
        detect_type(source("vpc_id", "cidr_blok"))
    assert detect_type(source("vpc_id", "cidr_block", "regionn", "x", "y", "instance_tenancyy")).type == "vpc"


def test_a_doubt_in_words() -> None:
    """It names the two types that fit best, or the columns and all types."""
    with pytest.raises(UnknownType) as two:
        detect_type(source("name", "tags"))
    assert str(two.value) == "The columns of x.csv fit site and device: give --type."
    with pytest.raises(UnknownType) as none:
        detect_type(source("a", "b"))
    assert str(none.value) == (
        f"The columns of x.csv tell no resource type: 'a', 'b'. Give --type; the types are {', '.join(RESOURCES)}."
    )
