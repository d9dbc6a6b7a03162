"""Fair scheduling: each owner's runs wait in a queue of their own, and whoever was served least goes first.

Prefect's workers take runs from the queue of the highest priority. So while several queues wait, their priorities
follow what each has running, and when it was last served. Nothing is kept here: every process of the API finds the same
order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

DEFAULT = "default"
"""The queue of runs that nobody asked for: those on schedule."""

_PAGE, _PAGES = 200, 10
_SERVED = 100


def queue_of(owner: str) -> str:
    """Return the name of the queue in which an owner's runs wait."""
    return f"key-{owner}"


@dataclass(frozen=True)
class Served:
    """A run that was started: its queue, when, and whether it goes on."""

    queue: str
    at: datetime
    running: bool


def fair_order(waiting: Iterable[str], served: Iterable[Served]) -> list[str]:
    """Return queues in the order in which they are served: the fewest running first, then the longest not served."""
    known = list(served)

    def share(queue: str) -> tuple[int, float, str]:
        own = [each for each in known if each.queue == queue]
        last = max((each.at.timestamp() for each in own), default=0.0)
        return sum(each.running for each in own), last, queue

    return sorted(set(waiting), key=share)


async def take_turns(client: PrefectClient, pool: str) -> list[str]:
    """Give the queues of a work pool that have runs waiting their priorities; returns them, the first one first."""
    waiting = await _waiting(client, pool)
    if len(waiting) < 2:
        return sorted(waiting)
    order = fair_order(waiting, await _served(client, pool))
    known = {queue.name: queue for queue in await client.read_work_queues(work_pool_name=pool)}
    for number, name in enumerate(order, start=1):
        if name in known and known[name].priority != number:
            await client.update_work_queue(known[name].id, priority=number)
    return order


async def _waiting(client: PrefectClient, pool: str) -> set[str]:
    """The queues with runs whose time has come; each owner may have a limited number, so all are looked at."""
    found: set[str] = set()
    for page in range(_PAGES):
        runs = await client.read_flow_runs(
            work_pool_filter=_of(pool),
            flow_run_filter=FlowRunFilter(
                state=_states(StateType.SCHEDULED),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime(before_=datetime.now(UTC)),
            ),
            sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
            limit=_PAGE,
            offset=page * _PAGE,
        )
        found |= {_queue(run) for run in runs}
        if len(runs) < _PAGE:
            break
    return found


async def _served(client: PrefectClient, pool: str) -> list[Served]:
    """The runs that were started last."""
    runs = await client.read_flow_runs(
        work_pool_filter=_of(pool),
        flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False)),
        sort=FlowRunSort.START_TIME_DESC,
        limit=_SERVED,
    )
    pending = await client.read_flow_runs(
        work_pool_filter=_of(pool), flow_run_filter=FlowRunFilter(state=_states(StateType.PENDING)), limit=_SERVED
    )
    started = [Served(_queue(run), run.start_time, _goes_on(run)) for run in runs if run.start_time]
    return started + [Served(_queue(run), datetime.now(UTC), running=True) for run in pending]


def _of(pool: str) -> WorkPoolFilter:
    return WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))


def _states(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def _queue(run: FlowRun) -> str:
    return run.work_queue_name or DEFAULT


def _goes_on(run: FlowRun) -> bool:
    return run.state_type in (StateType.RUNNING, StateType.CANCELLING)
