"""The API as a process: the application on its port, until it is told to end."""

from __future__ import annotations

import uvicorn

from api.app import create
from schemas.settings import Settings
from tasks.store.database import database


def serve(settings: Settings) -> None:
    """Serve the API until a signal ends it; raises UsageError where it may not listen as the settings say."""
    with database(settings) as url:
        uvicorn.run(
            create(settings, url),
            host=settings.api_host,
            port=settings.api_port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )
