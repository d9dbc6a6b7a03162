"""Traps of AWS: pages that fail, throttling, roles, regions, records that several places list, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from schemas.errors import SourceError, Transient, UsageError
from schemas.language.spelling import snake_case
from schemas.model.documents import Document
from schemas.resources import RESOURCES
from tasks.sources import fetch
from tasks.sources.aws import Place, complete, records
from tasks.sources.aws_client import meaning
from tests.aws import RECORDED, REGION, aws, create_network
from tests.support import importer, stored
from tests.tasks.sources.rigs import ec2_error
from tests.tasks.sources.servers import Answer, Asked, Proxy, Site, site
from tests.tasks.sources.support import fetched, request

KEYS = '{"access_key_id": "AKIDEXAMPLE", "secret_access_key": "abcdefgh"}'
DESCRIBED = [resource for resource in RESOURCES.values() if resource.document]


@pytest.fixture
def front() -> Iterator[Site]:
    """A moto server behind one that may answer in its place, and answers what moto has no answer for."""
    with aws() as endpoint, site(Proxy(endpoint, recorded)) as running:
        yield running


def recorded(asked: Asked) -> Answer | None:
    """Answer a call that moto does not have with the recorded document of its type."""
    target = next((value for name, value in asked.headers.items() if name.lower() == "x-amz-target"), "")
    for name, path in RECORDED.items():
        document = RESOURCES[name].document
        if document and snake_case(target.rpartition(".")[2]) == document.call:
            return Answer(200, {"Content-Type": "application/x-amz-json-1.1"}, path.read_bytes())
    return None


def asked_of(front: Site, action: str) -> list[str]:
    """The bodies of the requests for an action."""
    return [asked.body.decode() for asked in front.asked if f"Action={action}&" in asked.body.decode()]


def answered(front: Site, action: str, *answers: Answer | None) -> None:
    """Answer an action in moto's place; None asks moto, and so do all requests after the last answer."""
    before, script = front.respond, list(answers)

    def respond(asked: Asked) -> Answer:
        mine = f"Action={action}&" in asked.body.decode() and script
        return (script.pop(0) if mine else None) or before(asked)

    front.respond = respond


def lists(front: Site, action: str, member: str, *items: str) -> None:
    """Answer an action with these items, always."""
    body = (
        f"<{action}Response><{member}>{''.join(f'<item>{item}</item>' for item in items)}</{member}></{action}Response>"
    )
    answered(front, action, *[Answer(200, {"Content-Type": "text/xml"}, body.encode())] * 9)


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def ec2() -> Any:
    """A client that asks nobody."""
    return boto3.Session("key", "secret").client("ec2", region_name=REGION)


@pytest.mark.parametrize("resource", DESCRIBED, ids=lambda resource: resource.type)
def test_every_type_with_a_document_has_a_call(resource: Any) -> None:
    """Whose answer has the document's list."""
    service = boto3.Session("key", "secret").client(resource.document.service, region_name=REGION)
    operation = service.meta.service_model.operation_model(service.meta.method_to_api_mapping[resource.document.call])
    assert resource.document.key in operation.output_shape.members


def test_a_whole_account_is_imported(front: Site, database_url: str, tmp_path: Path) -> None:
    """Every type, in the order of loading, without a constant and without a reject; secrets are not even fetched."""
    client = boto3.Session("key", "secret").client("ec2", region_name=REGION, endpoint_url=front.url)
    create_network(client)
    client.close()
    found = fetched(f"aws://default/us-east-1?endpoint={front.url}", tmp_path / "out", secret=KEYS)
    assert [file.resource_type for file in found.files] == [resource.type for resource in DESCRIBED]
    assert found.whole
    run = importer(database_url, tmp_path)
    for file in found.files:
        assert file.resource_type
        if not file.records:
            continue
        report = run(file.path, name=file.name, resource_type=file.resource_type)
        assert (report.counts.read, report.counts.rejected) == (file.records, 0), report.issues
        assert {row["region"] for row in stored(database_url, file.resource_type)} == {"us-east-1"}
        assert {row["account_id"] for row in stored(database_url, file.resource_type)} == {"123456789012"}
    written = "".join(file.path.read_text() for file in found.files)
    assert "VpnConnectionId" in written
    secrets = ("PreSharedKey", "pre_shared_key", "CustomerGatewayConfiguration", "authKey", "customerRouterConfig")
    assert not [word for word in secrets if word in written]


