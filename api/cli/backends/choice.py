"""Which back end the commands of this process use: a server where CMDB_API_URL names one, else this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.errors import UsageError
from schemas.settings import Settings, settings

if TYPE_CHECKING:
    from api.cli.backends.backend import Administration, Backend
    from api.cli.backends.client import Client

# A back end is imported where it is chosen: the other one, and `cmdb --help`, need nothing of it.


def backend() -> Backend:
    """Return the back end of the settings; raises UsageError where a key is not to be sent as they say."""
    used = settings()
    if used.api_url:
        from api.cli.backends.remote import Remote

        return Remote(used, _client(used))
    from api.cli.backends.local import Local

    return Local(used)


def administration() -> Administration:
    """Return what administers keys and the access log of that back end."""
    used = settings()
    if used.api_url:
        from api.cli.backends.remote_administration import RemoteAdministration

        return RemoteAdministration(_client(used))
    from api.cli.backends.local import LocalAdministration

    return LocalAdministration(used)


def only_here(command: str) -> None:
    """Refuse a command that has no meaning for a server which others run; raises UsageError."""
    if url := settings().api_url:
        raise UsageError(f"`cmdb {command}` works on this machine, and CMDB_API_URL names {url}: unset it first.")


_clients: dict[Settings, Client] = {}


def _client(used: Settings) -> Client:
    from api.cli.backends.client import Client

    if used not in _clients:
        _clients[used] = Client(used)
    return _clients[used]


def close_clients() -> None:
    """Close the connections to servers, at the end of a command."""
    while _clients:
        _clients.popitem()[1].close()
