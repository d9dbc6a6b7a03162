"""Prefect's server behind the doors that it lacks: a secret, its own host names, one page that may call it.

Imports nothing of ours, so that the container of Prefect can run this one file. It reads Prefect's own variables, and
`CMDB_PREFECT_HOSTS`, a JSON list of other host names by which clients reach the server.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import uvicorn
from sqlalchemy import Engine, event
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What SQLAlchemy itself takes from the query of an address of asyncpg; all else there is a parameter of libpq.
_ARGUMENTS = {
    *("host", "port", "user", "password", "database", "timeout", "command_timeout", "server_settings", "ssl"),
    *("statement_cache_size", "prepared_statement_cache_size", "prepared_statement_name_func"),
    *("async_fallback", "async_creator_fn"),
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class BelowPath:
    """The application as a proxy reaches it below a path, whether or not the proxy removes the path.

    Prefect expects its page below the path, and its API at the root.
    """

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app = app
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the path that Prefect expects."""
        if scope["type"] in ("http", "websocket"):
            path = self._expected(scope["path"])
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)

    def _expected(self, path: str) -> str:
        inner = path.removeprefix(self.base) if f"{path}/".startswith(f"{self.base}/") else path
        return inner if f"{inner}/".startswith("/api/") else self.base + (inner or "/")


class OwnSiteOnly:
    """The application with a page that sends nothing elsewhere, and that no other page shows in a frame.

    Prefect's page would load a recorder of sessions from a third party.
    """

    def __init__(self, app: ASGIApp, sites: Sequence[str]) -> None:
        self.app = app
        sockets = [site.replace("http", "ws", 1) for site in sites]
        self.policy = f"connect-src 'self' {' '.join([*sites, *sockets])}; frame-ancestors 'none'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the policy, by which the browser holds the page."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = self.policy
            await send(message)

        await self.app(scope, receive, sent)


def create() -> ASGIApp:
    """Return Prefect's application; exits where it would be open to everybody."""
    if not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise SystemExit("Set PREFECT_SERVER_API_AUTH_STRING: whoever may use Prefect may run code as its workers do.")
    page = urlsplit(os.environ["PREFECT_UI_URL"].rstrip("/"))
    sites = _sites(f"{page.scheme}://{page.netloc}", page.hostname or "")
    os.environ |= {
        "PREFECT_UI_API_URL": f"{sites[0]}{page.path}/api",
        "PREFECT_UI_SERVE_BASE": page.path or "/",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(sites),
    }
    from prefect.server.api.server import create_app  # Prefect reads its settings as it is imported

    keep_few_events()
    app: ASGIApp = OwnSiteOnly(create_app(final=True), sites)
    if page.path:
        app = BelowPath(app, page.path)
    # Outermost: a page of another name that leads here is refused before anything of Prefect sees it.
    return TrustedHostMiddleware(app, [*_LOOPBACK, page.hostname or "", *_other_hosts()], www_redirect=False)


def accept_libpq_parameters() -> None:
    """Let the address of Prefect's database have parameters of libpq, such as `sslmode`.

    SQLAlchemy passes the query of an address to the driver as arguments. asyncpg takes libpq's parameters from an
    address only, where it passes those that it does not know to the server as settings of the session.
    """

    @event.listens_for(Engine, "do_connect")
    def before_connect(dialect: Any, _record: object, _positional: object, arguments: dict[str, Any]) -> None:
        if dialect.driver == "asyncpg":
            given = {name: arguments.pop(name) for name in list(arguments) if name not in _ARGUMENTS}
            arguments["dsn"] = f"postgresql:///?{urlencode(given)}" if given else None


_NOT_KEPT = (
    "prefect.task-run.",
    "prefect.artifact",
    "prefect.asset.",
    "prefect.flow-run.heartbeat",
    "prefect.flow-run.Scheduled",
    "prefect.flow-run.Pending",
    "prefect.flow-run.Submitting",
    "prefect.flow-run.Running",
    "prefect.flow-run.Completed",
    "prefect.flow-run.Failed",
    "prefect.flow-run.Held",
    "prefect.flow-run.Rejected",
    "prefect.worker.",
    "cmdb.run.rejected-rows",
)
"""What the names of events begin with that the server acts on, and does not keep.

Runs and task runs say the same; how a run ended, and how many rows it rejected, `cmdb.run.completed`, `.failed` and
`.held` say with the counts.
"""


def keep_few_events() -> None:
    """Let the server keep the events by which people understand a run, and not those of each of its steps.

    Automations get all events: they take them as they arrive. An event of a run takes ten rows, and a run has thirty.
    """
    persister: Any = importlib.import_module("prefect.server.events.services.event_persister")
    write: Callable[..., Awaitable[None]] = persister.write_events

    async def write_some(session: Any, events: Sequence[Any]) -> None:
        if kept := [each for each in events if not each.event.startswith(_NOT_KEPT)]:
            await write(session=session, events=kept)

    persister.write_events = write_some


def _sites(site: str, host: str) -> list[str]:
    """The origins of Prefect's own page: on loopback it is opened by either name."""
    names = [host, *_LOOPBACK[:2]] if host in _LOOPBACK else [host]
    return list(dict.fromkeys(site.replace(f"//{host}", f"//{name}") for name in names))


def _other_hosts() -> list[str]:
    hosts: list[str] = json.loads(os.environ.get("CMDB_PREFECT_HOSTS") or "[]")
    return hosts


def main() -> None:
    """Serve Prefect on PREFECT_SERVER_API_HOST and PREFECT_SERVER_API_PORT until a signal ends it."""
    app = create()
    accept_libpq_parameters()
    from prefect.settings import get_current_settings

    server = get_current_settings().server
    uvicorn.run(
        app,
        host=server.api.host,
        port=server.api.port,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
        server_header=False,
    )


if __name__ == "__main__":
    main()
