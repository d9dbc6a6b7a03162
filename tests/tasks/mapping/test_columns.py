"""Which column fills which field, how surely, and which type a source is of."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.wording import COMMAND_LINE
from schemas.errors import MappingError
from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode, Unknown
from schemas.language.remedies import worded
from schemas.language.spelling import distance
from schemas.mapping import Join, Mapping, Match, Measure, constant
from schemas.resources import RESOURCES
from tasks.mapping.columns import columns_of_nothing, map_columns, notices
from tasks.mapping.match_names import is_id
from tasks.mapping.options import MapOptions, is_field
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
        ("regionn", Match("regionn", "region", 0.8, "spelling")),
        ("descripton", Match("descripton", "description", 0.8, "spelling")),
        ("descriptoin", Match("descriptoin", "description", 0.8, "spelling")),
        ("desciptoin", Match("desciptoin", "description", 0.75, "spelling")),
        ("destription", Match("destription", "description", 0.8, "spelling")),
        ("description_id", None),
        ("discripsion", Match("discripsion", "description", 0.75, "spelling")),
        ("stat", None),
        ("legion", None),
        ("cidr_blockvpc", None),
        ("VPC", None),
        ("cidr_b", None),
    ],
)
def test_how_sure_a_match_is(column: str, match: Match | None) -> None:
    """Each way of matching has its confidence; a word of more than a letter or two other than a field's is none."""
    others = ("vpc_id",) if match and match.field == "cidr_block" else ("vpc_id", "cidr_block")
    mapping = map_columns((*others, column), VPC, MapOptions(), Mode.UPSERT)
    assert mapping.matches[len(others) :] == ((match,) if match else ())
    assert mapping.unknown == (() if match else (column,))


@law(60)
@given(st.text(alphabet="regionx", min_size=1, max_size=9))
def test_a_near_miss_is_one_letter_off(word: str) -> None:
    """A short name is matched where one letter is missing, too many, another or swapped, but for its first one."""
    off = distance(word, "region", 9)
    mapping = map_columns(("vpc_id", "cidr_block", word), VPC, MapOptions(), Mode.UPSERT)
    found = [match.confidence for match in mapping.matches if match.field == "region"]
    near = off == 1 and word[0] == "r" and len(word) >= 5
    assert found == ([1.0] if off == 0 else [0.8] if near else [])


@pytest.mark.parametrize(
    ("type", "columns", "column"),
    [
        ("site", ("name",), "altitude"),
        ("vpc", ("vpc_id", "cidr_block"), "ipv4 cidr blocks"),
        ("circuit", ("cid", "provider"), "site b"),
        ("circuit", ("cid", "provider"), "provider.id"),
        ("circuit", ("cid",), "provider_id"),
        ("circuit", ("cid",), "providerr"),
        ("subnet", ("subnet_id", "availability_zone"), "vpc_idd"),
        ("device", ("name",), "serial number id"),
    ],
)
def test_keys_references_and_ids_are_not_guessed_at(type: str, columns: tuple[str, ...], column: str) -> None:
    """Nor is another word that looks like a field's: a close spelling of one would be another value."""
    constants = dict.fromkeys(RESOURCES[type].required, "x")
    mapping = map_columns((*columns, column), RESOURCES[type], MapOptions(constants=constants), Mode.UPSERT)
    assert mapping.unknown == (column,)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        *((column, True) for column in ("vpc_id", "site.id", "VpcId", "Instance ID", "LoadBalancerArn", "id", "IDs")),
        *((column, False) for column in ("valid", "paid", "cid", "Grid", "name", "asteroid")),
    ],
)
def test_columns_of_ids(column: str, says: bool) -> None:
    """The last word says so, whether words are cut by capitals, spaces or signs."""
    assert is_id(column) is says


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
    """A given column, then a saved one, then the spelling; a constant fills what the column leaves empty."""
    found = matched("vpc_id", "cidr", "name", "label", columns={"label": "name"}, saved={"name": "name", "x": "region"})
    assert found["label"] == ("name", "given")
    assert "name" not in found
    mapping = map_columns(("vpc_id", "cidr", "region"), VPC, MapOptions(constants={"Region": "eu-west-1"}), Mode.UPSERT)
    assert (mapping.constants, mapping.unknown, mapping.overrides) == ({"region": "eu-west-1"}, (), ())
    assert (mapping.column_of("region"), mapping.fields) == ("region", ("vpc_id", "cidr_block", "region"))


