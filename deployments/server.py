"""A Prefect server on this machine, with its state in the same PostgreSQL as the CMDB, in a database of its own."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from deployments.environment import of_prefect_server
from deployments.prefect_database import prefect_database
from deployments.process import Part
from flows.launch import answers
from flows.server.sign_in import SERVER, server_secret
from schemas.settings import Settings
from tasks.store.connection.database import address


@contextmanager
def prefect_server(settings: Settings, port: int | None = None) -> Iterator[str]:
    """Run a Prefect server on loopback while this lasts; gives the address of its API. Raises Unavailable.

    Its state is in a database of its own, beside the CMDB's.
    """
    with address(settings) as url:
        number = port or free_port()
        part = server_part(settings, url, number)
        try:
            part.start()
            part.wait()
            yield api_address(number)
        finally:
            part.stop()


def server_part(settings: Settings, url: str, port: int) -> Part:
    """Return the Prefect server as a part of the system; creates its database where there is none."""
    home = settings.home / "prefect"
    environment = of_prefect_server() | {
        "PREFECT_HOME": str(home),
        **prefect_database(settings, url),
        SERVER: server_secret(settings),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        # Where people reach its page: its own calls and the links in notices lead there.
        "PREFECT_UI_URL": page_address(settings, port),
        "CMDB_PREFECT_HOSTS": json.dumps(settings.prefect_hosts),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        **_retention(settings),
        **_page_folder(settings, home),
    }
    command = [sys.executable, "-m", "deployments.prefect_app"]
    api = api_address(port)
    return Part("Prefect server", command, home / "server.log", environment, lambda: answers(api))


def _retention(settings: Settings) -> dict[str, str]:
    """Prefect's settings of what its own service removes: a run goes with its logs and artifacts."""
    day = 86_400
    removed = "events,flow_runs" if settings.prefect_keep_days else "events"
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": removed,
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str((settings.prefect_keep_days or 1) * day),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"PT{round(settings.prefect_event_days * day)}S",
    }


def _page_folder(settings: Settings, home: Path) -> dict[str, str]:
    """Name a folder for the files of Prefect's page, where those next to Prefect's program are not the right ones.

    The server writes the path of the page into them: below a path, they would not be right for other servers of the
    same installation. It may also lack the right to write there.
    """
    package = find_spec("prefect")
    below_path = urlsplit(settings.prefect_url or "").path
    if not below_path and package and package.origin and os.access(Path(package.origin).parent / "server", os.W_OK):
        return {}
    return {"PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui")}


def api_address(port: int) -> str:
    """Return the address of the API of a Prefect server on this machine."""
    return f"http://127.0.0.1:{port}/api"


def page_address(settings: Settings, port: int) -> str:
    """Return where people reach the page of a Prefect server on this machine."""
    return settings.prefect_url or f"http://127.0.0.1:{port}"


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
