"""Rules over many records: references, blocks inside of others, overlaps among siblings; and odd natural keys."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from schemas.issues import Severity
from tests.laws import law
from tests.support import execute, importer, issues_of, staging_tables, stored, vpc, vpc_id


def subnet(number: int, parent: int, block: str, **changed: str) -> dict[str, str]:
    """Return a row for the subnet of that number in the VPC of that number."""
    row = {
        "subnet_id": f"subnet-{number:017x}",
        "vpc_id": vpc_id(parent),
        "cidr_block": block,
        "availability_zone": "us-east-1a",
        "region": "us-east-1",
    }
    return row | changed


def test_subnets_lie_in_their_vpc_and_apart(database_url: str, tmp_path: Path) -> None:
    """A subnet of no VPC, outside of it, over a sibling or in another region's zone is rejected, the rest is loaded."""
    run = importer(database_url, tmp_path)
    run([vpc(1, cidr_block="10.0.0.0/16") | {"secondary_cidr_blocks": "10.5.0.0/16"}, vpc(2, cidr_block="10.1.0.0/16")])
    rows = [
        subnet(1, 1, "10.0.0.0/24"),
        subnet(2, 1, "10.5.0.0/24"),
        subnet(3, 1, "10.9.0.0/24"),
        subnet(4, 7, "10.0.1.0/24"),
        subnet(5, 2, "10.1.0.0/20"),
        subnet(6, 2, "10.1.4.0/24"),
        subnet(7, 1, "10.0.7.0/24", availability_zone="eu-west-1a"),
    ]
    report = run(rows)
    found = {(issue.row, issue.rule) for issue in issues_of(database_url, report)}
    assert found == {(4, "inside"), (5, "reference"), (6, "overlap"), (7, "overlap"), (8, "zone")}
    assert (report.counts.create, report.counts.rejected) == (2, 5)
    again = run([subnet(8, 1, "10.0.0.128/25"), subnet(9, 1, "10.0.1.0/24")])
    [issue] = issues_of(database_url, again)
    assert (issue.row, issue.rule) == (2, "overlap")
    assert f"subnet-{1:017x}" in issue.message


def test_a_row_that_is_rejected_already_is_checked_all_the_same(database_url: str, tmp_path: Path) -> None:
    """A wrong cell does not hide a missing reference: both are told at once, and the tables of the run are gone."""
    run = importer(database_url, tmp_path)
    report = run([subnet(1, 7, "10.0.1.0/24", availability_zone="nowhere"), subnet(2, 7, "10.0.2.0/24")])
    assert sorted((issue.row, issue.rule) for issue in issues_of(database_url, report)) == [
        (2, "format"),
        (2, "reference"),
        (2, "zone"),
        (3, "reference"),
    ]
    assert report.counts.rejected == 2
    assert staging_tables(database_url) == []


def test_an_attachments_resource_is_of_its_type(database_url: str, tmp_path: Path) -> None:
    """What is attached is looked for among the records of the type that the attachment names."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    run([{"transit_gateway_id": f"tgw-{1:017x}", "name": "hub"}], resource_type="tgw")
    rows = [
        {
            "attachment id": f"tgw-attach-{number:017x}",
            "transit_gateway_id": f"tgw-{1:017x}",
            "resource_type": kind,
            "resource_id": resource,
        }
        for number, (kind, resource) in enumerate(
            [("vpc", vpc_id(1)), ("vpc", vpc_id(2)), ("vpn", vpc_id(1)), ("client-vpn", "anything"), ("connect", "x")]
        )
    ]
    report = run(rows)
    assert report.resource_type == "transitGatewayAttachment"
    assert {(issue.row, issue.rule) for issue in issues_of(database_url, report)} == {
        (3, "reference"),
        (4, "reference"),
        (6, "resource_form"),
    }


def test_keys_of_several_fields_and_of_either(database_url: str, tmp_path: Path) -> None:
    """A VLAN is its group and number, a VRF its route distinguisher or name, a prefix its VRF and block."""
    run = importer(database_url, tmp_path)
    run([{"name": "Site A", "slug": "a"}], resource_type="site")
    vlans = [
        {"group": "a", "vid": "10", "name": "x", "site": "Site A"},
        {"group": "", "vid": "10", "name": "y", "site": ""},
    ]
    assert run(vlans, resource_type="vlan").counts.create == 2
    assert [record["natural_key"] for record in stored(database_url, "vlan")] == ["/10", "a/10"]
    vrfs = [
        {"rd": "65000:1", "name": "red", "enforce_unique": "true"},
        {"rd": "", "name": "blue", "enforce_unique": "true"},
        {"rd": "", "name": "  ", "enforce_unique": "true"},
        {"rd": "x" * 22, "name": "green", "enforce_unique": "true"},
    ]
    report = run(vrfs, resource_type="vrf")
    assert [record["natural_key"] for record in stored(database_url, "vrf")] == ["65000:1", "blue"]
    rejected = {(issue.row, issue.rule) for issue in issues_of(database_url, report) if issue.severity == "error"}
    assert rejected == {(4, "required"), (5, "too_long")}
    prefixes = [
        {"vrf": "red", "prefix": "10.0.0.0/8"},
        {"vrf": "65000:1", "prefix": "10.0.0.0/8"},
        {"vrf": "", "prefix": "10.0.0.0/8"},
    ]
    report = run(prefixes, resource_type="prefix")
    found = {(issue.row, issue.rule) for issue in issues_of(database_url, report)}
    assert found == {(2, "reference_name"), (3, "duplicate_key")}
    assert [record["natural_key"] for record in stored(database_url, "prefix")] == ["/10.0.0.0/8", "65000:1/10.0.0.0/8"]
    assert run(prefixes, resource_type="prefix", mode="create").counts.rejected == 3


def test_updates_of_optional_keys_find_their_record(database_url: str, tmp_path: Path) -> None:
    """The global table's prefix is found again, as nothing is as good a key as any."""
    run = importer(database_url, tmp_path)
    run([{"prefix": "2001:DB8::/32", "status": "active"}], resource_type="prefix")
    report = run([{"prefix": "2001:db8::/32", "status": "reserved"}], resource_type="prefix", mode="update")
    assert report.counts.update == 1
    assert stored(database_url, "prefix")[0]["status"] == "reserved"


