"""Syncs whose source a block of Prefect keeps: what comes from the block, and what from the sync."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.job_options.choices import Missing, Overlap
from schemas.jobs import SyncJob
from schemas.kept_sources import SOURCE_OPTIONS, block_named, check_source, sync_from

URL = "https://ipam.example.com/vpcs.csv"


def test_the_sync_comes_before_its_block() -> None:
    """URL, scope and options are the block's; what the sync sets itself comes first, nested options included."""
    job = SyncJob(url="block:ipam", overlap=Overlap.QUEUE, max_delete="7", constants={"region": "us-east-1"})
    options = {"resource_type": "vpc", "missing": "delete", "max_delete": "50%", "read": {"sheet": "A"}}
    full = sync_from(job, URL, {"region": "eu-west-1", "account_id": "012345678901"}, options)
    assert (full.url, full.resource_type, full.missing, full.overlap) == (URL, "vpc", Missing.DELETE, Overlap.QUEUE)
    assert (full.max_delete, full.read.sheet) == ("7", ("A",) if isinstance(full.read.sheet, tuple) else "A")
    assert full.constants == {"region": "us-east-1", "account_id": "012345678901"}


@pytest.mark.parametrize(
    ("url", "options", "why"),
    [
        ("block:other", {}, "not of another block"),
        (URL, {"notify": "chat"}, "no option notify"),
        (URL, {"authority": {}}, "no option authority"),
        (URL, {"url": URL}, "no option url"),
    ],
)
def test_what_a_block_can_not_have(url: str, options: dict[str, Any], why: str) -> None:
    """Another block, options of each sync, and what only the caller's key decides."""
    with pytest.raises(ValueError, match=why):
        check_source(url, options)


def test_the_name_of_a_block() -> None:
    """It is what follows `block:`, and the name of a sync that has none itself."""
    assert (block_named("block:core"), block_named(URL)) == ("core", None)
    assert SyncJob(url="block:core").source == "core"
    assert {"resource_type", "columns", "missing", "read"} <= set(SOURCE_OPTIONS)
