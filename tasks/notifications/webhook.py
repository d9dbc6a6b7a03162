"""A webhook: an address that takes what is to be told as JSON, such as a chat's or a pager's."""

from __future__ import annotations

import time
from email.message import Message
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson

from schemas.secret import Secret
from schemas.settings import settings
from tasks.backoff import PASSING, pause

# A sync whose webhook is away ends this many seconds later for each attempt, at most.
_PATIENCE = 5
_ATTEMPTS = 3


class _Stay(HTTPRedirectHandler):
    """What is told goes to the address that was given, and to no other."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        """Follow nothing."""


def address_of(secret: Secret) -> str:
    """The address that a secret holds: its text, or the member `url` of a JSON object."""
    return (secret.member("url") or secret.text).strip()


def post(secret: Secret, payload: dict[str, object]) -> str | None:
    """Tell a webhook; returns None, or why it could not be told, without its address, which is the key to it."""
    address = address_of(secret)
    if not address.lower().startswith(("http://", "https://")):
        return f"the secret '{secret.name}' holds no address: write https://host/path into it"
    for attempt in range(1, _ATTEMPTS + 1):
        why, passing = _attempt(address, payload)
        if why is None:
            return None
        if not passing:
            break
        if attempt < _ATTEMPTS:
            time.sleep(settings().webhook_retry_seconds * pause(attempt))
    return f"the webhook of the secret '{secret.name}' {why}"


def _attempt(address: str, payload: dict[str, object]) -> tuple[str | None, bool]:
    """Tell it once: what went wrong, and whether that may pass."""
    headers = {"Content-Type": "application/json", "User-Agent": "cmdb"}
    try:
        request = Request(address, orjson.dumps(payload, default=str), headers, method="POST")  # noqa: S310  # checked
        with build_opener(_Stay).open(request, timeout=_PATIENCE):
            return None, False
    except HTTPError as error:
        with error:
            return f"answered {error.code}", error.code in PASSING
    except (OSError, HTTPException) as error:
        # What the library says of it may hold the address.
        return f"does not answer ({type(getattr(error, 'reason', None) or error).__name__})", True
    except ValueError:
        return "has an address that can't be read", False
