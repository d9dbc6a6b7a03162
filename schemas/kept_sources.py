"""Sources that Prefect keeps: a sync names one `block:NAME`, and takes its URL, scope and options from that block."""

from __future__ import annotations

from typing import Any

from schemas.job_options.options import declared_options
from schemas.jobs import SyncJob

BLOCK = "block:"
"""What the URL of a sync begins with whose source is a block of Prefect."""

_OF_A_SYNC = {"url", "name", "credentials", "constants", "overlap", "notify", "always", "dry_run"}

SOURCE_OPTIONS = tuple(sorted({each.path[0] for each in declared_options(SyncJob)} - _OF_A_SYNC))
"""The options that a block may hold; the others are those of each sync."""


def block_named(url: str) -> str | None:
    """Return the name of the block that a URL names; None for the URL of a source."""
    return url.removeprefix(BLOCK) if url.startswith(BLOCK) else None


def check_source(url: str, options: dict[str, Any]) -> None:
    """Raise ValueError where a block names another block, or holds an option that it can't have."""
    if block_named(url) is not None:
        raise ValueError("the URL of a block is that of a source, not of another block")
    if wrong := sorted(options.keys() - set(SOURCE_OPTIONS)):
        raise ValueError(f"a block has no option {', '.join(wrong)}; it may have {', '.join(SOURCE_OPTIONS)}")


def sync_from(job: SyncJob, url: str, scope: dict[str, str], options: dict[str, Any]) -> SyncJob:
    """Return a sync with the source, scope and options of its block; what the sync itself sets comes first.

    Raises ValueError where the options are not valid.
    """
    check_source(url, options)
    own = job.model_dump(exclude_defaults=True)
    merged = options | own
    for name in ("read", "columns"):
        if name in options and name in own:
            merged[name] = options[name] | own[name]
    return SyncJob.model_validate(merged | {"url": url, "constants": scope | job.constants})
