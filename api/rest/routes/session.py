"""The page's session: a random id in a cookie that no script reads, which ends with the key that opened it."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from api.rest.models.session import Login, Session
from api.rest.problems import responses
from api.rest.security.access import COOKIE, AnyKey, access
from schemas.access.api_keys import SCOPES
from schemas.access.permissions import Permissions

router = APIRouter(prefix="/api/session", tags=["session"])


@router.get("", responses=responses(), response_model_exclude_none=True)
async def get_session(request: Request, asking: AnyKey) -> Session:
    """The caller and its permissions."""
    scopes = [scope for scope in SCOPES if scope in asking.scopes]
    needed = await run_sync(access(request).needed)
    lines = None if asking.permissions == Permissions.of_scopes(scopes) else asking.permissions.lines
    return Session(name=asking.name, scopes=scopes, permissions=lines, key_needed=needed)


@router.post("", status_code=204, responses=responses())
async def log_in(request: Request, response: Response, login: Login) -> None:
    """Sign in with a key; the session's id is set as a cookie."""
    opened = await run_sync(access(request).sign_in, login.key, request)
    if opened is None:
        return
    age = int(access(request).settings.session_hours * 3600)
    secure = request.url.scheme == "https"
    path = _cookie_path(request)
    response.set_cookie(COOKIE, opened, path=path, httponly=True, samesite="strict", secure=secure, max_age=age)


@router.delete("", status_code=204, responses=responses())
async def log_out(request: Request, response: Response) -> None:
    """Sign out."""
    await run_sync(access(request).sign_out, request)
    response.delete_cookie(COOKIE, path=_cookie_path(request), httponly=True, samesite="strict")


def _cookie_path(request: Request) -> str:
    """Return the path of the page: other applications behind the same proxy do not get the cookie."""
    return access(request).settings.path_prefix or "/"
