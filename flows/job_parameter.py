"""A job as Prefect carries it: one text, so that Prefect evaluates nothing of what somebody's file or request holds.

In a parameter that is an object, Prefect would evaluate `__prefect_kind` and `$ref` (templates, variables, blocks).
The parameters of a schedule, which people fill in on Prefect's page, are an object.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic_core import from_json


def as_text(job: BaseModel) -> str:
    """Return a job as a parameter of a flow run."""
    return job.model_dump_json(exclude_defaults=True)


def members(job: Any) -> Any:
    """Return what a job's parameter holds, which is a text or an object; raises ValueError where it is no JSON."""
    return from_json(job) if isinstance(job, str) else job


AS_TEXT_TOO = BeforeValidator(members)
"""What lets a flow take its job as a text, too."""
