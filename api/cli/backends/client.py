"""A client of a server's REST API: one address, one key, and one policy for requests that fail for a moment."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from api.cli.backends.problems import error_of, foreign_answer, problem_of
from schemas.access.hosts import is_loopback
from schemas.errors import CmdbError, RunFailed, Unavailable, UsageError
from schemas.settings import Settings
from tasks.atomic_write import atomic_path
from tasks.backoff import PASSING, Retryable, retried, retry_after_seconds

Value = TypeVar("Value")

ATTEMPTS = 3
"""How many times in a row a request may fail before it is given up: a few seconds."""

_TIMEOUT = httpx.Timeout(60, connect=10)
_CHUNK = 1 << 16

WORDING_HEADER = "Cmdb-Wording"
"""By which the server leaves messages as they are stored: the command line has words of its own."""

_TOO_MANY = 429


class _Passing(Retryable):
    """A fault that may pass; `error` is what it is reported as when it does not."""

    def __init__(self, error: CmdbError, after: float | None = None) -> None:
        super().__init__(str(error), after)
        self.error = error


class Client:
    """One server. Every method raises CmdbError for an answer that is a problem, and where there is no answer."""

    def __init__(self, settings: Settings) -> None:
        self.server = settings.api_url or ""
        parts = urlsplit(self.server)
        self._key = settings.api_key.get_secret_value() if settings.api_key else ""
        self.is_local = is_loopback(parts.hostname or "")
        if self._key and parts.scheme == "http" and not self.is_local and not settings.api_plain_http:
            raise UsageError(
                f"CMDB_API_KEY is not sent over plain HTTP to {parts.hostname}, where others can read it: write "
                "https:// in CMDB_API_URL, or set CMDB_API_PLAIN_HTTP=true."
            )
        headers = {"User-Agent": f"cmdb/{metadata.version('cmdb')}", WORDING_HEADER: "markers"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._http = httpx.Client(
            base_url=self.server,
            headers=headers,
            timeout=_TIMEOUT,
            # The authorities that the operating system trusts, or those of SSL_CERT_FILE.
            verify=ssl.create_default_context(),
            # A proxy of the environment would see the key on its way to this machine.
            trust_env=not self.is_local,
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of an address; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._json(self.request("GET", path, params=given))

    def delete(self, path: str) -> httpx.Response:
        """Delete what is at an address."""
        return self.request("DELETE", path)

    def post(self, path: str, body: dict[str, Any] | None = None, *, once: bool = False, **params: Any) -> Any:
        """Post JSON and return the JSON of the answer.

        With `once`, the server knows a repetition by an Idempotency-Key, so that it can be sent again.
        """
        headers = {"Idempotency-Key": str(uuid4())} if once else {}
        answer = self.request("POST", path, repeatable=once, json=body or {}, headers=headers, params=params)
        return self._json(answer)

    def request(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool = True,
        accepted: Callable[[httpx.Response], bool] = lambda answer: answer.is_success,
        **content: Any,
    ) -> httpx.Response:
        """Send a request, again after a passing fault where it is `repeatable`, and return the accepted answer."""

        def attempt() -> httpx.Response:
            with self._reached(repeatable=repeatable):
                answer = self._http.request(method, path, **content)
            return answer if accepted(answer) else self._refused(answer, repeatable=repeatable)

        return _given_up(attempt)

    def download(self, path: str, target: Path, size: int, show: Callable[[int, int], None]) -> None:
        """Write a file of the server to `target`, all of it or nothing, and go on where a connection broke."""
        with atomic_path(target) as hidden, hidden.open("wb") as file:

            def attempt() -> None:
                have = file.tell()
                headers = {"Range": f"bytes={have}-"} if have else {}
                with self._reached(), self._http.stream("GET", path, headers=headers) as answer:
                    if not answer.is_success:
                        answer.read()
                        self._refused(answer)
                    if have and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                        file.seek(0)
                        file.truncate()
                    for chunk in answer.iter_bytes(_CHUNK):
                        file.write(chunk)
                        show(file.tell(), size)

            if size:
                _given_up(attempt, progress=file.tell)
            if file.tell() != size:
                raise RunFailed(f"The server sent {file.tell():,} of {size:,} bytes: try again.")

    def save(self, path: str, target: Path, **params: Any) -> None:
        """Write a small file that the server makes for this request to `target`, all of it or nothing."""
        with atomic_path(target) as hidden:
            hidden.write_bytes(self.request("GET", path, params=params).content)

    def events(self, path: str) -> Iterator[str]:
        """Yield the data of server-sent events until the server ends them; raises httpx.TransportError."""
        # The server says something every 15 s.
        with self._http.stream("GET", path, timeout=httpx.Timeout(40, connect=10)) as answer:
            if not answer.is_success or not answer.headers.get("content-type", "").startswith("text/event-stream"):
                return
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    yield line.removeprefix("data:")

    def _json(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise foreign_answer(answer, self.server) from None

    @contextmanager
    def _reached(self, *, repeatable: bool = True) -> Iterator[None]:
        """Report a request that got no answer."""
        try:
            yield
        except httpx.TransportError as error:
            if reason := _certificate_fault(error):
                raise Unavailable(
                    f"The TLS certificate of {self.server} is not trusted ({reason}): correct CMDB_API_URL, or name "
                    "the file of its authority in SSL_CERT_FILE."
                ) from error
            connected = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            unreachable = Unavailable(self._unreachable(error, connected=connected))
            # Without a connection, the server has not seen the request.
            if repeatable or not connected:
                raise _Passing(unreachable) from error
            raise unreachable from error

    def _unreachable(self, error: httpx.TransportError, *, connected: bool) -> str:
        if connected:
            return (
                f"The connection to the server at {self.server} was lost ({type(error).__name__}): `cmdb runs` shows "
                "whether it started a run."
            )
        return f"The server at {self.server} cannot be reached: check CMDB_API_URL and the network."

    def _refused(self, answer: httpx.Response, *, repeatable: bool = True) -> httpx.Response:
        error = error_of(answer, self.server, has_key=bool(self._key))
        if answer.status_code == _TOO_MANY or (repeatable and answer.status_code in PASSING):
            raise _Passing(error, retry_after_seconds(answer.headers.get("retry-after")))
        raise error


def _given_up(attempt: Callable[[], Value], progress: Callable[[], int] = lambda: 0) -> Value:
    try:
        return retried(attempt, (_Passing,), time.sleep, attempts=ATTEMPTS, progress=progress)
    except _Passing as passing:
        raise passing.error from passing


def _certificate_fault(error: BaseException) -> str | None:
    """Return what is wrong with a certificate, if that is what kept a connection from being made."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return None


def failed_run(answer: httpx.Response) -> str | None:
    """Return the run that a problem is about, if it names one."""
    problem = problem_of(answer)
    return problem.get("importId") if problem else None
