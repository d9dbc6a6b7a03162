"""The description of the API: what validators, generators of clients and readers need is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from schemas.job_options.choices import Mode
from tests.api.facade import Facade
from tests.waiting import wait_until

FILES = {"downloadExport", "downloadRejectedRows", "downloadTemplate"}
"""The operations whose answer is a file."""


@pytest.fixture
def document(alone: Facade) -> dict[str, Any]:
    """The description as a client reads it."""
    with alone.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give each operation of a description."""
    for item in document["paths"].values():
        yield from item.values()


def test_it_is_valid(document: dict[str, Any]) -> None:
    """It follows the specification of OpenAPI 3.1."""
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_operations_have_names(document: dict[str, Any]) -> None:
    """Each operation has an id of its own, in camelCase, and a summary and a description for readers."""
    ids = [each["operationId"] for each in operations(document)]
    assert {"previewImport", "executeImport", "getImportResult", "startExport", *FILES} <= set(ids)
    assert len(ids) == len(set(ids))
    assert [each for each in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", each)] == []
    assert [
        each["operationId"] for each in operations(document) if not each["summary"] or not each["description"]
    ] == []


def test_every_body_has_one_type(document: dict[str, Any]) -> None:
    """A generator of clients need not choose between two."""
    bodies = [each["requestBody"]["content"] for each in operations(document) if "requestBody" in each]
    assert bodies
    assert {len(content) for content in bodies} == {1}


@pytest.mark.parametrize("name", ["PreviewForm", "ExecuteForm"])
def test_the_parts_of_a_form(document: dict[str, Any], name: str) -> None:
    """The file is binary, a choice is one of its values, an object is an object, and nothing is required."""
    schemas = document["components"]["schemas"]
    form = schemas[name]
    assert "required" not in form
    assert form["properties"]["file"].items() >= {"type": "string", "format": "binary"}.items()
    assert form["properties"]["mode"]["$ref"] == "#/components/schemas/Mode"
    assert schemas["Mode"]["enum"] == list(Mode)
    assert form["properties"]["mapping"]["type"] == "object"
    assert form["properties"]["uploadId"].items() >= {"type": "string", "format": "uuid"}.items()
    assert ("planId" in form["properties"]) is (name == "ExecuteForm")


def test_a_filter_is_an_object_or_text(document: dict[str, Any]) -> None:
    """The filter of an export and of a count."""
    for name in ("ExportRequest", "CountRequest"):
        where = document["components"]["schemas"][name]["properties"]["where"]["anyOf"]
        assert {"string", None, "null"} == {each.get("type") for each in where}


def test_every_response_is_described(document: dict[str, Any]) -> None:
    """A response has a description, and a schema for each of its media types; an error is a problem."""
    for each in operations(document):
        assert {"400", "403", "500"} <= set(each["responses"]), each["operationId"]
        for status, response in each["responses"].items():
            where = f"{each['operationId']} {status}"
            assert response["description"], where
            assert all("schema" in content for content in response.get("content", {}).values()), where
            if int(status) >= 400 and (each["operationId"], status) != ("checkReadiness", "503"):
                problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
                assert response["content"] == {"application/problem+json": problem}, where


def test_files_are_binary(document: dict[str, Any]) -> None:
    """A download is bytes, whatever its media type; a client that accepts nothing else gets it as such."""
    found = {each["operationId"]: each["responses"] for each in operations(document)}
    for name in FILES:
        content = found[name]["200"]["content"]
        assert next(iter(content)) == "application/octet-stream"
        assert len(content) > 2
        assert {each["schema"]["format"] for each in content.values()} == {"binary"}


def test_a_client_may_accept_bytes_alone(alone: Facade) -> None:
    """The same file has its own media type, or is sent as the bytes that a client accepts."""
    with alone.client() as client:
        plain = client.get("/api/templates/csv/vpc")
        as_bytes = client.get("/api/templates/csv/vpc", headers={"Accept": "application/octet-stream"})
    types = [answer.headers["content-type"] for answer in (plain, as_bytes)]
    assert types == ["text/csv; charset=utf-8", "application/octet-stream"]
    assert plain.content == as_bytes.content


@pytest.mark.parametrize(("asked", "status"), [("bytes=1000000-", 416), ("bytes=x", 400)])
def test_a_wrong_range_is_a_problem(alone: Facade, asked: str, status: int) -> None:
    """The answer says what is wrong with it, and the file that was made for it does not stay."""
    with alone.client() as client:
        answer = client.get("/api/templates/csv/vpc", headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert "range" in answer.json()["detail"].lower()
    assert (status == 416) is ("content-range" in answer.headers)
    temporary = alone.storage.parent / "tmp"
    wait_until(lambda: not list(temporary.iterdir()))
