"""Records over HTTP: a page of a type, and one record with its history."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic.alias_generators import to_camel

from api.rest.models.records import Event, RecordDetail, RecordPage, RecordQuery
from api.rest.problems import Refused, responses
from api.rest.security.access import Reader
from api.rest.service import CurrentService
from schemas.access.permissions import Action
from schemas.job_options.filters import parse
from schemas.resources import resource
from tasks.store.read import record_pages

router = APIRouter(prefix="/api/records", tags=["records"])


@router.get("/{resource_type}", responses=responses(404))
async def list_records(
    request: Request,
    resource_type: str,
    service: CurrentService,
    caller: Reader,
    query: Annotated[RecordQuery, Query()],
) -> RecordPage:
    """List records of a type, by default in the order of their natural key."""
    chosen = resource(resource_type)
    caller.check(Action.READ, [chosen.type])
    order = tuple(name.strip() for name in (query.sort or "").split(",") if name.strip())
    # In a thread, as a long filter would hold up every other request.
    chosen_by = await run_sync(parse, query.where) if query.where else None
    wanted = record_pages.Wanted(chosen, chosen_by, query.search, order, query.limit, query.offset, query.retired)
    total, items = await service.read(lambda connection: record_pages.page(connection, wanted))
    following = request.url.include_query_params(limit=query.limit, offset=query.offset + query.limit)
    shown = [
        {(to_camel(name) if name in ("created_at", "updated_at") else name): v for name, v in i.items()} for i in items
    ]
    more = f"{following.path}?{following.query}" if query.offset + query.limit < total else None
    return RecordPage(fields=list(chosen.fields), items=shown, total=total, next=more)


@router.get("/{resource_type}/record", responses=responses(404))
async def get_record(
    resource_type: str,
    service: CurrentService,
    caller: Reader,
    key: Annotated[str, Query(description="The natural key.", max_length=1000)],
) -> RecordDetail:
    """Show one record and its history."""
    chosen = resource(resource_type)
    caller.check(Action.READ, [chosen.type])
    found = await service.read(lambda connection: record_pages.record(connection, chosen, key))
    if found is None:
        raise Refused(404, f"There is no {chosen.title} '{key}'.")
    history = [Event.model_validate({**each, "run_id": UUID(each["run_id"])}) for each in found["history"]]
    return RecordDetail.model_validate({**found, "history": history})
