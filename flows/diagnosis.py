"""A diagnosis of an installation: what works, what does not, and how to fix it. Changes nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import httpx
from sqlalchemy import Connection, func, select, text

from flows.launch import answers
from flows.server.sign_in import CLIENT, client_secret, credentials, secret_file, sign_in
from schemas.access.hosts import is_loopback
from schemas.errors import CmdbError
from schemas.model.tables import REVISION
from schemas.settings import Settings, prefect_server
from tasks.store.access import keys
from tasks.store.connection.database import address
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.migrate import revision


class Verdict(StrEnum):
    """How a check ended; only `failed` means that something cannot work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One finding: what was checked, how it ended, what was found, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


_OLDEST_POSTGRESQL = 14
_CLOCK_SECONDS = 2
_FREE_BYTES = 1 << 30
_SECONDS = 3.0


def diagnose(settings: Settings, pool: str) -> Iterator[Check]:
    """Check the database, clock, storage, keys, Prefect, workers and API, one after the other.

    `pool` is the name of the work pool whose workers are looked for.
    """
    yield from _database(settings)
    yield _storage(settings)
    yield from _prefect(settings, pool)
    yield _api(settings)


def _database(settings: Settings) -> Iterator[Check]:
    kind = "configured" if settings.database_url else "embedded"
    try:
        with address(settings) as url, database_errors(), engine(url).connect() as connection:
            yield _version(connection, kind)
            yield _migrations(connection)
            yield _clock(connection)
            yield _keys(connection, settings)
    except CmdbError as error:
        remedy = "Start the server, or correct CMDB_DATABASE_URL." if settings.database_url else "See CMDB_HOME."
        yield Check("database", Verdict.FAILED, str(error), remedy)


def _version(connection: Connection, kind: str) -> Check:
    version = str(connection.scalar(text("show server_version")))
    found = f"{kind} PostgreSQL {version}"
    if int(version.split(".", maxsplit=1)[0]) < _OLDEST_POSTGRESQL:
        return Check("database", Verdict.FAILED, found, f"Use PostgreSQL {_OLDEST_POSTGRESQL} or newer.")
    return Check("database", Verdict.OK, found)


def _migrations(connection: Connection) -> Check:
    stored = revision(connection)
    if stored == REVISION:
        return Check("migrations", Verdict.OK, "up to date")
    found = f"at {stored}, not at {REVISION}" if stored else "no tables yet"
    return Check("migrations", Verdict.WARNING, found, "Run `cmdb db upgrade`; the next run does it too.")


def _clock(connection: Connection) -> Check:
    now: datetime = connection.scalars(select(func.clock_timestamp())).one()
    seconds = abs((datetime.now(UTC) - now).total_seconds())
    found = f"{seconds:.1f} s from the database's"
    if seconds > _CLOCK_SECONDS:
        return Check("clock", Verdict.WARNING, found, "Synchronize the clocks of both machines, for example with NTP.")
    return Check("clock", Verdict.OK, found)


def _keys(connection: Connection, settings: Settings) -> Check:
    if (revision(connection) == REVISION and keys.any_key(connection)) or settings.api_keys:
        return Check("keys", Verdict.OK, "the API asks for a key")
    if is_loopback(settings.api_host):
        return Check("keys", Verdict.OK, "none; the API listens on this machine only")
    remedy = "Create one with `cmdb key create NAME --scope admin`."
    return Check("keys", Verdict.FAILED, f"none, and the API is to listen on {settings.api_host}", remedy)


def _storage(settings: Settings) -> Check:
    folder = settings.storage
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        found = f"{folder} cannot be written: {error.strerror or error}"
        return Check("storage", Verdict.FAILED, found, "Correct its permissions, or set CMDB_STORAGE_URL.")
    found = f"{folder}, {free / (1 << 30):,.1f} GiB free"
    if free < _FREE_BYTES:
        return Check("storage", Verdict.WARNING, found, "Free some space, or set CMDB_STORAGE_URL to another disk.")
    return Check("storage", Verdict.OK, found)


def _prefect(settings: Settings, pool: str) -> Iterator[Check]:
    server = prefect_server(settings)
    if not server:
        found = "no server is configured; commands run in their own process"
        yield Check("prefect", Verdict.OK, found, "For schedules and the API, run `cmdb up` or set PREFECT_API_URL.")
        return
    if not answers(server, _SECONDS):
        yield Check("prefect", Verdict.FAILED, f"{server} does not respond", "Start it, or correct PREFECT_API_URL.")
        return
    sign_in(server, settings)
    response = _workers(server, pool)
    if response.status_code in (401, 403):
        remedy = f"Set {CLIENT} to the server's secret; `cmdb up` keeps it in {secret_file(settings)}."
        yield Check("prefect", Verdict.FAILED, f"{server} rejects our secret", remedy)
        return
    yield Check("prefect", Verdict.OK, server)
    online = sum(worker["status"] == "ONLINE" for worker in response.json()) if response.is_success else 0
    if online:
        yield Check("worker", Verdict.OK, f"{online} online")
    else:
        yield Check("worker", Verdict.FAILED, f"none online in the pool '{pool}'", "Start one with `cmdb worker`.")


def _workers(server: str, pool: str) -> httpx.Response:
    url = f"{server.rstrip('/')}/work_pools/{pool}/workers/filter"
    return httpx.post(url, json={}, headers=credentials(client_secret()), timeout=_SECONDS, trust_env=False)


def _api(settings: Settings) -> Check:
    url = settings.api_address
    try:
        response = httpx.get(f"{url}/healthz", timeout=_SECONDS, trust_env=False, verify=settings.tls_cert is None)
        ours = response.is_success and response.json() == {"status": "ok", "checks": {}}
    except (httpx.RequestError, ValueError) as error:
        if isinstance(error, httpx.ConnectError):
            return Check("api", Verdict.OK, f"not running; {url} is free", "Start it with `cmdb up` or `cmdb api`.")
        ours = False
    if ours:
        return Check("api", Verdict.OK, f"running at {url}")
    return Check("api", Verdict.FAILED, f"another program uses {url}", "Stop it, or set CMDB_API_PORT.")
