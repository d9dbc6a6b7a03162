"""The access log: entries in a hash chain, added in order, verified and removed from its beginning only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql

from schemas.model.tables import AUDIT_HEAD, AUDIT_LOG
from tasks.store.connection.session import set_local

Outcome = Literal["done", "refused", "failed"]

RETENTION = "retention"
"""What the entry is called that says which entries before it were removed."""

COMMAND_LINE = "command line"
"""The address of what a command on this machine did."""

_LONGEST = 2_000
_BATCH = 1_000


@dataclass(frozen=True)
class Event:
    """Something that happened: who did what to what, from where, and how it ended."""

    what: str
    who: str | None = None
    target: str | None = None
    result: Outcome = "done"
    address: str | None = None
    session: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Entry(Event):
    """An event as the log has it."""

    number: int = 0
    previous: str = ""
    hash: str = ""

    def hashed(self) -> str:
        """Return the hash that the entry must have after the one before it."""
        values = asdict(self)
        del values["hash"]
        text = orjson.dumps(values | {"at": self.at.astimezone(UTC)}, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()


@dataclass(frozen=True)
class Verified:
    """What a check of the log found: how many entries, the last one's hash, and what is wrong (None: nothing)."""

    entries: int
    first: int | None
    last: int | None
    hash: str
    wrong: str | None


def add(connection: Connection, events: Iterable[Event]) -> list[Entry]:
    """Add events to the log, in the caller's transaction; others wait for its end before they add theirs."""
    connection.execute(postgresql.insert(AUDIT_HEAD).values(one=True).on_conflict_do_nothing())
    head = connection.execute(select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.hash).with_for_update()).one()
    number, previous = head.number, head.hash
    entries = []
    for event in events:
        number += 1
        entry = _entry(event, number, previous)
        entries.append(entry)
        previous = entry.hash
    if entries:
        connection.execute(insert(AUDIT_LOG), [asdict(entry) for entry in entries])
        connection.execute(update(AUDIT_HEAD).values(number=number, hash=previous))
    return entries


def _entry(event: Event, number: int, previous: str) -> Entry:
    values = asdict(event)
    for name in ("what", "who", "target", "address", "session"):
        values[name] = None if values[name] is None else _storable(values[name])
    values["detail"] = _storable(values["detail"])
    entry = Entry(**values, number=number, previous=previous)
    return Entry(**values, number=number, previous=previous, hash=entry.hashed())


def _storable(value: Any) -> Any:
    """Return a value as PostgreSQL's JSON keeps and returns it: no NUL, no half of a character, nothing endless."""
    if isinstance(value, dict):
        return {_storable(str(name)): _storable(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(each) for each in value]
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 1 << 53):
        return value
    return str(value).replace("\0", "\ufffd").encode(errors="replace").decode()[:_LONGEST]


def entries(
    connection: Connection, *, limit: int, before: int | None = None, who: str | None = None, what: str | None = None
) -> list[Entry]:
    """Return entries, the newest first: those before a number, of one caller, of one kind."""
    log = AUDIT_LOG.c
    query = select(AUDIT_LOG).order_by(log.number.desc()).limit(limit)
    query = query if before is None else query.where(log.number < before)
    query = query if who is None else query.where(log.who == who)
    query = query if what is None else query.where(log.what == what)
    return [Entry(**row) for row in connection.execute(query).mappings()]


def last(connection: Connection, what: str) -> Entry | None:
    """Return the newest entry of a kind."""
    found = entries(connection, limit=1, what=what)
    return found[0] if found else None


def has(connection: Connection, known: str) -> bool:
    """Say whether an entry has that hash, such as one that was kept elsewhere."""
    return connection.scalar(select(literal(1)).where(AUDIT_LOG.c.hash == known)) is not None


def verify(connection: Connection, contains: str | None = None) -> Verified:
    """Check every entry against the one before it, the removed ones against what the retention says, and the end.

    With `contains`, an entry must have that hash. Must be the first that its transaction does: all of it is read as of
    one moment.
    """
    found = _verified(connection)
    if found.wrong or not contains or has(connection, contains):
        return found
    return replace(found, wrong=f"No entry has the hash {contains}: the log was rewritten, or that entry is too old.")


def _verified(connection: Connection) -> Verified:
    connection.execute(text("set transaction isolation level repeatable read"))
    head = connection.execute(select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.hash)).one_or_none()
    ordered = select(AUDIT_LOG).order_by(AUDIT_LOG.c.number).execution_options(yield_per=_BATCH)
    first: Entry | None = None
    before: Entry | None = None
    count, removed = 0, (0, "")
    for row in connection.execute(ordered).mappings():
        entry = Entry(**row)
        first = first or entry
        if wrong := _wrong(entry, before):
            return Verified(count, first.number, entry.number, entry.hash, wrong)
        if entry.what == RETENTION and entry.target is None:
            removed = (entry.detail["through"], entry.detail["hash"])
        before, count = entry, count + 1
    wrong = _wrong_ends(first, before, removed, (head.number, head.hash) if head else (0, ""))
    return Verified(
        count, first.number if first else None, before.number if before else None, before.hash if before else "", wrong
    )


def _wrong(entry: Entry, before: Entry | None) -> str | None:
    if entry.hash != entry.hashed():
        return f"Entry {entry.number} was altered."
    if before and entry.number != before.number + 1:
        return f"Entries between {before.number} and {entry.number} are missing."
    if before and entry.previous != before.hash:
        return f"Entry {entry.number} does not follow entry {before.number}: one of them was replaced."
    return None


def _wrong_ends(first: Entry | None, last: Entry | None, removed: tuple[int, str], head: tuple[int, str]) -> str | None:
    """Say what is wrong with the beginning or the end of a chain that is whole in between."""
    if first and (first.number - 1, first.previous) != removed:
        return f"Entries before {first.number} are missing, and no retention removed them."
    if ((last.number, last.hash) if last else (0, "")) != head:
        return f"Entries up to {head[0]} were added, and the last ones are missing."
    return None


def remove_old(connection: Connection, days: int, who: str) -> int:
    """Remove the entries that are older, which an entry says that is added; returns how many. 0 days keep all."""
    if not days:
        return 0
    add(connection, ())  # nobody adds entries meanwhile
    log = AUDIT_LOG.c
    oldest = datetime.now(UTC) - timedelta(days=days)
    # Only a beginning may go: what is newer than an older one, by whichever clock, stays, and so does what follows.
    kept = select(func.min(log.number)).where(log.at >= oldest).scalar_subquery()
    query = select(log.number, log.hash).where(log.at < oldest, log.number < func.coalesce(kept, log.number + 1))
    found = connection.execute(query.order_by(log.number.desc()).limit(1)).one_or_none()
    if found is None:
        return 0
    set_local(connection, "cmdb.audit_retention", "on")
    removed = connection.execute(delete(AUDIT_LOG).where(log.number <= found.number)).rowcount
    set_local(connection, "cmdb.audit_retention", "off")
    detail = {"through": found.number, "hash": found.hash, "days": days, "removed": removed}
    add(connection, [Event(RETENTION, who=who, detail=detail)])
    return removed


def as_line(entry: Entry) -> bytes:
    """Return an entry as one line of JSON."""
    names: Sequence[str] = ("number", "at", "who", "session", "address", "what", "target", "result", "detail", "hash")
    return orjson.dumps({name: getattr(entry, name) for name in names})