def test_pages_are_followed_until_one_fails() -> None:
    """What came before it is kept."""
    client = ec2()
    with Stubber(client) as stub:
        stub.add_response("describe_vpcs", {"Vpcs": [{"VpcId": "vpc-1"}], "NextToken": "b"}, {"MaxResults": 100})
        stub.add_response(
            "describe_vpcs", {"Vpcs": [{"VpcId": "vpc-2"}], "NextToken": "c"}, {"MaxResults": 100, "NextToken": "b"}
        )
        stub.add_client_error("describe_vpcs", "InternalError", "again", 500)
        got = records(client, Document("Vpcs"))
        assert [next(got)["VpcId"], next(got)["VpcId"]] == ["vpc-1", "vpc-2"]
        with pytest.raises(ClientError, match="InternalError"):
            next(got)


def test_pages_are_followed_that_botocore_does_not_know_of() -> None:
    """The calls of some services have a token, and no paginator."""
    client = boto3.Session("key", "secret").client("directconnect", region_name=REGION)
    assert not client.can_paginate("describe_connections")
    with Stubber(client) as stub:
        stub.add_response("describe_connections", {"connections": [{"connectionId": "a"}], "nextToken": "t"}, {})
        stub.add_response("describe_connections", {"connections": [{"connectionId": "b"}]}, {"nextToken": "t"})
        got = records(client, Document("connections", "directconnect"))
        assert [record["connectionId"] for record in got] == ["a", "b"]


def test_throttling_passes(front: Site, tmp_path: Path) -> None:
    """It is asked again, and nothing is lacking."""
    throttled = ec2_error("RequestLimitExceeded", "slowly", 503)
    answered(front, "DescribeVpcs", throttled, throttled)
    found = fetched(f"aws://default/us-east-1?endpoint={front.url}", tmp_path, "vpc", secret=KEYS)
    assert (found.whole, len(asked_of(front, "DescribeVpcs"))) == (True, 3)


def test_throttling_that_does_not_pass_is_no_fault_of_the_source() -> None:
    """Another attempt may help, after refused credentials none."""
    client = ec2()
    with Stubber(client) as stub:
        stub.add_client_error("describe_vpcs", "RequestLimitExceeded", "slowly", 503)
        stub.add_client_error("describe_vpcs", "AuthFailure", "who are you", 401)
        with pytest.raises(ClientError) as caught:
            client.describe_vpcs()
        assert isinstance(meaning("vpc", caught.value), Transient)
        with pytest.raises(ClientError) as caught:
            client.describe_vpcs()
        assert isinstance(meaning("vpc", caught.value), SourceError)


def test_a_region_that_is_switched_off_is_reported_once(front: Site, tmp_path: Path) -> None:
    """And not for every type."""
    refused = ec2_error("AuthFailure", "not in this region", 401)
    answered(front, "DescribeVpcs", refused)
    with pytest.raises(SourceError, match=r"^123456789012/us-east-1 knows no such credentials"):
        fetch(request(f"aws://default/us-east-1?endpoint={front.url}", tmp_path, "vpc", "subnet", secret=KEYS))
    assert asked_of(front, "DescribeSubnets") == []


def test_all_regions(front: Site, tmp_path: Path) -> None:
    """Those that are switched on for the account."""
    lists(
        front,
        "DescribeRegions",
        "regionInfo",
        *(f"<regionName>{name}</regionName>" for name in ("us-west-2", "eu-west-1")),
    )
    found = fetched(f"aws://default/*?endpoint={front.url}", tmp_path, "vpc", secret=KEYS)
    assert [file.constants["region"] for file in found.files] == ["eu-west-1", "us-west-2"]


@pytest.mark.parametrize(
    "url",
    [
        "aws://reader@111111111111,222222222222/us-east-1?endpoint={}",
        "aws://default/us-east-1?role=arn:aws:iam::111111111111:role/reader&role=arn:aws:iam::222222222222:role/x/reader&endpoint={}",
    ],
)
def test_roles_of_several_accounts(front: Site, tmp_path: Path, url: str) -> None:
    """Each is taken on, and says whose the records are."""
    found = fetched(url.format(front.url), tmp_path, "vpc", secret=KEYS)
    assert [file.constants["account_id"] for file in found.files] == ["111111111111", "222222222222"]
    for file in found.files:
        assert {record["OwnerId"] for record in read(file.path)} == {file.constants["account_id"]}
        assert {record["region"] for record in read(file.path)} == {"us-east-1"}


