"""Say in the ledger and to Prefect why a run was ended that had passed a limit of its process.

A program of its own: the run's process is gone, and whoever watched it has nothing imported.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from flows.runs import Runs, prefect
from schemas.settings import prefect_variables, settings
from tasks.store.connection.database import database


async def _end(run_id: UUID, why: str) -> None:
    with database(settings()) as url:
        async with prefect() as client:
            await Runs(client, url).end_limited(run_id, why)


if __name__ == "__main__":
    asyncio.run(_end(UUID(prefect_variables().flow_run_id), sys.argv[1]))
