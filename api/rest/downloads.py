"""Downloads: a file of ours under a safe name, with its media type, in ranges where a client requests them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from api.rest.problems import RESPONSES, answer

_MEDIA = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


TABLES = (_MEDIA[".csv"], _MEDIA[".xlsx"])
"""The media types of files of rows that are made for a person."""

BYTES = "application/octet-stream"
"""The media type of any file, for a client that accepts no other."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def declared(what: str, *media: str) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes the responses of a download whose file has one of these media types."""
    # Generators of clients take the first that they know, and would decode text or JSON.
    content = {each.partition(";")[0]: _BINARY for each in (BYTES, *media)}
    return {
        200: {"content": content, "description": what},
        206: {"content": content, "description": "The range that was requested."},
        416: RESPONSES[416],
    }


class Download(FileResponse):
    """The response with a file; a range that cannot be sent is a problem, like every error of the API."""

    def __init__(self, path: Path, name: str, media: str, *, once: bool) -> None:
        super().__init__(path, media_type=media, filename=name)
        self.file, self.once = path, once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; remove it and its folder then, if it is for one response only."""
        if Headers(scope=scope).get("accept") == BYTES:
            self.headers["content-type"] = BYTES
        refused = False

        async def checked(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in _WRONG_RANGE:
                refused = True
                status, headers = message["status"], Headers(raw=message["headers"])
                size = {"Content-Range": headers["content-range"]} if "content-range" in headers else {}
                await answer(status, _WRONG_RANGE[status], scope["path"], headers=size)(scope, receive, send)
            if not refused:
                await send(message)

        try:
            await super().__call__(scope, receive, checked)
        finally:
            if self.once:
                await run_sync(self._remove)

    def _remove(self) -> None:
        self.file.unlink(missing_ok=True)
        self.file.parent.rmdir()


_WRONG_RANGE = {
    400: "The Range header is malformed: write it as in 'bytes=0-1023'.",
    416: "The requested range is not part of the file: its size is in the Content-Range header.",
}


def sent(path: Path, name: str, *, media: str | None = None, once: bool = False) -> Download:
    """Return a file as a download; with `once`, it and its folder are removed when it is sent."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-") or "download"
    return Download(path, safe, media or _MEDIA.get(path.suffix, BYTES), once=once)
