"""The routes that push the progress of a run, by server-sent events or over a WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, WebSocket
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.rest import progress
from api.rest.problems import responses
from api.rest.security.access import AnyKey, caller_of
from api.rest.service import CurrentService
from flows.registry import BulkFlow


def add_streams(router: APIRouter, path: str, name: str, flow: BulkFlow) -> None:
    """Add both routes below the path of a run's progress, which has `{NAME_id}` in it; `name` is import or export.

    A run is also visible to those who may approve its plan; only runs that write have one.
    """
    run_in_path = Path(alias=f"{name}_id")

    async def check_visible(service: CurrentService, caller: AnyKey, run_id: UUID = run_in_path) -> None:
        """Refuse before the response begins what this caller may not see."""
        await service.visible(run_id, flow, caller, approving=flow.writes)

    async def events(
        service: CurrentService,
        run_id: UUID = run_in_path,
        last_event_id: Annotated[str | None, Header(description="The id of the last event that was received.")] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Send the progress as server-sent events: `progress` at each change, and finally `end`."""
        async for event in progress.events(service.watches, run_id, flow, last_event_id):
            yield event

    async def socket(connection: WebSocket, service: CurrentService, run_id: UUID = run_in_path) -> None:
        """Send the progress over a WebSocket."""
        await check_visible(service, await caller_of(connection), run_id)
        await progress.push(service.watches, connection, run_id, flow)

    router.get(
        f"{path}/events",
        name=f"watch_{name}",
        response_class=EventSourceResponse,
        responses=responses(404),
        dependencies=[Depends(check_visible)],
    )(events)
    router.websocket(f"{path}/ws", name=f"{name}_socket")(socket)
