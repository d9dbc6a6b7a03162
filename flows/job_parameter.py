"""A job as Prefect carries it: one text, so that Prefect evaluates nothing of what somebody's file or request holds.

In a parameter that is an object, Prefect would evaluate `__prefect_kind` and `$ref` (templates, variables, blocks).
The parameters of a schedule, which people fill in on Prefect's page, are an object.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic_core import from_json

from schemas.kept_sources import BLOCK
from tasks.security.source_block import CmdbSource  # Prefect gives a flow only blocks of types that are imported


def as_text(job: BaseModel) -> str:
    """Return a job as a parameter of a flow run."""
    return job.model_dump_json(exclude_defaults=True)


def members(job: Any) -> Any:
    """Return what a job's parameter holds, which is a text or an object; raises ValueError where it is no JSON.

    A block that was chosen in a form as the source of a sync becomes its URL `block:NAME`, or `block:ID` where Prefect
    has not loaded it.
    """
    found = from_json(job) if isinstance(job, str) else job
    name = _block_of(found.get("url")) if isinstance(found, dict) and not isinstance(job, str) else None
    return found | {"url": BLOCK + name} if name else found


def _block_of(url: Any) -> str | None:
    if isinstance(url, dict) and isinstance(chosen := url.get("$ref"), dict):
        return str(chosen.get("block_document_id"))
    return url._block_document_name if isinstance(url, CmdbSource) else None


AS_TEXT_TOO = BeforeValidator(members)
"""What lets a flow take its job as a text, too."""
