"""Downloads: a file of ours under a safe name, with its media type, in ranges where a client asks for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

_MEDIA = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


TABLES = (_MEDIA[".csv"], _MEDIA[".xlsx"])
"""The media types of files of rows that are made for a person."""


def declared(what: str, *media: str) -> dict[str, Any]:
    """Say in the OpenAPI document that a file is answered, of one of these media types."""
    return {"content": {each.partition(";")[0]: {} for each in media}, "description": what}


def sent(path: Path, name: str, *, media: str | None = None, once: bool = False) -> FileResponse:
    """Return a file as a download; with `once`, it and its folder are gone when it is sent."""

    def away() -> None:
        path.unlink(missing_ok=True)
        path.parent.rmdir()

    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-") or "download"
    kind = media or _MEDIA.get(path.suffix, "application/octet-stream")
    return FileResponse(path, media_type=kind, filename=safe, background=BackgroundTask(away) if once else None)
