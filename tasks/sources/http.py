"""A file of the web: fetched where it has changed, and read on where the connection broke."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import httpx
import orjson

from schemas.access.secret import Secret
from schemas.errors import SourceError, Transient, UsageError
from schemas.fetched import Fetched, FetchedFile
from tasks.atomic_write import atomic_path
from tasks.backoff import PASSING, Retryable, retried, retry_after_seconds
from tasks.formats import FORMATS
from tasks.sources.base import Connector, Request
from tasks.sources.output import free_path, refuse_size
from tasks.sources.ssrf_guard import checked_addresses, is_public
from tasks.sources.transfer_limits import Pace, PacedTransport

HOPS = 5
"""The most redirects that are followed."""

# Attempts in all, however much each of them brought: a server that drops every connection is no server.
_MOST = 50
_TIMES = httpx.Timeout(60, connect=10)
_ENDINGS = {"text/tab-separated-values": ".tsv", "application/gzip": ".gz", "application/zip": ".zip"}
_PLAIN_CODINGS = ("", "identity", "gzip", "x-gzip")


def fetch(request: Request) -> Fetched | None:
    """Fetch the file, unless the server says that it is as it was."""
    if not request.address.hostname:
        raise UsageError("The address names no host: write https://host/path.")
    path = free_path(request.folder, "download")
    # A connection to an address was made for one name, and would be taken for another one's at that address: none is
    # used twice.
    transport = PacedTransport(httpx.create_ssl_context(), lambda: _pace(request))
    with httpx.Client(transport=transport, trust_env=False, timeout=_TIMES) as client:
        download = _Download(request, client)
        with atomic_path(path) as hidden:
            changed = download.whole(hidden)
    if not changed:
        path.unlink()
        return None
    found = path.rename(free_path(request.folder, download.name))
    request.progress(1, 0, download.size)
    return Fetched((FetchedFile(found, download.name, request.only),), download.version)


def _pace(request: Request) -> Pace:
    """The pace of a new connection."""
    least = request.settings.source_min_bytes_per_second
    return Pace(least, request.refuse_late, lambda what: SourceError(f"{request.shown} is too slow: it {what}."))


class _Download:
    """One file on its way: what has come of it, and what the server says of it."""

    def __init__(self, request: Request, client: httpx.Client) -> None:
        self.size = 0
        self._request = request
        self._client = client
        self._headers: httpx.Headers = httpx.Headers()
        try:
            self._url = httpx.URL(request.url)
        except httpx.InvalidURL:
            raise UsageError("Not a valid URL: write https://host/path.") from None

    def whole(self, path: Path) -> bool:
        """Write the file to a path; False where it is as it was."""
        path.touch()
        errors = (Retryable, httpx.TransportError)
        try:
            return retried(
                partial(self._attempt, path), errors, self._request.wait, progress=lambda: self.size, most=_MOST
            )
        except errors as error:
            after = error.retry_after if isinstance(error, Retryable) else None
            asks = f" It asks to be left alone for {after:,.0f} seconds." if after else ""
            raise Transient(f"{self._request.shown} could not be fetched: {_why(error)}.{asks}") from error

    def _attempt(self, path: Path) -> bool:
        self._request.refuse_late()
        with self._trusted(), self._answer() as answer:
            if answer.status_code == httpx.codes.NOT_MODIFIED and self._request.known:
                return False
            self._judge(answer)
            self._read(answer, path)
        return True

    @contextmanager
    def _trusted(self) -> Iterator[None]:
        """Turn the error of a certificate into ours: another attempt would meet the same one."""
        try:
            yield
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise
            raise SourceError(
                f"{self._request.shown} has a certificate that is not trusted here: is the name right? "
                f"An authority of your own is named in SSL_CERT_FILE. ({error})"
            ) from error

    # Asking ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _answer(self) -> Iterator[httpx.Response]:
        """Ask, and follow redirects; each hop is checked as the first address is."""
        url = self._url
        for _ in range(HOPS + 1):
            with self._response(url) as answer:
                if answer.status_code not in (301, 302, 303, 307, 308):
                    yield answer
                    return
                url = self._next(url, answer)
        raise SourceError(
            f"{self._request.shown} leads on more than {HOPS} times: give the address that it ends at.", limit=HOPS
        )

    def _next(self, url: httpx.URL, answer: httpx.Response) -> httpx.URL:
        try:
            following = url.join(answer.headers["Location"])
        except (KeyError, httpx.InvalidURL):
            raise SourceError(f"{self._request.shown} leads on to no address: see what the server answers.") from None
        if following.scheme not in ("http", "https") or (url.scheme, following.scheme) == ("https", "http"):
            raise SourceError(f"{self._request.shown} leads on from {url.scheme}:// to {following.scheme}://: refused.")
        return following

    @contextmanager
    def _response(self, url: httpx.URL) -> Iterator[httpx.Response]:
        port = url.port or (443 if url.scheme == "https" else 80)
        private = self._request.settings.source_private
        addresses = checked_addresses(url.host, port, private=private)
        headers = self._conditions() | self._credentials(url, addresses)
        # One that does not answer leaves the others.
        for number, address in enumerate(addresses, start=1):
            pinned = url.copy_with(host=address, userinfo=b"")
            asking = self._client.build_request(
                "GET",
                pinned,
                headers=headers | {"Host": url.netloc.decode(), "Accept-Encoding": "identity", "User-Agent": "cmdb"},
                extensions={"sni_hostname": url.host, "timeout": _TIMES.as_dict()},
            )
            try:
                answer = self._client.send(asking, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(addresses):
                    raise
            else:
                break
        try:
            yield answer
        finally:
            answer.close()

    def _credentials(self, url: httpx.URL, addresses: list[str]) -> dict[str, str]:
        """The headers of the secret, for the host that it was given for."""
        secret = self._request.secret
        if secret is None or _origin(url) != _origin(self._url):
            return {}
        if url.scheme == "http" and any(map(is_public, addresses)):
            raise UsageError(
                f"{self._request.shown} would carry the secret '{secret.name}' unencrypted: use https://.",
                secret=secret.name,
            )
        return _headers(secret)

    def _conditions(self) -> dict[str, str]:
        """Ask for what is new, or for the rest of what has come in part."""
        if self.size:
            validator = self._strong()
            return {"Range": f"bytes={self.size}-", "If-Range": validator} if validator else {}
        known: dict[str, str] = orjson.loads(self._request.known) if self._request.known else {}
        names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
        return {names[name]: value for name, value in known.items() if name in names}

    def _strong(self) -> str | None:
        """The validator that says that the rest is of the same file (RFC 9110, 13.1.5)."""
        etag = self._headers.get("ETag", "")
        return (etag if etag.startswith('"') else None) or (None if etag else self._headers.get("Last-Modified"))

    # Reading ---------------------------------------------------------------------------------------------------------

    def _judge(self, answer: httpx.Response) -> None:
        """Raise what an answer means that brings no file."""
        status, shown = answer.status_code, self._request.shown
        if status in PASSING:
            raise Retryable(
                f"the server answers {status} {answer.reason_phrase}",
                retry_after_seconds(answer.headers.get("Retry-After")),
            )
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and self.size:
            self._begin(httpx.Headers())
            raise Retryable("the file was changed while it was read")
        if status in (401, 403, 407):
            what = "refuses the credentials" if self._request.secret else "wants credentials"
            raise SourceError(
                f"{shown} {what} ({status}): give credentials=NAME of a secret that may read it.", status=status
            )
        if status in (404, 410):
            raise SourceError(f"{shown} does not exist ({status}): is it spelt right, or was it moved?", status=status)
        if status not in (200, 206):
            raise SourceError(f"{shown} answers {status} {answer.reason_phrase}, and no file.", status=status)
        if answer.headers.get("Content-Encoding", "").lower() not in _PLAIN_CODINGS:
            raise SourceError(f"{shown} is sent in an unrequested encoding: configure the server to send plain files.")

    def _read(self, answer: httpx.Response, path: Path) -> None:
        if answer.status_code == 206 and not self._continues(answer):
            self._begin(httpx.Headers())
            raise Retryable("the server sent a different range than requested")
        if answer.status_code == 200:
            self._begin(answer.headers)
        limit, shown = self._request.limit, self._request.shown
        refuse_size(shown, self.size + _length(answer), limit)
        with path.open("ab") as file:
            file.truncate(self.size)
            for chunk in answer.iter_raw():
                refuse_size(shown, self.size + len(chunk), limit)
                file.write(chunk)
                self.size += len(chunk)
                self._request.progress(0, 0, self.size)
        if not self.size:
            raise SourceError(f"{shown} is an empty file: nothing to import.")

    def _continues(self, answer: httpx.Response) -> bool:
        return bool(self.size) and answer.headers.get("Content-Range", "").startswith(f"bytes {self.size}-")

    def _begin(self, headers: httpx.Headers) -> None:
        self.size, self._headers = 0, headers

    # What it is ------------------------------------------------------------------------------------------------------

    @property
    def version(self) -> str | None:
        """What the server says of the file's state."""
        headers = {name: self._headers[name] for name in ("ETag", "Last-Modified") if name in self._headers}
        return orjson.dumps(headers).decode() if headers else None

    @property
    def name(self) -> str:
        """The name of the file, with an ending for its format."""
        name = _attachment_name(self._headers) or PurePosixPath(unquote(self._url.path)).name or self._url.host
        media = self._headers.get("Content-Type", "").partition(";")[0].strip().lower()
        endings = {format.facts.media: format.suffixes[0] for format in FORMATS.values()} | _ENDINGS
        known = {suffix for format in FORMATS.values() for suffix in format.suffixes} | {*_ENDINGS.values(), ".txt"}
        return name if PurePosixPath(name).suffix.lower() in known else name + endings.get(media, "")


def _headers(secret: Secret) -> dict[str, str]:
    """A token, user and password, or headers by their names."""
    if not secret.members:
        text = secret.text.strip()
        return {"Authorization": text if re.match(r"(?i)(basic|bearer|token) ", text) else f"Bearer {text}"}
    user, password = secret.member("user", "username"), secret.member("password")
    if user is None or password is None:
        return {name: value.strip() for name, value in secret.members.items()}
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _length(answer: httpx.Response) -> int:
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else 0


def _attachment_name(headers: httpx.Headers) -> str | None:
    """The name of Content-Disposition (RFC 6266), which may be a path that is none of ours."""
    message = Message()
    message["Content-Disposition"] = headers.get("Content-Disposition", "")
    name = message.get_filename()
    return PurePosixPath(name.replace("\\", "/")).name if name else None


HTTP = Connector("http", "A file of the web", ("https", "http"), "https://ipam.example.com/export/prefixes.csv", fetch)
