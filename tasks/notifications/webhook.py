"""A webhook: an address that takes notifications as JSON, such as a chat's or a pager's."""

from __future__ import annotations

import ssl
import time
from functools import partial

import orjson

from schemas.access.secret import Secret
from schemas.settings import settings
from tasks.backoff import PASSING, Retryable, retried

# A sync whose webhook is away ends this many seconds later for each attempt, at most.
_SECONDS = 5
_ATTEMPTS = 3


class _Failed(Exception):
    """The notification was not delivered, and another attempt would not help."""


def address_of(secret: Secret) -> str:
    """The address that a secret holds: its text, or the member `url` of a JSON object."""
    return (secret.member("url") or secret.text).strip()


def post(secret: Secret, payload: dict[str, object]) -> str | None:
    """Post to a webhook; returns None, or why that failed, without the address, which is the key to it."""
    address = address_of(secret)
    if not address.lower().startswith(("http://", "https://")):
        return f"the secret '{secret.name}' holds no address: write https://host/path into it"
    body = orjson.dumps(payload, default=str)
    try:
        retried(partial(_attempt, address, body), (Retryable,), _wait, attempts=_ATTEMPTS)
    except (Retryable, _Failed) as error:
        return f"the webhook of the secret '{secret.name}' {error}"
    return None


def _wait(seconds: float) -> None:
    time.sleep(settings().webhook_retry_seconds * seconds)


def _attempt(address: str, body: bytes) -> None:
    """Send the body once; raises Retryable for what may pass, and _Failed for what does not."""
    import httpx  # takes a twentieth of the time to start a command, and few of them notify anybody

    headers = {"Content-Type": "application/json", "User-Agent": "cmdb"}
    try:
        url = httpx.URL(address)
        # httpx logs the URL of each request; the path of this one is a secret, and is sent as its target alone.
        shown = url.copy_with(userinfo=b"", raw_path=b"/", fragment=None)
        target = {"target": url.raw_path}
        user = (url.username, url.password) if url.userinfo else None
        # The authorities that the operating system trusts count, as those of a company may be among them.
        with (
            httpx.Client(verify=ssl.create_default_context(), timeout=_SECONDS, auth=user) as client,
            client.stream("POST", shown, content=body, headers=headers, extensions=target) as answer,
        ):
            status, accepted = answer.status_code, answer.is_success
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        raise _Failed("has an invalid URL") from None
    except (httpx.HTTPError, OSError) as error:
        # What the library says of it may hold the address.
        raise Retryable(f"does not answer ({type(error).__name__})") from None
    if not accepted:
        raise (Retryable if status in PASSING else _Failed)(f"answered {status}")
