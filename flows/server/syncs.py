"""The syncs that Prefect has on schedule: what each is, and when it runs next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort

from flows.job_parameter import members
from flows.registry import SYNC
from schemas.errors import Unavailable
from schemas.jobs import SyncJob


@dataclass(frozen=True)
class Scheduled:
    """A sync on schedule: its deployment's name, what it does, its schedules as text, and when it runs next."""

    deployment: str
    job: SyncJob
    schedules: tuple[str, ...]
    active: bool
    next_run: datetime | None


def scheduled() -> list[Scheduled]:
    """Return the syncs that Prefect has on schedule; raises Unavailable where its server does not answer."""
    try:
        with get_client(sync_client=True) as client:
            found = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[SYNC.name])))
            known = [(each, _job(each)) for each in found]
            return [_scheduled(client, each, job) for each, job in known if job]
    except HTTPError as error:
        raise Unavailable(f"The Prefect server does not answer: is it running? ({type(error).__name__})") from error


def _job(deployment: DeploymentResponse) -> SyncJob | None:
    """What a deployment does; None for the one that the API asks, which does what it is told."""
    asked = deployment.parameters.get("job")
    if asked is None:
        return None
    try:
        return SyncJob.model_validate({"name": deployment.name} | members(asked))
    except ValueError:  # a ValidationError is one
        return None


def _scheduled(client: SyncPrefectClient, deployment: DeploymentResponse, job: SyncJob) -> Scheduled:
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
        limit=1,
    )
    active = not deployment.paused and any(each.active for each in deployment.schedules)
    schedules = tuple(_schedule_text(each.schedule) for each in deployment.schedules)
    return Scheduled(deployment.name, job, schedules, active, runs[0].expected_start_time if runs else None)


def _schedule_text(schedule: Any) -> str:
    for name in ("cron", "rrule", "interval"):
        if value := getattr(schedule, name, None):
            zone = getattr(schedule, "timezone", None)
            return f"every {value}" if name == "interval" else f"{value} {zone or ''}".rstrip()
    return str(schedule)