BLOCK = st.builds(
    lambda last, length: str(ip_network((f"10.0.{last // 256}.{last % 256}", length), strict=False)),
    st.integers(0, 511),
    st.sampled_from([23, 24, 26, 28]),
)
NETWORKS = st.dictionaries(st.integers(1, 8), st.tuples(BLOCK, st.sampled_from(["us-east-1", "eu-west-1"])), min_size=1)


@law(15)
@given(before=NETWORKS, kept=st.booleans() | st.sets(st.integers(1, 8)), more=NETWORKS)
def test_overlaps_are_those_that_comparing_each_pair_finds(
    database_url: str,
    tmp_path: Path,
    before: dict[int, tuple[str, str]],
    kept: bool | set[int],  # all, none or some
    more: dict[int, tuple[str, str]],
) -> None:
    """Of rows that are new or have moved, with whatever is stored and whatever else the file holds."""
    same = before if kept is True else {n: before[n] for n in before if kept and n in kept}
    after = same | more
    execute(database_url, "truncate vpc")
    run = importer(database_url, tmp_path)
    run(rows_of(before))
    report = run(rows_of(after))
    rows = {issue.row for issue in issues_of(database_url, report) if issue.rule == "overlap"}
    numbers = list(after)
    assert {numbers[(row or 0) - 2] for row in rows} == overlapping(before, after)


def rows_of(networks: dict[int, tuple[str, str]]) -> list[dict[str, str]]:
    """Return a row for each VPC."""
    return [vpc(n, cidr_block=block, region=region) for n, (block, region) in networks.items()]


def overlapping(before: dict[int, tuple[str, str]], after: dict[int, tuple[str, str]]) -> set[int]:
    """Return the VPCs that are new or have moved, and overlap another in their region once all are stored."""
    known = before | after
    return {
        n
        for n, (block, region) in after.items()
        if before.get(n) != (block, region)
        for other, (beside, at) in known.items()
        if other != n and at == region and overlap(block, beside)
    }


def overlap(one: str, other: str) -> bool:
    """Say whether two blocks overlap."""
    return IPv4Network(one).overlaps(IPv4Network(other))


# Scopes ---------------------------------------------------------------------------------------------------------------

ACCOUNTS = st.sampled_from(["", "111111111111", "222222222222"])
REGIONS = st.sampled_from(["", "us-east-1", "eu-west-1"])
SCOPES = st.lists(st.tuples(ACCOUNTS, REGIONS), max_size=3)


@law(10, shrink=False)
@given(held=SCOPES, comes=SCOPES, rows=st.lists(st.tuples(ACCOUNTS, REGIONS), min_size=1, max_size=4))
def test_references_out_of_scope(
    database_url: str,
    tmp_path: Path,
    held: list[tuple[str, str]],
    comes: list[tuple[str, str]],
    rows: list[tuple[str, str]],
) -> None:
    """An unknown VPC is a warning where the CMDB and the file hold none of its scope, and an error everywhere else."""
    execute(database_url, "truncate vpc, subnet")
    run = importer(database_url, tmp_path)
    known = [
        {"vpc_id": vpc_id(n), "cidr_block": f"10.{n}.0.0/16", "account_id": account, "region": region}
        for n, (account, region) in enumerate([*held, *comes], start=1)
    ]
    if held:
        run(known[: len(held)], resource_type="vpc")
    subnets = [
        {
            "subnet_id": f"subnet-{n:017x}",
            "vpc_id": vpc_id(99),
            "cidr_block": f"10.0.{n}.0/24",
            "availability_zone": f"{region or 'us-east-1'}a",
            "account_id": account,
            "region": region,
        }
        for n, (account, region) in enumerate(rows)
    ]
    path = tmp_path / "network.json"
    path.write_text(json.dumps({"vpcs": known[len(held) :] or [known_elsewhere()], "subnets": subnets}))
    scopes = [*held, *(comes or [(known_elsewhere()["account_id"], known_elsewhere()["region"])])]
    report = run(path)
    found = {issue.row: issue.severity for issue in issues_of(database_url, report) if issue.rule == "reference"}
    assert list(found.values()).count(Severity.ERROR) == report.counts.rejected
    wanted = [severity_of(row, scopes) for row in rows]
    assert [severity for _, severity in sorted(found.items())] == wanted


def known_elsewhere() -> dict[str, str]:
    """A VPC of an account that no row names."""
    return {"vpc_id": vpc_id(50), "cidr_block": "10.50.0.0/16", "account_id": "333333333333", "region": "us-west-2"}


def severity_of(row: tuple[str, str], scopes: list[tuple[str, str]]) -> Severity:
    """Say how severe it is that a row refers to nothing, by looking at every scope."""
    if row == ("", ""):
        return Severity.ERROR
    fitting = [scope for scope in scopes if all(own in ("", other) for own, other in zip(row, scope, strict=True))]
    return Severity.ERROR if fitting else Severity.WARNING
