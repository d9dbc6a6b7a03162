"""A run on a server, followed to its end: by server-sent events, and by requests where these do not come through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson

from api.cli.backends.client import Client
from api.cli.watch import Watch
from schemas.errors import CmdbError, Unavailable
from schemas.phases import Phase

_ENDED = ("completed", "failed", "cancelled")

_PAUSE = 1.0
"""Seconds between two requests for the progress of a run."""


def followed(client: Client, what: str, run_id: str, watch: Watch) -> dict[str, Any]:
    """Return the last progress of an import or an export, once it has ended; Ctrl-C cancels it.

    Raises KeyboardInterrupt where it was cancelled in time, and CmdbError where its end is not known.
    """
    try:
        return _to_its_end(client, what, run_id, watch)
    except KeyboardInterrupt:
        return _stopped(client, what, run_id, watch)


def _stopped(client: Client, what: str, run_id: str, watch: Watch) -> dict[str, Any]:
    try:
        watch.say(client.delete(f"/api/{what}/{run_id}").json()["message"])
    except CmdbError as error:
        raise Unavailable(f"The run {run_id} goes on on the server, as it could not be stopped. {error}") from error
    last = _to_its_end(client, what, run_id, watch)
    if last["status"] == "cancelled":
        raise KeyboardInterrupt
    return last


def _to_its_end(client: Client, what: str, run_id: str, watch: Watch) -> dict[str, Any]:
    path = f"/api/{what}/progress/{run_id}"
    pushed = True
    try:
        while True:
            if pushed:
                # A proxy may hold the events back; then none comes in time.
                pushed = False
                for progress in _events(client, path):
                    pushed = True
                    _show(progress, watch)
                    if progress["status"] in _ENDED:
                        return progress
            progress = _progress(client, path)
            _show(progress, watch)
            if progress["status"] in _ENDED:
                return progress
            time.sleep(_PAUSE)
    except Unavailable as error:
        raise Unavailable(f"{error} The run goes on on the server: `cmdb show {run_id[:8]}` shows its end.") from error


def _progress(client: Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path)
    return found


def _events(client: Client, path: str) -> Iterator[dict[str, Any]]:
    try:
        for data in client.events(f"{path}/events"):
            progress: dict[str, Any] = orjson.loads(data)
            yield progress
    except (httpx.TransportError, orjson.JSONDecodeError):
        return


def _show(progress: dict[str, Any], watch: Watch) -> None:
    phase = progress["phase"]
    # A newer server may have phases that are not known here.
    if phase in tuple(Phase):
        watch.progress(Phase(phase), progress["processedRecords"], progress["totalRecords"])
