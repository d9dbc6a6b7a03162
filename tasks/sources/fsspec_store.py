"""Files of the stores that fsspec reads: Google Cloud Storage, Azure, SFTP, FTP; S3 has a source of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import fsspec
import orjson
from fsspec.core import url_to_fs

from schemas.access.secret import Secret
from schemas.errors import CmdbError, SourceError, UsageError
from schemas.fetched import Fetched
from tasks.sources.base import Connector, Request
from tasks.sources.file_listing import Entry, copied, fetch_listed

SCHEMES = ("gs", "gcs", "abfs", "abfss", "az", "sftp", "ssh", "ftp", "webhdfs", "memory")


def fetch(request: Request) -> Fetched | None:
    """Copy the files of a folder, or those that fit a pattern."""
    store, path = _store(request)
    try:
        entries = _entries(store, path)
    except CmdbError:
        raise
    except Exception as error:  # each store raises errors of its own
        raise SourceError(f"{request.shown} cannot be listed: {_first_line(error)}") from error

    def copy(entry: Entry, target: Path) -> None:
        try:
            with store.open(entry.key, "rb") as file:
                copied(file, target, entry.name, request)
        except CmdbError:
            raise
        except Exception as error:
            raise SourceError(f"{entry.name} cannot be read: {_first_line(error)}", file=entry.name) from error

    return fetch_listed(request, entries, copy)


def _store(request: Request) -> tuple[Any, str]:
    """The store of an address; its options are the members of the secret."""
    scheme = request.address.scheme
    options = _options(request.secret) if request.secret else {}
    try:
        # Every run lists for itself, and closes its connection.
        store, path = url_to_fs(request.url, skip_instance_cache=True, use_listings_cache=False, **options)
    except ImportError as error:
        raise UsageError(f"{scheme}:// needs one more package: {_first_line(error)}") from error
    except Exception as error:  # each store raises errors of its own
        raise SourceError(f"{request.shown} cannot be reached: {_first_line(error)}") from error
    return store, path


def _options(secret: Secret) -> dict[str, Any]:
    if not secret.members:
        raise UsageError(
            f"The secret '{secret.name}' is to be a JSON object with the options of its store, such as "
            '{"username": …, "password": …} for sftp://.',
            secret=secret.name,
        )
    options: dict[str, Any] = orjson.loads(secret.text)
    return options


def _entries(store: Any, path: str) -> list[Entry]:
    if fsspec.core.has_magic(path):
        found, base = store.glob(path, detail=True), path[: _magic_at(path)].rpartition("/")[0]
    elif store.isdir(path):
        found, base = store.find(path, maxdepth=1, detail=True), path.rstrip("/")
    else:
        found, base = ({path: store.info(path)} if store.exists(path) else {}), path.rpartition("/")[0]
    return [_entry(key, base, info) for key, info in found.items() if info["type"] == "file"]


def _magic_at(path: str) -> int:
    return min(path.index(sign) for sign in "*?[" if sign in path)


def _entry(key: str, base: str, info: dict[str, Any]) -> Entry:
    """A file as the store describes it; a change of the description means a change of the file."""
    state = hashlib.sha256(repr(sorted(info.items(), key=str)).encode()).hexdigest()
    return Entry(key.removeprefix(base).lstrip("/"), key, info["size"] or 0, state)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


OBJECTS = Connector("objects", "Files of other stores", SCHEMES, "gs://network-exports/daily/*.csv", fetch)