@pytest.mark.parametrize(
    ("given", "value", "wins"), [("a", "a", False), ("a!", "a", True), ("a!!", "a!", False), ("a!!!", "a!", True)]
)
def test_a_constant_may_override(given: str, value: str, wins: bool) -> None:
    """An exclamation mark says so; the column is kept in the mapping, and a notice tells that it is not read."""
    assert constant(given) == (value, wins)
    mapping = map_columns(("vpc_id", "cidr", "name"), VPC, MapOptions(constants={"name": given}), Mode.UPSERT)
    assert (mapping.constants, mapping.given_constants) == ({"name": value}, {"name": given})
    told = [issue.message for issue in notices(mapping, Unknown.WARN)]
    assert told == ([f"column 'name' is not read: the constant {value} overrides it"] if wins else [])


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


def head(*rows: str, columns: str) -> pl.DataFrame:
    """Return the first records of a source."""
    return pl.DataFrame([row.split("|") for row in rows], schema=columns.split("|"), orient="row")


def test_columns_are_known_by_their_values() -> None:
    """Ids, blocks, regions and accounts have forms of their own; two columns of one form are left to a person."""
    first = head(
        "vpc-0aaaaaaa|core|10.0.0.0/16|us-east-1|012345678901|yes",
        "vpc-0bbbbbbb||10.1.0.0/16|eu-west-1||",
        columns="Netz|VPC Name|IP range|Gebiet|Konto|Default?",
    )
    mapping = map_columns(tuple(first.columns), VPC, MapOptions(), Mode.UPSERT, first)
    assert {match.column: (match.field, match.how, match.confidence) for match in mapping.matches} == {
        "Netz": ("vpc_id", "values", 0.6),
        "VPC Name": ("name", "alias", 0.92),
        "IP range": ("cidr_block", "alias", 0.95),
        "Gebiet": ("region", "values", 0.6),
        "Konto": ("account_id", "values", 0.6),
        "Default?": ("is_default", "alias", 0.95),
    }
    doubtful = head("vpc-0aaaaaaa|10.0.0.0/16|us-east-1|us-east-2", columns="vpc_id|cidr_block|here|there")
    assert map_columns(tuple(doubtful.columns), VPC, MapOptions(), Mode.UPSERT, doubtful).unknown == ("here", "there")


@pytest.mark.parametrize("column", ["VPC", "vpc", "ID", "Id"])
def test_what_else_a_key_is_called(column: str) -> None:
    """By its type, or as an id."""
    assert matched(column, "cidr_block")[column] == ("vpc_id", "alias")


@pytest.mark.parametrize(
    ("columns", "first", "join"),
    [
        (("network", "netmask"), "10.0.1.0|255.255.255.0", Join("prefix", "netmask", Measure.MASK)),
        (("subnet", "mask"), "10.0.1.0|24", Join("prefix", "mask", Measure.MASK)),
        (("Address", "Prefix length"), "10.0.1.0|24", Join("prefix", "Prefix length", Measure.MASK)),
        (("start", "end"), "10.0.1.0|10.0.1.255", Join("prefix", "end", Measure.END)),
        (("start", "value"), "10.0.1.0|256", Join("prefix", "value", Measure.COUNT)),
        (("network", "netmask"), "10.0.1.0/24|255.255.255.0", None),
    ],
)
def test_two_columns_for_one_block(columns: tuple[str, str], first: str, join: Join | None) -> None:
    """A block's first address, and its mask, length, last address or number of addresses next to it."""
    mapping = map_columns(
        columns, RESOURCES["prefix"], MapOptions(), Mode.UPSERT, head(first, columns="|".join(columns))
    )
    assert (mapping.joins, mapping.column_of("prefix")) == ((join,) if join else (), columns[0])
    assert mapping.unknown == (() if join else (columns[1],))
    assert [issue.rule for issue in notices(mapping, Unknown.IGNORE)] == (["joined"] if join else [])


