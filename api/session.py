"""The page's session: a key in a cookie that no script reads."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.models import Login, Session
from api.problems import responses
from api.security import COOKIE, Reader, caller
from schemas.settings import SCOPES, Settings

router = APIRouter(prefix="/api/session", tags=["session"])


@router.get("", responses=responses())
async def session(request: Request, asking: Reader) -> Session:
    """Who asks, and what that may do."""
    settings: Settings = request.app.state.settings
    scopes = [scope for scope in SCOPES if scope in asking.scopes]
    return Session(name=asking.name, scopes=scopes, key_needed=bool(settings.api_keys))


@router.post("", status_code=204, responses=responses())
async def log_in(request: Request, response: Response, login: Login) -> None:
    """Keep a key in a cookie, so that a page need not hold it."""
    caller(request.app.state.settings, login.key)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, login.key, httponly=True, samesite="strict", secure=secure, max_age=12 * 3600)


@router.delete("", status_code=204, responses=responses())
async def log_out(response: Response) -> None:
    """Forget the key."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
