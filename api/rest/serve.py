"""The API as a process: the application on its port, until it is told to end."""

from __future__ import annotations

import ssl
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from api.rest.app import create
from api.rest.security.connections import protocol
from schemas.errors import UsageError
from schemas.settings import Settings
from tasks.store.connection.database import database

# Nobody sends anything over a WebSocket here.
_LONGEST_MESSAGE = 1 << 16

KEEP_ALIVE_SECONDS = 75
"""Seconds that an idle connection stays open.

Longer than clients (httpx: 5) and proxies (nginx and load balancers: 60) keep one, so that they close it first and no
request meets a server that is closing its connection.
"""


def serve(settings: Settings) -> None:
    """Serve the API until a signal ends it; raises UsageError where it may not listen as the settings say."""
    with database(settings) as url:
        server = uvicorn.Server(configured(settings, create(settings, url)))
        server.run()


def configured(settings: Settings, app: ASGIApp, **changed: Any) -> uvicorn.Config:
    """Return how an application is served: its limits, whom it believes, and TLS; raises UsageError."""
    served: dict[str, Any] = {
        "host": settings.api_host,
        "port": settings.api_port,
        "http": protocol(settings),
        "loop": "api.rest.security.connections:Loop",
        "limit_concurrency": settings.api_connections,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        # Nobody but a proxy of ours says for whom it asks, and loopback is no proxy.
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": list(settings.proxies),
        "ws_ping_interval": settings.api_idle_seconds / 2,
        "ws_ping_timeout": settings.api_idle_seconds / 2,
        "ws_max_size": _LONGEST_MESSAGE,
        "ws_per_message_deflate": False,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 3,
    }
    return uvicorn.Config(app, **(served | _tls(settings) | changed))


def _tls(settings: Settings) -> dict[str, Any]:
    if not settings.tls_cert or not settings.tls_key:
        return {}
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"CMDB_TLS_CERT and CMDB_TLS_KEY cannot be used ({error.strerror or error}): "
            "name a PEM file of the certificate and its chain, and one of its key."
        ) from error
    return {"ssl_certfile": settings.tls_cert, "ssl_keyfile": settings.tls_key}
