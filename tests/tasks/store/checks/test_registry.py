"""Rules of networks: what they find is what comparing every pair finds, however the records came in."""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy import text as sql

from schemas.issues import Severity
from schemas.model.connected import PEERING
from schemas.model.tables import TABLES
from schemas.reports import Report
from schemas.resources import RESOURCES
from tasks.store.checks.registry import CHECKS
from tasks.store.connection.engine import engine
from tests.laws import law
from tests.support import execute, importer, issues_of, vpc_id

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Row = dict[str, str]

LAW = law(30, shrink=False)


def blocks(shortest: int = 20, longest: int = 28) -> st.SearchStrategy[str]:
    """Blocks of few addresses, so that they meet; one in three is IPv6."""
    four = st.builds(
        lambda address, length: ipaddress.ip_network((0x0A000000 + address * 64, length), strict=False),
        st.integers(0, 80),
        st.integers(shortest, longest),
    )
    six = st.builds(
        lambda address, length: ipaddress.ip_network((0xFD << 120 | address << 64, length), strict=False),
        st.integers(0, 80),
        st.integers(shortest + 36, longest + 36),
    )
    return st.one_of(four, four, six).map(str)


def network(text: str) -> Network:
    """Return a block as Python's own library reads it."""
    return ipaddress.ip_network(text)


def meet(one: str, other: str) -> bool:
    """Say whether two blocks have an address in common."""
    first, second = network(one), network(other)
    return first.version == second.version and first.overlaps(second)


def found(url: str, report: Report, rule: str) -> set[int]:
    """Return the rows of a file that broke a rule, the first being 0."""
    return set(severities(url, report, rule))


def severities(url: str, report: Report, rule: str) -> dict[int, Severity]:
    """Return the rows of a file that broke a rule, the first being 0, and how severe that is at worst."""
    found = [issue for issue in issues_of(url, report) if issue.rule == rule and issue.row]
    worst_last = sorted(found, key=lambda issue: issue.severity == Severity.ERROR)
    return {issue.row - 2: issue.severity for issue in worst_last if issue.row}


# What lies in a container ---------------------------------------------------------------------------------------------

PREFIXES = st.dictionaries(
    st.tuples(st.sampled_from(["", "65000:1"]), blocks()),
    st.sampled_from(["", "container", "active", "active"]),
    min_size=1,
    max_size=14,
)


