"""What every operation works with: the runs of Prefect, the database and the settings of this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends
from prefect.client.schemas.objects import FlowRun
from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from api.rest.problems import Refused
from api.rest.progress import Watches
from api.rest.security.access import Caller
from api.rest.security.quotas import check_runs
from flows.registry import BULK, BulkFlow, Job
from flows.server.runs import Runs
from flows.server.standing import Standing
from schemas.access.permissions import Action
from schemas.settings import Settings
from tasks.store import ledger

Found = TypeVar("Found")


@dataclass(frozen=True)
class Service:
    """One process of the facade; nothing in it outlives a request, so that any number of them answer the same."""

    settings: Settings
    runs: Runs
    watches: Watches
    prefect_page: str

    async def read(self, query: Callable[[Connection], Found]) -> Found:
        """Return what a query of the database gives, in a thread."""
        return await self.runs.read(query)

    async def start(self, job: Job, owner: str, key: str | None = None) -> FlowRun:
        """Ask for a run, within the quotas of its owner; raises Refused."""
        await check_runs(self.runs, self.settings, BULK[type(job)], owner, key)
        return await self.runs.start(job, owner, key)

    async def visible(self, run_id: UUID, flow: BulkFlow, caller: Caller, *, approving: bool = False) -> Standing:
        """Return where a run stands; raises Refused where there is none that this caller may see.

        With four eyes, whoever may approve a plan sees the run that made it, where that is for `approving` it.
        """
        standing = await self.runs.standing(run_id, flow)
        seen = standing is not None and caller.sees(standing.owner)
        if standing is None or not (seen or (approving and await self.may_approve(run_id, caller))):
            what = "import" if flow.writes else "export"
            raise Refused(404, f"There is no {what} of that id.")
        return standing

    async def may_approve(self, run_id: UUID, caller: Caller) -> bool:
        """Say whether a run has a plan that somebody else than its owner is to approve, and this caller may."""
        if not self.settings.four_eyes or Action.APPROVE not in caller.permissions.granted:
            return False

        def types(connection: Connection) -> tuple[str, ...] | None:
            return ledger.types_of(connection, run_id) if ledger.has_plan(connection, run_id) else None

        found = await self.read(types)
        return found is not None and not caller.permissions.lacks(Action.APPROVE, found)

    async def types_of(self, run_id: UUID) -> tuple[str, ...]:
        """Return the resource types of a run; none while they are not known."""

        def types(connection: Connection) -> tuple[str, ...]:
            return ledger.types_of(connection, run_id) if ledger.status_of(connection, run_id) else ()

        return await self.read(types)

    async def exists(self, run_id: UUID) -> bool:
        """Say whether the ledger has a run."""
        return await self.read(lambda connection: ledger.status_of(connection, run_id) is not None)

    async def check_known(self, run_id: UUID, caller: Caller) -> None:
        """Refuse what a run found or changed to a caller who has no permission left for its types."""
        if not caller.knows(await self.types_of(run_id)):
            raise Refused(403, f"The key '{caller.name}' has no permission for the resource types of this run.")

    async def cancelled(self, run_id: UUID, flow: BulkFlow, caller: Caller) -> tuple[str, bool, str]:
        """Cancel a run; returns where it then stands, whether that was in time, and the same in words."""
        standing = await self.visible(run_id, flow, caller)
        if standing.status == "cancelled":
            return standing.status, True, "It was cancelled before; nothing of it stays."
        if standing.ended:
            return standing.status, False, f"It was too late: the run has {standing.status}."
        if standing.job is None:
            raise Refused(409, "This run is in the process of a command: stop the command.", "not-cancellable")
        found = await self.runs.cancel(standing)
        if found.status == "cancelled":
            return found.status, True, "The run is cancelled; nothing of it stays."
        if found.ended:
            return found.status, False, f"It was too late: the run has {found.status}."
        return found.status, True, "The run is stopping; its progress shows when it has stopped."

    def temporary(self) -> Path:
        """Return the folder of files that live for the length of an answer."""
        self.settings.temporary.mkdir(parents=True, exist_ok=True)
        return self.settings.temporary


async def _service_of(connection: HTTPConnection) -> Service:
    # A coroutine, as FastAPI would call a plain function in a thread.
    service: Service = connection.app.state.service
    return service


CurrentService = Annotated[Service, Depends(_service_of)]
"""The service of the application that a request or a WebSocket came to."""
