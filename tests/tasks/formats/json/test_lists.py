"""Lists of JSON documents: which are read, by which name, page and place, and what their records leave as stored."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError
from schemas.job_options.choices import Mode
from schemas.job_options.read_options import ReadOptions
from schemas.jobs import ImportJob
from schemas.resources import RESOURCES
from schemas.sources import UNTOUCHED, Extracted
from tasks.formats.aws.document import SHAPES
from tasks.formats.base import Described, Source
from tasks.formats.json.lists import open_values
from tasks.mapping.columns import map_columns, with_untouched
from tasks.mapping.options import MapOptions
from tasks.steps.extract import extract_all
from tests.laws import law
from tests.support import with_settings

ACCOUNT, OTHER = "012345678901", "222222222222"


def vpc(number: int, **more: Any) -> dict[str, Any]:
    """Return a VPC as AWS describes it, with its members that are always there."""
    return {"VpcId": f"vpc-{number:08x}", "CidrBlock": f"10.{number}.0.0/16", "OwnerId": ACCOUNT} | more


def subnet(number: int, **more: Any) -> dict[str, Any]:
    """Return a subnet as AWS describes it."""
    own = {"SubnetId": f"subnet-{number:08x}", "VpcId": "vpc-00000001", "CidrBlock": f"10.1.{number}.0/24"}
    return own | {"AvailabilityZone": "us-east-1a", "OwnerId": ACCOUNT} | more


def opened(folder: Path, *values: Any, described: Described | None = None, **options: Any) -> tuple[Extracted, ...]:
    """Open a document of these values in a row."""
    path = folder / "a.json"
    path.write_text("\n".join(json.dumps(value, indent=1) for value in values))
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return extract_all(ImportJob(path=path, **options), work, with_settings(), described)


def found(parts: tuple[Extracted, ...]) -> dict[str | None, int | None]:
    """Return the number of records of each type."""
    return {part.resource_type: part.records for part in parts}


def rows(part: Extracted) -> list[dict[str, str]]:
    """Return the cells of each row that are not empty."""
    return [{n: v for n, v in row.items() if v is not None} for row in part.frame.collect().iter_rows(named=True)]


def meanings(part: Extracted) -> list[dict[str, Any]]:
    """Return what each row means for each field: a text, None where it is emptied; not there where it stays."""
    assert part.resource_type
    resource = RESOURCES[part.resource_type]
    mapping = map_columns(part.columns, resource, MapOptions(), Mode.UPSERT)
    said = with_untouched(part, mapping, resource).frame.collect()
    names = {match.field: match.column for match in mapping.matches}
    return [
        {
            name: None if row[column] in (None, "[]", "{}") else row[column]
            for name, column in names.items()
            if name not in (row.get(UNTOUCHED) or "").split(",")
        }
        for row in said.iter_rows(named=True)
    ]


def said(parts: tuple[Extracted, ...]) -> list[str]:
    """Return the notices of all parts."""
    return [notice.message for part in parts for notice in part.notices]


# Where the lists are --------------------------------------------------------------------------------------------------

PLACES: list[tuple[list[Any], dict[str | None, int]]] = [
    ([{"Vpcs": [vpc(1)], "NextToken": "x"}, {"Vpcs": [vpc(2)]}], {"vpc": 2}),
    ([[{"Vpcs": [vpc(1)], "NextToken": "x"}, {"Vpcs": [vpc(2)]}]], {"vpc": 2}),
    ([vpc(1), vpc(2, Tags=[{"Key": "Name", "Value": "x"}])], {"vpc": 2}),
    ([[vpc(1)], [vpc(2), vpc(3)]], {"vpc": 3}),
    ([[[vpc(1)], [vpc(2), vpc(3)]]], {"vpc": 3}),
    (
        [{"us-east-1": {"Vpcs": [vpc(1)], "Subnets": [subnet(1)]}, "eu-west-1": {"Vpcs": [vpc(2)]}}],
        {"vpc": 2, "subnet": 1},
    ),
    ([{ACCOUNT: {"us-east-1": {"Vpcs": [vpc(1)]}, "eu-west-1": {"Vpcs": []}}}], {"vpc": 1}),
    ([{f"{ACCOUNT}/us-east-1": {"Vpcs": [vpc(1)]}}], {"vpc": 1}),
    ([{"us-east-1": [{"Vpcs": [vpc(1)], "NextToken": "x"}, {"Vpcs": [vpc(2)]}]}], {"vpc": 2}),
    ([{"us-east-1": [vpc(1), vpc(2)]}], {"vpc": 2}),
    ([{"Vpcs": {"us-east-1": [vpc(1)], "eu-west-1": [vpc(2)]}}], {"vpc": 2}),
    ([{"generated": "today", "regions": {"us-east-1": {"Vpcs": [vpc(1)]}}}], {"vpc": 1}),
    ([{"data": {"Vpcs": [vpc(1)], "Subnets": [subnet(1)]}}], {"vpc": 1, "subnet": 1}),
    ([[{"us-east-1": {"Vpcs": [vpc(1)]}}, {"eu-west-1": {"Vpcs": [vpc(2)]}}]], {"vpc": 2}),
    ([{"sites": [{"name": "fra"}]}], {"site": 1}),
    ([{"SITES": [{"Name": "fra"}]}], {"site": 1}),
]


@pytest.mark.parametrize(("values", "wanted"), PLACES, ids=lambda value: json.dumps(value)[:40])
def test_lists_are_read_wherever_they_are(tmp_path: Path, values: list[Any], wanted: dict[str | None, int]) -> None:
    """In a row, in a list, under regions and accounts, under a name; and so are values that are parsed already."""
    parts = opened(tmp_path, *values)
    assert (found(parts), [gap for part in parts for gap in part.gaps]) == (wanted, [])
    source = Source(tmp_path / "a.yaml", "a.yaml", tmp_path / "work", ReadOptions())
    assert {each.resource_type: each.records for each in open_values(source, values, several=True)} == wanted


def test_a_key_fills_what_its_records_lack(tmp_path: Path) -> None:
    """A region and an account that are keys; the owner that a record names itself stays."""
    shared = vpc(2, OwnerId=OTHER)
    bare = {name: value for name, value in vpc(3).items() if name != "OwnerId"}
    [part] = opened(tmp_path, {ACCOUNT: {"us-east-1": {"Vpcs": [vpc(1), shared, bare]}}})
    assert [(row["OwnerId"], row["region"]) for row in rows(part)] == [
        (ACCOUNT, "us-east-1"),
        (OTHER, "us-east-1"),
        (ACCOUNT, "us-east-1"),
    ]
    own, others, filled = meanings(part)
    assert (own["tags"], filled["name"], "tags" in others, "name" in others) == (None, None, False, False)


NDJSON = [
    (['{"Vpcs": [%s]}', '{"Vpcs": [%s, %s]}'], 3),
    (["%s", "%s"], 2),
    (["[%s]", "[%s, %s]"], 3),
    (['{"us-east-1": {"Vpcs": [%s]}}', '{"eu-west-1": {"Vpcs": [%s]}}'], 2),
]


@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.jsonl"])
@pytest.mark.parametrize(("lines", "count"), NDJSON, ids=lambda value: str(value)[:20])
def test_lines_of_any_of_them(tmp_path: Path, name: str, lines: list[str], count: int) -> None:
    """Whatever the file is called: `jq -c` writes lines to where it is told."""
    texts = iter([json.dumps(vpc(number)) for number in range(1, 9)])
    text = "\n".join(re.sub("%s", lambda _: next(texts), line) for line in lines)
    (tmp_path / name).write_text(text)
    (tmp_path / "work").mkdir()
    parts = extract_all(ImportJob(path=tmp_path / name), tmp_path / "work", with_settings())
    assert found(parts) == {"vpc": count}


def test_objects_over_several_lines_in_a_file_of_lines(tmp_path: Path) -> None:
    """As jq prints them without -c."""
    (tmp_path / "a.ndjson").write_text("\n".join(json.dumps(vpc(number), indent=2) for number in (1, 2)))
    (tmp_path / "work").mkdir()
    assert found(extract_all(ImportJob(path=tmp_path / "a.ndjson"), tmp_path / "work", with_settings())) == {"vpc": 2}


@pytest.mark.parametrize(
    "values",
    [
        [{"Vpcs": [vpc(1)]}, vpc(2)],
        [{"Vpcs": [vpc(1)]}, "x"],
        [[{"Vpcs": [vpc(1)]}, vpc(2)]],
        [[[vpc(1)], vpc(2)]],
        [{"us-east-1": {"a": 1}}],
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_is_neither_page_nor_record_is_refused(tmp_path: Path, values: list[Any]) -> None:
    """Nothing is passed over between pages."""
    with pytest.raises(SourceError, match=r"a\.json"):
        opened(tmp_path, *values)


# Pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ([{"Vpcs": [vpc(1)], "NextToken": "x"}], ["vpc"]),
        ([{"NextToken": "x", "Vpcs": [vpc(1)]}], ["vpc"]),
        ([{"Vpcs": [vpc(1)]}, {"Vpcs": [vpc(2)], "NextToken": "x"}], ["vpc"]),
        ([{"Vpcs": [vpc(1)], "NextToken": "x"}, {"Subnets": [subnet(1)]}], ["vpc"]),
        ([{"Vpcs": [vpc(1)], "NextToken": ""}], []),
        ([{"Vpcs": [vpc(1)], "NextToken": None, "IsTruncated": False}], []),
        ([{"Vpcs": [vpc(1)], "IsTruncated": True, "Marker": "x"}], ["vpc"]),
        ([{"us-east-1": {"Vpcs": [vpc(1)], "NextToken": "x"}, "eu-west-1": {"Vpcs": [vpc(2)]}}], ["vpc"]),
        ([{"data": {"Vpcs": [vpc(1)], "NextToken": "x"}}], ["vpc"]),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_list_that_goes_on_has_a_gap(tmp_path: Path, values: list[Any], types: list[str]) -> None:
    """Where the last page of a list and place says that there is another one."""
    parts = opened(tmp_path, *values)
    assert [part.resource_type for part in parts if part.gaps] == types
    assert all("goes on after its last page" in gap.message for part in parts for gap in part.gaps)


def test_a_list_that_is_named_has_its_gap(tmp_path: Path) -> None:
    """And is whole as it is without its name."""
    [part] = opened(tmp_path, {"Vpcs": [vpc(1)], "NextToken": "x"}, read={"records": "Vpcs"})
    assert (part.resource_type, len(part.gaps)) == ("vpc", 1)
    assert meanings(part)[0]["name"] is None


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["TransitGatewayPeeringFoo", "NetworkAcls", "Reservations", "ResourceRecordSets"])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_list_of_another_name_is_refused(tmp_path: Path, key: str, kind: str) -> None:
    """Whatever its records look like."""
    record = {path[0]: "x" for column in SHAPES[kind].columns.values() for path in column.reads}
    given: list[dict[str, Any]] = [{}, {"resource_type": SHAPES[kind].resource.type}]
    for more in given:
        with pytest.raises(SourceError, match=rf"'{key}' is not a list that cmdb reads\. It reads Vpcs, "):
            opened(tmp_path, {key: [record]}, **more)


@pytest.mark.parametrize("key", [key for key, shape in SHAPES.items() if shape.marks])
@pytest.mark.parametrize(
    "record",
    [
        {"id": 7, "name": "xe-0/0/1", "label": "", "connected": True},
        {"connectionId": "7f1c", "host": "db-1", "port": 5432, "location": "fra-1"},
        {"virtualInterfaceId": 3, "vlan": 101, "mtu": 1500},
    ],
)
def test_a_list_of_a_common_name_is_known_by_its_records(tmp_path: Path, key: str, record: dict[str, Any]) -> None:
    """Lists of that name of other systems are none of AWS, neither by themselves nor in a record."""
    [part] = opened(tmp_path, {key: [record] * 2})
    assert part.resource_type is None
    [whole] = opened(tmp_path, [vpc(1) | {key: [record]}])
    assert whole.resource_type == "vpc"


def test_a_list_that_is_none_of_ours_is_named_with_the_others(tmp_path: Path) -> None:
    """With how many records it has."""
    parts = opened(tmp_path, {"Vpcs": [vpc(1)], "NetworkAcls": [{"NetworkAclId": "x"}] * 3, "About": {"x": 1}})
    assert found(parts) == {"vpc": 1}
    assert said(parts) == [
        "lists that are named after no type are left out: NetworkAcls (3)",
        "objects that hold no list are left out: About",
    ]


def test_a_type_that_is_asked_for_is_read_from_all_its_lists(tmp_path: Path) -> None:
    """Those of other types are left out; where there are no others, it is refused."""
    document = {
        "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-00000001"}],
        "TransitGatewayConnects": [{"TransitGatewayAttachmentId": "tgw-attach-00000002"}],
        "Vpcs": [vpc(1)],
    }
    [part] = opened(tmp_path, document, resource_type="transitGatewayAttachment")
    assert (part.resource_type, part.records) == ("transitGatewayAttachment", 2)
    assert said((part,))[-1] == "lists that are left out: Vpcs (1)"
    with pytest.raises(SourceError, match="holds no Subnet records, but vpc"):
        opened(tmp_path, {"Vpcs": [vpc(1)]}, resource_type="subnet")


def test_lists_of_no_name_that_fit_a_type_are_all_read(tmp_path: Path) -> None:
    """The type is asked for; what does not fit it is named."""
    floors = {"HQ": [{"vid": 1, "name": "a"}], "Berlin": [{"vid": 2, "name": "b"}], "notes": [{"x": 1}]}
    [part] = opened(tmp_path, floors, resource_type="vlan")
    assert [(row["vid"], row["name"]) for row in rows(part)] == [("1", "a"), ("2", "b")]
    assert said((part,))[-1] == "lists that are left out: notes (1)"


def test_a_network_interface_is_no_subnet(tmp_path: Path) -> None:
    """A bare list of something else that names records of ours is known by the id of its own."""
    record = subnet(1) | {"NetworkInterfaceId": "eni-00000001", "State": "in-use"}
    with pytest.raises(SourceError, match="'records with a NetworkInterfaceId' is not a list that cmdb reads"):
        opened(tmp_path, [record])


def test_lists_of_one_type_whose_members_differ(tmp_path: Path) -> None:
    """They are one; what one of them does not have, its records leave as it is stored."""
    [part] = opened(tmp_path, {"a": [{"vid": 1, "name": "x"}], "b": [{"vid": 2, "name": "y", "site": "HQ"}]})
    assert [(row["vid"], row.get("site")) for row in rows(part)] == [("1", None), ("2", "HQ")]


def test_an_object_that_holds_one_record(tmp_path: Path) -> None:
    """As the create calls answer: its name is the type's, and no field of another type."""
    [part] = opened(tmp_path, {"Subnet": subnet(1)})
    assert (part.resource_type, rows(part)[0]["SubnetId"]) == ("subnet", "subnet-00000001")


