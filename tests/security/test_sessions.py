"""Sessions of the page: what a stolen cookie or a copy of the database is worth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from api.rest.security.access import COOKIE
from tests.api.facade import Locked
from tests.support import execute


@pytest.fixture
def page(locked: Locked) -> Iterator[httpx.Client]:
    """A browser in which alice has signed in."""
    with locked.client() as client:
        assert client.post("/api/session", json={"key": locked.keys["alice"]}).status_code == 204
        assert client.get("/api/session").json()["name"] == "alice"
        yield client


def test_the_cookie_is_not_the_key(locked: Locked, page: httpx.Client, database_url: str) -> None:
    """It is a random id of which the hash is stored; neither the hash nor a key does as a cookie, nor it as a key."""
    session = page.cookies[COOKIE]
    assert session not in locked.keys.values()
    [(stored, text)] = execute(database_url, "select sha256, api_session::text from api_session")
    assert stored == hashlib.sha256(session.encode()).hexdigest()
    assert session not in text
    for stolen in (stored, locked.keys["alice"], session + "x", ""):
        assert httpx.get(f"{locked.facade.address}/api/session", cookies={COOKIE: stolen}).status_code == 401
    with locked.facade.client(session) as bearer:
        assert bearer.get("/api/session").status_code == 401


@pytest.mark.parametrize(
    "passed",
    ["expires_at = now()", "seen_at = now() - interval '61 minutes'"],
)
def test_a_session_ends_in_time(page: httpx.Client, database_url: str, passed: str) -> None:
    """After twelve hours, or one hour without a request."""
    execute(database_url, "update api_session set seen_at = now() - interval '59 minutes'")
    assert page.get("/api/session").status_code == 200
    execute(database_url, f"update api_session set {passed}")  # noqa: S608  # one of the two above
    assert (page.get("/api/session").status_code, page.get("/api/imports").status_code) == (401, 401)


def test_a_session_ends_with_sign_out(page: httpx.Client) -> None:
    """At the server: a copy of the cookie is worth nothing then; so is one from before another sign-in."""
    copied = dict(page.cookies)
    assert page.delete("/api/session").status_code == 204
    assert httpx.get(page.base_url.join("/api/session"), cookies=copied).status_code == 401


def test_a_session_ends_with_its_key(locked: Locked) -> None:
    """When the key is rotated or revoked, at the next request."""
    with locked.client("boss") as boss:
        key = boss.post("/api/keys", json={"name": "netops", "scope": "write"}).json()["key"]
        for method, path in (("POST", "/api/keys/netops/rotate"), ("DELETE", "/api/keys/netops")):
            with locked.client() as page:
                assert page.post("/api/session", json={"key": key}).status_code == 204
                assert page.get("/api/imports").status_code == 200
                changed = boss.request(method, path)
                assert page.get("/api/imports").status_code == 401
            key = changed.json()["key"] if changed.content else ""