def test_what_fits_is_reported_with_what_is_missing() -> None:
    """An error has the mapping as far as it goes, and the fields that somebody has to name."""
    with pytest.raises(MappingError) as refused:
        map_columns(("name", "vpcid1", "env"), VPC, MapOptions(), Mode.UPSERT)
    assert refused.value.mapping
    assert [match.field for match in refused.value.mapping.matches] == ["name", "environment"]
    assert (refused.value.missing, refused.value.mapping.unknown) == (("vpc_id", "cidr_block"), ("vpcid1",))
    assert "Perhaps 'vpcid1' is vpc_id." in str(refused.value)


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
    assert worded(refused.value.message, COMMAND_LINE) == says


def test_two_near_misses_are_a_doubt() -> None:
    """Of two that are equally like a field, neither is taken."""
    mapping = map_columns(("vpc_id", "cidr_block", "regionn", "regiion"), VPC, MapOptions(), Mode.UPSERT)
    assert mapping.unknown == ("regionn", "regiion")


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
        (("created_at", "Updated At", "created_by_run", "Updated by run"), {}, "Updated At"),
        (("created_by_run", "updated_by_run"), {}, None),
        (("updated_at", "created_by_run", "updated_by_run"), {"updated_at": "description"}, None),
        (("updated_at", "UPDATED-AT", "created_by_run", "updated_by_run"), {"updated_at": ""}, "UPDATED-AT"),
    ],
)
def test_columns_of_lineage(columns: tuple[str, ...], given_columns: dict[str, str], seen: str | None) -> None:
    """They fill no field and are no surprise; the time of the last change tells whether the file is stale."""
    options = MapOptions(columns=given_columns)
    mapping = map_columns(("vpc_id", "cidr_block", *columns), VPC, options, Mode.UPSERT)
    assert (mapping.unknown, mapping.seen) == ((), seen)
    assert [match.column for match in mapping.matches[2:]] == [name for name, field in given_columns.items() if field]


@pytest.mark.parametrize("columns", [("updated_at",), ("created_at", "updated_at"), ("updated_at", "created_by_run")])
def test_times_of_other_systems_are_no_lineage(columns: tuple[str, ...]) -> None:
    """Without the columns of our runs they say nothing of our records, and fit no field."""
    mapping = map_columns(("vpc_id", "cidr_block", *columns), VPC, MapOptions(), Mode.UPSERT)
    assert (mapping.seen, mapping.unknown) == (None, columns)


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


@pytest.mark.parametrize(
    ("kind", "columns", "wanted"),
    [
        (
            "device",
            (
                "id",
                "name",
                "site__name",
                "role__name",
                "status__name",
                "device_type__manufacturer__name",
                "tenant__name",
            ),
            {"name": "name", "site": "site__name", "role": "role__name", "status": "status__name"}
            | {"manufacturer": "device_type__manufacturer__name", "tenant": "tenant__name"},
        ),
        (
            "vlan",
            ("vid", "name", "site.id", "site.name", "status.value", "status.label", "group.id", "group.name", "pk"),
            {"vid": "vid", "name": "name", "site": "site.name", "status": "status.value", "group": "group.name"},
        ),
        ("site", ("name", "parent__name", "site_id", "region.id"), {"name": "name", "region_name": "parent__name"}),
        (
            "circuit",
            ("cid", "provider.id", "provider.name", "provider_id"),
            {"cid": "cid", "provider": "provider.name"},
        ),
    ],
)
def test_accessors_of_netbox_and_nautobot(kind: str, columns: tuple[str, ...], wanted: dict[str, str]) -> None:
    """A related object's name is the field, the value of a choice before its label; its id never is."""
    mapping = map_columns(columns, RESOURCES[kind], MapOptions(), Mode.UPSERT)
    assert {match.field: match.column for match in mapping.matches} == wanted