def item(number: int, when: str, **configuration: Any) -> dict[str, Any]:
    """Return a version of a VPC as AWS Config keeps it."""
    own = {"vpcId": f"vpc-{number:08x}", "cidrBlock": f"10.{number}.0.0/16"} | configuration
    about = {"resourceType": "AWS::EC2::VPC", "resourceId": own["vpcId"], "configurationItemCaptureTime": when}
    return about | {"awsAccountId": ACCOUNT, "awsRegion": "us-east-1", "tags": {}, "configuration": json.dumps(own)}


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_version_of_a_resource_is_read(tmp_path: Path, order: int) -> None:
    """Of a history, in whatever order; the report counts the others."""
    items = [item(1, "2026-11-02T00:00:00Z", state="available"), item(2, "2026-11-01T00:00:00Z")]
    items.append(item(1, "2026-11-01T00:00:00Z", state="pending"))
    [part] = opened(tmp_path, {"configurationItems": items[::order]})
    assert sorted((row["VpcId"], row.get("State")) for row in rows(part)) == [
        ("vpc-00000001", "available"),
        ("vpc-00000002", None),
    ]
    assert (part.records, said((part,))) == (2, ["older versions of resources are left out: 1"])


# What records leave open ----------------------------------------------------------------------------------------------

TAGS = st.lists(st.sampled_from([{"Key": "Name", "Value": "n"}, {"Key": "environment", "Value": "e"}]), max_size=2)
MORE = st.fixed_dictionaries(
    {},
    optional={
        "Tags": TAGS,
        "State": st.sampled_from(["available", "pending"]),
        "IsDefault": st.booleans(),
        "EnableDnsSupport": st.booleans(),
        "Ipv6CidrBlockAssociationSet": st.just([]),
        "Foo": st.just("x"),
    },
)


