"""Progress as it is pushed: one look at Prefect for all who watch a run, by server-sent events or a WebSocket."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi.sse import ServerSentEvent
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.rest.models.runs import PROGRESS, Progress
from flows.registry import BulkFlow
from flows.server.runs import Runs
from schemas.errors import CmdbError

# Seconds between two looks at a run that is watched: it publishes twice a second.
_PULSE = 0.4

# Seconds after which a watcher hears something, though nothing has changed, so that no proxy closes the line.
_HEARTBEAT = 15.0


@dataclass
class _Watch:
    """One run that is watched: what is known, and the look that keeps it so while anyone listens."""

    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    latest: Progress | None = None
    listeners: int = 0
    look: asyncio.Task[None] | None = None


class Watches:
    """The runs that are watched through this process; nothing here outlives its watchers."""

    def __init__(self, runs: Runs, prefect_page: str) -> None:
        self.runs = runs
        self.prefect_page = prefect_page
        self._watched: dict[UUID, _Watch] = {}

    async def read(self, run_id: UUID, flow: BulkFlow) -> Progress | None:
        """Return where a run stands now; None for one that is not there."""
        standing = await self.runs.standing(run_id, flow)
        return PROGRESS[flow].of(standing, self.prefect_page) if standing else None

    async def follow(self, run_id: UUID, flow: BulkFlow) -> AsyncIterator[Progress | None]:
        """Yield a run's progress at once, at each change, and for the last time at its end; None as a heartbeat."""
        watch = self._watched.setdefault(run_id, _Watch())
        watch.listeners += 1
        if watch.look is None:
            watch.look = asyncio.create_task(self._keep_looking(run_id, flow, watch))
        seen: Progress | None = None
        try:
            while seen is None or not seen.ended:
                async with watch.news:
                    if watch.latest is None or watch.latest == seen:
                        try:
                            await asyncio.wait_for(watch.news.wait(), _HEARTBEAT)
                        except TimeoutError:
                            yield None
                            continue
                    if watch.latest is None or watch.latest == seen:
                        continue
                    seen = watch.latest
                yield seen
        finally:
            watch.listeners -= 1
            if not watch.listeners and watch.look:
                watch.look.cancel()
                self._watched.pop(run_id, None)

    async def _keep_looking(self, run_id: UUID, flow: BulkFlow, watch: _Watch) -> None:
        while watch.latest is None or not watch.latest.ended:
            try:
                found = await self.read(run_id, flow)
            except CmdbError:
                # Prefect or the database is away for a moment: whoever watches keeps what was known.
                found = None
            if found and found != watch.latest:
                async with watch.news:
                    watch.latest = found
                    watch.news.notify_all()
            await asyncio.sleep(_PULSE)


def event_id(progress: Progress) -> str:
    """Return the id of an event: the same state has the same one, in every process."""
    return hashlib.sha256(progress.model_dump_json().encode()).hexdigest()[:16]


def _json(progress: Progress) -> dict[str, Any]:
    return progress.model_dump(mode="json", by_alias=True)


async def events(watches: Watches, run_id: UUID, flow: BulkFlow, last: str | None) -> AsyncIterator[ServerSentEvent]:
    """Yield a run's progress as server-sent events; a client that reconnects is not told again what it knows."""
    async for progress in watches.follow(run_id, flow):
        if progress is None:
            yield ServerSentEvent(comment="still there")
        elif (number := event_id(progress)) != last or progress.ended:
            name = "end" if progress.ended else "progress"
            yield ServerSentEvent(event=name, id=number, data=_json(progress), retry=1000)


async def push(watches: Watches, socket: WebSocket, run_id: UUID, flow: BulkFlow) -> None:
    """Send a run's progress over a WebSocket until its end, or until the client leaves."""

    async def send() -> None:
        async for progress in watches.follow(run_id, flow):
            await socket.send_json({"heartbeat": True} if progress is None else _json(progress))

    async def hear() -> None:
        while True:
            await socket.receive()

    await socket.accept()
    sending, hearing = asyncio.create_task(send()), asyncio.create_task(hear())
    try:
        done, _ = await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if sending in done:
            await socket.close(1000, "the run has ended")
    except (WebSocketDisconnect, RuntimeError):
        return
    finally:
        sending.cancel()
        hearing.cancel()
