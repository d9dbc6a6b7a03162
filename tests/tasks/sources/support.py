"""Fetching in tests: without waiting, into a folder that is looked at afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.access.secret import Secret
from schemas.fetched import Fetched
from schemas.resources import RESOURCES
from tasks.sources import Request
from tasks.sources import fetch as fetch_source
from tests.support import with_settings


class Patience:
    """Waits for nothing, and notes how long it was to wait."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        """Take note of a pause."""
        self.waited.append(seconds)


def request(url: str, folder: Path, *types: str, limits: dict[str, Any] | None = None, **options: Any) -> Request:
    """Return a request that may ask this machine; a secret is given as its text."""
    secret = options.pop("secret", None)
    allowed = {"source_private": True} | (limits or {})
    return Request(
        url,
        folder,
        with_settings(**allowed),
        tuple(RESOURCES[name] for name in types),
        secret=Secret("test", secret) if secret else None,
        wait=options.pop("wait", Patience()),
        **options,
    )


def fetched(url: str, folder: Path, *types: str, **options: Any) -> Fetched:
    """Fetch what is new."""
    found = fetch_source(request(url, folder, *types, **options))
    assert found is not None
    return found
