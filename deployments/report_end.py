"""Say in the ledger and to Prefect why a run ended whose process was killed, and what became of its data.

A program of its own: the run's process is gone, and whoever watched it has nothing imported. Its argument is the limit
that the run passed, if any.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from flows.server.runs import Runs, prefect
from schemas.settings import prefect_variables, settings
from tasks.store.connection.database import database


async def _end(run_id: UUID, limit: str | None) -> None:
    with database(settings()) as url:
        async with prefect() as client:
            await Runs(client, url).end_killed(run_id, limit)


if __name__ == "__main__":
    asyncio.run(_end(UUID(prefect_variables().flow_run_id), sys.argv[1] if len(sys.argv) > 1 else None))