def outside(prefixes: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    """The prefixes that lie in no container though their VRF has one of their family."""

    def containers(vrf: str, block: Network) -> Iterator[Network]:
        for (other, text), status in prefixes.items():
            if other == vrf and status == "container" and network(text).version == block.version:
                yield network(text)

    stray = set()
    for (vrf, text), status in prefixes.items():
        all_of_them = list(containers(vrf, network(text)))
        inside = any(network(text).subnet_of(each) for each in all_of_them)  # type: ignore[arg-type]  # one family
        if status != "container" and all_of_them and not inside:
            stray.add((vrf, text))
    return stray


def put(url: str, resource_type: str, rows: list[Row]) -> None:
    """Store records as they are, past all rules."""
    resource = RESOURCES[resource_type]
    lists = {name for name, spec in resource.fields.items() if isinstance(spec.kind.dtype, pl.List)}
    records = []
    for row in rows:
        record: dict[str, Any] = {name: text or None for name, text in row.items()}
        record |= {name: row[name].split(",") if row[name] else None for name in lists & row.keys()}
        if resource.key_column not in record:
            record[resource.key_column] = "/".join(row[name] for name in resource.key)
        records.append(record)
    if records:
        with engine(url).begin() as connection:
            connection.execute(insert(TABLES[resource_type]), records)


def half(data: st.DataObject, rows: list[Row], before: dict[str, Row]) -> tuple[list[Row], list[Row]]:
    """Draw which rows are stored before the file: as they are, and so not in it, or as in `before`, and then in it."""
    how = [data.draw(st.sampled_from(["new", "stored", "changed"])) for _ in rows]
    first = [next(iter(row)) for row in rows]
    old = [row for row, way in zip(rows, how, strict=True) if way == "stored"]
    old += [before[row[key]] for row, way, key in zip(rows, how, first, strict=True) if way == "changed"]
    return old, [row for row, way in zip(rows, how, strict=True) if way != "stored"]


@LAW
@given(prefixes=PREFIXES, data=st.data())
def test_prefixes_outside_their_containers(
    database_url: str, tmp_path: Path, prefixes: dict[tuple[str, str], str], data: st.DataObject
) -> None:
    """The rows of the file that lie in none, whatever of it was stored before, and be it with another status."""
    execute(database_url, "truncate prefix, vrf")
    put(database_url, "vrf", [{"natural_key": "65000:1", "rd": "65000:1", "name": "red"}])
    rows = [{"prefix": text, "vrf": vrf, "status": status} for (vrf, text), status in prefixes.items()]
    before = {row["prefix"]: row | {"status": data.draw(st.sampled_from(["container", "active"]))} for row in rows}
    before = {key: row for key, row in before.items() if sum(other["prefix"] == key for other in rows) == 1}
    old, file = half(data, [row for row in rows if row["prefix"] in before], before)
    file += [row for row in rows if row["prefix"] not in before]
    put(database_url, "prefix", old)
    if not file:
        return
    run = importer(database_url, tmp_path)
    report = run(file, resource_type="prefix")
    same = {(row["vrf"], row["prefix"]) for row in old if row in file}
    stray = outside(prefixes) - same
    assert found(database_url, report, "container") == {
        number for number, row in enumerate(file) if (row["vrf"], row["prefix"]) in stray
    }
    assert report.counts.rejected == 0
    assert run(file, resource_type="prefix").counts.warnings == 0


# What is connected ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """A few VPCs by number with their blocks, peerings between two of them, and attachments to gateways.

    `routes` are destinations of routes over peerings, by their number.
    """

    vpcs: dict[int, list[str]]
    peerings: list[tuple[int, int, str]]
    attachments: list[tuple[int, int, str]]
    routes: list[tuple[int, str]]

    def hubs(self) -> list[tuple[set[int], int | None]]:
        """The sets of VPCs that are connected, each with the number of the peering that does so."""
        alive = [({one, other}, n) for n, (one, other, state) in enumerate(self.peerings) if state not in DEAD]
        gateways: dict[int, set[int]] = {}
        for gateway, number, state in self.attachments:
            if state not in DEAD:
                gateways.setdefault(gateway, set()).add(number)
        return [*alive, *((hub, None) for hub in gateways.values())]

    def clash(self, one: int, hub: set[int], peering: int | None) -> set[Severity]:
        """Say how severely a VPC has addresses in common with another of a hub."""
        others = [(number, block) for number in hub if number != one for block in self.vpcs[number]]
        pairs = [(b, n, o) for b, (n, o) in product(self.vpcs[one], others) if one in hub and meet(b, o)]
        return {self.severity({(one, block), (number, other)}, peering) for block, number, other in pairs}

    def severity(self, blocks: set[tuple[int, str]], peering: int | None) -> Severity:
        """Say how severe it is that two blocks overlap."""
        primary = any(vpc_row(number, self.vpcs[number])["cidr_block"] == block for number, block in blocks)
        routed = any(n == peering and all(meet(to, block) for _, block in blocks) for n, to in self.routes)
        return Severity.ERROR if peering is not None and (primary or routed) else Severity.WARNING


DEAD = ("deleted", "deleting", "failed")


NUMBERS = st.integers(1, 5)
DRAWN = st.builds(
    Drawn,
    vpcs=st.fixed_dictionaries({number: st.lists(blocks(), min_size=1, max_size=3) for number in range(1, 6)}),
    peerings=st.lists(
        st.tuples(NUMBERS, NUMBERS, st.sampled_from(["", "active", "deleting"])).filter(lambda it: it[0] != it[1]),
        min_size=1,
        max_size=4,
    ),
    attachments=st.lists(
        st.tuples(st.integers(1, 2), NUMBERS, st.sampled_from(["available", "failed", "available"])),
        min_size=1,
        max_size=5,
    ),
    routes=st.lists(st.tuples(st.integers(0, 3), blocks()), max_size=4),
)


def vpc_row(number: int, held: list[str]) -> Row:
    """A VPC whose first IPv4 block is its own, or one that meets none."""
    four = [block for block in held if ":" not in block]
    return {
        "vpc_id": vpc_id(number),
        "cidr_block": four[0] if four else f"192.168.{number}.0/24",
        "secondary_cidr_blocks": ",".join(four[1:]),
        "ipv6_cidr_blocks": ",".join(block for block in held if ":" in block),
    }


def rows_of(drawn: Drawn) -> dict[str, list[Row]]:
    """The three files of what was drawn, by type."""
    peerings = [
        {
            "vpc_peering_id": f"pcx-{n:08x}",
            "requester_vpc_id": vpc_id(one),
            "accepter_vpc_id": vpc_id(other),
            "state": state,
        }
        for n, (one, other, state) in enumerate(drawn.peerings)
    ]
    attachments = [
        {
            "transit_gateway_attachment_id": f"tgw-attach-{n:08x}",
            "transit_gateway_id": f"tgw-{gateway:08x}",
            "resource_type": "vpc",
            "resource_id": vpc_id(number),
            "state": state,
        }
        for n, (gateway, number, state) in enumerate(drawn.attachments)
    ]
    vpcs = [vpc_row(number, held) for number, held in drawn.vpcs.items()]
    return {"vpc": vpcs, "vpcPeering": peerings, "transitGatewayAttachment": attachments}


def clashing(drawn: Drawn, resource_type: str, row: Row) -> Severity | None:
    """Say how severely a record clashes, by comparing every pair of blocks."""
    found = clashes(drawn, resource_type, row)
    return Severity.ERROR if Severity.ERROR in found else next(iter(found), None)


def clashes(drawn: Drawn, resource_type: str, row: Row) -> set[Severity]:
    """Return how severe the clashes of a record are."""
    number = next(n for n in drawn.vpcs if vpc_id(n) in row.values())
    if resource_type == "vpc":
        return {severity for hub in drawn.hubs() for severity in drawn.clash(number, *hub)}
    if row["state"] in DEAD:
        return set()
    if resource_type == PEERING.type:
        ends = {n for n in drawn.vpcs if vpc_id(n) in row.values()}
        return drawn.clash(number, ends, int(row["vpc_peering_id"].removeprefix("pcx-"), 16))
    gateway = int(row["transit_gateway_id"].removeprefix("tgw-"))
    beside = {n for at, n, state in drawn.attachments if at == gateway and state not in DEAD}
    return drawn.clash(number, beside, None)


def severe(drawn: Drawn, resource_type: str, file: list[Row], old: list[Row]) -> dict[int, Severity]:
    """How severely rows of a file clash, also with a VPC that keeps its blocks because its own row is rejected."""
    stored = {next(iter(row.values())): row for row in old}
    found = clashing_rows(drawn, resource_type, file, old)
    while True:
        errors = {n for n, severity in found.items() if severity == Severity.ERROR}
        if resource_type == "vpc":
            back = [stored.get(file[n]["vpc_id"]) for n in errors]
            blocks_back = {row["vpc_id"]: blocks_of(row) for row in back if row}
            drawn = replace(drawn, vpcs={n: blocks_back.get(vpc_id(n), held) for n, held in drawn.vpcs.items()})
        again = clashing_rows(drawn, resource_type, file, old)
        more = {n: severity for n, severity in again.items() if severity == Severity.ERROR and n not in errors}
        if not more:
            return found
        found |= more


def clashing_rows(drawn: Drawn, resource_type: str, file: list[Row], old: list[Row]) -> dict[int, Severity]:
    """How severely the rows of a file clash that change anything."""
    asked = {n: clashing(drawn, resource_type, row) for n, row in enumerate(file) if row not in old}
    return {n: severity for n, severity in asked.items() if severity}


def blocks_of(row: Row) -> list[str]:
    """The blocks of the row of a VPC."""
    names = ("cidr_block", "secondary_cidr_blocks", "ipv6_cidr_blocks")
    return [block for name in names for block in row[name].split(",") if block]


@pytest.mark.parametrize("last", ["vpc", "vpcPeering", "transitGatewayAttachment"])
@LAW
@given(drawn=DRAWN, data=st.data())
def test_networks_that_are_connected(
    database_url: str, tmp_path: Path, last: str, drawn: Drawn, data: st.DataObject
) -> None:
    """Whichever of the three is loaded last finds what overlaps, beside what is stored of its own type already."""
    execute(database_url, "truncate vpc, vpc_peering, transit_gateway_attachment, transit_gateway, route_table")
    put_routes(database_url, drawn.routes)
    put(database_url, "transitGateway", [{"transit_gateway_id": f"tgw-{n:08x}"} for n in (1, 2)])
    files = rows_of(drawn)
    for name in files:
        if name != last:
            put(database_url, name, files[name])
    other = vpc_row(9, data.draw(st.lists(blocks(), min_size=1, max_size=2))) if last == "vpc" else {"state": "deleted"}
    before = {key: row | other | {first: key} for row in files[last] for first, key in [next(iter(row.items()))]}
    old, file = half(data, files[last], before)
    put(database_url, last, old)
    if not file:
        return
    report = importer(database_url, tmp_path)(file, resource_type=last)
    wanted = severe(drawn, last, file, old)
    assert severities(database_url, report, "connected_overlap") == wanted
    assert report.counts.rejected == list(wanted.values()).count(Severity.ERROR)


def put_routes(url: str, routes: list[tuple[int, str]]) -> None:
    """Store a table with these routes, and some that say nothing of a block."""
    listed = [{"destination": to, "target": f"pcx-{n:08x}"} for n, to in routes]
    listed += [{"destination": "pl-0a1b2c3d", "target": "pcx-00000000"}, {"target": "pcx-00000000"}, {}]
    listed.append({"destination": "999.0.0.0/8", "VpcPeeringConnectionId": "pcx-00000000"})
    with engine(url).begin() as connection:
        table = {"route_table_id": "rtb-00000001", "vpc_id": vpc_id(1), "routes": json.dumps(listed)}
        connection.execute(
            sql("insert into route_table (route_table_id, vpc_id, routes) values (:route_table_id, :vpc_id, :routes)"),
            table,
        )


# What may stand once --------------------------------------------------------------------------------------------------


def address(number: int, public_ip: str) -> Row:
    """An Elastic IP."""
    return {"allocation_id": f"eipalloc-{number:08x}", "public_ip": public_ip}


@LAW
@given(ips=st.dictionaries(st.integers(1, 8), st.sampled_from(["1", "2", "3", "4", "5"]), min_size=1), data=st.data())
def test_addresses_that_stand_twice(
    database_url: str, tmp_path: Path, ips: dict[int, str], data: st.DataObject
) -> None:
    """Each row whose address another record has once the file is loaded, and so not one that takes another's place.

    A record whose row is rejected keeps its address.
    """
    execute(database_url, "truncate elastic_ip")
    rows = [address(number, f"203.0.113.{last}") for number, last in ips.items()]
    before = {row["allocation_id"]: row | {"public_ip": f"203.0.113.{n}"} for n, row in enumerate(rows, start=1)}
    old, file = half(data, rows, before)
    put(database_url, "elasticIp", old)
    if not file:
        return
    report = importer(database_url, tmp_path)(file, resource_type="elasticIp")
    assert found(database_url, report, "unique") == twice(rows, file, old)


def twice(rows: list[Row], file: list[Row], old: list[Row]) -> set[int]:
    """The rows of a file whose address stands twice, also with a record that keeps its own."""
    held = {row["allocation_id"]: row["public_ip"] for row in rows}
    stored = {row["allocation_id"]: row["public_ip"] for row in old}
    fresh = {n: row for n, row in enumerate(file) if row not in old}
    rejected: set[int] = set()
    while True:
        holders = Counter(held.values())
        more = {n for n, row in fresh.items() if n not in rejected and holders[row["public_ip"]] > 1}
        if not more:
            return rejected
        rejected |= more
        held |= {row["allocation_id"]: stored.get(row["allocation_id"], "") for n, row in fresh.items() if n in more}
        held = {key: address for key, address in held.items() if address}


def test_one_of_a_kind_within_another(database_url: str, tmp_path: Path) -> None:
    """A group's name in its VPC, and the one main table of a VPC; elsewhere the same is no other's business."""
    run = importer(database_url, tmp_path)
    run([{"vpc_id": vpc_id(n), "cidr_block": f"10.{n}.0.0/16"} for n in (1, 2)], resource_type="vpc")
    groups = [(1, "web", 1), (2, "web", 2), (3, "web", 1), (4, "db", 1)]
    report = run([{"group id": f"sg-{n:08x}", "group name": name, "vpc": vpc_id(v)} for n, name, v in groups])
    assert found(database_url, report, "unique") == {0, 2}
    [first, _] = [issue for issue in issues_of(database_url, report) if issue.rule == "unique"]
    assert first.message == "'web' is the Group name of sg-00000003, too, which has the same VPC ID"
    tables = [(1, "yes", 1), (2, "no", 1), (3, "no", 1), (4, "yes", 2)]
    file = [{"route_table_id": f"rtb-{n:08x}", "vpc_id": vpc_id(v), "main": main} for n, main, v in tables]
    assert run(file).counts.rejected == 0
    second = run([{"route_table_id": "rtb-00000002", "main": "yes"}], resource_type="routeTable", mode="update")
    [issue] = issues_of(database_url, second)
    assert issue.message == "Main is 'true' for rtb-00000001, too: it may be so once with the same VPC ID"
    moved = [{"route_table_id": f"rtb-{n:08x}", "main": main} for n, main in ((1, "no"), (2, "yes"))]
    assert run(moved, resource_type="routeTable", mode="update").counts.update == 2


def test_what_a_clash_of_connected_networks_says(database_url: str, tmp_path: Path) -> None:
    """It names both blocks, the other VPC and what connects the two, from the side that is loaded."""
    run = importer(database_url, tmp_path)
    run([{"vpc_id": vpc_id(1), "cidr_block": "10.0.0.0/16"}, {"vpc_id": vpc_id(2), "cidr_block": "10.0.0.0/24"}])
    peering = {"pcx": "pcx-0a1b2c3d", "requester": vpc_id(1), "accepter": vpc_id(2)}
    report = run([peering], resource_type="vpcPeering")
    [issue] = issues_of(database_url, report)
    assert issue.message == (
        f"'{vpc_id(2)}' has 10.0.0.0/24, which overlaps 10.0.0.0/16 of {vpc_id(1)}, and pcx-0a1b2c3d connects the two: "
        "correct one of the blocks, or the connection"
    )
    assert run([peering | {"state": "failed"}], resource_type="vpcPeering").counts.create == 1
    run([{"vpc_id": vpc_id(2), "cidr_block": "10.1.0.0/24"}], resource_type="vpc")
    assert run([peering | {"state": "active"}], resource_type="vpcPeering").counts.update == 1
    late = run([{"vpc_id": vpc_id(1), "secondary_cidr_blocks": "10.1.0.0/16"}], resource_type="vpc", mode="update")
    [issue] = issues_of(database_url, late)
    assert issue.message == (
        f"'10.1.0.0/16' overlaps 10.1.0.0/24 of {vpc_id(2)}, which pcx-0a1b2c3d connects with it: "
        "correct one of the blocks, or the connection"
    )
    renamed = run([{"vpc_id": vpc_id(1), "name": "core"}], resource_type="vpc", mode="update")
    assert renamed.counts.update == 1


def test_each_kind_of_rule_has_a_check() -> None:
    """The kinds of rules that types declare are those of the registry."""
    declared = {type(rule) for resource in RESOURCES.values() for rule in resource.set_rules}
    assert declared == set(CHECKS)
