"""The environment of each process of a system: what it needs, and no secret of another process."""

from __future__ import annotations

import os
from collections.abc import Callable

_SYSTEM = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_SYSTEM_BEGINNINGS = ("LC_", "PYTHON", "SSL_CERT_", "COVERAGE_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
# libpq's own variables: the Prefect server's database is on the server of the CMDB's.
_DATABASE = "PG"

_OF_API = ("CMDB_API_KEYS",)
# Where commands of a person work, and their key: no process of this system does.
_OF_COMMANDS = ("CMDB_API_URL", "CMDB_API_KEY")
_OF_SOURCES = "CMDB_SECRET_"
# Where runs send lineage, and the key for that.
_OF_LINEAGE = "OPENLINEAGE_"
# Where a client of Prefect finds its server, and what it shows there, maybe of another server than ours.
_OF_PREFECT_CLIENT = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
_OF_PREFECT_SERVER = (
    "CMDB_PREFECT_DATABASE_URL",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_PASSWORD",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_PASSWORD",
)


def of_prefect_server() -> dict[str, str]:
    """Prefect's settings and the machine's: nothing of the CMDB, and no credentials of sources."""
    beginnings = (*_SYSTEM_BEGINNINGS, _DATABASE, "PREFECT_")
    fits = _ours(lambda name: name in _SYSTEM or name.upper() in _PROXIES or name.startswith(beginnings))
    return {name: value for name, value in fits.items() if name not in _OF_PREFECT_CLIENT}


def of_api() -> dict[str, str]:
    """All but what belongs to the Prefect server, and what runs alone read: secrets of sources, and lineage."""
    return _ours(lambda name: name not in _OF_PREFECT_SERVER and not name.startswith((_OF_SOURCES, _OF_LINEAGE)))


def of_runs() -> dict[str, str]:
    """All but what belongs to the Prefect server or the API: a source may need whatever variable its library reads."""
    return _ours(lambda name: name not in _OF_PREFECT_SERVER and name not in _OF_API)


def _ours(fits: Callable[[str], bool]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if fits(name) and name not in _OF_COMMANDS}
