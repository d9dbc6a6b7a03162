"""A sync that is held, and what Prefect shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.api.system import System, follow
from tests.support import execute as sql
from tests.support import vpc, write_csv
from tests.waiting import wait_until

FORM = {"name": "Ada", "reason": "Agreed with the network team.", "changed_records": "refuse"}


@dataclass(frozen=True)
class Held:
    """A sync that awaits approval: it would rename six records and retire four."""

    system: System
    run: str
    name: str
    path: Path

    @property
    def state(self) -> tuple[str, str, str]:
        """The type, name and message of its state in Prefect."""
        state = self.system.ask_prefect("GET", f"/flow_runs/{self.run}")["state"]
        return state["type"], state["name"], state["message"]

    def answer(self, decision: str, **more: str) -> dict[str, Any]:
        """Resume the run as Prefect's form does."""
        form = FORM | {"decision": decision} | more
        found: dict[str, Any] = self.system.ask_prefect("POST", f"/flow_runs/{self.run}/resume", run_input=form)
        return found

    def wait(self, kind: str, name: str, text: str = "") -> str:
        """Wait for a state; returns its message."""
        return wait_until(lambda: self.state[2] if self.state[:2] == (kind, name) and text in self.state[2] else "")

    def plan(self, client: httpx.Client) -> dict[str, Any]:
        """Return its plan, as the API shows it."""
        found: dict[str, Any] = client.get(f"/api/import/result/{self.run}").json()["plan"]
        return found

    def live(self) -> int:
        """Return how many records are there, and not retired."""
        [(count,)] = sql(self.system.url, "select count(*) from vpc where retired_at is null")
        return int(count)


def sync(client: httpx.Client, name: str, path: Path) -> str:
    """Sync a file, and wait for its end; returns the run."""
    accepted = client.post("/api/sync", json={"url": str(path), "name": name})
    assert accepted.status_code == 202, accepted.text
    run: str = accepted.json()["importId"]
    follow(client, run)
    return run


def held_sync(system: System, client: httpx.Client, folder: Path) -> Held:
    """Sync ten VPCs, and then a source that holds the next run; returns that one, suspended."""
    name, path = f"core-{uuid4().hex[:8]}", write_csv(folder / "vpcs.csv", [vpc(n) for n in range(10)])
    sync(client, name, path)
    write_csv(path, [vpc(n, name="new") for n in range(6)])
    held = Held(system, sync(client, name, path), name, path)
    held.wait("PAUSED", "Held", "0 to create, 6 to update, 4 to retire, 0 rejected")
    return held
