"""Sources whose libraries are extras of the package: their modules are imported when they are used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from schemas.errors import UsageError
from schemas.fetched import Fetched
from tasks.sources.base import Connector, Request

_LIBRARIES = {"aws": ("boto3", "botocore"), "netbox": ("pynetbox", "requests")}
"""The libraries of each extra, by the names that they are imported by."""


def _imported(module: str, extra: str) -> Callable[[Request], Fetched | None]:
    """Return the `fetch` of a module of this package; raises UsageError where the libraries of an extra are missing."""

    def fetch(request: Request) -> Fetched | None:
        try:
            source = import_module(f"tasks.sources.{module}")
        except ModuleNotFoundError as error:
            library = (error.name or "").partition(".")[0]
            if library not in _LIBRARIES[extra]:
                raise
            message = f'{request.address.scheme}:// needs the package {library}. Run: pip install "cmdb[{extra}]"'
            raise UsageError(message) from error
        found: Fetched | None = source.fetch(request)
        return found

    return fetch


AWS = Connector(
    "aws",
    "The network of AWS accounts",
    ("aws",),
    "aws://default/us-east-1,eu-west-1",
    _imported("aws", "aws"),
)
S3 = Connector("s3", "Objects of S3", ("s3",), "s3://network-exports/daily/*.csv", _imported("s3", "aws"))
NETBOX = Connector(
    "netbox",
    "NetBox",
    ("netbox", "netbox+http"),
    "netbox://netbox.example.com",
    _imported("netbox", "netbox"),
)