def test_a_role_that_lets_nobody_in_leaves_the_others(front: Site, tmp_path: Path) -> None:
    """It is told, so that nothing of its account is taken for deleted."""
    answered(front, "AssumeRole", ec2_error("AccessDenied", "no", 403))
    found = fetched(
        f"aws://reader@111111111111,222222222222/us-east-1?endpoint={front.url}", tmp_path, "vpc", secret=KEYS
    )
    assert [file.constants["account_id"] for file in found.files] == ["222222222222"]
    assert [issue.value for issue in found.failures] == ["arn:aws:iam::111111111111:role/reader"]
    assert [(each.resource_type, each.constants) for each in found.unread] == [(None, {"account_id": "111111111111"})]


def test_a_type_that_fails_is_placed(front: Site, tmp_path: Path) -> None:
    """Its records of one region may be missing, and no others."""
    answered(front, "DescribeSubnets", ec2_error("UnauthorizedOperation", "no", 403))
    url = f"aws://default/us-east-1?endpoint={front.url}"
    found = fetched(url, tmp_path, "vpc", "subnet", secret=KEYS)
    place = {"account_id": "123456789012", "region": "us-east-1"}
    assert [(file.resource_type, file.constants) for file in found.files] == [("vpc", place)]
    assert [(each.resource_type, each.constants) for each in found.unread] == [("subnet", place)]


def test_what_is_shared_is_its_owners(front: Site, tmp_path: Path) -> None:
    """A gateway that another account sees too is in the owner's list alone, and one of a third account in the first."""
    gateway = "<transitGatewayId>tgw-{}</transitGatewayId><ownerId>{}</ownerId>"
    owners = {"0000000a": "222222222222", "0000000b": "333333333333"}
    lists(front, "DescribeTransitGateways", "transitGatewaySet", *(gateway.format(*pair) for pair in owners.items()))
    url = f"aws://reader@111111111111,222222222222/us-east-1?endpoint={front.url}"
    found = fetched(url, tmp_path, "transitGateway", secret=KEYS)
    assert [[record["TransitGatewayId"] for record in read(file.path)] for file in found.files] == [
        ["tgw-0000000b"],
        ["tgw-0000000a"],
    ]
    assert [file.records for file in found.files] == [1, 1]


def test_a_record_is_completed_and_no_more() -> None:
    """The account and region that the API leaves out are put in; what it says stays."""
    place = Place("111111111111", "eu-west-1", None, {})
    assert complete({"VpcId": "x", "OwnerId": "2"}, RESOURCES["vpc"], place) == {
        "VpcId": "x",
        "OwnerId": "2",
        "region": "eu-west-1",
    }
    vpn = complete({"Options": {"TunnelOptions": [{"PreSharedKey": "k", "a": 1}]}}, RESOURCES["vpnConnection"], place)
    assert vpn == {"Options": {"TunnelOptions": [{"a": 1}]}, "OwnerId": "111111111111", "region": "eu-west-1"}


@pytest.mark.parametrize(
    ("url", "secret", "said"),
    [
        ("aws://default/us_east", KEYS, "'us_east' is not an AWS region"),
        ("aws://default", KEYS, "is not an AWS region: write aws://PROFILE/us-east-1"),
        ("aws://reader@11/us-east-1", KEYS, "'11' is not an AWS account"),
        ("aws://default/us-east-1?role=reader", KEYS, "'reader' is not a role"),
        ("aws://default/us-east-1?rolle=x", KEYS, r"no option 'rolle': did you mean role\?"),
        ("aws://nobody-has-this/us-east-1", None, "AWS profile 'nobody-has-this' not found"),
        ("aws://default/us-east-1", "abcdefgh", "holds no access key"),
    ],
)
def test_what_is_wrong_with_a_request(tmp_path: Path, url: str, secret: str | None, said: str) -> None:
    """It is told before anybody is asked."""
    with pytest.raises(UsageError, match=said):
        fetch(request(url, tmp_path, "vpc", secret=secret))


def test_no_type_of_aws(tmp_path: Path) -> None:
    """Sites are elsewhere."""
    with pytest.raises(UsageError, match="aws:// has no site"):
        fetch(request("aws://default/us-east-1", tmp_path, "site", secret=KEYS))
