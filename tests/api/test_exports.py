"""Exports over HTTP, against the whole system: ask, watch, fetch, cancel; and the templates and types."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema  # type: ignore[import-untyped]  # it has none
import openpyxl
import pytest

from schemas.resources import RESOURCES
from tests.api.facade import Facade
from tests.api.system import System, execute, file, follow, wait_for
from tests.support import MANY, importer, vpc, write_csv
from tests.support import execute as sql


@pytest.fixture
def client(system: System, tmp_path: Path) -> Any:
    """A client of the system, with three VPCs."""
    sql(system.url, "truncate vpc")
    importer(system.url, tmp_path)([vpc(1), vpc(2, region="eu-west-1"), vpc(3)])
    with system.client() as client:
        yield client


def export(client: httpx.Client, **asked: Any) -> str:
    """Ask for an export; returns its id."""
    answer = client.post("/api/export", json={"resourceType": "vpc"} | asked)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == answer.json()["links"]["progress"]
    found: str = answer.json()["exportId"]
    return found


def test_as_of(client: httpx.Client, tmp_path: Path) -> None:
    """The records as they were, and why a moment that is to come fails."""
    later = follow(client, export(client, asOf="2999-01-01"), what="export")[-1]
    assert (later["status"], "is yet to come" in later["message"]) == ("failed", True)
    before = len(client.get(f"/api/export/download/{_done(client, asOf='0m')}").text.split())
    follow(client, execute(client, write_csv(tmp_path / "more.csv", [vpc(9)])))
    # While it began, the newest import had not happened yet.
    began = client.get("/api/imports").json()["items"][0]["startedAt"]
    assert len(client.get(f"/api/export/download/{_done(client, asOf=began)}").text.split()) == before
    assert len(client.get(f"/api/export/download/{_done(client)}").text.split()) == before + 1


def _done(client: httpx.Client, **asked: Any) -> str:
    run = export(client, **asked)
    assert follow(client, run, what="export")[-1]["status"] == "completed"
    return run


WHERE = [
    {"field": "region", "op": "eq", "value": "us-east-1"},
    "region eq us-east-1",
    {"any": [{"field": "name", "op": "in", "value": ["net-1", "net-3"]}, {"field": "name", "op": "is_null"}]},
]


@pytest.mark.parametrize("where", WHERE, ids=["condition", "text", "group"])
def test_export_and_fetch(client: httpx.Client, where: Any) -> None:
    """A filter as JSON or as text; the file under a safe name, whole or in part."""
    run = export(client, where=where, fields=["name", "region"])
    last = follow(client, run, what="export")[-1]
    assert (last["status"], last["totalRecords"], last["exportId"]) == ("completed", 2, run)
    whole = client.get(f"/api/export/download/{run}")
    assert whole.headers["content-type"].startswith("text/csv")
    assert 'filename="vpc-20' in whole.headers["content-disposition"]
    assert whole.text.split() == ["name,region", "net-1,us-east-1", "net-3,us-east-1"]
    part = client.get(f"/api/export/download/{run}", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.text) == (206, "name")


def test_synonyms(client: httpx.Client) -> None:
    """Xlsx is excel, includeMetadata is metadata, and `filters` holds together with `where`."""
    asked = {"filters": {"region": ["us-east-1"]}, "where": "name ne net-3", "includeMetadata": True}
    run = export(client, format="xlsx", **asked)
    follow(client, run, what="export")
    got = client.get(f"/api/export/download/{run}")
    book = openpyxl.load_workbook(io.BytesIO(got.content))
    assert (book["VPC"].max_row, book.sheetnames) == (2, ["VPC", "About"])
    counted = client.post("/api/export/count", json={"resourceType": "vpc", "filters": {"region": "us-east-1"}})
    assert counted.json() == {"records": 2}


@pytest.mark.parametrize(
    ("format", "media"),
    [("excel", "spreadsheetml"), ("json", "application/json"), ("ndjson", "ndjson"), ("parquet", "parquet")],
)
def test_formats(client: httpx.Client, tmp_path: Path, format: str, media: str) -> None:
    """Each has its media type, and what is fetched imports again as nothing."""
    run = export(client, format=format, metadata=True, lineage=True)
    follow(client, run, what="export")
    got = client.get(f"/api/export/download/{run}")
    assert media in got.headers["content-type"]
    suffix = got.headers["content-disposition"].split('"')[1].rpartition(".")[2]
    path = tmp_path / f"again.{suffix}"
    path.write_bytes(got.content)
    sent = {"file": (path.name, got.content, got.headers["content-type"])}
    found = client.post("/api/import/preview", files=sent).json()
    assert found["result"]["counts"]["unchanged"] == 3, found


def test_compressed(client: httpx.Client) -> None:
    """A packed file is fetched packed; a workbook can't be."""
    run = export(client, compress=True)
    follow(client, run, what="export")
    got = client.get(f"/api/export/download/{run}")
    assert got.headers["content-type"] == "application/gzip"
    assert gzip.decompress(got.content).count(b"\n") == 4
    refused = client.post("/api/export", json={"resourceType": "vpc", "format": "excel", "compress": True})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("asked", [{"types": ["subnet", "VPCs"]}, {"all": True}])
