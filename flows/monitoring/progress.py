"""The progress of a run as Prefect shows it: a sentence for people, and the same as JSON for the API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from prefect.artifacts import create_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.logging import get_run_logger

from schemas.phases import Phase
from schemas.reports import Exported, Progress, silent
from tasks.markdown import escaped

LISTENER: ContextVar[Progress] = ContextVar("listener", default=silent)
"""Who else in this process gets a run's progress, such as a terminal."""

# Prefect cuts a value of an artifact's metadata at 500 characters.
_LONGEST_VALUE = 400

# Seconds between two updates of a progress artifact: each costs the server about 20 ms.
_PULSE = 0.5

_RUNNING = "processing"
_DONE = "completed"

_MOST_BEFORE_THE_END = 99.9


@dataclass
class Pulse:
    """A run's progress as it is published: the newest state, written by the run and read by the publisher.

    `log` gets a line at every tenth of the records; where their number is not known, whenever it has doubled.
    """

    artifact: UUID
    log: Callable[[str], object]
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    phase: Phase = Phase.STARTING
    processed: int = 0
    total: int | None = None
    rejected: int = 0
    percent: float = 0.0
    since: float = field(default_factory=time.monotonic)
    due: float | None = None
    ended: str | None = None
    message: str | None = None
    summary: str | None = None
    code: str | None = None
    exported: Exported | None = None
    held: bool = False
    news: threading.Event = field(default_factory=threading.Event)
    _logged: int = 0

    def __call__(self, phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:
        """Take note of how far the run is."""
        LISTENER.get()(phase, done, total, rejected)
        if self.phase != phase:
            self.phase = phase
            self.news.set()
        self.rejected = max(self.rejected, rejected)
        if phase.counts_records:
            self.processed, self.total = done, total
        part = min(done / total, 1.0) if total else 0.0
        if phase is not Phase.DONE:  # a sync that is held is done, too; only the end of the run is 100 %
            self.percent = max(self.percent, phase.start + (phase.end - phase.start) * part)
        now = time.monotonic()
        # What is left takes as long for each percent as what is done; until more is heard, the time left runs down.
        self.due = now + (now - self.since) * (100 - self.percent) / self.percent if self.percent >= 1 else None
        if phase in (Phase.VALIDATE, Phase.WRITE):
            self._log_tenth()

    def end(
        self,
        status: str,
        *,
        message: str | None = None,
        summary: str | None = None,
        code: str | None = None,
        exported: Exported | None = None,
        held: bool = False,
    ) -> None:
        """Take note of how the run ended: `message` is for the API, `summary` is what Prefect shows in its place.

        The API also gives the `code` of an error, and what an export wrote. A run that is `held` has ended for the API,
        whatever becomes of it in Prefect.
        """
        self.ended, self.message, self.summary = status, message, summary
        self.code, self.exported, self.held = code, exported, held

    def _log_tenth(self) -> None:
        step = self.processed * 10 // self.total if self.total else self.processed.bit_length()
        if step > self._logged:
            self._logged = step
            self.log(self.sentence)

    @property
    def status(self) -> dict[str, Any]:
        """The state as the API reads it."""
        return {
            "status": self.ended or _RUNNING,
            "phase": self.phase,
            "processedRecords": self.processed,
            "totalRecords": self.total,
            "rejectedRecords": self.rejected,
            "percent": self.shown_percent,
            "recordsPerSecond": self._per_second,
            "etaSeconds": self._left,
            "startedAt": self.started.isoformat(),
            "updatedAt": datetime.now(UTC).isoformat(),
            "message": self.message,
            "code": self.code,
            **({"held": True} if self.held else {}),
            **({"exported": asdict(self.exported) | {"path": self.exported.path.name}} if self.exported else {}),
        }

    @property
    def shown_percent(self) -> float:
        """How far the run is; 100 only when all of it is done."""
        return 100.0 if self.ended == _DONE else min(round(self.percent, 1), _MOST_BEFORE_THE_END)

    @property
    def sentence(self) -> str:
        """The state as people read it, as Markdown."""
        if self.ended:
            return escaped(self.summary or self.message or self.ended)
        parts = [self.phase.label]
        if self.phase.counts_records:
            known = f" of {self.total:,}" if self.total is not None else ""
            parts = [f"{self.phase}: {self.processed:,}{known} records", f"{self.rejected:,} rejected"]
            parts += [f"{self._per_second:,}/s"] if self._per_second else []
        left = self._left
        parts += [f"{_duration(left)} left"] if left is not None else []
        return ", ".join(parts)

    @property
    def _per_second(self) -> int:
        elapsed = time.monotonic() - self.since
        return round(self.processed / elapsed) if elapsed > 0 else 0

    @property
    def _left(self) -> float | None:
        now = time.monotonic()
        return round(self.due - now, 1) if self.due and self.due > now and not self.ended else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@contextmanager
def published() -> Iterator[Pulse]:
    """Publish a run's progress from a thread, twice a second and at each phase; an absent server holds nothing up.

    The caller enters how the run ended; a fault of the program ends it as failed.
    """
    pulse = Pulse(_artifact(), get_run_logger().info)
    over = threading.Event()
    thread = threading.Thread(target=_publish, args=(pulse, over), name="progress", daemon=True)
    thread.start()
    try:
        yield pulse
    except BaseException as error:
        pulse.end("failed" if isinstance(error, Exception) else "cancelled")
        raise
    finally:
        over.set()
        pulse.news.set()
        thread.join(timeout=5)
        with get_client(sync_client=True) as client:
            _send(client, pulse)


def _artifact() -> UUID:
    made = create_progress_artifact(progress=0.0, description=Phase.STARTING.label)
    assert isinstance(made, UUID)  # noqa: S101  # from synchronous code, Prefect's function is synchronous
    return made


def _publish(pulse: Pulse, over: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        # A new phase is published at once, how far it is after a pulse.
        while not over.is_set():
            pulse.news.wait(_PULSE)
            pulse.news.clear()
            if not over.is_set():
                _send(client, pulse)


def _send(client: SyncPrefectClient, pulse: Pulse) -> None:
    update = ArtifactUpdate(
        data=pulse.shown_percent,
        description=pulse.sentence,
        metadata_=_as_metadata(pulse.status),
    )
    try:
        # Not by `update_artifact`, which emits an event for each update: half of all rows in Prefect's database.
        client.request(
            "PATCH",
            "/artifacts/{id}",
            path_params={"id": pulse.artifact},
            json=update.model_dump(mode="json", exclude_unset=True),
        )
    except Exception as error:  # progress is published as well as it can be; the run goes on
        get_run_logger().debug("progress was not published: %s", error)


def _as_metadata(status: dict[str, Any]) -> dict[str, str]:
    """Return the state as JSON in numbered parts; Prefect's pages do not show metadata."""
    text = orjson.dumps(status).decode()
    return {
        f"state {number:02}": text[start : start + _LONGEST_VALUE]
        for number, start in enumerate(range(0, len(text), _LONGEST_VALUE))
    }


def state_in(metadata: dict[str, str] | None) -> dict[str, Any]:
    """Return the state that the metadata of a progress artifact hold; empty where there is none yet."""
    found: dict[str, Any] = orjson.loads("".join(text for _, text in sorted((metadata or {}).items())) or "{}")
    return found
