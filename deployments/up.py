"""Everything at once for a first user: PostgreSQL, the Prefect server, a worker and the API, on loopback alone."""

from __future__ import annotations

import sys

import httpx

from deployments.environment import of_api, of_runs
from deployments.process import Part, Say, end_with_parent, run
from deployments.server import api_address, page_address, server_part
from flows.server.sign_in import CLIENT, SERVER, credentials, secret_file, server_secret
from schemas.errors import UsageError
from schemas.settings import Settings, prefect_variables
from tasks.store.connection.database import database


def up(settings: Settings, say: Say) -> None:
    """Start every part, wait until each answers, and keep them running until Ctrl-C or SIGTERM; then stop them all.

    Raises Unavailable where a part does not start, with the end of its log.
    """
    with database(settings) as url:
        run(_parts(settings, url), say, lambda: _tell(settings, say))


def _tell(settings: Settings, say: Say) -> None:
    say(f"\ncmdb       {settings.public_address}")
    say(f"Prefect    {page_address(settings, settings.prefect_port)}")
    say(f"sign in    to Prefect with the secret in {_place_of_secret(settings)}")
    say(f"logs       {settings.home / 'logs'}")
    say("\nCtrl-C stops everything.")


def _place_of_secret(settings: Settings) -> str:
    return SERVER if prefect_variables().server_api_auth_string.get_secret_value() else str(secret_file(settings))


def _parts(settings: Settings, url: str) -> list[Part]:
    api = api_address(settings.prefect_port)
    logs = settings.home / "logs"
    program = [sys.executable, "-c", "from api.cli.main import main; main()"]
    common = {
        "CMDB_DATABASE_URL": url,
        "CMDB_HOME": str(settings.home),
        "PREFECT_API_URL": api,
        "PREFECT_API_KEY": "",
        "PREFECT_UI_URL": page_address(settings, settings.prefect_port),
        CLIENT: (secret := server_secret(settings)),
    }
    parts = [
        server_part(settings, url, settings.prefect_port),
        Part("worker", [*program, "worker"], logs / "worker.log", of_runs() | common, lambda: _has_worker(api, secret)),
        Part("API", [*program, "api"], logs / "api.log", of_api() | common, lambda: _ready(settings.api_address)),
    ]
    _check_ports(settings)
    for part in parts:
        part.prepare = end_with_parent
    return parts


def _check_ports(settings: Settings) -> None:
    """Refuse to start beside something that answers there already."""
    for port, name in ((settings.prefect_port, "CMDB_PREFECT_PORT"), (settings.api_port, "CMDB_API_PORT")):
        if _answers(f"http://127.0.0.1:{port}/"):
            raise UsageError(f"Something answers on port {port} already: stop it, or set {name} to another.")


def _answers(address: str) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=2) as client:
            client.get(address)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return False
    except httpx.HTTPError:
        return True  # whatever it is, it has the port
    return True


def _ready(page: str) -> bool:
    # A certificate names the API as others reach it, and nothing secret is sent here.
    with httpx.Client(trust_env=False, verify=False, timeout=5) as client:  # noqa: S501
        try:
            return client.get(f"{page}/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def _has_worker(api: str, secret: str) -> bool:
    """Whether a worker polls: the API's own readiness asks the same, once it is there."""
    with httpx.Client(trust_env=False, timeout=5) as client:
        try:
            return '"READY"' in client.get(f"{api}/work_pools/cmdb", headers=credentials(secret)).text
        except httpx.HTTPError:
            return False
