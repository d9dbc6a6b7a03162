"""NetBox: its objects of the types that the CMDB has from it, by its REST API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynetbox
import requests
from pynetbox.core.query import ContentError, RequestError
from requests.adapters import HTTPAdapter

from schemas.errors import CmdbError, UsageError
from schemas.fetched import Fetched, FetchedFile
from schemas.reports import Issue
from schemas.resources import RESOURCES
from tasks.retries import ATTEMPTS, LONGEST, PASSING, asked_for, pause
from tasks.sources.base import Connector, Request
from tasks.sources.peers import checked_addresses, is_public
from tasks.sources.written import Lines, free_path, lines

Object = dict[str, Any]
Vlans = Callable[[int], str | None]
"""Gives the natural key of the VLAN of an id."""

_PAGE = 500
_TIMES = (10, 60)


def fetch(request: Request) -> Fetched:
    """Read the types one by one, page by page; one that fails is told, and leaves the others."""
    reading = _Reading(request)
    failures: list[Issue] = []
    files: list[FetchedFile] = []
    with reading.http:
        for name in _types(request):
            file, why = reading.read(name)
            files += [file] if file else []
            failures += [Issue("type", why, value=name)] if why else []
    return Fetched(tuple(files), None, tuple(failures))


def _types(request: Request) -> list[str]:
    foreign = [resource.type for resource in request.types if resource.type not in MAPPED]
    if foreign:
        raise UsageError(f"netbox:// has no {', '.join(foreign)}: it has {', '.join(MAPPED)}.")
    wanted = {resource.type for resource in request.types} or set(MAPPED)
    return [name for name in RESOURCES if name in wanted]


class _Reading:
    """The reading of one NetBox: its client, and the VLANs that prefixes name by ids alone."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.http = requests.Session()
        for scheme in ("http://", "https://"):
            self.http.mount(scheme, _Patient(request))
        self._api = pynetbox.api(_base(request), token=request.secret.text.strip() if request.secret else None)
        self._api.http_session = self.http
        self._vlans: dict[int, str] | None = None
        self._files, self._records, self._size = 0, 0, 0

    def read(self, name: str) -> tuple[FetchedFile | None, str | None]:
        """Write the records of a type; those that came before a page failed are kept, and the failure is told."""
        path = free_path(self._request.folder, f"{name}.ndjson")
        why: str | None = None
        with lines(path, path.name, self._request.limit) as written:
            try:
                total = self._write(name, written)
                if written.count != total:
                    why = f"{name} of {self._request.shown} was changed while it was read, and may lack records."
            except CmdbError as error:
                why = str(error)
            except (RequestError, ContentError, requests.RequestException) as error:
                why = _meaning(f"{name} of {self._request.shown}", error, written.count)
        if why and not written.count:
            path.unlink()
            return None, why
        self._files += 1
        self._records += written.count
        self._size += written.size
        self._request.told(self._files, self._records, self._size)
        return FetchedFile(path, path.name, name, written.count), why

    def _write(self, name: str, written: Lines) -> int:
        """Write the records, each once; returns how many NetBox says there are."""
        _, _, mapped = MAPPED[name]
        listed = self._listed(name)
        total = len(listed)
        seen: set[int] = set()
        for found in listed:
            record = dict(found)
            # Where records come and go between two pages, one is listed again in the place of one that is passed over.
            if record["id"] in seen:
                continue
            seen.add(record["id"])
            written.write(mapped(record, self._vlan))
            if written.count % _PAGE == 0:
                self._request.told(self._files, self._records + written.count, self._size + written.size)
        return total

    def _listed(self, name: str) -> Any:
        application, endpoint, _ = MAPPED[name]
        return getattr(getattr(self._api, application), endpoint).all(limit=_PAGE)

    def _vlan(self, number: int) -> str | None:
        if self._vlans is None:
            self._vlans = {vlan["id"]: _vlan_key(vlan) for vlan in map(dict, self._listed("vlan"))}
        return self._vlans.get(number)


