"""Keys of the database and their permissions: what a stolen, old, limited or revoked key can still do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi.routing import APIRoute

from api.cli.main import main  # noqa: F401  # the application as the command line imports it
from api.rest.security.access import _administers
from schemas.access.permissions import Authority
from schemas.errors import Forbidden
from tests.api.conftest import Serve
from tests.api.facade import Locked
from tests.support import execute, importer, stored, vpc, vpc_id

TYPES = ["read:vpc", "preview:vpc", "import:vpc", "export:vpc"]


def made(boss: httpx.Client, name: str, **asked: Any) -> str:
    """Make a key; returns its secret."""
    answer = boss.post("/api/keys", json={"name": name, **asked})
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


def status(locked: Locked, key: str, path: str = "/api/session") -> int:
    """Ask with a key; returns the status."""
    with locked.facade.client(key) as client:
        return client.get(path).status_code


def test_a_key_lives_from_its_making_to_its_end(locked: Locked, database_url: str) -> None:
    """It holds at once, may be rotated and revoked without a restart, and its secret is kept nowhere."""
    with locked.client("boss") as boss:
        key = made(boss, "netops", scope="write")
        assert status(locked, key) == 200
        [listed] = boss.get("/api/keys").json()
        assert (listed["name"], listed["status"], listed["lastUsedFrom"]) == ("netops", "active", "127.0.0.1")
        assert (listed["createdBy"], listed["lastUsedAt"] is not None) == ("boss", True)
        kept = str(execute(database_url, "select k, s, a from api_key k, api_session s full join audit_log a on true"))
        assert key not in kept + str(listed)
        new = boss.post("/api/keys/netops/rotate").json()["key"]
        assert [status(locked, each) for each in (key, new)] == [401, 200]
        newer = boss.post("/api/keys/netops/rotate?keepMinutes=5").json()["key"]
        assert [status(locked, each) for each in (new, newer)] == [200, 200]
        assert boss.delete("/api/keys/netops").status_code == 204
        assert [status(locked, each) for each in (new, newer)] == [401, 401]
        # Its runs are known by its name, which nobody gets again.
        assert boss.post("/api/keys", json={"name": "netops", "scope": "read"}).status_code == 422
        assert boss.post("/api/keys", json={"name": "alice", "scope": "admin"}).status_code == 422
        assert boss.post("/api/keys/netops/rotate").status_code == 422


def test_a_key_ends_in_time_and_stays_in_its_network(locked: Locked, database_url: str) -> None:
    """What has expired is refused, and what comes from elsewhere, also through a session."""
    with locked.client("boss") as boss:
        away = made(boss, "away", scope="admin", addresses=["10.0.0.0/8", "2001:db8::/32"])
        here = made(boss, "here", scope="read", addresses=["127.0.0.0/8"], expiresInDays=1)
        assert boss.post("/api/keys", json={"name": "odd", "scope": "read", "addresses": ["all"]}).status_code == 422
    assert (status(locked, away), status(locked, here)) == (403, 200)
    with locked.client() as page:
        assert page.post("/api/session", json={"key": away}).status_code == 403
        assert page.post("/api/session", json={"key": here}).status_code == 204
        execute(database_url, "update api_key set expires_at = now() - interval '1 second' where name = 'here'")
        assert (page.get("/api/session").status_code, status(locked, here)) == (401, 401)


def test_only_admin_manages_keys(locked: Locked) -> None:
    """No other key makes, sees, rotates or revokes one, nor makes itself more than it is."""
    with locked.client("boss") as boss, locked.client("alice") as alice:
        made(boss, "netops", permissions=TYPES)
        asked = {"name": "mine", "scope": "admin"}
        answers = [alice.post("/api/keys", json=asked), alice.get("/api/keys"), alice.post("/api/keys/netops/rotate")]
        answers += [alice.delete("/api/keys/netops"), alice.get("/api/audit"), alice.get("/api/audit/verify")]
        assert [answer.status_code for answer in answers] == [403] * 6
        for wrong in ({}, {"scope": "root"}, {"permissions": ["write:vpc"]}, {"scope": "read", "permissions": TYPES}):
            assert boss.post("/api/keys", json={"name": "odd"} | wrong).status_code == 422, wrong
        assert boss.post("/api/keys", json={"name": "odd", "permissions": ["read:nothing"]}).status_code == 404


def test_permissions_hold_in_every_endpoint(locked: Locked) -> None:
    """A key for one type gets no other, neither alone nor among several, nor by asking for all or for none."""
    with locked.client("boss") as boss:
        key = made(boss, "netops", permissions=TYPES)
    with locked.facade.client(key) as netops:
        assert netops.get("/api/records/vpc").status_code == 200
        refused = [
            netops.get("/api/records/subnet"),
            netops.get("/api/records/transit-gateway"),
            netops.get("/api/records/subnet/record", params={"key": "subnet-1"}),
            netops.get("/api/free", params={"size": 24, "block": "10.0.0.0/8"}),
            netops.get("/api/free", params={"size": 24, "vpc": vpc_id(1)}),
            netops.get("/metrics"),
            netops.post("/api/export/count", json={"resourceType": "subnet"}),
            netops.post("/api/export", json={"resourceType": "subnet"}),
            netops.post("/api/export", json={"types": ["vpc", "subnet"], "format": "excel"}),
            netops.post("/api/export", json={"all": True, "format": "json"}),
            netops.post("/api/sync", json={"url": "https://host/a.csv", "types": ["vpc", "subnet"]}),
            netops.post("/api/sync", json={"url": "https://host/a.csv", "resourceType": "subnet"}),
        ]
        assert [(answer.status_code, "subnet" in answer.text) for answer in refused if answer.status_code != 403] == []
        sent: dict[str, Any] = {
            "files": {"file": ("a.csv", b"name\nx\n", "text/csv")},
            "data": {"resourceType": "subnet"},
        }
        for path in ("preview", "execute"):
            assert netops.post(f"/api/import/{path}", **sent).status_code == 403
        # What is granted goes on to Prefect, which is not there.
        assert netops.post("/api/export", json={"resourceType": "vpc"}).status_code == 503
        me = netops.get("/api/session").json()
        assert (me["scopes"], me["permissions"]) == (["read", "write"], TYPES)
    with locked.client("boss") as boss:
        reader = made(boss, "reader", permissions=["read:*"])
    with locked.facade.client(reader) as client:
        assert client.get("/metrics").status_code == 200
        assert client.post("/api/export", json={"resourceType": "vpc"}).status_code == 403
        assert client.post("/api/import/preview", **sent).status_code == 403


def test_a_file_of_several_types_takes_permission_for_each(database_url: str, tmp_path: Path) -> None:
    """The types of a file are known only in its run, which then changes nothing; a preview shows nothing of them."""
    subnet = {"subnet_id": "subnet-0000000a", "vpc_id": vpc_id(1), "cidr_block": "10.0.1.0/26"}
    path = tmp_path / "network.json"
    path.write_bytes(orjson.dumps({"vpcs": [vpc(1)], "subnets": [subnet | {"availability_zone": "us-east-1a"}]}))
    run = importer(database_url, tmp_path)
    only = Authority(types=("vpc",), admin=False)
    for dry_run in (False, True):
        with pytest.raises(Forbidden, match=r"lacks the permission '(import|preview)' for subnet"):
            run(path, requested_by="netops", authority=only, dry_run=dry_run)
    assert (stored(database_url, "vpc"), stored(database_url, "subnet")) == ([], [])
    run([vpc(1)], requested_by="netops", authority=only)
    assert len(stored(database_url, "vpc")) == 1


def test_whoever_revokes_the_last_key_does_not_open_the_system(alone: Any, database_url: str) -> None:
    """Without any key, this machine may do everything; from the first one on, every caller needs one, for good."""
    with alone.client() as client:
        assert client.get("/api/session").json()["keyNeeded"] is False
        key = made(client, "first", scope="admin")
        assert client.get("/api/resources").status_code == 401
    with alone.client(key) as client:
        assert client.delete("/api/keys/first").status_code == 204
    with alone.client() as client:
        assert client.get("/api/resources").status_code == 401
    execute(database_url, "delete from api_key")


def test_every_operation_asks_who_it_is() -> None:
    """A new operation without a permission fails here; those that tell nothing of the system are listed."""
    from api.rest.routes import (
        exports,
        free_blocks,
        health,
        import_runs,
        imports,
        keys,
        plans,
        records,
        resources,
        runs,
        session,
        syncs,
    )
    from api.rest.security import access_log

    open_to_all = {"/healthz", "/readyz", "POST /api/session", "DELETE /api/session"}
    routers = (
        imports,
        import_runs,
        runs,
        plans,
        syncs,
        exports,
        records,
        free_blocks,
        resources,
        session,
        keys,
        access_log,
        health,
    )
    routes = [route for part in routers for route in part.router.routes if isinstance(route, APIRoute)]
    assert len(routes) > 35

    def asks(route: APIRoute) -> bool:
        calls = [each.call for each in route.dependant.dependencies]
        calls += [inner.call for each in route.dependant.dependencies for inner in each.dependencies]
        return any(call is _administers or getattr(call, "__qualname__", "").startswith("may.") for call in calls)

    names = {(f"{min(route.methods or ())} {route.path}", route.path): asks(route) for route in routes}
    assert [name for name, asked in names.items() if not asked and not open_to_all & set(name)] == []


def test_a_secret_in_an_address_is_refused(locked: Locked) -> None:
    """Addresses are kept, logged and shown: no key of ours is taken from one, and no source may have one in it."""
    key = locked.keys["boss"]
    with locked.client() as nobody:
        assert nobody.get("/api/resources", params={"key": key, "access_token": key}).status_code == 401
    with locked.client("boss") as boss:
        for name in ("key", "KEY", "api_key", "AWSAccessKeyId", "subscription-key", "jwt", "sas", "X-Amz-Credential"):
            answer = boss.post("/api/sync", json={"url": f"https://host/a.csv?page=1&{name}=hunter2"})
            assert (answer.status_code, "holds a secret" in answer.text) == (422, True), name
            assert "hunter2" not in answer.text


def test_each_key_has_a_limit_of_its_own(facades: Serve, database_url: str) -> None:
    """Keys of the database and sessions, too: whoever floods with wrong keys from an address does not stop them."""
    assert database_url
    facade = facades(rate_limit="8/hour")
    with facade.client() as client:
        key = made(client, "netops", scope="admin")
        assert client.post("/api/session", json={"key": key}).status_code == 204
        assert client.get("/api/session").status_code == 200
        with facade.client(key) as bearer, facade.client("cmdb_wrong") as flood:
            assert bearer.get("/api/session").status_code == 200
            assert [flood.get("/api/session").status_code for _ in range(9)][-2:] == [429, 429]
            assert (bearer.get("/api/session").status_code, client.get("/api/session").status_code) == (200, 200)
            assert {bearer.get("/api/session").status_code for _ in range(10)} == {200, 429}
