"""Sources: places that give files to import, chosen by the scheme of an address; one file each, in `SOURCES`."""

from __future__ import annotations

import hashlib
import re
import traceback
from dataclasses import replace

from schemas.access.secret import Secret
from schemas.errors import CmdbError, SourceError, UsageError
from schemas.fetched import Fetched, FetchedFile
from schemas.language.spelling import nearest
from tasks.sources.base import Connector, FetchProgress, Request, no_progress, refuse_secrets
from tasks.sources.fsspec_store import OBJECTS
from tasks.sources.http import HTTP
from tasks.sources.local import FILES
from tasks.sources.optional import AWS, NETBOX, S3
from tasks.sources.sql import SQL, installed_dialect

__all__ = ["SOURCES", "Connector", "FetchProgress", "Request", "fetch", "no_progress", "source_named"]

SOURCES: dict[str, Connector] = {source.name: source for source in (FILES, HTTP, S3, OBJECTS, AWS, SQL, NETBOX)}
"""Every source by its name."""

_SCHEMES = {scheme: source for source in SOURCES.values() for scheme in source.schemes}


def source_named(url: str) -> Connector:
    """Return the source of an address by its scheme; a path without one is a file. Raises UsageError."""
    refuse_secrets(url)
    # The letter before a colon is a drive of Windows.
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", url)
    if match is None:
        return FILES
    scheme = match[1].lower()
    # A database's driver may follow its name: postgresql+psycopg2.
    found = _SCHEMES.get(scheme) or (SQL if _SCHEMES.get(scheme.partition("+")[0]) is SQL else None)
    if found:
        return found
    if installed_dialect(scheme):
        return SQL
    near = nearest(scheme, _SCHEMES)
    hint = f"did you mean {near}://?" if near else f"there are {', '.join(f'{name}://' for name in _SCHEMES)}."
    raise UsageError(f"Unsupported source {scheme}://: {hint}", value=scheme, choices=[*_SCHEMES])


def fetch(request: Request) -> Fetched | None:
    """Fetch the files of a source into the request's folder; None where it still has the version that is known.

    Raises SourceError where nothing of it could be read, and Transient where a later attempt may succeed. Nothing of
    the secret is in what is raised or returned.
    """
    source = source_named(request.url)
    original = request

    def report_progress(files: int, records: int, size: int) -> None:
        original.refuse_late()
        original.progress(files, records, size)

    request = replace(request, progress=report_progress)
    mark = hashlib.sha256(request.url.encode()).hexdigest()[:16]
    fetched = _without_secrets(source, replace(request, known=_known_version(request, mark)))
    if fetched is None:
        return None
    failures = tuple(
        replace(issue, message=_without_secret(issue.message, request.secret)) for issue in fetched.failures
    )
    unread = tuple(replace(each, why=_without_secret(each.why, request.secret)) for each in fetched.unread)
    if not fetched.files:
        more = f" ({len(failures) - 1:,} more could not be read.)" if len(failures) > 1 else ""
        raise SourceError(f"{failures[0].message if failures else f'{request.shown} has nothing.'}{more}")
    # A version is the state of one address: another's may be spelt alike.
    version = f"{mark}:{fetched.version}" if fetched.version else None
    return replace(fetched, failures=failures, unread=unread, version=version, digest=_digest(fetched.files))


def _known_version(request: Request, mark: str) -> str | None:
    """The version as the source gave it, if it was this address that gave it."""
    before, _, version = (request.known or "").partition(":")
    return version if before == mark else None


def _digest(files: tuple[FetchedFile, ...]) -> str:
    """The SHA-256 over the names and the content of files."""
    total = hashlib.sha256()
    for file in files:
        with file.path.open("rb") as content:
            total.update(f"{file.name}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _without_secrets(source: Connector, request: Request) -> Fetched | None:
    """Fetch, and keep the secret out of errors: what is raised has neither it nor the error that contained it."""
    try:
        return source.fetch(request)
    except Exception as error:
        trace = "".join(traceback.format_exception(error)) + repr(getattr(error, "parameters", ""))
        if _without_secret(trace, request.secret) == trace:
            raise
        kind, message = (type(error), error.message) if isinstance(error, CmdbError) else (SourceError, str(error))
        clean = kind(_without_secret(message, request.secret))
    raise clean


def _without_secret(text: str, secret: Secret | None) -> str:
    return secret.hidden(text) if secret else text
