"""What Prefect serves: the one declaration of the deployments, from which `prefect.yaml` is written too."""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments.runner import EntrypointType  # type: ignore[attr-defined]  # its documented place
from prefect.exceptions import ObjectAlreadyExists
from prefect.schedules import Cron
from prefect.workers.process import ProcessWorker

POOL = "cmdb"
"""The work pool, of type `process`: any `prefect worker start --pool cmdb` may join."""

COMMAND = "python -m deployments.start_run"
"""How a worker starts a run."""


@dataclass(frozen=True)
class Deployment:
    """One deployment: a flow by its module path, its parameters, and when it runs by itself."""

    name: str
    entrypoint: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    cron: str | None = None
    active: bool = True

    @property
    def flow(self) -> Flow[Any, Any]:
        """The flow itself."""
        module, _, name = self.entrypoint.rpartition(".")
        found: Flow[Any, Any] = getattr(importlib.import_module(module), name)
        return found

    @property
    def full_name(self) -> str:
        """The name that the API knows it by."""
        return f"{self.flow.name}/{self.name}"


_IMPORT, _EXPORT = "flows.bulk_import.bulk_import", "flows.bulk_export.bulk_export"

DEPLOYMENTS = (
    Deployment("api", _IMPORT, "Imports that the API asks for."),
    Deployment("api", _EXPORT, "Exports that the API asks for."),
    Deployment("api", "flows.bulk_sync.bulk_sync", "Syncs that the API asks for."),
    Deployment("api", "flows.bulk_apply.bulk_apply", "Plans that the API is asked to apply."),
    Deployment("api", "flows.bulk_undo.bulk_undo", "Undos that the API asks for."),
    Deployment(
        "maintenance",
        "flows.maintenance.maintenance",
        "Ends runs whose process died; removes uploads and exports that are too old.",
        cron="*/10 * * * *",
    ),
)
"""The deployments that the system lives by."""

EXAMPLES = (
    Deployment(
        "nightly-vpcs",
        _IMPORT,
        "Example: every night, the VPCs that a job of yours left there.",
        {"job": {"resource_type": "vpc", "path": "/srv/cmdb/inbox/vpcs.csv", "max_errors": "1%"}},
        cron="30 2 * * *",
        active=False,
    ),
    Deployment(
        "weekly-prefixes",
        _EXPORT,
        "Example: every Monday, all prefixes as a workbook.",
        {"job": {"resource_type": "prefix", "path": "/srv/cmdb/outbox/prefixes.xlsx", "metadata": True}},
        cron="0 6 * * 1",
        active=False,
    ),
    Deployment(
        "hourly-changes",
        _EXPORT,
        "Example: every hour, the subnets that were changed in the last one, for other programs.",
        {"job": {"resource_type": "subnet", "path": "/srv/cmdb/outbox/subnets.ndjson.gz", "since": "1h"}},
        cron="0 * * * *",
        active=False,
    ),
)
"""Schedules to begin with: switch them on in Prefect's page, or change what they import and where they write to."""


async def register() -> None:
    """Make the work pool and the deployments known to the Prefect server; again changes nothing."""
    async with get_client() as client:
        template = ProcessWorker.get_default_base_job_template()
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
        known = {deployment.name for deployment in await client.read_deployments()}
    for deployment in DEPLOYMENTS:
        await _apply(deployment)
    for deployment in EXAMPLES:
        # What somebody made of an example is theirs.
        if deployment.name not in known:
            await _apply(deployment)


async def _apply(deployment: Deployment) -> None:
    made = await deployment.flow.ato_deployment(
        deployment.name,
        description=deployment.description,
        parameters=deployment.parameters,
        schedules=[Cron(deployment.cron, active=deployment.active)] if deployment.cron else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=POOL,
        job_variables={"command": COMMAND},
        tags=["cmdb"],
    )
    await made.aapply()
