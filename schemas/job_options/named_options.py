"""The options of all jobs by their place in the job, as messages name them."""

from __future__ import annotations

from functools import cache

from schemas.job_options.options import Declared, declared_options
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob


@cache
def named_options() -> dict[str, Declared]:
    """Return path → option, such as `read.encoding`; where several jobs have it, the option of an import."""
    found: dict[str, Declared] = {}
    for job in (ImportJob, SyncJob, ApplyJob, UndoJob, ExportJob):
        for each in declared_options(job):
            found.setdefault(".".join(each.path), each)
    return found