def test_several_types(client: httpx.Client, tmp_path: Path, asked: dict[str, Any]) -> None:
    """One workbook with a sheet of each type that has records; formats of one table are refused."""
    run = export(client, resourceType=None, format="excel", **asked)
    assert follow(client, run, what="export")[-1]["status"] == "completed"
    got = client.get(f"/api/export/download/{run}")
    assert 'filename="cmdb-20' in got.headers["content-disposition"]
    path = tmp_path / "cmdb.xlsx"
    path.write_bytes(got.content)
    assert openpyxl.load_workbook(path)["VPC"].max_row == 4
    for wrong in ({"format": "csv"}, {"resourceType": "vpc", "format": "json"}):
        assert client.post("/api/export", json=asked | wrong).status_code == 422
    assert client.post("/api/export", json={"format": "json"}).status_code == 422


def test_a_key_asks_once(client: httpx.Client, system: System) -> None:
    """The same Idempotency-Key gives the same export, and leaves no folder behind."""
    headers = {"Idempotency-Key": uuid4().hex}
    asked = {"resourceType": "vpc", "fields": ["name"]}
    folder = system.home / "storage" / "exports"
    before = set(folder.iterdir()) if folder.exists() else set()
    runs = {client.post("/api/export", json=asked, headers=headers).json()["exportId"] for _ in range(3)}
    assert (len(runs), len(set(folder.iterdir()) - before)) == (1, 1)
    refused = client.post("/api/export", json=asked | {"limit": 1}, headers=headers)
    assert refused.json()["type"] == "urn:cmdb:problem:key-reused"


def test_wrong_requests(client: httpx.Client) -> None:
    """An unknown type is not found, and neither is a missing file; an export that failed says why."""
    unknown = client.post("/api/export", json={"resourceType": "vcp"}).json()
    assert (unknown["status"], "vpc" in unknown["detail"]) == (404, True)
    last = follow(client, run := export(client, asOf="2999-01-01"), what="export")[-1]
    assert (last["status"], "is yet to come" in last["message"]) == ("failed", True)
    assert client.get(f"/api/export/download/{run}").json()["detail"] == last["message"]
    assert client.post("/api/export", json={"resourceType": "vpc", "where": "("}).status_code == 422
    assert client.get(f"/api/export/progress/{uuid4()}").status_code == 404
    assert client.get(f"/api/export/download/{uuid4()}").status_code == 404


def test_cancel_and_remove(client: httpx.Client, system: System) -> None:
    """A running export is cancelled and leaves no file; one that is done is removed, and is then gone."""
    sql(system.url, "truncate vpc")
    sql(system.url, MANY, count=200_000)
    folder = system.home / "storage" / "exports"
    before = set(folder.iterdir()) if folder.exists() else set()
    run = export(client, format="excel")
    wait_for(client, run, "write", what="export")
    assert client.delete(f"/api/export/{run}").json()["inTime"]
    assert follow(client, run, what="export")[-1]["status"] == "cancelled"  # the answer waits for two seconds only
    [own] = set(folder.iterdir()) - before
    assert not list(own.iterdir())
    done = export(client, limit=1)
    follow(client, done, what="export")
    assert client.delete(f"/api/export/{done}").json()["message"] == "The export was done; its file is removed."
    assert client.get(f"/api/export/download/{done}").status_code == 410


