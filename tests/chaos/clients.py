"""Clients that import, plan, undo, cancel and export at the same time, each over records of its own."""

from __future__ import annotations

import csv
import io
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx

from tests.api.system import ENDED, System
from tests.chaos.history import Kind, Step
from tests.support import vpc, write_csv
from tests.waiting import wait_until

PATIENCE = 300
"""Seconds until a request is answered and a run has ended, while parts are killed all the time."""

_FIRST = 100_000


def revisions(text: str) -> dict[int, Counter[str]]:
    """Count the records of an exported CSV file by client and revision."""
    found: dict[int, Counter[str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        client, _, revision = row["name"].partition("/")
        found.setdefault(int(client), Counter())[revision] += 1
    return found


class Client:
    """One client with records of its own, which all have the same revision: its state."""

    def __init__(self, number: int, system: System, folder: Path, seed: int, records: int) -> None:
        self.number = number
        self.history: list[Step] = []
        self.exports: list[dict[int, Counter[str]]] = []
        self._system = system
        self._folder = folder
        self._chance = random.Random(f"{seed}/{number}")
        self._records = records
        self._revision = 0

    def run(self, stopped: threading.Event) -> None:
        """Do one thing after the other until it is stopped."""
        while not stopped.is_set():
            self._chance.choice([self._import, self._cancel, self._plan, self._undo, self._export])()

    def _import(self) -> None:
        path, revision = self._file()
        run = self._started("/api/import/execute", path)
        self._keep(Kind.IMPORT, run, revision=revision)

    def _cancel(self) -> None:
        path, revision = self._file()
        run = self._started("/api/import/execute", path)
        threading.Event().wait(self._chance.uniform(0, 2))
        self._asked(lambda client: client.delete(f"/api/import/{run}"))
        self._keep(Kind.CANCEL, run, revision=revision)

    def _plan(self) -> None:
        path, revision = self._file()
        with path.open("rb") as file:
            sent = {"file": (path.name, file.read())}
        found = self._asked(lambda client: client.post("/api/import/preview", files=sent, data={"resourceType": "vpc"}))
        plan = found.json().get("planId")
        if found.status_code == 202:
            plan = found.json()["importId"]
            if self._end(plan) != "completed":
                return
        if plan:
            run = self._started("/api/import/execute", data={"planId": plan})
            self._keep(Kind.PLAN, run, revision=revision)

    def _undo(self) -> None:
        undone = {step.undoes for step in self.history if step.answered == "completed"}
        applied = [step for step in self.history if step.answered == "completed" and step.run not in undone]
        if applied:
            last = applied[-1].run
            key = {"Idempotency-Key": uuid4().hex}
            answer = self._asked(lambda client: client.post(f"/api/import/{last}/undo", headers=key, json={}))
            if answer.status_code == 202:
                self._keep(Kind.UNDO, answer.json()["importId"], undoes=last)

    def _export(self) -> None:
        answer = self._asked(lambda client: client.post("/api/export", json={"resourceType": "vpc"}))
        export = answer.json()["exportId"]
        if self._end(export, "export") == "completed":
            file = self._asked(lambda client: client.get(f"/api/export/download/{export}"))
            self.exports.append(revisions(file.text))

    def _file(self) -> tuple[Path, str]:
        """Write a file that gives all records of this client a new revision."""
        self._revision += 1
        revision = f"r{self._revision}"
        first = _FIRST * (self.number + 1)
        rows = [vpc(first + number, name=f"{self.number}/{revision}") for number in range(self._records)]
        return write_csv(self._folder / f"{self.number}-{revision}.csv", rows), revision

    def _started(self, path: str, file: Path | None = None, data: dict[str, str] | None = None) -> str:
        """Start a run, once however often it is requested; returns its id."""
        key = {"Idempotency-Key": uuid4().hex}
        fields = data or {"resourceType": "vpc"}
        sent = {"file": (file.name, file.read_bytes())} if file else None
        answer = self._asked(lambda client: client.post(path, headers=key, files=sent, data=fields))
        run: str = answer.json()["importId"]
        return run

    def _asked(self, request: Callable[[httpx.Client], httpx.Response]) -> httpx.Response:
        """Send a request again until the API answers it."""

        def answered() -> httpx.Response | None:
            try:
                with self._system.client() as client:
                    answer = request(client)
            except httpx.HTTPError:
                return None
            return answer if answer.status_code not in (429, 500, 502, 503) else None

        answer = wait_until(answered, PATIENCE)
        assert answer
        return answer

    def _keep(self, kind: Kind, run: str, *, revision: str | None = None, undoes: str | None = None) -> None:
        self.history.append(Step(self.number, kind, run, revision, undoes, self._end(run)))

    def _end(self, run: str, what: str = "import") -> str:
        """Wait for the end of a run; returns its status."""

        def ended() -> str | None:
            answer = self._asked(lambda client: client.get(f"/api/{what}/progress/{run}"))
            status: str | None = answer.json().get("status")
            return status if status in ENDED else None

        return wait_until(ended, PATIENCE) or ""
