"""Syncs over HTTP: start one, see where all of them stand, and what lies between two of their runs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from api import render, results
from api.accepted import IdempotencyKey, accepted, check_same
from api.models import Accepted, Difference, Sync, SyncRequest
from api.problems import Refused, responses
from api.security import Caller, Reader, Writer
from api.service import service
from flows.runs import IMPORT, SYNC
from flows.syncs import scheduled
from schemas.resources import resource
from tasks.sources import source_named
from tasks.store import difference, ledger

router = APIRouter(prefix="/api", tags=["syncs"])

_OPEN = "http"
"""The source that anyone may name who may write; every other one is read with what this server alone may read."""


@router.post("/sync", status_code=202, responses=responses(404, 409))
async def sync(
    request: Request,
    response: Response,
    asked: SyncRequest,
    caller: Writer,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Bring the records of a source into the CMDB, and take away what it no longer has.

    A sync that would take away or update too much changes nothing: its result has a plan, which is approved. Files,
    object stores, AWS accounts, databases and NetBox, and any source with credentials, take the scope admin.
    """
    here = service(request)
    _check_source(asked, caller)
    for name in asked.types:
        resource(name)
    job = asked.sync(caller.name)
    run = await here.runs.start(SYNC, job, caller.name, idempotency_key)
    check_same(run, job)
    return accepted(request, response, run)


def _check_source(asked: SyncRequest, caller: Caller) -> None:
    """Refuse to read for a caller what only this server may: its files, its networks, its accounts and its secrets."""
    source = source_named(asked.url)
    if (source.name != _OPEN or asked.credentials or asked.notify) and "admin" not in caller.scopes:
        what = "Credentials of this server" if source.name == _OPEN else source.title
        raise Refused(403, f"{what} can be read with the scope 'admin' only; the key '{caller.name}' lacks it.")


@router.get("/syncs", responses=responses())
async def syncs(request: Request, caller: Reader) -> list[Sync]:
    """The syncs that were asked for with this key; with the scope admin all, those on schedule too."""
    everything = "admin" in caller.scopes
    owner = None if everything else caller.name
    found = await service(request).asked(lambda connection: ledger.list_syncs(connection, requested_by=owner))
    planned = await run_sync(scheduled) if everything else []
    return [Sync.model_validate(row) for row in render.syncs_json(found, planned)]


@router.get("/import/{import_id}/diff/{later_id}", responses=responses(404))
async def diff(
    request: Request,
    import_id: UUID,
    later_id: UUID,
    caller: Reader,
    limit: Annotated[int, Query(ge=0, le=1000, description="How many of the changes.")] = 100,
) -> Difference:
    """What lies between two runs, the earlier one first: what each saw of its source, and what was changed since."""
    here = service(request)
    for run_id in (import_id, later_id):
        await here.visible(run_id, IMPORT, caller)

    def compared(connection: Connection) -> difference.Difference:
        for run_id in (import_id, later_id):
            if ledger.status_of(connection, run_id) is None:
                raise Refused(404, f"The import {run_id} never began: there is nothing to compare.")
        return difference.difference(connection, import_id, later_id, most=limit)

    return results.difference(await here.asked(compared))
