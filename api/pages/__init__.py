"""The pages: files that a browser loads, which then use the API as any program does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).with_name("static")

PAGES = {"/": "index.html", "/docs": "reference.html"}
"""The file of each page: that of imports and exports, and the reference of the API."""

PATHS = (*PAGES, "/static")
"""Where pages and their files are."""

_SWAGGER_UI = Path(str(files("fastapi_offline"))) / "static"


def mount(app: FastAPI) -> None:
    """Serve the pages, and their files below `/static`."""
    for path, name in PAGES.items():
        app.add_api_route(path, _page(name), include_in_schema=False)
    app.mount("/static/swagger-ui", StaticFiles(directory=_SWAGGER_UI), name="swagger-ui")
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def is_page(path: str) -> bool:
    """Say whether a request is for a page or one of its files."""
    return path in PAGES or path.startswith("/static/")


def _page(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def page() -> FileResponse:
        return FileResponse(STATIC / name)

    return page
