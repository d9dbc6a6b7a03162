"""What Prefect serves: the one declaration of the deployments, from which `prefect.yaml` is written too."""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Any

from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import EntrypointType  # type: ignore[attr-defined]  # its documented place
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.schedules import Cron, Interval, RRule, Schedule

from deployments.forms import ordered_forms
from flows import sync_watch
from flows.registry import EXPORT, FLOWS, FORMER_DEPLOYMENT, IMPORT, SYNC, BulkFlow, FlowSpec
from tasks.security.source_block import CmdbSource

POOL = "cmdb"
"""The work pool, of type `process`: any `prefect worker start --pool cmdb` may join."""

JOB_TEMPLATE: dict[str, Any] = {
    "job_configuration": {"command": "python -m deployments.start_run"},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
"""How a worker of the pool starts a run: by this command, with the worker's own environment, in a folder of its own.

No job variable is left to whoever asks for a run: a command, an environment and a folder each let others run code.
"""


@dataclass(frozen=True)
class Deployment:
    """One deployment: its name, its flow, its parameters, and when it runs by itself."""

    name: str
    spec: FlowSpec
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    schedule: Schedule | None = None
    typed: bool = True
    """Whether Prefect checks the parameters by their schema, as people fill them in; the API's job is a text."""

    @classmethod
    def of(cls, spec: FlowSpec) -> tuple[Deployment, ...]:
        """Return the deployments that a flow declares: its own, and that of its previews where it has any."""
        schedule = Cron(spec.cron, timezone=spec.timezone) if spec.cron else None
        own = cls(spec.deployment, spec, spec.description, schedule=schedule, typed=not isinstance(spec, BulkFlow))
        if not isinstance(spec, BulkFlow) or spec.preview is None:
            return (own,)
        # A job of the API replaces this; in the form of Prefect's page, it is what a preview begins with.
        dry = {"job": {"dry_run": True}}
        return own, replace(own, name=spec.preview, description=spec.preview_description, parameters=dry)

    @property
    def flow(self) -> Flow[Any, Any]:
        """The flow itself."""
        found: Flow[Any, Any] = getattr(importlib.import_module(self.spec.module), self.spec.function)
        return found

    @property
    def full_name(self) -> str:
        """The name that the API knows it by."""
        return f"{self.spec.name}/{self.name}"


# Deployments that the server returns at a time.
_PAGE = 200

# From when intervals are counted: with none, the time of each start would be another declaration.
_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)

DEPLOYMENTS = tuple(each for spec in FLOWS.values() for each in Deployment.of(spec))
"""The deployments that the system lives by."""

EXAMPLES = (
    Deployment(
        "nightly-vpcs",
        IMPORT,
        "Example: every night, the VPCs that a job of yours left there.",
        {"job": {"resource_type": "vpc", "path": "/srv/cmdb/inbox/vpcs.csv", "max_errors": "1%"}},
        schedule=Cron("30 2 * * *", active=False),
    ),
    Deployment(
        "weekly-prefixes",
        EXPORT,
        "Example: every Monday, all prefixes as a workbook.",
        {"job": {"resource_type": "prefix", "path": "/srv/cmdb/outbox/prefixes.xlsx", "metadata": True}},
        schedule=Cron("0 6 * * 1", active=False),
    ),
    Deployment(
        "hourly-changes",
        EXPORT,
        "Example: every hour, the subnets that were changed in the last one, for other programs.",
        {"job": {"resource_type": "subnet", "path": "/srv/cmdb/outbox/subnets.ndjson.gz", "since": "1h"}},
        schedule=Cron("0 * * * *", active=False),
    ),
    Deployment(
        "sync-folder",
        SYNC,
        "Example: every ten minutes, the sites that other programs leave in a folder, all of its files together.",
        {"job": {"name": "folder", "url": "file:///srv/cmdb/sites/*.csv", "resource_type": "site"}},
        schedule=Interval(timedelta(minutes=10), anchor_date=_ANCHOR, timezone="UTC", active=False),
    ),
    Deployment(
        "sync-https",
        SYNC,
        "Example: every working hour, the prefixes of an IPAM; with its ETag, what has not changed is not read.",
        {
            "job": {
                "name": "ipam",
                "url": "https://ipam.example.com/export/prefixes.csv",
                "resource_type": "prefix",
                "credentials": "ipam",
            }
        },
        schedule=Cron("0 8-18 * * 1-5", timezone="Europe/Berlin", active=False),
    ),
    Deployment(
        "sync-s3",
        SYNC,
        "Example: every night, the objects that a job wrote to a bucket; held if over 5% of the records are missing.",
        {
            "job": {
                "name": "exports",
                "url": "s3://network-exports/daily/*.csv",
                "resource_type": "subnet",
                "max_delete": "5%",
            }
        },
        schedule=Cron("15 4 * * *", timezone="UTC", active=False),
    ),
    Deployment(
        "sync-aws",
        SYNC,
        "Example: every half hour, the network of an AWS account; a run that takes longer lets the next one wait.",
        {"job": {"name": "aws", "url": "aws://default/us-east-1,eu-west-1", "overlap": "queue"}},
        schedule=Interval(timedelta(minutes=30), anchor_date=_ANCHOR, timezone="UTC", active=False),
    ),
    Deployment(
        "sync-database",
        SYNC,
        "Example: every Sunday, the devices of another database; records missing there are deleted.",
        {
            "job": {
                "name": "inventory",
                "url": "postgresql://reader@inventory.example.com/assets?table=devices",
                "resource_type": "device",
                "credentials": "inventory",
                "missing": "delete",
            }
        },
        schedule=RRule(
            "FREQ=WEEKLY;BYDAY=SU;BYHOUR=5;BYMINUTE=0;BYSECOND=0", timezone="America/New_York", active=False
        ),
    ),
    Deployment(
        "sync-netbox",
        SYNC,
        "Example: on each month's last working day, sites, VLANs and prefixes of NetBox; a chat hears of trouble.",
        {
            "job": {
                "name": "netbox",
                "url": "netbox://netbox.example.com",
                "types": ["site", "vlan", "prefix"],
                "credentials": "netbox",
                "notify": "network-chat",
            }
        },
        schedule=RRule(
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=6;BYMINUTE=30;BYSECOND=0",
            timezone="Europe/Berlin",
            active=False,
        ),
    ),
)
"""Schedules to begin with, one for each kind of source among them: switch them on in Prefect's page, or change them."""


