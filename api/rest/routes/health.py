"""Whether the system is alive and ready, and its figures for Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import ObjectNotFound
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from starlette.datastructures import State

from api.rest.models.session import Health
from api.rest.problems import RESPONSES, responses
from api.rest.security.access import Reader
from api.rest.service import CurrentService, Service
from deployments.definitions import POOL
from schemas.access.permissions import Action
from schemas.errors import CmdbError
from schemas.resources import RESOURCES
from tasks.store import ledger

router = APIRouter(tags=["health"])

_PUBLIC: dict[int | str, dict[str, Any]] = {status: RESPONSES[status] for status in (400, 403, 500)}
"""The problems of an operation that needs no key and has no limit of requests."""


@router.get("/healthz", responses=_PUBLIC)
async def check_health() -> Health:
    """Check that the process is running."""
    return Health(status="ok")


@router.get(
    "/readyz", responses=_PUBLIC | {503: {"model": Health, "description": "A part of the system does not answer."}}
)
async def check_readiness(request: Request, response: Response, service: CurrentService) -> Health:
    """Check that imports can run now: the database, Prefect and a worker answer."""
    found = await _looked(request.app.state, service)
    response.status_code = 200 if found.status == "ok" else 503
    return found


# Seconds for which an answer holds: it needs no key and is not counted, and must not cost a look each time.
_HOLDS = 0.5


async def _looked(state: State, service: Service) -> Health:
    """Look at all parts, once for all who ask within a moment."""
    if not hasattr(state, "looking"):
        state.looking, state.looked = asyncio.Lock(), (0.0, None)
    async with state.looking:
        at, found = state.looked
        if found is None or time.monotonic() - at > _HOLDS:
            checks = {
                "database": await _database(service),
                "prefect": await _prefect(service),
                "worker": await _worker(service),
            }
            found = Health(status="ok" if set(checks.values()) == {"ok"} else "failing", checks=checks)
            state.looked = time.monotonic(), found
        result: Health = found
    return result


async def _database(service: Service) -> str:
    try:
        await service.read(lambda connection: connection.execute(text("select 1")))
    except CmdbError as error:
        return str(error)
    return "ok"


async def _prefect(service: Service) -> str:
    wrong = await service.runs.client.api_healthcheck()
    return "The Prefect server does not answer." if wrong else "ok"


async def _worker(service: Service) -> str:
    try:
        workers = await service.runs.client.read_workers_for_work_pool(POOL)
    except ObjectNotFound:
        workers = []
    except Exception:  # whatever keeps Prefect from answering is told as such beside this
        return "not known while Prefect does not answer"
    alive = any(worker.status is WorkerStatus.ONLINE for worker in workers)
    return "ok" if alive else "No worker is there: start one with `cmdb worker`."


_FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The figures as text."}
}


@router.get("/metrics", response_class=Response, responses=responses() | _FIGURES)
async def get_metrics(service: CurrentService, caller: Reader) -> Response:
    """Metrics of all imports for Prometheus, from the ledger: every process returns the same."""
    caller.check(Action.READ, RESOURCES)
    figures = await service.read(ledger.figures)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """The figures of the ledger under the names that Prometheus has them by."""

    def __init__(self, figures: list[ledger.Figures]) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        """Give each metric with its values."""
        by_status = ["resource_type", "status"]
        runs = CounterMetricFamily("cmdb_imports", "Imports by type and how they ended.", labels=by_status)
        running = GaugeMetricFamily("cmdb_imports_running", "Imports running now.", labels=["resource_type"])
        seconds = CounterMetricFamily("cmdb_import_seconds", "Seconds that imports took.", labels=by_status)
        records = CounterMetricFamily(
            "cmdb_import_records", "Records of imports by what became of them.", labels=["resource_type", "action"]
        )
        for found in self.figures:
            if found.status == "running":
                running.add_metric([found.resource_type], found.runs)
                continue
            runs.add_metric([found.resource_type, found.status], found.runs)
            seconds.add_metric([found.resource_type, found.status], found.seconds)
            if found.status == "completed":
                for action, count in found.records.items():
                    records.add_metric([found.resource_type, action], count)
        yield from (runs, running, seconds, records)
