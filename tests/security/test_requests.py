"""Requests made to hold up or break the API: each is answered at once, and never with 500."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from starlette.types import Message, Receive, Scope, Send

from api.rest.models.exports import ExportRequest
from api.rest.models.imports import ImportOptions
from api.rest.models.records import CountRequest
from api.rest.problems import Refused
from api.rest.security.nul import NoNul
from schemas.errors import UsageError
from schemas.job_options.filters import MAX_TEXT, parse
from schemas.job_options.read_options import ReadOptions
from schemas.jobs import ExportJob, ImportJob, SyncJob
from schemas.settings import Settings, settings
from tests.api.facade import Facade
from tests.api.support import Cli
from tests.cpu import cpu_seconds

AT_ONCE = 5.0
"""CPU seconds that are plenty for what takes milliseconds, and took a minute."""


# Filters --------------------------------------------------------------------------------------------------------------

LONG_FILTERS = {
    "conditions": "a=1 or " * (MAX_TEXT // 7),
    "values": "a in (" + "x," * (MAX_TEXT // 2 - 10) + "x)",
    "words": "a eq" + " b" * (MAX_TEXT // 2 - 10),
    "brackets": "(" * MAX_TEXT,
    "quotes": '"' * MAX_TEXT,
    "backslashes": "a eq '" + "\\" * (MAX_TEXT - 10),
    "spaces": "a eq 1" + " " * (MAX_TEXT - 10) + "'",
}


@pytest.mark.parametrize("case", LONG_FILTERS)
def test_a_long_filter_is_read_in_linear_time(case: str) -> None:
    """However it is built, the longest one takes a moment; a longer one is refused unread, and not repeated whole."""
    assert cpu_seconds(lambda: parse(LONG_FILTERS[case]), UsageError, ValidationError) < AT_ONCE
    with pytest.raises(UsageError) as refused:
        parse(LONG_FILTERS[case] * 9)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "where",
    [
        {"all": [{}] * 300_000},
        {"all": [{"field": "a", "op": "eq", "value": "1"}] * 20_000},
        {"any": [{"all": [{}] * 500}] * 500},
        {"all": [{"all": [{"all": []}] * 5_000}]},
        {"field": "a", "op": "in", "value": ["x"] * 200_000},
    ],
    ids=["empty", "many", "nested", "hollow", "values"],
)
def test_a_large_filter_of_json_has_few_errors(where: dict[str, Any]) -> None:
    """The first wrong part ends the search: an error for each of a million parts held up every other request."""

    def read() -> None:
        CountRequest.model_validate({"resourceType": "vpc", "where": where})

    assert cpu_seconds(read, ValidationError) < AT_ONCE
    if where.get("op") != "in":
        with pytest.raises(ValidationError) as refused:
            read()
        assert refused.value.error_count() < 50


def test_objects_of_very_many_members(alone: Facade) -> None:
    """They are counted before they are validated, and the answer is not longer than the request."""
    many: dict[str, Any] = {str(number): {} for number in range(60_000)}
    with pytest.raises(ValidationError) as refused:
        ExportRequest.model_validate({"resourceType": "vpc", "filters": many})
    assert refused.value.error_count() == 1
    with alone.client() as client:
        wrong = {str(number): number for number in range(5_000)}
        answer = client.post("/api/export", json={"resourceType": "vpc", **wrong})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 100)


def test_groups_that_are_nested_deep(alone: Facade) -> None:
    """They are refused with a problem: building their SQL ends in a RecursionError."""
    nested: dict[str, Any] = {"field": "name", "op": "eq", "value": "1"}
    for _ in range(150):
        nested = {"all": [nested]}
    with alone.client() as client:
        answer = client.post("/api/export/count", json={"resourceType": "vpc", "where": nested})
    assert answer.status_code == 422


def test_a_long_filter_leaves_the_event_loop_alone(alone: Facade) -> None:
    """Its model only measures it, and a thread parses it; text that is no filter is a wrong request all the same."""
    text = "name eq 1 or " * 900 + "name eq 1"
    assert CountRequest(resource_type="vpc", where=text).where == text
    with alone.client() as client:
        counted = client.post("/api/export/count", json={"resourceType": "vpc", "where": text})
        wrong = client.post("/api/export/count", json={"resourceType": "vpc", "where": "name eq"})
        huge = client.post("/api/export/count", json={"resourceType": "vpc", "where": "a" * 825_000})
    assert (counted.status_code, counted.json()) == (200, {"records": 0})
    assert (wrong.status_code, huge.status_code) == (422, 422)
    assert len(huge.content) < 2_000


# NUL ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("GET", "/api/records/vpc?search=%00", None),
        ("GET", "/api/records/vpc/record?key=a%00b", None),
        ("GET", "/api/imports?sync=%00", None),
        ("GET", "/api/resources/vp%00c", None),
        ("POST", "/api/export/count", {"resourceType": "vpc", "where": "name eq \0"}),
        ("POST", "/api/export", {"resourceType": "vpc", "savedMapping": "a\0"}),
        ("POST", "/api/sync", {"url": "https://example.com/a.csv", "constants": {"reg\0ion": "x"}}),
        ("POST", "/api/session", {"key": "a\0b"}),
    ],
)
def test_a_nul_is_refused_at_the_door(alone: Facade, method: str, address: str, body: dict[str, Any] | None) -> None:
    """In a query, in a path and in JSON alike; Prefect's client would try for minutes to store it."""
    with alone.client() as client:
        answer = client.request(method, address, json=body)
        form = client.post(
            "/api/import/execute",
            data={"constants": '{"region": "a\\u0000"}'},
            files={"file": ("a.csv", b"vpc_id\n1\n", "text/csv")},
        )
    assert (answer.status_code, form.status_code) == (422, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"\\u0000" not in answer.content


@pytest.mark.parametrize("options", [{"encoding": "utf-8", "sheet": "a\0"}, {"null": ["\0"]}, {"columns": ["\ud800"]}])
def test_options_hold_text_that_can_be_stored(options: dict[str, Any]) -> None:
    """Every model of a job refuses what no column of text can hold, wherever it stands."""
    for model in (
        lambda: ReadOptions(**options),
        lambda: ImportJob(path="a.csv", read=options),
        lambda: ImportJob(path="a.csv", constants={"name": "\0"}),
        lambda: SyncJob(url="https://example.com/\0"),
        lambda: ExportJob(path="a.csv", resource_type="vpc", mapping="\0"),
        lambda: ImportOptions.model_validate(options),
    ):
        with pytest.raises(ValidationError):
            model()


@pytest.mark.parametrize(
    ("text", "refused"),
    [(rb'"\u0000"', True), (rb'"\\\u0000"', True), (rb'"\\u0000"', False), (rb'"\\\\u0000"', False), (b"\0", True)],
)
@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_an_escaped_nul_is_found_however_a_body_is_cut(text: bytes, refused: bool, size: int) -> None:
    """An escaped backslash before "u0000" is a backslash, and no NUL."""
    body = b'{"a": ' + text + b', "b": "\\\\n"}'
    parts = [body[at : at + size] for at in range(0, len(body), size)]

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        for _ in parts:
            await receive()

    async def receive() -> Message:
        return {"type": "http.request", "body": parts_left.pop(0)}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    parts_left = list(parts)
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(Refused) if refused else nullcontext():
        asyncio.run(NoNul(app)(scope, receive, send))


# Separators and encodings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ['"', "\n", "\r", "a", "5", "é", "\U0001f600", "\0", "", ",,"])
def test_what_separates_no_fields(alone: Facade, sign: str) -> None:
    """It is a wrong request, for an export and for an import."""
    with alone.client() as client:
        answer = client.post("/api/export", json={"resourceType": "vpc", "delimiter": sign})
    assert answer.status_code == 422
    with pytest.raises(ValidationError):
        ImportOptions.model_validate({"delimiter": sign})
    with pytest.raises(ValidationError):
        ReadOptions(delimiter=sign)


@pytest.mark.parametrize("name", ["punycode", "idna", "base64", "unicode_escape", "utf-7", "zlib", "undefined", "x\0"])
def test_codecs_that_are_no_encodings_of_files(name: str) -> None:
    """Some of Python's take quadratic time, and one never ends well: only encodings on a list are read."""
    with pytest.raises(ValidationError):
        ReadOptions(encoding=name)
    assert ReadOptions(encoding="ISO-8859-15").encoding == "ISO-8859-15"


# Settings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ['["netops:write:{}"]', '["{}:write:x"]', '["{}"]', "netops:write:{}", "{}"])
def test_a_key_in_place_of_its_hash_is_not_repeated(monkeypatch: pytest.MonkeyPatch, cli: Cli, form: str) -> None:
    """A sentence says which setting is wrong, without a traceback and without the key."""
    key = f"cmdb_{'k' * 70}"
    monkeypatch.setenv("CMDB_API_KEYS", form.replace("{}", key))
    settings.cache_clear()
    done = cli("settings")
    assert (done.code, "CMDB_API_KEYS" in done.err) == (2, True)
    assert key not in done.out + done.err
    assert "Traceback" not in done.err
    with pytest.raises((ValidationError, SettingsError)) as wrong:
        Settings()
    assert key not in str(wrong.value)
