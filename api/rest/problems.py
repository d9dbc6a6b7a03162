"""Problem details: what every error of the API looks like (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from api.rest.wording import Remedy, remedy_in, say
from schemas.errors import CmdbError, Forbidden, RunFailed, StorageFull, Transient, Unavailable, UnknownType, UsageError
from schemas.language.wording import validation_message

log = logging.getLogger("cmdb.api")

MEDIA = "application/problem+json"


class Problem(BaseModel):
    """A problem detail."""

    type: str = Field(description="What kind of problem it is; the same kind has the same type.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong this time, and what to do.")
    instance: str | None = Field(None, description="The path of the request.")
    parameters: dict[str, Any] | None = Field(None, description="What the detail is about, by name.")
    remedy: Remedy | None = Field(None, description="The options and operations that the detail proposes.")
    errors: list[dict[str, str]] | None = Field(None, description="Each wrong part of the request: where, and what.")

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "type": "urn:cmdb:problem:not-found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "Unknown import id.",
                    "instance": "/api/import/progress/0b1f5b1e-6f0e-4f6f-8d0e-2f0f6a1c9f11",
                }
            ]
        }
    }


class Refused(HTTPException):
    """A request that is refused: a status, what to say, and the kind where the status does not tell it."""

    def __init__(
        self, status: int, detail: str, kind: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind


_STATUS: tuple[tuple[type[CmdbError], int], ...] = (
    (UnknownType, 404),
    (Forbidden, 403),
    (UsageError, 422),
    (StorageFull, 507),
    (Unavailable, 503),
    (Transient, 503),
    (RunFailed, 422),
    (CmdbError, 500),
)
"""The status of each group of errors; the first that fits."""


def answer(
    status: int, detail: str, path: str, kind: str | None = None, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return a problem as a response."""
    title, remedy = HTTPStatus(status).phrase, remedy_in(detail)
    more |= {"remedy": remedy.model_dump(mode="json")} if remedy else {}
    type_ = f"urn:cmdb:problem:{kind or title.lower().replace(' ', '-')}"
    problem = {"type": type_, "title": title, "status": status, "detail": say(detail), "instance": path, **more}
    retry = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse(problem, status, media_type=MEDIA, headers=retry | (headers or {}))


# An answer about a request is never many times as large as the request.
_MOST_ERRORS = 100
_LONGEST = 500


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def install(app: FastAPI) -> None:
    """Let every error of an application be a problem."""

    @app.exception_handler(CmdbError)
    async def ours(request: Request, error: CmdbError) -> JSONResponse:
        status = next(status for group, status in _STATUS if isinstance(error, group))
        more: dict[str, Any] = {"parameters": error.parameters} if error.parameters else {}
        return answer(status, error.message, request.url.path, error.code, **more)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        kind = getattr(error, "kind", None)
        return answer(error.status_code, str(error.detail), request.url.path, kind, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [
            {"where": _shown("/".join(map(str, each["loc"]))), "what": _shown(validation_message(each["msg"]))}
            for each in error.errors()[:_MOST_ERRORS]
        ]
        detail = "; ".join(f"{each['where']}: {each['what']}" for each in wrong[:3])
        return answer(422, detail, request.url.path, "wrong-request", errors=wrong)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        # Whoever asked has gone, or was closed by a limit, before the request was whole: nobody reads this.
        del error
        return answer(400, "The request has no end.", request.url.path)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(500, "Something went wrong here, and was logged; it is not your request.", request.url.path)


_MEANINGS = {
    400: "The request is malformed, or was sent to another host name.",
    401: "The API key is missing or unknown.",
    403: "The key lacks the permission, or the request came from a page of another site or through an unknown proxy.",
    404: "There is nothing of that id or name that the key may see.",
    409: "The request does not fit the current state.",
    410: "What was requested has expired and is deleted.",
    413: "The request, or what the key stores, is too large.",
    415: "The file is not one of the supported formats.",
    416: "The requested range is not part of the file.",
    422: "The request is wrong: `detail` says what to correct, `errors` where.",
    429: "Too many requests or runs: `Retry-After` says when to try again.",
    500: "An error of the server, which is in its log.",
    503: "The database or Prefect does not answer: try again after `Retry-After` seconds.",
    507: "The server has no space left.",
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning, "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, meaning in _MEANINGS.items()
}
"""The problems that any operation may answer with."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return those of an operation, beside the ones that every operation has."""
    return {status: RESPONSES[status] for status in sorted({400, 401, 403, 422, 429, 500, 503, *statuses})}
