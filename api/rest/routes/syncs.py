"""Syncs over HTTP: start one, see where all of them stand, and what lies between two of their runs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from api import json_output
from api.rest import results
from api.rest.accepted import IdempotencyKey, accepted, check_same
from api.rest.models.runs import Accepted
from api.rest.models.syncs import Difference, Sync, SyncRequest
from api.rest.problems import Refused, responses
from api.rest.security.access import AnyKey, Caller, Importer, Reader
from api.rest.security.access_log import already_entered, note
from api.rest.service import CurrentService, Service
from flows.registry import IMPORT
from flows.server.syncs import scheduled
from schemas.access.permissions import Action
from schemas.errors import Forbidden
from schemas.jobs import SyncJob
from schemas.kept_sources import block_named
from schemas.resources import RESOURCES, resource
from tasks.sources import source_named
from tasks.store import ledger
from tasks.store.access.definitions import Definition, define, definitions
from tasks.store.read import run_diff

router = APIRouter(prefix="/api", tags=["syncs"])

_OPEN = "http"
"""The source that anyone may name who may write; every other one is read with what this server alone may read."""


@router.post("/sync", status_code=202, responses=responses(404, 409))
async def start_sync(
    request: Request,
    response: Response,
    asked: SyncRequest,
    service: CurrentService,
    caller: Importer,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Import the records of a source, and delete or retire those that it no longer has.

    A sync that would change too many records is held: it changes nothing, and its result has a plan to approve. Files,
    object stores, AWS accounts, databases and NetBox, and any source with credentials, need the scope admin.
    """
    job = asked.job(caller.name)
    _check_source(job, caller)
    action = Action.PREVIEW if job.dry_run else Action.IMPORT
    named = [*job.types, *([job.resource_type] if job.resource_type else [])]
    caller.check(action, [resource(name).type for name in named])
    job = job.model_copy(update={"authority": caller.authority(action)})
    await _define(request, service, job, caller)
    run = await service.start(job, caller.name, idempotency_key)
    note(request, run.id, sync=job.source, url=job.url, dryRun=job.dry_run)
    check_same(run, job)
    return accepted(request, response, run)


async def _define(request: Request, service: Service, job: SyncJob, caller: Caller) -> None:
    """Keep what the sync is under its name; refuses the name of another key's, or of one on schedule."""
    if not caller.admin:
        planned = await run_sync(scheduled)
        if job.source in {name for each in planned for name in (each.deployment, each.job.source)}:
            raise Forbidden(
                f"The sync '{job.source}' is on schedule, and only 'admin' may change it: choose another name."
            )
    already_entered(request, await service.read(lambda connection: define(connection, job, caller.name)))


def _check_source(job: SyncJob, caller: Caller) -> None:
    """Refuse to read for a caller what only this server may: its files, its networks, its accounts and its secrets."""
    if block_named(job.url) is not None and not caller.admin:
        raise Refused(
            403,
            f"Sources that Prefect keeps can be read with the scope 'admin' only; the key '{caller.name}' lacks it.",
        )
    if block_named(job.url) is not None:
        return
    source = source_named(job.url)
    if (source.name != _OPEN or job.credentials or job.notify) and not caller.admin:
        what = "Credentials of this server" if source.name == _OPEN else source.title
        raise Refused(403, f"{what} can be read with the scope 'admin' only; the key '{caller.name}' lacks it.")


@router.get("/syncs", responses=responses())
async def list_syncs(service: CurrentService, caller: AnyKey) -> list[Sync]:
    """List the syncs requested with this key; for the scope admin, all syncs, including scheduled ones."""
    owner = None if caller.admin else caller.name

    def read(connection: Connection) -> tuple[list[ledger.SyncState], list[Definition]]:
        return ledger.list_syncs(connection, requested_by=owner), definitions(connection, owner)

    found, defined = await service.read(read)
    planned = await run_sync(scheduled) if caller.admin else []
    return [Sync.model_validate(row) for row in json_output.syncs_json(found, planned, defined)]


@router.get("/import/{import_id}/diff/{later_id}", responses=responses(404))
async def compare_imports(
    import_id: UUID,
    later_id: UUID,
    service: CurrentService,
    caller: Reader,
    limit: Annotated[int, Query(ge=0, le=100_000, description="How many of the changes.")] = 100,
) -> Difference:
    """Compare two runs, the earlier one first: what each read, and the records that changed between them."""
    for run_id in (import_id, later_id):
        await service.visible(run_id, IMPORT, caller)
    # What was changed between them may be of any type.
    caller.check(Action.READ, RESOURCES)

    def compared(connection: Connection) -> run_diff.Difference:
        for run_id in (import_id, later_id):
            if ledger.status_of(connection, run_id) is None:
                raise Refused(404, f"The import {run_id} never began: there is nothing to compare.")
        return run_diff.difference(connection, import_id, later_id, most=limit)

    return results.difference(await service.read(compared))
