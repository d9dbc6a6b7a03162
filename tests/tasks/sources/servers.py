"""Servers on loopback for the sources to ask: one that answers as it is told, and one in the shape of NetBox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Answer:
    """An answer; `cut` breaks the connection after so many bytes of its body, and an empty header is left out."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None


Respond = Callable[[Asked], Answer]


class Site:
    """A server, what it was asked, and what it answers next."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.asked: list[Asked] = []
        self.host = ""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}"


@contextmanager
def site(respond: Respond, tls: SSLContext | None = None) -> Iterator[Site]:
    """Run a server that answers with what `respond` gives."""
    running = Site(respond)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers), body)
            running.asked.append(asked)
            answer = running.respond(asked)
            self.send_response(answer.status)
            headers = {"Content-Length": str(len(answer.body))} | answer.headers
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut])
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_HEAD = _handle  # noqa: N815  # the standard library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        # Who hangs up for the certificate is nobody's fault here.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    running.host = f"127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Proxy:
    """A proxy of another server, which answers some of the requests itself."""

    behind: str
    instead: Callable[[Asked], Answer | None] = lambda _: None

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request, or have it answered."""
        own = self.instead(asked)
        if own:
            return own
        kept = {name: value for name, value in asked.headers.items() if name.lower() != "connection"}
        found = httpx.request(asked.method, self.behind + asked.path, headers=kept, content=asked.body, trust_env=False)
        dropped = ("content-length", "content-encoding", "transfer-encoding", "connection", "date", "server")
        headers = {name: value for name, value in found.headers.items() if name not in dropped}
        if asked.method == "HEAD":
            headers["Content-Length"] = found.headers.get("Content-Length", "0")
        return Answer(found.status_code, headers, found.content)


# NetBox ---------------------------------------------------------------------------------------------------------------

Objects = dict[str, list[dict[str, Any]]]


