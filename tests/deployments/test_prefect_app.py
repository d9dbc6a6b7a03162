"""Prefect's server as we start it, without Prefect: what is before it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deployments.prefect_app import BelowPath, create
from flows.server.sign_in import SERVER


def test_it_does_not_start_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open server runs anybody's code: there is none by default, and the message says what to set."""
    monkeypatch.delenv(SERVER, raising=False)
    with pytest.raises(SystemExit, match=f"Set {SERVER}"):
        create()


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ("/orchestrator/api/health", "/api/health"),
        ("/api/health", "/api/health"),
        ("/orchestrator/v2/runs", "/orchestrator/v2/runs"),
        ("/v2/runs", "/orchestrator/v2/runs"),
        ("/orchestrator", "/orchestrator/"),
        ("/orchestrators", "/orchestrator/orchestrators"),
        ("/apis", "/orchestrator/apis"),
    ],
)
def test_the_path_may_be_removed_by_the_proxy(asked: str, passed: str) -> None:
    """Prefect is asked for the same, whether a proxy passes the path on or not."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await PlainTextResponse("")(scope, receive, send)

    async def ask() -> None:
        transport = httpx.ASGITransport(BelowPath(app, "/orchestrator"))
        async with httpx.AsyncClient(transport=transport, base_url="http://prefect") as client:
            await client.get(asked)

    asyncio.run(ask())
    assert seen == [passed]
