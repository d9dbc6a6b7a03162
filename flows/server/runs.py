"""Runs as Prefect holds them: asked for, read, cancelled, and ended where their process died."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from anyio import sleep
from anyio.to_thread import run_sync
from httpx import HTTPError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled, Cancelling, Crashed, Scheduled
from sqlalchemy import Connection

from flows.approval import settle, survives
from flows.job_parameter import as_text
from flows.monitoring.progress import state_in
from flows.registry import BULK, HELD, SYNC, WRITING, BulkFlow, Job
from flows.server.fair_queues import queue_of
from flows.server.standing import OWNER_TAG, Standing, standing_of, standing_of_report, updated_at
from schemas.errors import Unavailable
from schemas.language.outcome_messages import sentence
from schemas.phases import Phase
from schemas.reports import Outcome, Report, Status
from schemas.settings import Settings
from tasks.store import ledger
from tasks.store.connection.engine import database_errors, engine
from tasks.store.connection.session import interrupt, is_alive

Found = TypeVar("Found")

_OPEN = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)

_CANCEL_PATIENCE = 1.8
"""Seconds for which a caller waits to learn whether a cancelled run is over."""

_FREED_PATIENCE = 30
"""Seconds for which the lock of a run whose process was killed may be held."""

_PAGE = 200
_CRASHED = Crashed().name

_SILENCE = timedelta(seconds=5)
"""How old the last published progress of a dead run is at least: a living run publishes it twice a second."""

APPLIED = "It was applied; its process ended before its report was written."
STOPPED = sentence(Outcome.CANCELLED)


@asynccontextmanager
async def prefect() -> AsyncIterator[PrefectClient]:
    """Give a client of the Prefect server, whose absence is told in a sentence."""
    try:
        async with get_client() as client:
            yield client
    except HTTPError as error:
        raise Unavailable(f"The Prefect server does not answer: is it running? ({type(error).__name__})") from error


class Runs:
    """The runs of one Prefect server and one database."""

    def __init__(self, client: PrefectClient, url: str) -> None:
        self.client = client
        self.url = url
        self._deployments: dict[str, UUID] = {}

    # Asking ----------------------------------------------------------------------------------------------------------

    async def start(self, job: Job, owner: str, key: str | None = None) -> FlowRun:
        """Ask for a run; the same owner's same key gives the run that it gave before."""
        flow = BULK[type(job)]
        parameters = {"job": as_text(job)}
        once = _once(flow, owner, key) if key else None
        with _told():
            deployment = await self._deployment(flow, job)
            try:
                return await self.client.create_flow_run_from_deployment(
                    deployment,
                    name=flow.title(job),
                    parameters=parameters,
                    idempotency_key=once,
                    tags=[OWNER_TAG + owner],
                    work_queue_name=queue_of(owner),
                )
            except ObjectNotFound:
                self._deployments.clear()
                raise Unavailable("The deployments were removed: start a worker, which registers them again.") from None

    async def asked_before(self, flow: BulkFlow, owner: str, key: str | None) -> FlowRun | None:
        """Return the run that the same owner's same key gave before; None without a key, or for a new one."""
        if not key:
            return None
        once = FlowRunFilterIdempotencyKey(any_=[_once(flow, owner, key)])
        with _told():
            found = await self.client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow.name])),
                flow_run_filter=FlowRunFilter(idempotency_key=once),
                limit=1,
            )
        return found[0] if found else None

    async def count_open(self, owner: str) -> int:
        """Return how many runs of an owner are queued or running."""
        return await self._count(owner, FlowRunFilterState(type=FlowRunFilterStateType(any_=[*_OPEN])))

    async def count_asked(self, flow: BulkFlow, owner: str, since: datetime) -> int:
        """Return how many runs of a flow an owner has asked for since a moment."""
        return await self._count(owner, flow=flow, since=since)

    async def _count(
        self,
        owner: str,
        state: FlowRunFilterState | None = None,
        flow: BulkFlow | None = None,
        since: datetime | None = None,
    ) -> int:
        asked = FlowRunFilterExpectedStartTime(after_=since) if since else None
        tagged = FlowRunFilterTags(all_=[OWNER_TAG + owner])
        with _told():
            return await self.client.count_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow.name])) if flow else None,
                flow_run_filter=FlowRunFilter(tags=tagged, state=state, expected_start_time=asked),
            )

    async def _deployment(self, flow: BulkFlow, job: Job) -> UUID:
        name = f"{flow.name}/{flow.deployment_of(job)}"
        if name not in self._deployments:
            try:
                found = await self.client.read_deployment_by_name(name)
            except ObjectNotFound:
                raise Unavailable(
                    "No worker has registered the deployments yet: start one with `cmdb worker`."
                ) from None
            self._deployments[name] = found.id
        return self._deployments[name]

    # Reading ---------------------------------------------------------------------------------------------------------

    async def standing(self, run_id: UUID, flow: BulkFlow) -> Standing | None:
        """Return where a run stands; None where the flow has no such run."""
        with _told():
            try:
                run = await self.client.read_flow_run(run_id)
            except ObjectNotFound:
                return await self._recorded(run_id, flow)
            if await self._flow_name(run) not in (WRITING if flow.writes else (flow.name,)):
                return None
            shown = await self._progress(run_id)
        return await self._settled(standing_of(run, flow, shown))

    async def _recorded(self, run_id: UUID, flow: BulkFlow) -> Standing | None:
        """Return where a run stands that only the ledger has; None where it has not."""

        def read(connection: Connection) -> Report | None:
            known = flow.writes and ledger.status_of(connection, run_id)
            return ledger.read_report(connection, run_id, samples=0) if known else None

        report = await self.read(read)
        return standing_of_report(report, flow) if report else None

    async def _flow_name(self, run: FlowRun) -> str:
        name = _FLOWS.get(run.flow_id)
        if name is None:
            name = _FLOWS[run.flow_id] = (await self.client.read_flow(run.flow_id)).name
        return name

    async def _progress(self, run_id: UUID) -> dict[str, Any]:
        found = await self.client.read_artifacts(
            artifact_filter=ArtifactFilter(
                type=ArtifactFilterType(any_=["progress"]), flow_run_id=ArtifactFilterFlowRunId(any_=[run_id])
            ),
            limit=1,
        )
        return state_in(found[0].metadata_) if found else {}

    async def _settled(self, standing: Standing) -> Standing:
        """Let the ledger, written in the transaction that applies a run, have the last word on how it ended.

        A run that is being cancelled is over when its process has let go, some seconds before Prefect says so. A
        signal that comes between the commit and the end of the process makes Prefect take for crashed what was applied.
        """
        stopping = standing.phase is Phase.CANCELLING
        if standing.status == "processing" and not stopping and await self._has_died(standing):
            return replace(standing, status="failed", eta=None, message=sentence(Outcome.CRASHED))
        if not stopping and standing.status not in ("failed", "cancelled"):
            return standing
        if stopping and await self._alive(standing.run_id):
            return standing
        entered = await self._ledger_status(standing.run_id)
        if entered is Status.COMPLETED:
            message = "It was applied; its process was ended before its report was written."
            return replace(standing, status="completed", phase=Phase.DONE, percent=100.0, eta=None, message=message)
        if stopping or entered is Status.CANCELLED or (entered is None and await self._was_cancelled(standing.run_id)):
            stored: str | None = await self.read(lambda connection: ledger.message_of(connection, standing.run_id))
            return replace(standing, status="cancelled", phase=Phase.CANCELLED, eta=None, message=stored or STOPPED)
        return standing

    async def _has_died(self, standing: Standing) -> bool:
        """Whether the process of a run is gone, which Prefect may hear much later.

        A process that publishes its progress lives, although it may have lost its connection, and with it its lock.
        """
        silent = standing.updated is None or datetime.now(UTC) - standing.updated > _SILENCE
        return silent and await self.read(lambda connection: ledger.is_dead(connection, standing.run_id))

    async def _was_cancelled(self, run_id: UUID) -> bool:
        """Whether a run that never began was told to stop: its worker may call it crashed."""
        with _told():
            states = await self.client.read_flow_run_states(run_id)
        return any(state.type is StateType.CANCELLING for state in states)

    async def read(self, query: Callable[[Connection], Found]) -> Found:
        """Return what a query of the database gives, in a thread."""

        def result() -> Found:
            with database_errors(), engine(self.url).begin() as connection:
                return query(connection)

        return await run_sync(result)

    async def _alive(self, run_id: UUID) -> bool:
        return await self.read(lambda connection: is_alive(connection, run_id))

    async def _ledger_status(self, run_id: UUID) -> Status | None:
        return await self.read(lambda connection: ledger.status_of(connection, run_id))

    # Cancelling ------------------------------------------------------------------------------------------------------

    async def cancel(self, standing: Standing) -> Standing:
        """Cancel a run, wait a little for its end, and return where it then stands."""
        with _told():
            answer: OrchestrationResult[Any] = await self.client.set_flow_run_state(standing.run_id, Cancelling())
        if answer.state and answer.state.type is StateType.CANCELLED:  # it had not begun
            await self._withdraw_approval(standing)
            return replace(standing, status="cancelled", phase=Phase.CANCELLED)
        for _ in range(int(_CANCEL_PATIENCE / 0.2)):
            await sleep(0.2)
            # The signal that ends the process is heeded between two statements: this ends the one it waits for.
            await self.read(lambda connection: interrupt(connection, standing.run_id))
            found = await self.standing(standing.run_id, standing.flow)
            if found and found.ended:
                return found
        return found or standing

    async def _withdraw_approval(self, standing: Standing) -> None:
        """Let others decide about the plan that a run was to apply which was cancelled before it began."""
        plan = (standing.job or {}).get("plan") if standing.flow.writes else None
        if plan:
            await self.read(lambda connection: ledger.withdraw_approval(connection, UUID(plan), standing.run_id))

    # Approving ------------------------------------------------------------------------------------------------------

    async def settle(self, run_id: UUID) -> None:
        """End the suspended run of a held sync, if somebody has decided about it, or its time is over."""
        await run_sync(settle, run_id, self.url)

    async def settle_held(self) -> None:
        """End suspended runs that are decided about or expired; hold those again that crashed as they applied."""
        held = FlowRunFilterState(name=FlowRunFilterStateName(any_=[HELD, _CRASHED]))
        offset = 0
        with _told():
            while found := await self.client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[SYNC.name])),
                flow_run_filter=FlowRunFilter(state=held),
                limit=_PAGE,
                offset=offset,
            ):
                for run in found:
                    await run_sync(settle if run.state_name == HELD else survives, run.id, self.url)
                offset += len(found)

    # Ending what died ------------------------------------------------------------------------------------------------

    async def reap(self, settings: Settings) -> list[UUID]:
        """End the runs whose process died, and hand those that never began to a worker again; returns them.

        A process takes its lock within `grace_seconds` of its run's start, and a worker starts the process of a run
        that it was given within `start_grace_seconds`. A run frees its lock a moment before Prefect hears of its end:
        one that seems dead is checked again, more than half of `grace_seconds` later.
        """
        suspects = [run for run in await self._open() if await self._seems_dead(run, settings)]
        if not suspects:
            return []
        await sleep(settings.grace_seconds * 0.6)
        states = {run.state_id for run in await self._open()}
        dead = [run for run in suspects if run.state_id in states and not await self._alive(run.id)]
        for run in dead:
            await self._end(run)
        return [run.id for run in dead]

    async def _open(self) -> list[FlowRun]:
        """The runs that have begun, or are about to, and have not ended."""
        with _told():
            return await self.client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow.name for flow in BULK.values()])),
                flow_run_filter=FlowRunFilter(
                    state=FlowRunFilterState(
                        type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
                    )
                ),
            )

    async def _seems_dead(self, run: FlowRun, settings: Settings) -> bool:
        state = run.state
        if state is None:
            return False
        grace = settings.start_grace_seconds if state.type is StateType.PENDING else settings.grace_seconds
        if datetime.now(UTC) - state.timestamp < timedelta(seconds=grace) or await self._alive(run.id):
            return False
        # A run that has freed its lock and publishes its report is alive.
        updated = updated_at(run, await self._progress(run.id))
        return updated is None or datetime.now(UTC) - updated > _SILENCE

    async def end_killed(self, run_id: UUID, limit: str | None) -> None:
        """End a run whose process was killed: for a limit that it passed, by its cancellation, or by somebody else."""
        with _told():
            state = (await self.client.read_flow_run(run_id)).state_type
        is_cancelled = limit is None and state in (StateType.CANCELLING, StateType.CANCELLED)
        if limit is None and not is_cancelled and state not in (StateType.PENDING, StateType.RUNNING):
            return
        # The server notices that a process is gone once the statement that it waits for is over.
        for _ in range(int(_FREED_PATIENCE / 0.2)):
            if not await self.read(lambda connection: interrupt(connection, run_id)):
                break
            await sleep(0.2)
        outcome = Outcome.LIMITED if limit else Outcome.CANCELLED if is_cancelled else Outcome.CRASHED
        await self.read(lambda connection: ledger.end_killed(connection, run_id, outcome, limit))
        if is_cancelled:  # the worker tells Prefect
            await self.read(lambda connection: ledger.remove_staged(connection, run_id))
            return
        with _told():
            if await run_sync(survives, run_id, self.url):
                return
            await self.client.set_flow_run_state(run_id, await self._crashed(run_id, limit), force=True)

    async def _crashed(self, run_id: UUID, limit: str | None = None) -> State[Any]:
        """The state of a run whose process died, which says what became of its data; the ledger has the last word."""
        if await self._ledger_status(run_id) is Status.COMPLETED:
            return Crashed(message=APPLIED)
        removed = await self.read(lambda connection: ledger.remove_staged(connection, run_id))
        left = "Its staged rows were removed." if removed else "No staged rows of it are left."
        return Crashed(message=f"{sentence(Outcome.LIMITED if limit else Outcome.CRASHED, limit)} {left}")

    async def _end(self, run: FlowRun) -> None:
        new: State[Any]
        if run.state_type is StateType.PENDING:
            new = Scheduled(message="Its worker went away before it began.")
        elif run.state_type is StateType.CANCELLING:
            await self.read(lambda connection: ledger.end_killed(connection, run.id, Outcome.CANCELLED))
            new = Cancelled(message=STOPPED)
        else:
            with _told():
                if await run_sync(survives, run.id, self.url):
                    return
            new = await self._crashed(run.id)
        with _told():
            await self.client.set_flow_run_state(run.id, new, force=True)


def _once(flow: BulkFlow, owner: str, key: str) -> str:
    """What Prefect knows a caller's key by: another caller's same key, or another flow's, is another one."""
    return hashlib.sha256(f"{flow.name}\0{owner}\0{key}".encode()).hexdigest()


_FLOWS: dict[UUID, str] = {}
"""The name of each flow by its id, which never changes."""


class _told:  # noqa: N801  # reads as a word: `with _told():`
    """Turn what the Prefect client raises into ours."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, HTTPError | PrefectException):
            raise Unavailable(f"The Prefect server does not answer: is it running? ({type(error).__name__})") from error