@dataclass
class NetBox:
    """The paging of NetBox's REST API over lists of objects, for those who bring the token.

    `broken` are (endpoint, offset) of pages that fail.
    """

    objects: Objects
    token: str | None = None
    broken: set[tuple[str, int]] = field(default_factory=set)

    def __call__(self, asked: Asked) -> Answer:
        """Answer one page."""
        address = urlsplit(asked.path)
        if (
            self.token
            and asked.headers.get("authorization", asked.headers.get("Authorization")) != f"Token {self.token}"
        ):
            return _json({"detail": f"Invalid token {asked.headers.get('authorization')}"}, 403)
        name = address.path.strip("/").removeprefix("api/")
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        offset, limit = int(query.get("offset", 0)), int(query.get("limit") or 50)
        if name not in self.objects:
            return _json({"detail": "Not found."}, 404)
        if (name, offset) in self.broken:
            return _json({"error": "psycopg.OperationalError", "exception": "OperationalError"}, 501)
        found = self.objects[name]
        more = offset + limit < len(found)
        following = (
            f"http://{asked.headers['Host']}{address.path}?limit={limit}&offset={offset + limit}" if more else None
        )
        page = {"count": len(found), "next": following, "previous": None, "results": found[offset : offset + limit]}
        return _json(page)


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def netbox_objects(sites: int = 3) -> Objects:
    """Return a small network in the shapes of NetBox 4.2: nested objects, choices, scopes, tags."""
    brief = [
        {"id": n, "url": f"http://x/api/dcim/sites/{n}/", "display": f"Site {n}", "name": f"Site {n}"}
        for n in range(1, sites + 1)
    ]
    tag = {
        "id": 1,
        "url": "http://x/api/extras/tags/1/",
        "display": "core",
        "name": "core",
        "slug": "core",
        "color": "9e9e9e",
    }
    active = {"value": "active", "label": "Active"}
    group = {
        "id": 7,
        "url": "http://x/api/ipam/vlan-groups/7/",
        "display": "Campus",
        "name": "Campus",
        "slug": "campus",
    }
    vrf = {"id": 4, "url": "http://x/api/ipam/vrfs/4/", "display": "blue (65000:1)", "name": "blue", "rd": "65000:1"}
    bare = {"id": 5, "url": "http://x/api/ipam/vrfs/5/", "display": "red", "name": "red", "rd": None}
    common = {"tags": [tag], "description": "", "custom_fields": {}, "created": "2026-01-01T00:00:00Z"}
    common["last_updated"] = "2026-02-01T00:00:00Z"
    vlan = {"id": 31, "url": "http://x/api/ipam/vlans/31/", "display": "servers (110)", "vid": 110, "name": "servers"}
    nested = {"name": "Germany", "id": 1, "url": "http://x/api/dcim/regions/1/", "display": "Germany", "slug": "de"}
    maker = {
        "id": 2,
        "url": "http://x/api/dcim/manufacturers/2/",
        "display": "Juniper",
        "name": "Juniper",
        "slug": "juniper",
    }
    model = {
        "id": 3,
        "url": "http://x/api/dcim/device-types/3/",
        "display": "MX204",
        "manufacturer": maker,
        "model": "MX204",
        "slug": "mx204",
    }
    address = {
        "id": 8,
        "url": "http://x/api/ipam/ip-addresses/8/",
        "display": "192.0.2.10/24",
        "family": {"value": 4, "label": "IPv4"},
        "address": "192.0.2.10/24",
    }
    role = {
        "id": 9,
        "url": "http://x/api/dcim/device-roles/9/",
        "display": "core router",
        "name": "core router",
        "slug": "core",
    }
    return {
        "dcim/sites": [
            {
                **each,
                "slug": f"site-{each['id']}",
                "status": active,
                "region": nested,
                "facility": "FR5",
                "time_zone": "Europe/Berlin",
                "latitude": 50.1,
                "longitude": 8.7,
                **common,
            }
            for each in brief
        ],
        "ipam/vrfs": [
            {**vrf, "enforce_unique": True, "tenant": None, **common},
            {**bare, "enforce_unique": False, **common},
        ],
        "ipam/vlans": [
            {**vlan, "site": brief[0], "group": group, "status": active, "role": None, **common},
            {**vlan, "id": 32, "vid": 120, "name": "phones", "site": None, "group": None, "status": active, **common},
        ],
        "ipam/prefixes": [
            {
                "id": 41,
                "url": "http://x/api/ipam/prefixes/41/",
                "display": "10.1.0.0/16",
                "prefix": "10.1.0.0/16",
                "vrf": vrf,
                "scope_type": "dcim.site",
                "scope_id": 1,
                "scope": brief[0],
                "vlan": vlan,
                "status": {"value": "container", "label": "Container"},
                "is_pool": False,
                **common,
            },
            {
                "id": 42,
                "url": "http://x/api/ipam/prefixes/42/",
                "display": "10.2.0.0/16",
                "prefix": "10.2.0.0/16",
                "vrf": bare,
                "scope_type": "dcim.region",
                "scope_id": 1,
                "scope": nested,
                "vlan": None,
                "status": active,
                "is_pool": True,
                **common,
            },
            {
                "id": 43,
                "url": "http://x/api/ipam/prefixes/43/",
                "display": "2001:db8::/48",
                "prefix": "2001:db8::/48",
                "vrf": None,
                "scope_type": None,
                "scope_id": None,
                "scope": None,
                "vlan": {**vlan, "id": 32, "vid": 120},
                "status": active,
                "is_pool": False,
                **common,
            },
        ],
        "ipam/asns": [
            {
                "id": 51,
                "url": "http://x/api/ipam/asns/51/",
                "display": "AS65001",
                "asn": 65001,
                "rir": {"id": 1, "url": "http://x/api/ipam/rirs/1/", "display": "RIPE", "name": "RIPE", "slug": "ripe"},
                "tenant": None,
                **common,
            }
        ],
        "dcim/devices": [
            {
                "id": 61,
                "url": "http://x/api/dcim/devices/61/",
                "display": "fra-core-1",
                "name": "fra-core-1",
                "device_type": model,
                "role": role,
                "site": brief[0],
                "serial": "BR12",
                "status": active,
                "primary_ip": address,
                "primary_ip4": address,
                "local_context_data": None,
                "config_context": {"ntp": ["192.0.2.1"]},
                **common,
            },
        ],
        "circuits/circuits": [
            {
                "id": 71,
                "url": "http://x/api/circuits/circuits/71/",
                "display": "ET-4711",
                "cid": "ET-4711",
                "provider": {"id": 2, "url": "http://x/api/circuits/providers/2/", "display": "Telco", "name": "Telco"},
                "type": {"id": 1, "url": "http://x/api/circuits/circuit-types/1/", "display": "Fibre", "name": "Fibre"},
                "status": active,
                "commit_rate": 1_000_000,
                "termination_a": {
                    "id": 81,
                    "url": "http://x/api/circuits/circuit-terminations/81/",
                    "display": "ET-4711: Termination A",
                    "termination_type": "dcim.site",
                    "termination_id": 1,
                    "termination": brief[0],
                },
                "termination_z": {
                    "id": 82,
                    "url": "http://x/api/circuits/circuit-terminations/82/",
                    "display": "ET-4711: Termination Z",
                    "termination_type": "circuits.providernetwork",
                    "termination_id": 5,
                    "termination": {"id": 5, "display": "MPLS", "name": "MPLS"},
                },
                **common,
            },
        ],
    }


