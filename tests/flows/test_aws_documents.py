"""Documents of moto's real HTTP server, through boto3, imported end to end without a mapping."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.issues import Severity
from schemas.reports import Status
from schemas.resources import RESOURCES
from tests.aws import REGION, Document
from tests.support import importer, issues_of, stored


def test_every_aws_document_imports_without_a_mapping(
    database_url: str, tmp_path: Path, aws_documents: dict[str, Document]
) -> None:
    """Each type's document tells its type, fills its fields and loads whole; again, it changes nothing."""
    run = importer(database_url, tmp_path)
    assert set(aws_documents) == {name for name, resource in RESOURCES.items() if resource.document}
    for name in (name for name in RESOURCES if name in aws_documents):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(aws_documents[name], indent=2), encoding="utf-8")
        report = run(path, constants={"region": REGION})
        errors = [issue for issue in issues_of(database_url, report) if issue.severity is Severity.ERROR]
        assert errors == []
        assert (report.status, report.resource_type) == (Status.COMPLETED, name)
        assert report.counts.create == report.counts.read > 0
        again = run(path, constants={"region": REGION})
        assert again.counts.unchanged == again.counts.read == report.counts.read


def test_names_owners_and_nested_members_arrive(
    database_url: str, tmp_path: Path, aws_documents: dict[str, Document]
) -> None:
    """The Name tag is the name, other tags fill the fields of their name, and nothing secret is kept."""
    run = importer(database_url, tmp_path)
    for name in (name for name in RESOURCES if name in aws_documents):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(aws_documents[name]), encoding="utf-8")
        run(path, constants={"region": REGION})
    [vpc] = [record for record in stored(database_url, "vpc") if record["name"] == "core"]
    assert (vpc["cost_center"], vpc["environment"], vpc["secondary_cidr_blocks"]) == (
        "CC-1234",
        "production",
        ["10.21.0.0/16"],
    )
    assert stored(database_url, "transitGateway")[0]["amazon_side_asn"] > 0
    everything = json.dumps([stored(database_url, name) for name in aws_documents], default=str)
    assert "PreSharedKey" not in everything
    assert "pre_shared_key" not in everything
    assert "s3cret" not in everything
    tagged = {row["name"]: row["environment"] for row in stored(database_url, "directConnectVirtualInterface")}
    assert tagged == {"core-private": "production", "internet": None}


def test_both_spellings_of_an_endpoints_state(database_url: str, tmp_path: Path) -> None:
    """The API's model says `Available` and its answers `available`: neither is told as a repair."""
    row = {"vpc_id": "vpc-0a1b2c3d", "service_name": "com.amazonaws.us-east-1.s3", "endpoint_type": "Gateway"}
    run = importer(database_url, tmp_path)
    run([{"vpc_id": "vpc-0a1b2c3d", "cidr_block": "10.0.0.0/16"}], resource_type="vpc")
    states = ("available", "Available", "pendingAcceptance")
    report = run([row | {"vpce id": f"vpce-{n:08x}", "state": state} for n, state in enumerate(states)])
    assert (report.counts.create, report.issues) == (3, ())
    kept = [record["state"] for record in stored(database_url, "vpcEndpoint")]
    assert kept == ["Available", "Available", "PendingAcceptance"]
