"""What every request passes first: hosts, origins, and limits of rate and size."""

from __future__ import annotations

from urllib.parse import urlsplit

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.pages import is_page
from api.rest.problems import Refused, answer
from api.rest.root_path import path_below
from api.rest.security.access import Access
from api.rest.security.connections import network_of
from schemas.access.api_keys import SCOPES, ApiKey
from schemas.access.hosts import is_loopback
from schemas.errors import UsageError
from schemas.settings import Settings
from tasks.store.access.keys import hashed as _hash
from tasks.store.access.keys import new_secret

_SAFE = ("GET", "HEAD", "OPTIONS")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

# A page is files of ours alone, and uses no other server.
_PAGE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "Cache-Control": "no-cache",
}

# A browser that has come by HTTPS once comes by nothing else for a year.
_TLS = {"Strict-Transport-Security": "max-age=31536000"}

_HEALTH = ("/healthz", "/readyz")
"""What is answered however many requests there are: balancers decide by it."""

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via", "cf-connecting-ip")

_BEHIND_A_PROXY = (
    "This request came through a proxy, and the API has no keys: whoever reaches the proxy could do everything. "
    "Make a key with `cmdb key create NAME`, and name the proxy in CMDB_PROXIES."
)

# What a body may have beside an upload: the other parts of a form, or a JSON document.
_SLACK = 1 << 20


def check_binding(settings: Settings, *, any_key: bool) -> None:
    """Refuse to listen to others without keys, of the settings or of the database; raises UsageError."""
    if not is_loopback(settings.api_host) and not any_key:
        raise UsageError(
            f"The API is to listen on {settings.api_host}, where others can reach it, but no key exists: create one "
            "with `cmdb key create NAME`, or with `cmdb key NAME` and put its line into CMDB_API_KEYS."
        )
    if settings.proxies and not any_key:
        raise UsageError(
            "CMDB_PROXIES names a proxy, through which others can reach the API, but no key exists: create one "
            "with `cmdb key create NAME`, or with `cmdb key NAME` and put its line into CMDB_API_KEYS."
        )


def new_key(name: str, scope: str) -> tuple[str, str]:
    """Return a new key and the line that CMDB_API_KEYS takes for it; raises UsageError."""
    key = new_secret()
    try:
        made = ApiKey.model_validate(f"{name}:{scope}:{_hash(key)}")
    except ValueError:
        raise UsageError(
            f"A key takes a name of letters, digits, dots and dashes, and a scope: {', '.join(SCOPES)}."
        ) from None
    return key, f"{made.name}:{scope}:{made.sha256}"


_TOO_MANY = 429
_LOOKUPS = 2
"""How many keys are looked up at once past the limit of an address: wrong ones do not take every thread."""


class Guard:
    """What every request passes first: its host, its origin, its rate, its size; and what every answer is given."""

    def __init__(self, app: ASGIApp, settings: Settings, access: Access) -> None:
        self.app = app
        self.settings = settings
        self.access = access
        self.rate = _rate(settings.rate_limit)
        self.lookups = CapacityLimiter(_LOOKUPS)
        self.limiter = FixedWindowRateLimiter(MemoryStorage())
        self.local = is_loopback(settings.api_host)
        self.public_host = _host_of(settings.public_url or "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if refused and refused[0] == _TOO_MANY and await self._is_owner(scope, headers):
            refused = None
        if not refused and _forwarded(headers) and not await run_sync(self.access.needed):
            refused = 403, _BEHIND_A_PROXY, {}
        if refused and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1][:120]})
            return
        given = _HEADERS | (_PAGE if is_page(path_below(scope)) else {})
        secured = _secured(send, given | (_TLS if scope["scheme"] in ("https", "wss") else {}))
        if refused:
            await answer(*refused[:2], scope["path"], headers=refused[2])(scope, receive, secured)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self._limited(scope, receive, secured, headers)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        host = _host_of(f"//{headers.get('host', '')}")
        if not self._knows(host):
            # A page of another site may have its name lead here (DNS rebinding).
            return 400, f"This API is not reached under the name '{host[:100]}'.", {}
        origin = headers.get("origin")
        unsafe = scope["type"] == "websocket" or scope["method"] not in _SAFE
        named = origin is None or origin in self.settings.cors_origins
        ours = named or (origin or "").partition("://")[2] == headers.get("host")
        if unsafe and not ours:
            return 403, "Pages of other sites may not use this API: see CMDB_CORS_ORIGINS.", {}
        path = path_below(scope)
        free = path in _HEALTH or is_page(path)
        if not free and not self.limiter.hit(self.rate, self._who(scope, headers)):
            return _TOO_MANY, f"More than {self.settings.rate_limit}: wait a little.", {"Retry-After": "10"}
        return None

    async def _is_owner(self, scope: Scope, headers: Headers) -> bool:
        """Count for its key a request that its address has no allowance left for, and whose key was not known yet."""
        if self.access.known_as(headers):
            return False
        owner = await run_sync(self.access.owner, scope, limiter=self.lookups)
        return owner is not None and self.limiter.hit(self.rate, f"key {owner}")

    def _who(self, scope: Scope, headers: Headers) -> str:
        """Whose requests are counted together: those of a key, from wherever, else those of an address."""
        known = self.access.known_as(headers)
        return f"key {known}" if known else network_of(scope["client"][0] if scope.get("client") else "?")

    def _knows(self, host: str) -> bool:
        if host and host == self.public_host:
            return True
        if self.settings.api_hosts:
            return host in self.settings.api_hosts
        return not self.local or is_loopback(host)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Count a body while it is read, whatever its headers say of its length."""
        is_form = headers.get("content-type", "").startswith("multipart/form-data")
        most = _SLACK + (self.settings.max_upload_mb << 20 if is_form else 0)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                limit = f"{self.settings.max_upload_mb:,} MB" if is_form else f"{_SLACK >> 20} MB"
                raise Refused(413, f"At most {limit} are taken.", "too-large", {"Connection": "close"})
            return message

        await self.app(scope, counted, send)


def _rate(text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError:
        raise UsageError(f"CMDB_RATE_LIMIT is '{text}': write it as in 600/minute.") from None


def _forwarded(headers: Headers) -> bool:
    """Whether a request was passed on for somebody else: without keys, everybody would be taken for us."""
    return any(name in headers for name in _FORWARDED)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _secured(send: Send, given: dict[str, str]) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in given.items():
                headers.setdefault(name, value)
        await send(message)

    return secured
