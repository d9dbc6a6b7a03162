"""The access log of the API: every request that it is about is entered before its answer is sent."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from pydantic import Field, JsonValue
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.rest.models.base import Model
from api.rest.problems import answer, responses
from api.rest.security.access import ADMIN, address_of
from api.rest.service import CurrentService
from schemas.settings import Settings
from tasks.runtime.context import user
from tasks.store.access import access_log
from tasks.store.access.access_log import Event, Outcome
from tasks.store.connection.engine import database_errors, engine

log = logging.getLogger("cmdb.api")

AUDITED = {
    "log_in": "sign-in",
    "log_out": "sign-out",
    "preview_import": "preview",
    "execute_import": "import",
    "approve_plan": "approval",
    "reject_plan": "rejection",
    "cancel_import": "cancel",
    "undo_import": "undo",
    "start_sync": "sync",
    "start_export": "export",
    "cancel_export": "cancel",
    "download_export": "download",
    "download_rejected_rows": "download",
    "create_key": "key-create",
    "rotate_key": "key-rotate",
    "revoke_key": "key-revoke",
}
"""What each operation that is entered is called in the log; of all others, refusals are entered."""

_REFUSED = (401, 403)

# Refused requests of one address that are entered one by one; of more, their number.
_REFUSALS = parse("30/minute")


@dataclass
class _Noted:
    """What an operation adds to its entry, and further events of the same request."""

    target: str | None
    detail: dict[str, Any]
    more: list[Event]


def note(request: HTTPConnection, target: object = None, **detail: Any) -> None:
    """Add the target or details to the entry of a request."""
    noted = _noted(request.scope)
    noted.target = str(target) if target is not None else noted.target
    noted.detail |= detail


def note_also(request: HTTPConnection, what: str, target: object, **detail: Any) -> None:
    """Enter one more event of a request, such as its upload."""
    _noted(request.scope).more.append(Event(what, target=str(target), detail=detail))


def already_entered(request: HTTPConnection, entries: list[access_log.Entry]) -> None:
    """Print entries that were added in a transaction of the request's own, where entries are printed."""
    found: AuditLog = request.app.state.audit
    found.print(entries)


def _noted(scope: Scope) -> _Noted:
    state = scope.setdefault("state", {})
    found: _Noted = state.setdefault("audit", _Noted(None, {}, []))
    return found


