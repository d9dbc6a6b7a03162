"""Traps of stores: patterns and folders, what changes meanwhile, connections that break, packages that lack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest

from schemas.errors import SourceError, UsageError
from tasks.sources import fetch
from tests.aws import REGION, aws
from tests.tasks.sources.rigs import LARGE, SITES
from tests.tasks.sources.servers import Answer, Asked, Proxy, Site, site
from tests.tasks.sources.support import fetched, request

KEYS = '{"access_key_id": "AKIDEXAMPLE", "secret_access_key": "abcdefgh"}'
NAMES = ("day/a.csv", "day/b.csv", "day/notes.txt", "day/deep/c.csv", "day2/d.csv", "day/ü x+1.csv", "top.csv")


@pytest.fixture
def front() -> Iterator[Site]:
    """A bucket with files of moto, behind a server that may answer in its place."""
    with aws() as endpoint, site(Proxy(endpoint)) as running:
        s3 = boto3.Session("key", "secret", region_name=REGION).client("s3", endpoint_url=endpoint)
        s3.create_bucket(Bucket="exports")
        for name in NAMES:
            s3.put_object(Bucket="exports", Key=name, Body=LARGE if name == "top.csv" else SITES)
        s3.close()
        yield running


PATTERNS = [
    ("day", ["a.csv", "b.csv", "notes.txt", "ü x+1.csv"]),
    ("day/", ["a.csv", "b.csv", "notes.txt", "ü x+1.csv"]),
    ("day/a.csv", ["a.csv"]),
    ("day/[ab].csv", ["a.csv", "b.csv"]),
    ("day/**/*.csv", ["a.csv", "b.csv", "deep/c.csv", "ü x+1.csv"]),
    ("day*/d.csv", ["day2/d.csv"]),
    ("", ["top.csv"]),
]


@pytest.mark.parametrize(("pattern", "names"), PATTERNS)
def test_patterns_of_s3(front: Site, tmp_path: Path, pattern: str, names: list[str]) -> None:
    """A folder is no other whose name begins alike; a star stays within its folder."""
    found = fetched(f"s3://exports/{pattern}?endpoint={front.url}", tmp_path, secret=KEYS)
    assert [file.name for file in found.files] == names
    assert found.whole


@pytest.mark.parametrize(("pattern", "names"), PATTERNS)
def test_patterns_of_other_stores(tmp_path: Path, pattern: str, names: list[str]) -> None:
    """They mean the same everywhere."""
    store = fsspec.filesystem("memory")
    for name in NAMES:
        store.pipe_file(f"/{tmp_path.name}/{name}", SITES)
    found = fetched(f"memory://{tmp_path.name}/{pattern}", tmp_path / "out")
    assert [file.name for file in found.files] == names
    store.rm(f"/{tmp_path.name}", recursive=True)


def test_an_object_is_read_on_where_it_broke(front: Site, tmp_path: Path) -> None:
    """The rest of the same object, and no other's."""
    before = front.respond
    broken: list[Asked] = []

    def respond(asked: Asked) -> Answer:
        answer = before(asked)
        if asked.path.startswith("/exports/top.csv") and len(broken) < 2:
            broken.append(asked)
            answer.cut = 300_000
        return answer

    front.respond = respond
    found = fetched(f"s3://exports/top.csv?endpoint={front.url}", tmp_path, secret=KEYS)
    assert found.files[0].path.read_bytes() == LARGE
    asked = [asked.headers for asked in front.asked if asked.path.startswith("/exports/top.csv")]
    assert all("If-Match" in headers for headers in asked)
    assert [("Range" in headers) for headers in asked] == [False, True, True]


def test_what_is_refused_or_not_there(front: Site, tmp_path: Path) -> None:
    """Told with what to do."""
    for url, said in {
        "s3://exports/none/*.csv": "has no file: is it spelt right",
        "s3://no-such-bucket/": "does not exist",
        "s3:///x.csv": "names no bucket",
    }.items():
        with pytest.raises((SourceError, UsageError), match=said):
            fetch(request(f"{url}?endpoint={front.url}", tmp_path, secret=KEYS))


def test_packages_and_secrets_of_other_stores(tmp_path: Path) -> None:
    """What lacks is named."""
    with pytest.raises(UsageError, match=r"gs:// needs one more package: .*gcsfs"):
        fetch(request("gs://bucket/x.csv", tmp_path))
    with pytest.raises(UsageError, match="is to be a JSON object"):
        fetch(request("memory://x/y.csv", tmp_path, secret="abcdefgh"))
    with pytest.raises(SourceError, match="has no file"):
        fetch(request("memory://x/y.csv", tmp_path))