@law(60)
@given(records=st.lists(MORE, min_size=2, max_size=4))
def test_a_record_means_the_same_whatever_the_others_have(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    """Of a whole record, what is absent is unset; of a bare one, it stays; alone and among others."""
    whole = [vpc(number, **more) for number, more in enumerate(records)]
    for among in ({"Vpcs": whole}, whole):
        [part] = opened(tmp_path_factory.mktemp("all"), among)
        for record, meaning in zip(whole, meanings(part), strict=True):
            alone = {"Vpcs": [record]} if isinstance(among, dict) else [record]
            [one] = opened(tmp_path_factory.mktemp("one"), alone)
            assert meanings(one) == [meaning]
            if isinstance(among, dict):
                assert (meaning["state"], "name" in meaning) == (record.get("State"), True)
            else:
                assert ("state" in meaning, "name" in meaning) == ("State" in record, "Tags" in record)
            assert ("enable_dns_support" in meaning) == ("EnableDnsSupport" in record)


VIEWS: list[tuple[Any, dict[str, Any], list[bool]]] = [
    ({"Vpcs": [vpc(1), vpc(2)]}, {}, [True, True]),
    ({"Vpcs": [vpc(1), vpc(2, OwnerId=OTHER)]}, {}, [False, False]),
    ({"Vpcs": [vpc(1), vpc(2, OwnerId=OTHER)]}, {"constants": {"account_id": ACCOUNT}}, [True, False]),
    ({"Vpcs": [vpc(1), vpc(2, OwnerId=OTHER)]}, {"constants": {"Account ID": OTHER}}, [False, True]),
    ({"Vpcs": [vpc(1, OwnerId=OTHER, Tags=[])]}, {"constants": {"account_id": ACCOUNT}}, [False]),
]


@pytest.mark.parametrize(("document", "options", "clears"), VIEWS)
def test_a_view_of_another_account_never_empties(
    tmp_path: Path, document: Any, options: dict[str, Any], clears: list[bool]
) -> None:
    """Whose view it is says the caller, or else all records; where they differ, none is taken for the owner's."""
    [part] = opened(tmp_path, document, **options)
    assert ["name" in meaning for meaning in meanings(part)] == clears
    told = [notice.rule for notice in part.notices]
    assert told == (["view"] if not options and not any(clears) else [])


def attachment(number: int, owner: str, gateway: str = ACCOUNT) -> dict[str, Any]:
    """Return an attachment to a transit gateway of an account."""
    return {
        "TransitGatewayAttachmentId": f"tgw-attach-{number:08x}",
        "TransitGatewayId": "tgw-00000001",
        "TransitGatewayOwnerId": gateway,
        "ResourceOwnerId": owner,
        "ResourceType": "vpc",
        "ResourceId": f"vpc-{number:08x}",
        "State": "available",
    }


def test_the_view_of_an_attachment(tmp_path: Path) -> None:
    """The hub sees all of it; a spoke, whose own attachments tell it, does not see the route table."""
    hub = [attachment(1, OTHER), attachment(2, "333333333333")]
    [part] = opened(tmp_path, {"TransitGatewayAttachments": hub})
    assert all("association_route_table_id" in meaning for meaning in meanings(part))
    spoke = {"Vpcs": [vpc(1, OwnerId=OTHER)], "TransitGatewayAttachments": [attachment(1, OTHER)]}
    of_vpc, of_attachment = opened(tmp_path, spoke)
    assert meanings(of_vpc)[0]["name"] is None
    assert not {"association_route_table_id", "name"} & meanings(of_attachment)[0].keys()


def test_a_file_of_a_source_says_whose_view_it_is(tmp_path: Path) -> None:
    """Its lines are whole records, without the document around them."""
    path = tmp_path / "a.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in (vpc(1), vpc(2, OwnerId=OTHER))))
    (tmp_path / "work").mkdir()
    [part] = extract_all(ImportJob(path=path), tmp_path / "work", with_settings(), Described("Vpcs", ACCOUNT))
    assert ["name" in meaning for meaning in meanings(part)] == [True, False]


def test_a_view_leaves_what_it_does_not_have(tmp_path: Path) -> None:
    """The attachments of VPCs have no association, and the list of all attachments no subnets: in one document, too."""
    of_vpc: dict[str, Any] = {"TransitGatewayAttachmentId": "tgw-attach-00000002", "TransitGatewayId": "tgw-00000001"}
    of_vpc |= {"VpcId": "vpc-00000002", "VpcOwnerId": ACCOUNT, "State": "available", "SubnetIds": ["subnet-00000001"]}
    lists = {"TransitGatewayAttachments": [attachment(1, ACCOUNT)], "TransitGatewayVpcAttachments": [of_vpc]}
    [part] = opened(tmp_path, lists)
    first, second = meanings(part)
    assert (first["association_route_table_id"], "subnet_ids" in first) == (None, False)
    assert ("association_route_table_id" in second, second["subnet_ids"]) == (False, '["subnet-00000001"]')
    assert (second["account_id"], second["resource_id"], second["name"]) == (ACCOUNT, "vpc-00000002", None)


def test_a_member_of_any_object_that_is_absent_stays(tmp_path: Path) -> None:
    """And one that is null empties its field, in a document and in lines, whatever is nested."""
    records = [{"vid": 1, "name": "a", "tags": {"x": "1"}}, {"vid": 2, "name": None}, {"vid": 3, "tags": {}}]
    (tmp_path / "work").mkdir()
    for name, text in (("a.json", json.dumps(records)), ("a.ndjson", "\n".join(map(json.dumps, records)))):
        (tmp_path / name).write_text(text)
        job = ImportJob(path=tmp_path / name, resource_type="vlan")
        [part] = extract_all(job, tmp_path / "work", with_settings())
        [first, second, third] = meanings(with_type(part, "vlan"))
        assert first.keys() == {"vid", "name", "tags"}
        assert (second.get("name", "stays"), "tags" in second) == (None, False)
        assert ("name" in third, third.get("tags", "stays")) == (False, None)


def with_type(part: Extracted, name: str) -> Extracted:
    """Return a part as one of a type."""
    return part if part.resource_type else type(part)(**{**vars(part), "resource_type": name})


# Counts ---------------------------------------------------------------------------------------------------------------

LISTS = st.dictionaries(st.sampled_from(["Vpcs", "Subnets", "NetworkAcls", "Reservations"]), st.integers(0, 3))
DOCUMENTS = st.lists(LISTS.filter(lambda lists: any(lists.get(name) for name in ("Vpcs", "Subnets"))), min_size=1)


def page(lists: dict[str, int]) -> dict[str, Any]:
    """Return a page with so many records in each list."""
    made = {"Vpcs": vpc, "Subnets": subnet}
    other = {"NetworkAclId": "acl-1", "Entries": [{"Egress": True}]}
    return {name: [made[name](n) if name in made else other for n in range(count)] for name, count in lists.items()}


@law(60)
@given(documents=DOCUMENTS.filter(lambda each: len(each) <= 4), shape=st.sampled_from(["row", "list", "regions"]))
def test_the_counts_add_up(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, int]], shape: str
) -> None:
    """What is read and what is named as left out is all that is in the file, counted by itself."""
    pages = [page(lists) for lists in documents]
    regions = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1"]
    values: list[Any] = pages if shape == "row" else [pages]
    if shape == "regions":
        values = [dict(zip(regions, pages, strict=False))]
    parts = opened(tmp_path_factory.mktemp("counts"), *values)
    read = sum(part.frame.collect().height for part in parts)
    left = sum(int(count) for message in said(parts) for count in re.findall(r"\((\d+)\)", message))
    assert read + left == sum(sum(lists.values()) for lists in documents)
    assert read == sum(part.records or 0 for part in parts)