def crowded_objects() -> Objects:
    """Return a network as in the demo data: numbers and names that repeat between sites, devices without a name."""
    common = {"description": "", "tags": [], "custom_fields": {}, "last_updated": "2026-01-01T00:00:00Z"}

    def nested(kind: str, number: int, name: str) -> dict[str, Any]:
        return {"id": number, "url": f"http://x/api/{kind}/{number}/", "display": name, "name": name}

    def made(kind: str, number: int, **members: Any) -> dict[str, Any]:
        return {"id": number, "url": f"http://x/api/{kind}/{number}/", "display": str(number), **members, **common}

    sites = [nested("dcim/sites", number, name) for number, name in ((1, "Bonn"), (2, "Ulm"))]
    tenants = [nested("tenancy/tenants", number, name) for number, name in ((5, "Acme"), (6, "Umbrella"))]
    group = nested("ipam/vlan-groups", 7, "Campus")
    places = [(sites[0], None), (sites[1], None), (None, group), (sites[0], group), (None, None)]
    vlans = [
        made("ipam/vlans", 30 + number, vid=100 + (number == 3), name="Data", site=place, group=within)
        for number, (place, within) in enumerate(places)
    ]
    kind = {"id": 1, "model": "MX204", "manufacturer": nested("dcim/manufacturers", 2, "Juniper")}
    devices = [
        (sites[0], None, "core"),
        (sites[1], None, "core"),
        (sites[0], tenants[0], "core"),
        (sites[0], tenants[1], "core"),
        (sites[0], None, None),
        (sites[0], None, None),
        (sites[0], tenants[0], None),
    ]
    return {
        "dcim/sites": [made("dcim/sites", each["id"], name=each["name"], slug=each["name"].lower()) for each in sites],
        "ipam/vrfs": [],
        "ipam/vlans": vlans,
        "ipam/prefixes": [
            made(
                "ipam/prefixes",
                40 + number,
                prefix=f"10.{number}.0.0/16",
                vrf=None,
                site=vlan["site"],
                vlan={"id": vlan["id"], "display": "Data", "vid": vlan["vid"], "name": "Data"},
            )
            for number, vlan in enumerate(vlans)
        ],
        "ipam/asns": [],
        "dcim/devices": [
            made("dcim/devices", 60 + number, name=name, site=place, tenant=tenant, device_type=kind, role=None)
            for number, (place, tenant, name) in enumerate(devices)
        ],
        "circuits/circuits": [
            made("circuits/circuits", 70 + number, cid="1", provider=nested("circuits/providers", number, name))
            for number, name in enumerate(("Telco", "Carrier"))
        ],
    }
