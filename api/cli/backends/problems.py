"""Answers of a server that are not what was requested, as the errors that the same fault has on this machine."""

from __future__ import annotations

from typing import Any

import httpx

from schemas.errors import (
    CmdbError,
    Forbidden,
    RunFailed,
    SourceError,
    StorageFull,
    Unavailable,
    UnknownType,
    UsageError,
)

_PREFIX = "urn:cmdb:problem:"

_KINDS: dict[str, type[CmdbError]] = {
    each.code: each for each in (CmdbError, Unavailable, StorageFull, RunFailed, UsageError, UnknownType, Forbidden)
}
"""The error of each code; of a group of errors with the same code, the group."""

_SOURCE = ("unreadable-file", "unsupported-file")


def error_of_code(code: str | None, message: str) -> CmdbError:
    """Return the error that a run on the server failed with."""
    return _KINDS.get(code or "", CmdbError)(message)


def problem_of(answer: httpx.Response) -> dict[str, Any] | None:
    """Return the problem details of an answer; None where it is not a cmdb server's."""
    try:
        found = answer.json()
    except ValueError:
        return None
    known = isinstance(found, dict) and str(found.get("type", "")).startswith(_PREFIX) and "detail" in found
    return found if known else None


def error_of(answer: httpx.Response, server: str, *, has_key: bool) -> CmdbError:
    """Return the error of an answer, with what to do about it."""
    problem = problem_of(answer)
    if problem is None:
        return foreign_answer(answer, server)
    detail, code = str(problem["detail"]), str(problem["type"]).removeprefix(_PREFIX)
    status = answer.status_code
    kind = _KINDS.get(code) or (SourceError if code in _SOURCE else _STATUSES.get(status, CmdbError))
    error = kind(_message(status, detail, server, has_key=has_key, is_plain=code == Forbidden.code))
    error.parameters = problem.get("parameters") or {}
    return error


_STATUSES: dict[int, type[CmdbError]] = {
    401: Forbidden,
    403: Forbidden,
    404: UsageError,
    409: UsageError,
    410: UsageError,
    413: SourceError,
    415: SourceError,
    422: UsageError,
    429: Unavailable,
    503: Unavailable,
    507: StorageFull,
}
"""The error of each status whose problem has no code of ours."""


def _message(status: int, detail: str, server: str, *, has_key: bool, is_plain: bool) -> str:
    """Return what went wrong and what to do; `is_plain` is a lack of permission that another key may have."""
    if status == httpx.codes.UNAUTHORIZED and not has_key:
        return f"The server at {server} requires an API key: set CMDB_API_KEY."
    before = {
        401: f"The server at {server} rejects the key in CMDB_API_KEY.",
        429: f"The server at {server} limits requests.",
        500: f"The server at {server} failed.",
        503: f"The server at {server} cannot do this now.",
    }
    after = {
        403: "Use another key, or request the permission from an administrator." if is_plain else "",
        413: "Split the file, or have CMDB_MAX_UPLOAD_MB of the server raised.",
    }
    return " ".join(filter(None, (before.get(status), detail, after.get(status))))


def foreign_answer(answer: httpx.Response, server: str) -> CmdbError:
    """Return the error of an answer that is not a cmdb server's."""
    status = answer.status_code
    if answer.is_redirect:
        there = answer.headers.get("location", "another address")
        return Unavailable(f"{server} redirects to {there}: set CMDB_API_URL to the address of the API itself.")
    if answer.is_server_error:
        return Unavailable(f"The server at {server} does not work now ({status}): try again later.")
    return Unavailable(f"{server} does not answer as a cmdb server ({status}): check CMDB_API_URL.")
