"""What Prefect tells of a sync that can't tell it itself: that it is late, and that its process died.

A run may be late because no worker is there, so Prefect's own server calls the webhook. A run that crashed may be over
all the same, or have told how it failed, so the flow `sync-notice` looks first. Both are automations of Prefect that
follow from the deployments as they stand: every worker at its start, and the flow `maintenance`, calls `register`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from anyio.to_thread import run_sync
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.actions import CallWebhook, RunDeployment
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger
from prefect.logging import get_logger, get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for
from pydantic import SecretStr

from flows.job_parameter import members
from flows.registry import SYNC, SYNC_NOTICE
from schemas.errors import CmdbError
from schemas.jobs import SyncJob
from tasks.notifications.notifications import Circumstances
from tasks.notifications.webhook import address_of
from tasks.security.secrets import secret_named

# What the names of our automations begin with: others are not ours to change.
_OURS = "cmdb: "
_PAGE = 200

_LATE = {
    "event": '"late"',
    "sync": "{{ (flow_run.parameters.job.name or flow_run.parameters.job.url or deployment.name) | tojson }}",
    "runId": "{{ flow_run.id | string | tojson }}",
    "at": "{{ event.occurred | string | tojson }}",
    "text": "{{ ('Sync ' ~ (flow_run.parameters.job.name or deployment.name) ~ ' is late: it was to begin at ' ~ "
    "flow_run.expected_start_time ~ '. Is a worker running, and has it room?') | tojson }}",
    "message": "{{ ('It was to begin at ' ~ flow_run.expected_start_time) | tojson }}",
    "report": "null",
    "links": '{"prefect": {{ flow_run | ui_url | tojson }}}',
}
"""What is told of a late run, as templates of Prefect: the members of every notice."""


# A text that Prefect would make JSON of by itself: of an id it can't.
_CRASHED = {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}


def circumstances(job: SyncJob) -> Circumstances:
    """What Prefect knows of the run that is under way, as far as somebody is to be told."""
    if job.notify is None:
        return Circumstances()
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(UUID(flow_run.id))
    was_late = any(state.name == "Late" for state in states)
    return Circumstances(page_of(flow_run.id), was_late, warn=get_run_logger().warning)


def page_of(run_id: str) -> str | None:
    """The address of a run in Prefect's page."""
    return url_for("flow-run", run_id)


async def register(client: PrefectClient) -> None:
    """Make the automations what the deployments ask for; again changes nothing. One process at a time may do so.

    Whether one is switched on is left as somebody set it in Prefect's page.
    """
    there = [each for each in await client.read_automations(limit=_PAGE) if each.name.startswith(_OURS)]
    async for wanted in _wanted(client):
        known = next((each for each in there if each.name == wanted.name), None)
        if known is None:
            await client.create_automation(wanted)
            continue
        there.remove(known)
        if _compared_members(known) != _compared_members(wanted):
            wanted.enabled = known.enabled
            await client.update_automation(known.id, wanted)
    for gone in there:
        await client.delete_automation(gone.id)


def _compared_members(automation: AutomationCore | Automation) -> dict[str, Any]:
    return automation.model_dump(mode="json", include={"description", "trigger", "actions"})


async def _wanted(client: PrefectClient) -> AsyncIterator[AutomationCore]:
    notice = await client.read_deployment_by_name(f"{SYNC_NOTICE.name}/{SYNC_NOTICE.deployment}")
    yield AutomationCore(
        name=f"{_OURS}a sync crashed",
        description="Checks a sync whose process died, and notifies its webhook.",
        trigger=_trigger("Crashed", {"prefect.resource.role": "flow", "prefect.resource.name": SYNC.name}),
        actions=[RunDeployment(deployment_id=notice.id, parameters={"run": _CRASHED})],
    )
    async for deployment in _scheduled(client):
        block = await _webhook(deployment)
        if block:
            of_it = {
                "prefect.resource.role": "deployment",
                "prefect.resource.id": f"prefect.deployment.{deployment.id}",
            }
            yield AutomationCore(
                name=f"{_OURS}{deployment.name} is late",
                description="Notifies the webhook of a sync that has not started in time.",
                trigger=_trigger("Late", of_it),
                actions=[CallWebhook(block_document_id=block, payload=_late())],
            )


def _trigger(state: str, related: dict[str, str]) -> EventTrigger:
    return EventTrigger(
        expect={f"prefect.flow-run.{state}"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=related,
        for_each={"prefect.resource.id"},
    )


def _late() -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in _LATE.items()) + "}"


async def _scheduled(client: PrefectClient) -> AsyncIterator[DeploymentResponse]:
    """The syncs that run by themselves."""
    of_syncs = FlowFilter(name=FlowFilterName(any_=[SYNC.name]))
    offset = 0
    while found := await client.read_deployments(flow_filter=of_syncs, limit=_PAGE, offset=offset):
        for deployment in found:
            if not deployment.paused and any(each.active for each in deployment.schedules):
                yield deployment
        offset += len(found)


async def _webhook(deployment: DeploymentResponse) -> UUID | None:
    """Keep the webhook of a deployment as a block of Prefect, whose server calls it; None where it has none."""
    job = job_of(deployment.parameters)
    if job is None or job.notify is None:
        return None
    try:
        address = address_of(await run_sync(secret_named, job.notify))
    except CmdbError as error:
        get_logger("cmdb").warning("%s will send no notification when it is late: %s", deployment.name, error)
        return None
    block = Webhook(url=SecretStr(address), headers={"Content-Type": "application/json", "User-Agent": "cmdb"})
    saved = await block.save(f"cmdb-{job.notify}".lower().replace("_", "-"), overwrite=True)
    return saved if isinstance(saved, UUID) else UUID(str(saved))


def job_of(parameters: dict[str, Any]) -> SyncJob | None:
    """What a run of a sync was asked to do; None where that is no sync."""
    try:
        return SyncJob.model_validate(members(parameters.get("job")))
    except ValueError:  # a ValidationError is one
        return None
