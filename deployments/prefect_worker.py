"""Prefect's worker of processes, which leaves a run that was resumed alone until the run's former process is gone.

Prefect 3.8.8 gives each run one of its places until its process has ended. A run that is suspended and resumed within
that time would raise an error that ends the worker, and with it all of its runs.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from prefect.cli import app
from prefect.workers import process

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse

with warnings.catch_warnings():
    # It takes the place of Prefect's own of the same type.
    warnings.filterwarnings("ignore", message=".*matches existing registered type", category=UserWarning)

    class ProcessWorker(process.ProcessWorker):
        """A worker of processes in which a run has one process at a time."""

        type = "process"

        async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
            ending = self._limiter.statistics().borrowers if self._limiter else ()
            free = [each for each in flow_run_response if each.flow_run.id not in ending]
            return await super()._submit_scheduled_flow_runs(free)


if __name__ == "__main__":
    app()
