"""NUL in a request: refused at the door, since neither PostgreSQL nor Prefect's database can hold it in a text."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.rest.problems import Refused, answer

_DETAIL = "The request holds a NUL character, which no text can hold: remove it."
_KIND = "wrong-request"

# An escaped NUL of JSON: the backslash before it is no second half of an escaped backslash.
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000|\x00")
_LONGEST_ESCAPE = 6


class NoNul:
    """Refuses requests with a NUL in their path, their query or their JSON; the parts of a form are checked as options.

    A JSON text in UTF-16 or UTF-32, which RFC 8259 does not allow, has zero bytes and is refused, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await self._refuse(scope, receive, send)
            return
        if scope["type"] == "http" and not _is_form(scope):
            receive = _searched(receive)
        await self.app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": _DETAIL})
        else:
            shown = scope["path"].replace("\0", "\N{REPLACEMENT CHARACTER}")
            await answer(422, _DETAIL, shown, _KIND)(scope, receive, send)


def _is_form(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-type", "").startswith("multipart/form-data")


def _searched(receive: Receive) -> Receive:
    """Receive a body, each part of which is searched with the backslashes and the beginning of an escape before it."""
    held = b""

    async def searched() -> Message:
        nonlocal held
        message = await receive()
        text = held + message.get("body", b"")
        if _ESCAPED.search(text):
            raise Refused(422, _DETAIL, _KIND)
        held = text[_tail(text) :]
        return message

    return searched


def _tail(text: bytes) -> int:
    """Where the text begins that an escape may stand in whose end comes with the next part."""
    at = text.rfind(b"\\", max(0, len(text) - _LONGEST_ESCAPE))
    if at < 0:
        return len(text)
    return len(text[:at].rstrip(b"\\"))
