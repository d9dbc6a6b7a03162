"""The source of a sync that Prefect keeps in a block, which is looked up at each run."""

from __future__ import annotations

from pydantic import ValidationError

from schemas.errors import UsageError
from schemas.jobs import SyncJob
from schemas.kept_sources import BLOCK, block_named, sync_from
from schemas.language.wording import validation_message
from schemas.settings import prefect_variables


def with_source(job: SyncJob) -> SyncJob:
    """Return a sync with the URL, scope and options of its block; one that names no block is returned as it is.

    Its credentials stay in the block and are named by it. Raises UsageError where there is no such block or it is not
    valid, and Unavailable where Prefect's server does not answer.
    """
    if job.credentials and job.credentials.startswith(BLOCK):
        raise UsageError("credentials is the name of a secret; to use those of a block, name it in the URL.")
    name = block_named(job.url)
    if name is None:
        return job
    if not prefect_variables().api_url:
        raise UsageError(f"'{job.url}' is kept in Prefect: set PREFECT_API_URL to its server.")
    from tasks.security.source_block import source_block

    block = source_block(name)
    try:
        full = sync_from(job, block.url, block.scope, block.options)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"The block '{name}' is not valid: {where}: {validation_message(first['msg'])}.") from None
    kept = f"{BLOCK}{name}" if block.credentials else None
    # As a field, credentials are the name of a secret, which this is not.
    return full.model_copy(update={"name": full.name or name, "credentials": job.credentials or kept})
