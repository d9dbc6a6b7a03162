"""The path below which a proxy serves the API and the page."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.errors import UsageError


class BelowRootPath:
    """An application below a path, whether the proxy in front keeps the path of a request or removes it.

    The application gets the whole path and `root_path`, as ASGI has it. Every link that is made of a request begins
    with the path then.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole path."""
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "root_path": self.root_path}
            if not f"{scope['path']}/".startswith(f"{self.root_path}/"):
                raw = scope.get("raw_path") or scope["path"].encode()
                scope |= {"path": self.root_path + scope["path"], "raw_path": self.root_path.encode() + raw}
        await self.app(scope, receive, send)


def path_below(scope: Scope) -> str:
    """Return the path of a request without the one that the application is below."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def check_root_path(root_path: str, paths: Iterable[str]) -> None:
    """Refuse a path that begins as one of the application's own `paths` does; raises UsageError."""
    first = root_path.split("/")[1]
    if first in {path.split("/")[1] for path in paths}:
        raise UsageError(
            f"The API cannot be served below '{root_path}', as it has a path of its own that begins with /{first}: "
            "choose another path for CMDB_ROOT_PATH and CMDB_PUBLIC_URL, such as /cmdb."
        )
