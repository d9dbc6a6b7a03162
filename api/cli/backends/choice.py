"""Which back end the commands of this process use."""

from __future__ import annotations

from api.cli.backends.backend import Administration, Backend
from api.cli.backends.local import Local, LocalAdministration
from schemas.settings import settings


def backend() -> Backend:
    """Return the back end of the settings."""
    return Local(settings())


def administration() -> Administration:
    """Return what administers keys and the access log of that back end."""
    return LocalAdministration(settings())
