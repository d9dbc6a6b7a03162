"""A lineage server on loopback, which keeps the events that it gets, and the specification that they must fit."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jsonschema import (  # type: ignore[import-untyped]  # it has none
    Draft202012Validator,
    FormatChecker,
)
from referencing import Registry, Resource

SPECIFICATION = Path(__file__).parent / "data" / "openlineage"


@dataclass
class LineageServer:
    """Its address, and the events that it got, the oldest first."""

    address: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of its events."""
        return [event["eventType"] for event in self.events]


@contextmanager
def lineage_server() -> Iterator[LineageServer]:
    """Serve the API of OpenLineage while this lasts."""
    server = LineageServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/api/v1/lineage"
            server.events.append(json.loads(gzip.decompress(body) if self.headers["Content-Encoding"] else body))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        server.address = f"http://127.0.0.1:{listening.server_port}"
        yield server
        listening.shutdown()


def check_event(event: dict[str, Any]) -> None:
    """Fail where an event or a facet of it does not fit the schema that it names."""
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in SPECIFICATION.glob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )

    def check(value: dict[str, Any], url: str) -> None:
        Draft202012Validator({"$ref": url}, registry=registry, format_checker=FormatChecker()).validate(value)

    check(event, event["schemaURL"])
    for facet in facets(event):
        check(facet, facet["_schemaURL"])


def facets(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every facet of an event."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for member in value.values():
            yield from facets(member)
    if isinstance(value, list):
        for member in value:
            yield from facets(member)