class _Patient(HTTPAdapter):
    """Sends a request with time limits, and again where what went wrong passes."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._wait = request.wait

    def send(self, request: Any, *_: Any, **options: Any) -> Any:
        """Send a request of `requests`."""
        options["timeout"] = _TIMES
        for attempt in range(1, ATTEMPTS + 1):
            after = None
            try:
                answer = super().send(request, **options)
            except (requests.ConnectionError, requests.Timeout):
                if attempt == ATTEMPTS:
                    raise
            else:
                after = asked_for(answer.headers.get("Retry-After"))
                if answer.status_code not in PASSING or attempt == ATTEMPTS or (after or 0) > LONGEST:
                    return answer
                answer.close()
            self._wait(pause(attempt) if after is None else after)
        raise AssertionError("the last attempt returns or raises")


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
    after = f" after {read:,} records" if read else ""
    if isinstance(error, RequestError):
        status = error.req.status_code
        if status in (401, 403):
            return f"{what} may not be read with this token ({status}): give credentials=NAME of one that may."
        return f"{what} can't be read{after}: NetBox answers {status} {error.req.reason}."
    if isinstance(error, ContentError):
        return f"{what} can't be read{after}: the answer is no JSON; is this the address of a NetBox?"
    return f"{what} can't be read{after}: NetBox does not answer ({type(error).__name__})."


# Objects → fields -----------------------------------------------------------------------------------------------------


def _site(site: Object, _: Vlans) -> Object:
    same = ("name", "slug", "facility", "time_zone", "latitude", "longitude")
    return _common(site, *same) | {"region_name": _name(site.get("region"))}


def _vrf(vrf: Object, _: Vlans) -> Object:
    return _common(vrf, "name", "rd", "enforce_unique")


def _vlan(vlan: Object, _: Vlans) -> Object:
    own = {"group": _name(vlan.get("group")), "site": _name(vlan.get("site")), "status": _value(vlan.get("status"))}
    return _common(vlan, "vid", "name") | own


def _prefix(prefix: Object, vlans: Vlans) -> Object:
    vrf, vlan = prefix.get("vrf"), prefix.get("vlan")
    own = {
        "vrf": (vrf.get("rd") or vrf.get("name")) if vrf else None,
        "site": _place(prefix),
        "vlan": vlans(vlan["id"]) if vlan else None,
        "status": _value(prefix.get("status")),
    }
    return _common(prefix, "prefix", "is_pool") | own


def _asn(asn: Object, _: Vlans) -> Object:
    return _common(asn, "asn") | {"rir": _name(asn.get("rir")), "organisation": _name(asn.get("tenant"))}


def _device(device: Object, _: Vlans) -> Object:
    model = device.get("device_type") or {}
    address = (device.get("primary_ip") or {}).get("address") or ""
    own = {
        "site": _name(device.get("site")),
        # Until NetBox 4 it was called device_role.
        "role": _name(device.get("role") or device.get("device_role")),
        "manufacturer": _name(model.get("manufacturer")),
        "model": model.get("model"),
        "status": _value(device.get("status")),
        "primary_ip": address.partition("/")[0] or None,
    }
    return _common(device, "name", "serial") | own


def _common(found: Object, *same: str) -> Object:
    """The members that have the names of our fields, and what every type has. A tag of NetBox has no value."""
    tags = {tag["name"]: "" for tag in found.get("tags") or ()}
    return {name: found.get(name) for name in (*same, "description")} | {"tags": tags}


def _name(nested: Object | None) -> str | None:
    return nested.get("name") if nested else None


def _value(choice: Object | str | None) -> str | None:
    return choice.get("value") if isinstance(choice, dict) else choice


def _place(prefix: Object) -> str | None:
    """The site of a prefix: until NetBox 4.2 a member of its own, and since then one of the scopes that it may have."""
    if "site" in prefix:
        return _name(prefix["site"])
    return _name(prefix.get("scope")) if prefix.get("scope_type") == "dcim.site" else None


def _vlan_key(vlan: Object) -> str:
    return f"{_name(vlan.get('group')) or _name(vlan.get('site')) or ''}/{vlan['vid']}"


MAPPED: dict[str, tuple[str, str, Callable[[Object, Vlans], Object]]] = {
    "site": ("dcim", "sites", _site),
    "vrf": ("ipam", "vrfs", _vrf),
    "vlan": ("ipam", "vlans", _vlan),
    "prefix": ("ipam", "prefixes", _prefix),
    "asn": ("ipam", "asns", _asn),
    "device": ("dcim", "devices", _device),
}
"""The types that NetBox has: the application and the endpoint of its API, and how an object becomes a record."""

NETBOX = Connector("netbox", "NetBox", ("netbox", "netbox+http"), "netbox://netbox.example.com", fetch)
