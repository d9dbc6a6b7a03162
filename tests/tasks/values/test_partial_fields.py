"""Items of a row and those stored: what each mode of `# merged` keeps, replaces and adds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas.sources import MERGED
from tasks.values.partial_fields import Whole, merge_of
from tests.laws import law
from tests.support import importer, stored

LOCAL = {"destination": "10.50.0.0/16", "target": "local", "state": "active", "origin": "CreateRouteTable"}
OUT = {"destination": "0.0.0.0/0", "target": "igw-0aaaaaaa", "state": "active", "origin": "CreateRoute"}
PEER = {"destination": "10.60.0.0/16", "target": "pcx-0aaaaaaa", "state": "active", "origin": "CreateRoute"}
PROPAGATED = {"destination": "10.70.0.0/16", "target": "vgw-0aaaaaaa", "origin": "EnableVgwRoutePropagation"}
ENDPOINT = {"destination": "pl-0aaaaaaa", "target": "vpce-0aaaaaaa", "origin": "CreateRoute"}

ADD, WHOLE = Whole(False, ""), Whole(True, "")


def merged(name: str, known: Any, new: Any, whole: Whole, resource: str = "routeTable") -> Any:
    """Return the items of both."""
    merge = merge_of(resource, name)
    assert merge
    return merge(known, new, whole)


def rule(port: int, *blocks: str, direction: str = "ingress", **lists: Any) -> dict[str, Any]:
    """A rule of a security group."""
    empty: dict[str, Any] = {"ipv6_ranges": [], "groups": [], "prefix_lists": []}
    ranges = [{"CidrIp": block} for block in blocks]
    ports = {"from_port": port, "to_port": port}
    return {"direction": direction, "protocol": "tcp", **ports, "ipv4_ranges": ranges} | empty | lists


def test_some_routes_of_a_table() -> None:
    """A route that is known has its new target, those that the row does not tell stay, and new ones are added."""
    moved, new = {"destination": "0.0.0.0/0", "target": "nat-0a"}, {"destination": "10.80.0.0/16", "target": "tgw-0a"}
    known = [LOCAL, OUT, PEER]
    assert merged("routes", known, [moved, new], ADD) == [LOCAL, moved, PEER, new]
    assert merged("routes", known, [], ADD) == known
    assert merged("routes", known, [{"destination": "0.0.0.0/0", "target": "igw-0aaaaaaa"}], ADD) == known


def test_all_routes_that_a_state_can_know() -> None:
    """A route that it no longer has is gone; local, propagated and endpoints' routes, which it never has, stay."""
    known = [LOCAL, OUT, PEER, PROPAGATED, ENDPOINT]
    assert merged("routes", known, [{"destination": "0.0.0.0/0", "target": "nat-0a"}], WHOLE) == [
        LOCAL,
        {"destination": "0.0.0.0/0", "target": "nat-0a"},
        PROPAGATED,
        ENDPOINT,
    ]


def test_rules_of_one_direction() -> None:
    """All of a direction replace it; of the other, nothing is told. What a describe document tells more, stays."""
    group = {"GroupId": "sg-0b", "UserId": "012345678901"}
    known = [rule(443, "10.0.0.0/8", "10.9.0.0/16", groups=[group]), rule(80, "10.0.0.0/8", direction="egress")]
    new = [rule(443, "10.0.0.0/8", groups=[{"GroupId": "sg-0b"}]), rule(22, "10.1.0.0/16")]
    kept = rule(443, "10.0.0.0/8", groups=[group])
    assert merged("rules", known, new, Whole(True, "ingress"), "securityGroup") == [kept, known[1], new[1]]
    assert merged("rules", known, new, ADD, "securityGroup") == [*known, new[1]]
    assert merged("rules", known, new, WHOLE, "securityGroup") == [kept, new[1]]


def test_tags_and_ids() -> None:
    """Tags of AWS itself are hidden from Terraform; ids keep their order, and blocks are compared as text."""
    known = {"aws:cloudformation:stack-name": "net", "Owner": "a", "Old": "x"}
    whole = {"aws:cloudformation:stack-name": "net", "Owner": "b"}
    assert merged("tags", known, {"Owner": "b"}, WHOLE, "vpc") == whole
    assert merged("tags", known, {"Owner": "b"}, ADD, "vpc") == known | {"Owner": "b"}
    assert merged("subnet_ids", ["b", "a"], ["a", "b"], WHOLE, "vpcEndpoint") == ["b", "a"]
    assert merged("subnet_ids", ["b", "a"], ["c", "a"], WHOLE, "vpcEndpoint") == ["a", "c"]
    assert merged("secondary_cidr_blocks", ["10.1.0.0/16"], ["10.2.0.0/16"], ADD, "vpc") == [
        "10.1.0.0/16",
        "10.2.0.0/16",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
ROUTE = st.fixed_dictionaries(
    {"destination": st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "pl-0a", None]), "target": JSON | st.just("local")}
)
RULE = st.builds(rule, st.sampled_from([22, 443]), st.sampled_from(["10.0.0.0/8", "10.1.0.0/16"]))
FIELDS = (
    ("routeTable", "routes"),
    ("routeTable", "associations"),
    ("natGateway", "addresses"),
    ("vpnConnection", "tunnels"),
)


@law(200)
@given(st.sampled_from([*FIELDS, ("securityGroup", "rules")]), st.data())
def test_nothing_is_lost_and_once_is_enough(field: tuple[str, str], data: st.DataObject) -> None:
    """Whatever is stored: what is added is there, what was there stays, and the same row again changes nothing."""
    item = JSON | ROUTE | RULE | st.fixed_dictionaries({"association_id": st.sampled_from(["a", "b"])})
    known = data.draw(st.lists(item, max_size=4))
    new = data.draw(st.lists(RULE if field[1] == "rules" else ROUTE, max_size=3))
    once = merged(field[1], known, new, ADD, field[0])
    assert merged(field[1], once, new, ADD, field[0]) == once
    assert merged(field[1], known, [], ADD, field[0]) == known
    whole = merged(field[1], known, new, WHOLE, field[0])
    assert merged(field[1], whole, new, WHOLE, field[0]) == whole


def test_a_row_is_completed_from_what_is_stored(database_url: str, tmp_path: Path) -> None:
    """In any format: a new record has what the row holds, a stored one its own as well; a constant is no part of it."""
    bring = importer(database_url, tmp_path)
    vpcs = [{"vpc_id": "vpc-0aaaaaaa", "cidr_block": "10.50.0.0/16"}]
    bring(vpcs, resource_type="vpc")
    path = tmp_path / "tables.ndjson"
    given = {"route_table_id": "rtb-0aaaaaaa", "vpc_id": "vpc-0aaaaaaa", "routes": [LOCAL, OUT], "name": "a"}
    path.write_bytes(orjson.dumps(given))
    assert bring(path, resource_type="routeTable").counts.create == 1
    new = {"destination": "10.80.0.0/16", "target": "tgw-0aaaaaaa"}
    rows = [
        {
            "route_table_id": key,
            "vpc_id": "",
            "routes": json.dumps([new]),
            "name": "b",
            MERGED: "routes=add,name=fill,vpc_id=fill,nothing=add",
        }
        for key in ("rtb-0aaaaaaa", "rtb-0bbbbbbb")
    ]
    report = bring(rows, resource_type="routeTable")
    assert (report.counts.update, report.counts.rejected) == (1, 1)
    [table] = stored(database_url, "routeTable")
    assert (table["routes"], table["name"], table["vpc_id"]) == ([LOCAL, OUT, new], "a", "vpc-0aaaaaaa")
