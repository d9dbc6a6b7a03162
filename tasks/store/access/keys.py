"""API keys and sessions in the database: made, found by their hash, rotated and ended."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from schemas.access.api_keys import SCOPES
from schemas.access.permissions import Permissions
from schemas.errors import UsageError
from schemas.language.remedies import Action, action
from schemas.model.tables import API_KEY, API_SESSION

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

LOCAL_NAME = "local"
"""The caller where no key is needed."""

# How often it is written that a key or a session was used.
_NOTED = timedelta(minutes=1)


def new_secret() -> str:
    """Return a new key."""
    return f"cmdb_{secrets.token_urlsafe(32)}"


def hashed(secret: str) -> str:
    """Return what is kept of a key or a session's id: each has 256 random bits, and no slow hash is needed."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class NewKey:
    """A key that is to be made: its name, a scope or permissions, until when, and from where it may be used."""

    name: str
    scope: str | None = None
    permissions: Sequence[str] = ()
    expires_at: datetime | None = None
    addresses: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Key:
    """A key as it is kept, without its secret."""

    name: str
    scope: str | None
    permissions: tuple[str, ...]
    addresses: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str | None

    @property
    def status(self) -> str:
        """Whether it may be used: active, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= datetime.now(UTC) else "active"

    def may_come_from(self, address: str | None) -> bool:
        """Say whether the key may be used from an address."""
        if not self.addresses:
            return True
        try:
            given = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        # A server that listens on IPv6 sees IPv4 callers as mapped addresses.
        given = getattr(given, "ipv4_mapped", None) or given
        return any(given in ipaddress.ip_network(each) for each in self.addresses)


def create(connection: Connection, new: NewKey, who: str, taken: Sequence[str] = ()) -> str:
    """Make a key and return its secret, which is kept nowhere; raises UsageError. `taken` are names of other keys."""
    _check(new, taken)
    secret = new_secret()
    row = {
        "name": new.name,
        "sha256": hashed(secret),
        "scope": new.scope,
        "permissions": Permissions.parse(new.permissions).lines if new.permissions else None,
        "addresses": [_network(each) for each in new.addresses],
        "created_by": who,
        "expires_at": new.expires_at,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(API_KEY).values(row))
    except IntegrityError:
        raise UsageError(
            f"There is, or was, a key '{new.name}': its runs are known by that name. Choose another, or rotate it.",
            name=new.name,
        ) from None
    return secret


def _check(new: NewKey, taken: Sequence[str]) -> None:
    if not _NAME.fullmatch(new.name):
        raise UsageError("A key's name is made of up to 64 letters, digits, dots, dashes and underscores.")
    if new.name == LOCAL_NAME or new.name in taken:
        raise UsageError(f"The name '{new.name}' is in use already: choose another.", name=new.name)
    if (new.scope is None) is not bool(new.permissions):
        raise UsageError("Give a key either a scope or permissions.")
    if new.scope is not None and new.scope not in SCOPES:
        raise UsageError(f"A scope is one of {', '.join(SCOPES)}.", choices=[*SCOPES])
    if new.expires_at and new.expires_at <= datetime.now(UTC):
        raise UsageError("The key would have expired already: give a time to come.")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError:
        raise UsageError(
            f"'{text[:100]}' is not a network: write it as in 10.20.0.0/16, 192.0.2.7 or 2001:db8::/32.",
            value=text[:100],
        ) from None


def all_keys(connection: Connection) -> list[Key]:
    """Return every key, by name, the revoked ones too."""
    return [_key(row) for row in connection.execute(select(API_KEY).order_by(API_KEY.c.name))]


def any_key(connection: Connection) -> bool:
    """Say whether there is a key or was one: who revokes the last one does not open the system to everybody."""
    return bool(connection.scalar(select(exists().select_from(API_KEY))))


def find(connection: Connection, sha256: str) -> Key | None:
    """Return the key of a hash, whatever its status; after a rotation, the one before while it may be used."""
    key = API_KEY.c
    before = (key.previous_sha256 == sha256) & (key.previous_until > func.now())
    row = connection.execute(select(API_KEY).where(or_(key.sha256 == sha256, before))).one_or_none()
    return _key(row) if row else None


def note_use(connection: Connection, key: Key, address: str | None) -> None:
    """Keep when a key was used last, to the minute."""
    now = datetime.now(UTC)
    if key.last_used_at is None or key.last_used_at < now - _NOTED:
        used = update(API_KEY).where(API_KEY.c.name == key.name)
        connection.execute(used.values(last_used_at=now, last_used_from=address))


def rotate(connection: Connection, name: str, keep_minutes: float = 0) -> str:
    """Give a key another secret and return it; the one before may be used for some minutes. Raises UsageError."""
    key = _active(connection, name)
    secret = new_secret()
    until = datetime.now(UTC) + timedelta(minutes=keep_minutes) if keep_minutes else None
    values: dict[str, Any] = {
        "sha256": hashed(secret),
        "previous_sha256": API_KEY.c.sha256 if until else None,
        "previous_until": until,
        "rotated_at": func.now(),
    }
    connection.execute(update(API_KEY).where(API_KEY.c.name == key.name).values(values))
    return secret


def revoke(connection: Connection, name: str) -> None:
    """End a key and its sessions, for good; raises UsageError where there is no such key."""
    key = _active(connection, name, expired=True)
    ended = {"revoked_at": func.now(), "previous_sha256": None, "previous_until": None}
    hashes = select(API_KEY.c.sha256).where(API_KEY.c.name == key.name)
    connection.execute(delete(API_SESSION).where(API_SESSION.c.key_sha256.in_(hashes)))
    connection.execute(update(API_KEY).where(API_KEY.c.name == key.name).values(ended))


def _active(connection: Connection, name: str, *, expired: bool = False) -> Key:
    row = connection.execute(select(API_KEY).where(API_KEY.c.name == name).with_for_update()).one_or_none()
    if row is None:
        raise UsageError(f"Unknown key '{name[:100]}': {action(Action.LIST_KEYS)} lists them.", name=name[:100])
    key = _key(row)
    if key.status == "revoked" or (key.status == "expired" and not expired):
        raise UsageError(f"The key '{key.name}' is {key.status}: make another one under another name.", name=key.name)
    return key


def _key(row: Row[Any]) -> Key:
    kept = {name: value for name, value in row._mapping.items() if name in Key.__dataclass_fields__}
    return Key(**kept | {"permissions": tuple(row.permissions or ()), "addresses": tuple(row.addresses)})


# Sessions -------------------------------------------------------------------------------------------------------------


def open_session(connection: Connection, key_sha256: str, hours: float) -> str:
    """Open a session of a key and return its id, of which the hash is kept; forgets those that are over."""
    connection.execute(delete(API_SESSION).where(API_SESSION.c.expires_at <= func.now()))
    session = secrets.token_urlsafe(32)
    expires = datetime.now(UTC) + timedelta(hours=hours)
    connection.execute(insert(API_SESSION).values(sha256=hashed(session), key_sha256=key_sha256, expires_at=expires))
    return session


def key_of_session(connection: Connection, session: str, idle_minutes: float) -> str | None:
    """Return the hash of the key that opened a session; None where the session is over, or there is none."""
    kept = API_SESSION.c
    row = connection.execute(select(API_SESSION).where(kept.sha256 == hashed(session))).one_or_none()
    now = datetime.now(UTC)
    if row is None or row.expires_at <= now or row.seen_at <= now - timedelta(minutes=idle_minutes):
        return None
    if row.seen_at < now - min(_NOTED, timedelta(minutes=idle_minutes) / 4):
        connection.execute(update(API_SESSION).where(kept.sha256 == row.sha256).values(seen_at=now))
    found: str = row.key_sha256
    return found


def close_session(connection: Connection, session: str) -> None:
    """End a session."""
    connection.execute(delete(API_SESSION).where(API_SESSION.c.sha256 == hashed(session)))
