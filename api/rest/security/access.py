"""Access: who a request comes from, by a key or a session, and which permission each operation needs."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.types import Scope

from api.rest.problems import Refused
from schemas.access.api_keys import SCOPES
from schemas.access.permissions import Action, Authority, Permissions
from schemas.errors import CmdbError
from schemas.settings import Settings
from tasks.store.access import keys
from tasks.store.connection.engine import database_errors, engine

COOKIE = "cmdb_session"
"""The cookie of the page: a session's random id, never a key. No script reads it, no other site's page has it sent."""

_INCLUDED_IN = {"read": "read", "export": "read", "preview": "write", "import": "write", "approve": "write"}
"""The least scope that grants each action."""


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of a key, and what it may do."""

    name: str
    permissions: Permissions
    admin: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of which the key has a part."""
        return self.permissions.scopes | (frozenset(SCOPES) if self.admin else frozenset())

    def sees(self, owner: str | None) -> bool:
        """Say whether a run of that owner is this caller's to see."""
        return self.admin or owner == self.name

    def check(self, action: Action, types: Iterable[str]) -> None:
        """Refuse an action on types for which it is not granted."""
        if action not in self.permissions.granted:
            self.check_any((action,))
        if lacking := self.permissions.lacks(action, types):
            some = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more types" if len(lacking) > 5 else "")
            raise Refused(403, f"The key '{self.name}' lacks the permission '{action}' for {some}.")

    def check_any(self, actions: Iterable[Action]) -> None:
        """Refuse a caller who may do none of the actions on any type."""
        wanted = tuple(actions)
        if wanted and not any(action in self.permissions.granted for action in wanted):
            raise Refused(
                403,
                f"The key '{self.name}' lacks the permission '{wanted[-1]}', "
                f"which the scope '{_INCLUDED_IN[wanted[-1]]}' includes.",
            )

    def check_admin(self) -> None:
        """Refuse a caller without the scope admin."""
        if not self.admin:
            raise Refused(403, f"The key '{self.name}' lacks the scope 'admin'.")

    def knows(self, types: Iterable[str]) -> bool:
        """Say whether the results of a run of these types may be told: some action on each of them is granted."""
        granted = [self.permissions.types(action) for action in self.permissions.granted]
        return all(any(found is None or name in found for found in granted) for name in types)

    def authority(self, action: Action) -> Authority:
        """Return what a run of this caller checks when it knows its types."""
        return Authority(types=self.permissions.types(action), admin=self.admin)


_MOST_ACCEPTED = 10_000

LOCAL = Caller(keys.LOCAL_NAME, Permissions.of_scopes(SCOPES), admin=True)
"""Whoever is on this machine, where there are no keys."""