async def register() -> None:
    """Make the work pool and the deployments known to the Prefect server; again changes nothing."""
    async with get_client() as client:
        await make_pool(client)
        await CmdbSource.aregister_type_and_schema(client=client)
        examples = DeploymentFilter(name=DeploymentFilterName(any_=[each.name for each in EXAMPLES]))
        known = {deployment.name for deployment in await client.read_deployments(deployment_filter=examples)}
        for deployment in DEPLOYMENTS:
            await _apply(deployment)
        for spec in FLOWS.values():
            await _update_entrypoints(client, spec)
            await _remove_former(client, spec)
        for deployment in EXAMPLES:
            # What somebody made of an example is theirs.
            if deployment.name not in known:
                await _apply(deployment)
        await sync_watch.register(client)


async def _update_entrypoints(client: PrefectClient, spec: FlowSpec) -> None:
    """Give the deployments that an earlier release or its users made the flow's import path of today."""
    of_flow = FlowFilter(name=FlowFilterName(any_=[spec.name]))
    offset = 0
    while spec.former and (found := await client.read_deployments(flow_filter=of_flow, limit=_PAGE, offset=offset)):
        for deployment in found:
            if deployment.entrypoint in spec.former:
                await client.update_deployment(deployment.id, DeploymentUpdate(entrypoint=spec.entrypoint))
        offset += len(found)


async def _remove_former(client: PrefectClient, spec: FlowSpec) -> None:
    """Remove the deployment that a flow had in earlier releases, unless people or queued runs depend on it.

    One that somebody gave a schedule stays theirs. Prefect removes the queued runs of a deployment with it, so one that
    has any stays until a worker starts again.
    """
    if not isinstance(spec, BulkFlow):
        return
    try:
        former = await client.read_deployment_by_name(f"{spec.name}/{FORMER_DEPLOYMENT}")
    except ObjectNotFound:
        return
    waiting = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING]))
    queued = await client.count_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[former.id])),
        flow_run_filter=FlowRunFilter(state=waiting),
    )
    if not former.schedules and not queued:
        await client.delete_deployment(former.id)


async def make_pool(client: PrefectClient) -> None:
    """Make the work pool, or put its template right."""
    with suppress(ObjectAlreadyExists):
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=JOB_TEMPLATE))
        return
    await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=JOB_TEMPLATE))


async def _apply(deployment: Deployment) -> None:
    made = await deployment.flow.ato_deployment(
        deployment.name,
        description=deployment.description,
        parameters=deployment.parameters,
        schedules=[deployment.schedule] if deployment.schedule else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=POOL,
        tags=[*deployment.spec.tags],
        version=metadata.version("cmdb"),
        enforce_parameter_schema=deployment.typed,
    )
    form = made._parameter_openapi_schema  # Prefect has no other place for what a form shows
    form.definitions = ordered_forms(deployment.spec, form.definitions)
    await made.aapply()
