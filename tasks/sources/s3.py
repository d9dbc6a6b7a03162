"""Objects of S3, and of stores that speak as it does.

Read through boto3, and not through fsspec: s3fs wants a botocore that is older than boto3's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from fsspec.utils import glob_translate

from schemas.errors import SourceError, UsageError
from schemas.fetched import Fetched
from tasks.backoff import retried
from tasks.sources.aws_client import aws_errors, client, session
from tasks.sources.base import Request
from tasks.sources.file_listing import Entry, fetch_listed

_CHUNK = 1 << 20
_OPTIONS = ("endpoint", "profile", "region")
_MAGIC = re.compile(r"[*\[]")


def fetch(request: Request) -> Fetched | None:
    """Copy the objects of a prefix, or those that fit a pattern."""
    bucket, key = request.address.netloc, request.address.path.lstrip("/")
    if not bucket:
        raise UsageError("The address names no bucket: write s3://bucket/folder/*.csv.")
    s3 = _client(request)
    try:
        with aws_errors(request.shown):
            entries = list(_entries(s3, bucket, key))
        return fetch_listed(request, entries, partial(_copy, request, s3, bucket))
    finally:
        s3.close()


def _client(request: Request) -> Any:
    option = partial(_option, request)
    secret = request.secret
    endpoint = option("endpoint") or (secret.member("endpoint", "endpoint_url") if secret else None)
    region = option("region") or (secret.member("region") if secret else None)
    return client(session(option("profile"), secret, region), "s3", region, endpoint)


def _option(request: Request, name: str) -> str | None:
    return request.option(name, *_OPTIONS)


def _entries(s3: Any, bucket: str, key: str) -> Iterator[Entry]:
    """The objects of a folder without those deeper down, those that fit a pattern, or the one of that key."""
    magic = _MAGIC.search(key)
    if magic:
        start = key[: magic.start()]
        fits = re.compile(glob_translate(key))
        objects = _objects_below(s3, bucket, start, deep="/" in key[len(start) :] or "**" in key)
        found = [each for each in objects if fits.match(each["Key"])]
    else:
        start = key
        found = [each for each in _objects_below(s3, bucket, key) if each["Key"] == key] if key else []
        if not found:
            start = f"{key.rstrip('/')}/" if key else ""
            found = list(_objects_below(s3, bucket, start))
    base = start[: start.rfind("/") + 1]
    for each in found:
        if not each["Key"].endswith("/"):
            yield Entry(each["Key"].removeprefix(base), each["Key"], each["Size"], each["ETag"])


def _objects_below(s3: Any, bucket: str, start: str, *, deep: bool = False) -> Iterator[dict[str, Any]]:
    """What is listed of a bucket, a thousand objects a page."""
    level = {} if deep else {"Delimiter": "/"}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start, **level):
        yield from page.get("Contents", ())


def _copy(request: Request, s3: Any, bucket: str, entry: Entry, target: Path) -> None:
    """Read an object as it was listed, on from where the connection broke."""
    with target.open("wb") as file:
        try:
            retried(partial(_read_rest, s3, bucket, entry, file), _BROKEN, request.wait, progress=file.tell)
        except _BROKEN as error:
            raise SourceError(
                f"{entry.name} could not be read: its connection breaks again and again.", file=entry.name
            ) from error


_BROKEN = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


def _read_rest(s3: Any, bucket: str, entry: Entry, file: IO[bytes]) -> None:
    while file.tell() < entry.size:
        _read_on(s3, bucket, entry, file)


def _read_on(s3: Any, bucket: str, entry: Entry, file: IO[bytes]) -> None:
    rest = {"Range": f"bytes={file.tell()}-"} if file.tell() else {}
    with aws_errors(entry.name):
        body = s3.get_object(Bucket=bucket, Key=entry.key, IfMatch=entry.state, **rest)["Body"]
    try:
        for chunk in body.iter_chunks(_CHUNK):
            file.write(chunk)
    finally:
        body.close()