class Access:
    """The keys of the settings and of the database, and the sessions."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.settings = settings
        self.url = url
        # The credentials that were accepted lately, by their hash, with the name of their key.
        self._accepted: OrderedDict[str, str] = OrderedDict()

    def known_as(self, headers: Headers) -> str | None:
        """Return the key of a request's credentials, without asking the database; None until they were accepted."""
        return next((self._accepted[each] for each in _credentials(headers) if each in self._accepted), None)

    def owner(self, scope: Scope) -> str | None:
        """Return the key of a request's credentials, looked up where they were not used lately; None for wrong ones."""
        connection = HTTPConnection({"type": "http", "headers": scope["headers"], "client": scope.get("client")})
        try:
            return self.identify(connection).name if _credentials(connection.headers) else None
        except (Refused, CmdbError):
            return None

    def needed(self) -> bool:
        """Say whether a key is needed: there is one, or there was one in the database."""
        with database_errors(), engine(self.url).begin() as database:
            return self._needed(database)

    def _needed(self, database: Connection) -> bool:
        return bool(self.settings.api_keys) or keys.any_key(database)

    def identify(self, connection: HTTPConnection) -> Caller:
        """Return who a request comes from; raises Refused. Who it was is left for the access log in any case."""
        given = _credentials(connection.headers)
        try:
            found = self._identified(connection)
        except Refused:
            for each in given:
                self._accepted.pop(each, None)
            raise
        for each in given[:1]:
            self._accepted[each] = found.name
            self._accepted.move_to_end(each)
            if len(self._accepted) > _MOST_ACCEPTED:
                self._accepted.popitem(last=False)
        return found

    def _identified(self, connection: HTTPConnection) -> Caller:
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        given = keys.hashed(bearer) if scheme.lower() == "bearer" and bearer else None
        if given and (found := self._in_settings(given)):
            return _noted(connection, found)
        with database_errors(), engine(self.url).begin() as database:
            if not self._needed(database):
                return _noted(connection, LOCAL)
            if given is None:
                given = self._of_session(database, connection)
            return self._of_key(database, given, connection)

    def _of_session(self, database: Connection, connection: HTTPConnection) -> str:
        """Return the hash of the key that opened the session of a request."""
        session = connection.cookies.get(COOKIE)
        if not session:
            raise _unauthorized("Give your API key as 'Authorization: Bearer …'.")
        connection.state.session = keys.hashed(session)[:16]
        found = keys.key_of_session(database, session, self.settings.session_idle_minutes)
        if found is None:
            raise _unauthorized("Your session is over: sign in again.")
        return found

    def _of_key(self, database: Connection, sha256: str, connection: HTTPConnection) -> Caller:
        if found := self._in_settings(sha256):
            return _noted(connection, found)
        key = keys.find(database, sha256)
        if key is None or key.name in {each.name for each in self.settings.api_keys}:
            raise _unauthorized("This API key is not known here.")
        permissions = _permissions(key)
        _noted(connection, found := Caller(key.name, permissions, key.scope == "admin"))
        if key.status != "active":
            raise _unauthorized(f"This API key is {key.status}: ask for another one.")
        address = address_of(connection)
        if not key.may_come_from(address):
            raise Refused(403, f"The key '{key.name}' may not be used from this address.")
        keys.note_use(database, key, address)
        return found

    def _in_settings(self, sha256: str) -> Caller | None:
        # Every key is compared, so that the time tells nothing.
        found = [known for known in self.settings.api_keys if hmac.compare_digest(known.sha256, sha256)]
        if not found:
            return None
        return Caller(found[0].name, Permissions.of_scopes(found[0].scopes), "admin" in found[0].scopes)

    def sign_in(self, key: str, connection: HTTPConnection) -> str | None:
        """Open a session of a key and return its id; None where no key is needed. Raises Refused."""
        with database_errors(), engine(self.url).begin() as database:
            if not self._needed(database):
                _noted(connection, LOCAL)
                return None
            self._of_key(database, keys.hashed(key), connection)
            if before := connection.cookies.get(COOKIE):
                keys.close_session(database, before)
            session = keys.open_session(database, keys.hashed(key), self.settings.session_hours)
        connection.state.session = keys.hashed(session)[:16]
        return session

    def sign_out(self, connection: HTTPConnection) -> None:
        """End the session of a request, if it has one."""
        session = connection.cookies.get(COOKIE)
        if not session:
            return
        with database_errors(), engine(self.url).begin() as database:
            sha256 = keys.key_of_session(database, session, self.settings.session_idle_minutes)
            found = self._in_settings(sha256) or keys.find(database, sha256) if sha256 else None
            connection.state.who = found.name if found else None
            connection.state.session = keys.hashed(session)[:16]
            keys.close_session(database, session)


def _credentials(headers: Headers) -> list[str]:
    """Return the hashes of the key and the session that a request has; the key counts where it has both."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    cookies = cookie_parser(headers.get("cookie", ""))
    given = [bearer if scheme.lower() == "bearer" else "", cookies.get(COOKIE, "")]
    return [keys.hashed(each) for each in given if each]


def _permissions(key: keys.Key) -> Permissions:
    if key.scope:
        return Permissions.of_scopes(SCOPES[: SCOPES.index(key.scope) + 1])
    return Permissions.parse(key.permissions)


def _noted(connection: HTTPConnection, caller: Caller) -> Caller:
    connection.state.who = caller.name
    return caller


def _unauthorized(detail: str) -> Refused:
    return Refused(401, detail, headers={"WWW-Authenticate": "Bearer"})


def address_of(connection: HTTPConnection) -> str | None:
    """Return the address that a request comes from."""
    return connection.client.host if connection.client else None


def access(connection: HTTPConnection) -> Access:
    """Return the keys and sessions of the application that a request or a WebSocket came to."""
    found: Access = connection.app.state.access
    return found


_bearer = HTTPBearer(auto_error=False, description="An API key; not needed if no keys exist.")
_Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def may(*actions: Action) -> Callable[..., Caller]:
    """Return the dependency of an operation that takes one of these permissions, or any key where none is named."""

    def permitted(request: Request, given: _Given = None) -> Caller:
        del given  # it is declared for the document; what counts is the header
        found = access(request).identify(request)
        found.check_any(actions)
        return found

    return permitted


def _administers(request: Request, given: _Given = None) -> Caller:
    del given
    found = access(request).identify(request)
    found.check_admin()
    return found


ANY_KEY = Depends(may())
ADMIN = Depends(_administers)
"""The same permissions as `AnyKey` and `Admin`, for an operation that has no use for its caller."""

AnyKey = Annotated[Caller, ANY_KEY]
"""Whoever has a key, for what says nothing of records, or only to the owner of a run."""
Reader = Annotated[Caller, Depends(may(Action.READ))]
Previewer = Annotated[Caller, Depends(may(Action.PREVIEW))]
Importer = Annotated[Caller, Depends(may(Action.PREVIEW, Action.APPROVE, Action.IMPORT))]
"""Whoever may write something: which of the three it takes depends on the request, which is checked next."""
Exporter = Annotated[Caller, Depends(may(Action.EXPORT))]
Admin = Annotated[Caller, ADMIN]


async def caller_of(connection: HTTPConnection) -> Caller:
    """Return who opened a connection that is no plain request, such as a WebSocket."""
    return await run_sync(access(connection).identify, connection)