def test_types(alone: Facade) -> None:
    """Every type has its fields, its schema and its rules."""
    with alone.client() as client:
        types = client.get("/api/resources").json()
        assert [each["type"] for each in types] == list(RESOURCES)
        for each in types:
            detail = client.get(f"/api/resources/{each['type']}").json()
            jsonschema.Draft202012Validator.check_schema(detail["recordSchema"])
            assert len(detail["fields"]) == each["fields"]
        assert client.get("/api/resources/tgw").json()["type"] == "transitGateway"
        assert client.get("/api/resources/nothing").status_code == 404
        rules = client.get("/api/rules", params={"resourceType": "vlan"}).json()
        assert rules
        assert all("vlan" in rule["types"] for rule in rules)
        for format, suffix in {"csv": "csv", "xlsx": "xlsx", "excel": "xlsx", "json": "json"}.items():
            got = client.get(f"/api/templates/{format}/site")
            assert f'filename="site-template.{suffix}"' in got.headers["content-disposition"]
        assert client.get("/api/templates/doc/vpc").status_code == 422


def test_refused_before_prefect_is_asked(alone: Facade) -> None:
    """A request that cannot be met says why; without Prefect, the others say that it does not answer."""
    with alone.client() as client:
        wrong = [
            {"resourceType": "vcp"},
            {"resourceType": "vpc", "where": "("},
            {"resourceType": "vpc", "format": "excel", "compress": True},
            {"all": True, "format": "csv"},
            {"format": "json"},
        ]
        assert [client.post("/api/export", json=asked).status_code for asked in wrong] == [404, 422, 422, 422, 422]
        away = client.post("/api/export", json={"resourceType": "vpc"})
        assert (away.status_code, "Prefect server does not answer" in away.json()["detail"]) == (503, True)
        assert client.get(f"/api/export/progress/{uuid4()}").status_code == 503


@pytest.mark.parametrize(
    "wrong",
    [
        {"where": "nme eq x"},
        {"where": {"field": "nme", "op": "eq", "value": "x"}},
        {"filters": {"nme": "x"}},
        {"fields": ["vpc_id", "nme"]},
        {"sort": ["-nme"]},
    ],
)
def test_an_unknown_field_is_refused(alone: Facade, wrong: dict[str, Any]) -> None:
    """The answer suggests a field at once, as that of a count does; nothing is started."""
    with alone.client() as client:
        answers = [client.post("/api/export", json={"resourceType": "vpc"} | wrong)]
        if not {"fields", "sort"} & set(wrong):
            answers.append(client.post("/api/export/count", json={"resourceType": "vpc"} | wrong))
    for answer in answers:
        assert (answer.status_code, answer.json()["detail"]) == (422, "vpc has no field 'nme': did you mean name?")


@pytest.mark.parametrize("wrong", [{"since": "yesterday"}, {"asOf": "soon"}, {"where": "cidr_block contains 10"}])
def test_what_cannot_be_selected_is_refused(alone: Facade, wrong: dict[str, Any]) -> None:
    """A time that is not one, and an operator that the field does not support."""
    with alone.client() as client:
        answer = client.post("/api/export", json={"resourceType": "vpc"} | wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text


def test_a_wrong_request_is_explained_in_plain_words(alone: Facade) -> None:
    """What a validator says reaches the caller without the name of the exception that it was."""
    with alone.client() as client:
        twice = client.post("/api/export", json={"resourceType": "vpc", "all": True})
        rate = client.post("/api/sync", json={"url": "https://ipam.example.com", "maxDelete": "many"})
    assert twice.json()["errors"] == [{"where": "body", "what": "give one of resourceType, types and all"}]
    assert rate.json()["errors"][0]["what"] == "write a count, such as 100, or a percentage, such as 2.5%"


def test_templates(client: httpx.Client, tmp_path: Path) -> None:
    """A template imports as it is."""
    book = openpyxl.load_workbook(io.BytesIO(client.get("/api/templates/xlsx/vpc").content))
    path = tmp_path / "template.xlsx"
    book.save(path)
    sent = file(path)["files"]["file"][1]
    found = client.post("/api/import/preview", files={"file": (path.name, sent)}).json()
    assert (found["result"]["resourceType"], found["result"]["counts"]["read"]) == ("vpc", 0)