class AuditLog:
    """Adds entries: what many requests wait for at a time is one transaction."""

    def __init__(self, url: str, *, stdout: bool) -> None:
        self.url = url
        self.stdout = stdout
        self._waiting: deque[tuple[list[Event], asyncio.Future[None]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def record(self, events: list[Event]) -> None:
        """Add events, and return when they are stored; raises what keeps them from it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self._waiting:
            batch = list(self._waiting)
            self._waiting.clear()
            error: Exception | None = None
            try:
                self.print(await run_sync(self.add, [event for events, _ in batch for event in events]))
            except Exception as failure:  # it is raised where each of them waits
                error = failure
            for _, done in batch:
                if done.done():  # whoever waited has gone
                    continue
                done.set_exception(error) if error else done.set_result(None)

    def add(self, events: list[Event]) -> list[access_log.Entry]:
        """Add events now."""
        with database_errors(), engine(self.url).begin() as connection:
            return access_log.add(connection, events)

    def print(self, entries: list[access_log.Entry]) -> None:
        """Print entries as lines of JSON, where that is set."""
        if self.stdout:
            for entry in entries:
                sys.stdout.buffer.write(access_log.as_line(entry) + b"\n")
            sys.stdout.flush()


class Audited:
    """Enters what the log is about, once the status is known and before anything of the answer is sent."""

    def __init__(self, app: ASGIApp, audit_log: AuditLog) -> None:
        self.app = app
        self.log = audit_log
        self.limiter = FixedWindowRateLimiter(MemoryStorage())
        self.left_out = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and enter it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        begun = withheld = False

        async def recorded(message: Message) -> None:
            nonlocal begun, withheld
            if not begun and "status" in message:
                begun = True
                withheld = not await self._enter(scope, message["status"])
                if withheld:
                    detail = "The access log cannot be written, and nothing is done without it. Try again later."
                    await answer(503, detail, scope["path"], "unavailable")(scope, receive, send)
            if not withheld:
                await send(message)

        try:
            await self.app(scope, receive, recorded)
        except Exception:
            if not begun:
                await self._enter(scope, 500)
            raise

    async def _enter(self, scope: Scope, status: int) -> bool:
        """Enter a request; says whether its answer may be sent: one that reports success needs its entry."""
        events = self._events(scope, status)
        if not events:
            return True
        try:
            await self.log.record(events)
        except Exception as error:  # whatever it is, success may not be reported
            log.error("The access log cannot be written: %s", error)
            return status >= 400
        return True

    def _events(self, scope: Scope, status: int) -> list[Event]:
        what = AUDITED.get(getattr(scope.get("route"), "name", ""))
        refused = status in _REFUSED
        if what is None and not refused:
            return []
        connection = HTTPConnection(scope)
        address = address_of(connection)
        if refused and not self.limiter.hit(_REFUSALS, address or "?"):
            self.left_out += 1
            return []
        result: Outcome = "done" if status < 400 else "refused" if refused else "failed"
        noted = _noted(scope)
        detail = noted.detail | {"status": status}
        if refused and self.left_out:
            detail["refusalsLeftOut"], self.left_out = self.left_out, 0
        asked = f"{scope.get('method', 'WebSocket')} {scope['path'][:200]}"
        target = noted.target or next(map(str, scope.get("path_params", {}).values()), None)
        if what is None or refused:
            detail["request"] = asked
        state = connection.state
        who: str | None = getattr(state, "who", None)
        session: str | None = getattr(state, "session", None)
        main = Event(what or "refusal", target=target, result=result, detail=detail)
        return [replace(each, who=who, session=session, address=address) for each in (*noted.more, main)]


def enter_settings(url: str, settings: Settings) -> None:
    """Enter the settings with which the API starts, where they are not those of its last start."""
    shown = {name: _shown(value) for name, value, _ in settings.shown()}
    with database_errors(), engine(url).begin() as connection:
        before = access_log.last(connection, "settings")
        known = before.detail["settings"] if before else {}
        if known != shown:
            changed = sorted(name for name in shown if shown[name] != known.get(name)) if before else []
            detail = {"changed": changed, "settings": shown}
            access_log.add(connection, [Event("settings", who=user(), detail=detail)])


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    name = getattr(value, "name", None)
    scopes = getattr(value, "scopes", None)
    return f"{name}:{'+'.join(sorted(scopes))}" if name and scopes else str(value)[:1_000]


# Reading --------------------------------------------------------------------------------------------------------------

router = APIRouter(prefix="/api/audit", tags=["access log"])


class AuditEntry(Model):
    """One entry of the access log."""

    number: int
    at: datetime
    who: str | None = Field(None, description="The name of a key or of a user of the command line.")
    session: str | None = Field(None, description="The beginning of the hash of the session's id.")
    address: str | None = Field(None, description="Where the request came from.")
    what: str = Field(examples=["import"])
    target: str | None = Field(None, description="The run, the key, the file … that it concerns.")
    result: Literal["done", "refused", "failed"]
    detail: dict[str, JsonValue]
    hash: str = Field(description="SHA-256 over the hash of the entry before and this entry.")


class AuditPage(Model):
    """Entries, the newest first."""

    items: list[AuditEntry]
    next: str | None = Field(None, description="The address of the next page.")


class AuditCheck(Model):
    """What a check of the whole log found."""

    intact: bool
    message: str | None = Field(None, description="What is wrong, and where.")
    entries: int = Field(description="How many were checked.")
    first: int | None = None
    last: int | None = None
    hash: str = Field(description="The last entry's hash: keep it elsewhere to detect a log that was rewritten.")


@router.get("", dependencies=[ADMIN], responses=responses())
async def list_audit_entries(
    request: Request,
    service: CurrentService,
    who: Annotated[str | None, Query(description="Only of this caller.", max_length=255)] = None,
    what: Annotated[str | None, Query(description="Only of this kind, such as import.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many.")] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="Those before this number.")] = None,
) -> AuditPage:
    """List the access log, the newest entries first. Needs the scope admin."""
    found = await service.read(
        lambda connection: access_log.entries(connection, limit=limit, before=before, who=who, what=what)
    )
    more = request.url.include_query_params(before=found[-1].number) if len(found) == limit else None
    items = [AuditEntry(**{name: getattr(each, name) for name in AuditEntry.model_fields}) for each in found]
    return AuditPage(items=items, next=f"{more.path}?{more.query}" if more else None)


@router.get("/verify", dependencies=[ADMIN], responses=responses())
async def verify_audit(
    service: CurrentService,
    contains: Annotated[
        str | None, Query(description="Also check that an entry has this hash, kept elsewhere.", max_length=64)
    ] = None,
) -> AuditCheck:
    """Verify that no entry of the access log was altered or removed. Needs the scope admin."""
    found = await service.read(lambda connection: access_log.verify(connection, contains))
    return AuditCheck(
        intact=found.wrong is None,
        message=found.wrong,
        entries=found.entries,
        first=found.first,
        last=found.last,
        hash=found.hash,
    )
