"""Quotas and fairness: what one key may keep and ask for, and that it does not keep others waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from api.rest.security.guard import new_key
from deployments.definitions import POOL
from flows.server.fair_queues import Served, fair_order, queue_of
from schemas.access.api_keys import ApiKey
from tests.api.facade import served
from tests.api.system import System, execute, facade, file, follow
from tests.locks import WHILE_VALIDATING, held
from tests.support import vpc, write_csv
from tests.waiting import wait_until

MADE = {name: new_key(name, "write") for name in ("alice", "bob")}


def of(address: str, name: str) -> httpx.Client:
    """Return the client of one key."""
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {MADE[name][0]}"}, timeout=60)


def test_a_key_stores_no_more_than_it_may(database_url: str, home: Path, tmp_path: Path) -> None:
    """Nor keeps others from storing; what it may not is refused with the limit's name, and leaves nothing behind."""
    keys = tuple(ApiKey.model_validate(line) for _, line in MADE.values())
    path = tmp_path / "a.csv"
    path.write_text("vpc_id,name\n" + f"vpc-0000000a,{'x' * 90}\n" * 6_500)  # two thirds of 1 MB
    with (
        served(database_url, home, api_keys=keys, key_stored_mb=1) as here,
        of(here.address, "alice") as alice,
        of(here.address, "bob") as bob,
    ):
        answers = [alice.post("/api/import/preview", **file(path)) for _ in range(3)]
        # Without Prefect there is no run, and the upload is kept.
        assert [answer.status_code for answer in answers] == [503, 503, 413]
        problem = answers[-1].json()
        assert (problem["type"], "CMDB_KEY_STORED_MB" in problem["detail"]) == (
            "urn:cmdb:problem:too-much-stored",
            True,
        )
        assert alice.post("/api/export", json={"resourceType": "vpc"}).status_code == 413
        assert bob.post("/api/import/preview", **file(path)).status_code == 503
        assert len(list((here.storage / "uploads").iterdir())) == 3


@pytest.fixture
def prefect(system: System) -> Iterator[SyncPrefectClient]:
    """A client of the system's Prefect server."""
    with (
        temporary_settings({PREFECT_API_URL: f"{system.prefect}/api", PREFECT_API_AUTH_STRING: system.secret}),
        get_client(sync_client=True) as client,
    ):
        yield client


def test_a_key_that_floods_the_queue_starves_nobody(system: System, prefect: SyncPrefectClient, tmp_path: Path) -> None:
    """It has so many runs and no more, and another's run does not wait for all of them."""
    path = write_csv(tmp_path / "a.csv", [vpc(1), vpc(2, cidr_block="nonsense")])
    lines = json.dumps([line for _, line in MADE.values()])
    limits = {"CMDB_API_KEYS": lines, "CMDB_KEY_RUNS": "9", "CMDB_KEY_EXPORTS_PER_HOUR": "2"}
    with ExitStack() as stack:
        address = stack.enter_context(facade(system, **limits))
        alice, bob = (stack.enter_context(of(address, name)) for name in MADE)
        with held(system.url, WHILE_VALIDATING):
            once = {"Idempotency-Key": "once"}
            first = alice.post("/api/import/execute", **file(path), headers=once).json()["importId"]
            flood = [first, *(execute(alice, path) for _ in range(8))]
            refused = alice.post("/api/import/execute", **file(path))
            assert (refused.status_code, "CMDB_KEY_RUNS" in refused.json()["detail"]) == (429, True)
            assert refused.headers["retry-after"]
            again = alice.post("/api/import/execute", **file(path), headers=once)
            assert (again.status_code, again.json()["importId"]) == (202, first)
            late = execute(bob, path)
            wait_until(lambda: _priority(prefect, "bob") < _priority(prefect, "alice"))
        follow(bob, late)
        for run in flood:
            follow(alice, run)
        started = sorted(str(prefect.read_flow_run(UUID(run)).start_time) for run in flood)
        # Four of the flood ran before it was asked for, and four more may have begun at the same moment.
        assert str(prefect.read_flow_run(UUID(late)).start_time) < started[-1]
        asked = [bob.post("/api/export", json={"resourceType": "vpc"}) for _ in range(3)]
        assert [answer.status_code for answer in asked] == [202, 202, 429]
        assert "CMDB_KEY_EXPORTS_PER_HOUR" in asked[-1].json()["detail"]


def _priority(prefect: SyncPrefectClient, owner: str) -> int:
    found = {queue.name: queue.priority for queue in prefect.read_work_queues(work_pool_name=POOL)}
    return found[queue_of(owner)] or 0


NOW = datetime.now(UTC)


def ago(queue: str, seconds: int, *, running: bool = False) -> Served:
    """Return a run that was started some seconds ago."""
    return Served(queue, NOW - timedelta(seconds=seconds), running)


@pytest.mark.parametrize(
    ("served_before", "order"),
    [
        ([], ["a", "b", "c"]),
        ([ago("a", 9)], ["b", "c", "a"]),
        ([ago("a", 9), ago("b", 5), ago("c", 7)], ["a", "c", "b"]),
        ([ago("a", 90, running=True), ago("a", 80, running=True), ago("b", 5, running=True)], ["c", "b", "a"]),
    ],
)
def test_whoever_was_served_least_goes_first(served_before: list[Served], order: list[str]) -> None:
    """The fewest running runs, then the longest not served; so everybody is first at some time."""
    assert fair_order(["c", "a", "b", "a"], served_before) == order


def test_turns_go_round() -> None:
    """With one place, a queue that never ends and two short ones are served in turn."""
    waiting, before, turns = {"flood": 50, "b": 2, "c": 2}, [ago("flood", 1)], []
    for _ in range(6):
        turns.append(fair_order([name for name, left in waiting.items() if left], before)[0])
        waiting[turns[-1]] -= 1
        before.append(ago(turns[-1], -len(turns)))
    assert turns == ["b", "c", "flood", "b", "c", "flood"]
