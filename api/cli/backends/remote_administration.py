"""Keys and the access log of a server, for a key with the scope admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from api.cli.backends.client import Client
from api.json_reports import time_from_json
from tasks.store.access.access_log import Entry, Verified

_PAGE = 1000
"""The most entries that the API answers at once."""

_TIMES = {
    "createdAt": "created_at",
    "expiresAt": "expires_at",
    "rotatedAt": "rotated_at",
    "revokedAt": "revoked_at",
    "lastUsedAt": "last_used_at",
}


class RemoteAdministration:
    """Keys and the access log of the server of CMDB_API_URL."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self) -> list[dict[str, Any]]:
        """Return the keys in the server's database; not those of its settings."""
        return [_key(each) for each in self._client.get("/api/keys")]

    def create_key(
        self,
        name: str,
        *,
        scope: str | None,
        permissions: Sequence[str],
        days: float | None,
        addresses: Sequence[str],
    ) -> tuple[str, bool]:
        """Create a key on the server; it is the first one where none was needed for that."""
        is_first = not self._client.get("/api/session")["keyNeeded"]
        wanted = {"name": name, "scope": scope, "permissions": list(permissions), "addresses": list(addresses)}
        made = self._client.post("/api/keys", wanted | {"expiresInDays": days})
        return made["key"], is_first

    def rotate_key(self, name: str, keep_minutes: float) -> str:
        """Return the new secret of a key."""
        made: str = self._client.post(f"/api/keys/{quote(name, safe='')}/rotate", keepMinutes=keep_minutes)["key"]
        return made

    def revoke_key(self, name: str) -> None:
        """End a key and its sessions."""
        self._client.delete(f"/api/keys/{quote(name, safe='')}")

    def audit_entries(self, *, limit: int, who: str | None, what: str | None) -> Sequence[Entry]:
        """Return entries of the access log."""
        found: list[Entry] = []
        before = None
        while len(found) < limit:
            wanted = min(limit - len(found), _PAGE)
            page = self._client.get("/api/audit", who=who, what=what, limit=wanted, before=before)
            found += [Entry(**each | {"at": time_from_json(each["at"])}) for each in page["items"]]
            if not page["next"]:
                break
            before = found[-1].number
        return found

    def verify_audit(self, contains: str | None) -> Verified:
        """Check the whole access log."""
        found = self._client.get("/api/audit/verify", contains=contains)
        return Verified(found["entries"], found["first"], found["last"], found["hash"], found["message"])


def _key(data: dict[str, Any]) -> dict[str, Any]:
    times = {ours: time_from_json(data[theirs]) for theirs, ours in _TIMES.items()}
    named = {name: data[name] for name in ("name", "scope", "permissions", "addresses", "status")}
    return named | times | {"created_by": data["createdBy"], "last_used_from": data["lastUsedFrom"], "in": "database"}
