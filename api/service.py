"""What every operation works with: the runs of Prefect, the database and the settings of this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from api.problems import Refused
from api.progress import Watches
from api.security import Caller
from flows.runs import IMPORT, Runs, Standing
from schemas.settings import Settings

Found = TypeVar("Found")


@dataclass(frozen=True)
class Service:
    """One process of the facade; nothing in it outlives a request, so that any number of them answer the same."""

    settings: Settings
    runs: Runs
    watches: Watches
    prefect_page: str

    async def asked(self, question: Callable[[Connection], Found]) -> Found:
        """Ask the database, in a thread."""
        return await self.runs.asked(question)

    async def visible(self, run_id: UUID, flow: str, caller: Caller) -> Standing:
        """Return where a run stands; raises Refused where there is none that this caller may see."""
        standing = await self.runs.standing(run_id, flow)
        if standing is None or not caller.sees(standing.owner):
            what = "import" if flow == IMPORT else "export"
            raise Refused(404, f"There is no {what} of that id.")
        return standing

    async def cancelled(self, run_id: UUID, flow: str, caller: Caller) -> tuple[str, bool, str]:
        """Cancel a run; returns where it then stands, whether that was in time, and the same in words."""
        standing = await self.visible(run_id, flow, caller)
        if standing.status == "cancelled":
            return standing.status, True, "It was cancelled before; nothing of it stays."
        if standing.ended:
            return standing.status, False, f"It was too late: the run has {standing.status}."
        found = await self.runs.cancel(standing)
        if found.status == "cancelled":
            return found.status, True, "The run is cancelled; nothing of it stays."
        if found.ended:
            return found.status, False, f"It was too late: the run has {found.status}."
        return found.status, True, "The run is told to stop; its progress says when it has."

    def temporary(self) -> Path:
        """Return the folder of files that live for the length of an answer."""
        self.settings.temporary.mkdir(parents=True, exist_ok=True)
        return self.settings.temporary


def service(connection: HTTPConnection) -> Service:
    """Return the service of the application that a request or a WebSocket came to."""
    found: Service = connection.app.state.service
    return found
