"""The secret of the Prefect server of this machine: made once for each CMDB_HOME, and sent to that server alone."""

from __future__ import annotations

import os
import secrets
import tempfile
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from schemas.access.hosts import is_loopback
from schemas.settings import Settings, prefect_variables

SERVER = "PREFECT_SERVER_API_AUTH_STRING"
"""Prefect's variable of the secret that its server asks for."""

CLIENT = "PREFECT_API_AUTH_STRING"
"""Prefect's variable of the secret that a client sends."""


def secret_file(settings: Settings) -> Path:
    """The file that holds the secret, which its owner alone may read."""
    return settings.home / "prefect" / "secret"


def server_secret(settings: Settings) -> str:
    """Return the secret of our own server: the one that is configured, or one that is made now and kept."""
    return prefect_variables().server_api_auth_string.get_secret_value() or _kept(secret_file(settings))


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Whole or not at all, and the first of several processes wins.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:  # of mode 0600
            file.write(f"cmdb:{secrets.token_urlsafe(32)}")
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    path.chmod(0o600)
    return path.read_text()


def sign_in(server: str, settings: Settings) -> None:
    """Let Prefect's client of this process use a server, before Prefect is imported.

    The secret of this machine goes to no server of another one; PREFECT_API_AUTH_STRING, where it is set, decides.
    """
    path = secret_file(settings)
    if not client_secret() and is_loopback(urlsplit(server).hostname or "") and path.exists():
        os.environ[CLIENT] = path.read_text()


def client_secret() -> str:
    """Return the secret that Prefect's client of this process sends; empty where it sends none."""
    return prefect_variables().api_auth_string.get_secret_value()


def credentials(secret: str | None) -> dict[str, str]:
    """Return the header by which a request shows the secret; none without one."""
    return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"} if secret else {}
