"""NetBox: its objects of the types that the CMDB has from it, by its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pynetbox
import requests
from pynetbox.core.query import ContentError, RequestError
from requests.adapters import HTTPAdapter

from schemas.errors import CmdbError, SourceError, UsageError
from schemas.fetched import Fetched, FetchedFile, Unread
from schemas.issues import Issue
from schemas.resources import RESOURCES
from tasks.backoff import PASSING, Retryable, retried, retry_after_seconds
from tasks.formats.netbox.shapes import SHAPES, Shape
from tasks.sources.base import Request
from tasks.sources.output import Lines, free_path, lines
from tasks.sources.ssrf_guard import checked_addresses, is_public

Object = dict[str, Any]

_PAGE = 500
_TIMES = (10, 60)


def fetch(request: Request) -> Fetched:
    """Read the types one by one, page by page; one that fails is reported, and the others are read."""
    reading = _Reading(request)
    failures: list[Issue] = []
    files: list[FetchedFile] = []
    with reading.http:
        for name in _types(request):
            file, why = reading.read(name)
            files += [file] if file else []
            failures += [Issue("type", why, value=name)] if why else []
    unread = tuple(Unread(issue.message, issue.value) for issue in failures)
    return Fetched(tuple(files), None, tuple(failures), unread=unread)


def _types(request: Request) -> list[str]:
    unsupported = [resource.type for resource in request.types if resource.type not in SHAPES]
    if unsupported:
        raise UsageError(
            f"netbox:// has no {', '.join(unsupported)}: it has {', '.join(SHAPES)}.",
            types=unsupported,
            choices=[*SHAPES],
        )
    wanted = {resource.type for resource in request.types} or set(SHAPES)
    return [name for name in RESOURCES if name in wanted]


class _Reading:
    """The reading of one NetBox: its client, and the VLANs that prefixes name by ids alone."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.http = requests.Session()
        for scheme in ("http://", "https://"):
            self.http.mount(scheme, _RetryingAdapter(request))
        self._api = pynetbox.api(_base(request), token=request.secret.text.strip() if request.secret else None)
        self._api.http_session = self.http
        self._vlans: dict[int, Object] | None = None
        self._files, self._records, self._size = 0, 0, 0

    def read(self, name: str) -> tuple[FetchedFile | None, str | None]:
        """Write the records of a type; those that came before a page failed are kept, and the failure is reported."""
        path = free_path(self._request.folder, f"{name}.ndjson")
        why: str | None = None
        with lines(path, path.name, self._request.limit) as output:
            try:
                total = self._write(name, output)
                if output.count != total:
                    why = f"{name} of {self._request.shown} was changed while it was read, and may lack records."
            except CmdbError as error:
                why = error.message
            except (RequestError, ContentError, requests.RequestException) as error:
                why = _meaning(f"{name} of {self._request.shown}", error, output.count)
        if why and not output.count:
            path.unlink()
            return None, why
        self._files += 1
        self._records += output.count
        self._size += output.size
        self._request.progress(self._files, self._records, self._size)
        return FetchedFile(path, path.name, name, output.count), why

    def _write(self, name: str, output: Lines) -> int:
        """Write the records, each once; returns how many NetBox says there are."""
        pages = self._record_pages(name)
        seen: set[Any] = set()
        for record in _records(pages):
            # Where records come and go between two pages, one is listed again in the place of one that is passed over.
            if record["id"] in seen:
                continue
            seen.add(record["id"])
            output.write(_read_members(SHAPES[name], self._with_vlan(record)))
            if output.count % _PAGE == 0:
                self._request.progress(self._files, self._records + output.count, self._size + output.size)
        return len(pages)

    def _record_pages(self, name: str) -> Any:
        application, _, endpoint = SHAPES[name].endpoints[0].partition("/")
        return getattr(getattr(self._api, application), endpoint).all(limit=_PAGE)

    def _with_vlan(self, record: Object) -> Object:
        """Give the VLAN that a prefix refers to its group and its site, which it has there in its own list only."""
        vlan = record.get("vlan")
        if not isinstance(vlan, dict) or "id" not in vlan:
            return record
        if self._vlans is None:
            found = _records(self._record_pages("vlan"))
            self._vlans = {each["id"]: _read_members(SHAPES["vlan"], each) for each in found}
        return record | {"vlan": vlan | self._vlans.get(vlan["id"], {})}


def _records(pages: Any) -> Iterator[Object]:
    """Yield the records as the API gives them: pynetbox makes objects of its own of them, which we have no use for."""
    for record in pages.response:
        if not isinstance(record, dict) or "id" not in record:
            raise SourceError("The response is not a list of records: is this the URL of a NetBox?")
        yield record


def _read_members(shape: Shape, record: Object) -> Object:
    """Return the members that are read, and the custom fields: counts of other objects change with each of those."""
    names = (*shape.reads, "id", "url", "custom_fields", "last_updated")
    return {name: _without_counts(record[name]) for name in names if name in record}


def _without_counts(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: _without_counts(inner)
        for name, inner in value.items()
        if not name.endswith("_count") and not name.startswith("_")
    }


class _Distress(Retryable):
    """An answer with the status of a fault that passes."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__(str(answer.status_code), retry_after_seconds(answer.headers.get("Retry-After")))
        self.answer = answer


class _RetryingAdapter(HTTPAdapter):
    """Sends a request with time limits, and again where what went wrong passes."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._wait = request.wait

    def send(self, request: Any, *_: Any, **options: Any) -> Any:
        """Send a request of `requests`."""
        errors = (_Distress, requests.ConnectionError, requests.Timeout)
        try:
            return retried(partial(self._attempt, request, options | {"timeout": _TIMES}), errors, self._wait)
        except _Distress as error:
            return error.answer

    def _attempt(self, request: Any, options: dict[str, Any]) -> Any:
        answer = super().send(request, **options)
        if answer.status_code in PASSING:
            answer.content  # noqa: B018  # read it, so that its connection can be used again
            raise _Distress(answer)
        return answer


def _base(request: Request) -> str:
    """The address of the web for one of ours."""
    address = request.address
    request.options()
    if not address.hostname:
        raise UsageError("The address names no host: write netbox://netbox.example.com.")
    plain = address.scheme == "netbox+http"
    found = checked_addresses(address.hostname, address.port or (80 if plain else 443), private=True)
    if plain and request.secret and any(map(is_public, found)):
        raise UsageError(f"{request.shown} would carry the token unencrypted: use netbox://.")
    return f"{'http' if plain else 'https'}://{address.netloc.rpartition('@')[2]}{address.path.rstrip('/')}"


def _meaning(what: str, error: Exception, read: int) -> str:
    """What an error means, in a sentence that repeats nothing of the server's page of it."""
    progress = f" after {read:,} records" if read else ""
    if isinstance(error, RequestError):
        status = error.req.status_code
        if status in (401, 403):
            return f"{what} may not be read with this token ({status}): give credentials=NAME of one that may."
        return f"{what} cannot be read{progress}: NetBox answers {status} {error.req.reason}."
    if isinstance(error, ContentError):
        return f"{what} cannot be read{progress}: the response is not JSON; is this the URL of a NetBox?"
    return f"{what} cannot be read{progress}: NetBox does not respond ({type(error).__name__})."
