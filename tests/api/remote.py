"""The command line with a server in the place of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from schemas.settings import settings

NO_DATABASE = "postgresql://nobody@127.0.0.1:9/nothing"
"""A database that no command reaches: whoever works with a server needs none."""


@contextmanager
def with_server(address: str, key: str = "", **more: str) -> Iterator[None]:
    """Let commands work with a server while this lasts, without a database."""
    given = {"CMDB_API_URL": address, "CMDB_API_KEY": key, "CMDB_DATABASE_URL": NO_DATABASE} | more
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        settings.cache_clear()
        try:
            yield
        finally:
            settings.cache_clear()
