"""Who may do what: keys and scopes, owners, hosts, origins, rates; and that no secret is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import orjson
import pytest
from sqlalchemy.engine import make_url
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.rest.security.guard import new_key
from tests.api.conftest import Serve
from tests.api.facade import Locked
from tests.api.system import CMDB, OTHER_SITE, Keyed, System, execute, facade, file, follow
from tests.support import vpc, write_csv


def test_keys_and_scopes(locked: Locked, tmp_path: Path) -> None:
    """Without a key nothing but health is told; a key does what its scope says."""
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    with locked.client("") as nobody:
        assert nobody.get("/healthz").status_code == 200
        answer = nobody.get("/api/resources")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert nobody.get("/api/resources", headers={"Authorization": "Bearer cmdb_wrong"}).status_code == 401
    with locked.client("looker") as looker:
        assert looker.get("/api/resources").status_code == 200
        refused = looker.post("/api/import/execute", **file(path))
        assert (refused.status_code, "'write'" in refused.json()["detail"]) == (403, True)


def test_owners(system: System, keyed: Keyed, tmp_path: Path) -> None:
    """One key's imports are there for itself and for the scope admin, and for nobody else; nor are its uploads."""
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    with keyed.client("alice") as alice, keyed.client("bob") as bob, keyed.client("boss") as boss:
        run = execute(alice, path)
        follow(alice, run)
        upload = alice.post("/api/import/preview", **file(path)).json()["uploadId"]
        assert bob.post("/api/import/execute", json={"uploadId": upload}).status_code == 404
        for address in (f"progress/{run}", f"progress/{run}/events", f"result/{run}", f"result/{run}/rejects.csv"):
            assert bob.get(f"/api/import/{address}").status_code == 404
        assert bob.delete(f"/api/import/{run}").status_code == 404
        assert boss.get(f"/api/import/result/{run}").status_code == 200
        assert run in [each["importId"] for each in alice.get("/api/imports").json()["items"]]
        assert run not in [each["importId"] for each in bob.get("/api/imports").json()["items"]]
        assert run in [each["importId"] for each in boss.get("/api/imports").json()["items"]]
        # The other copy of the facade, which needs no key, tells the same of it.
        with system.client() as other:
            assert other.get(f"/api/import/result/{run}").json() | {"links": 0, "issues": 0} == alice.get(
                f"/api/import/result/{run}"
            ).json() | {"links": 0, "issues": 0}


def test_a_websocket_needs_a_key(keyed: Keyed, tmp_path: Path) -> None:
    """As every other call; a page of another site gets none."""
    with keyed.client("alice") as alice:
        run = execute(alice, write_csv(tmp_path / "a.csv", [vpc(1)]))
    address = f"{keyed.address.replace('http', 'ws')}/api/import/progress/{run}/ws"
    mine = {"Authorization": f"Bearer {keyed.keys['alice']}"}
    with connect(address, additional_headers=mine) as socket:
        assert orjson.loads(socket.recv())["importId"] == run
    for headers in ({}, {"Authorization": f"Bearer {keyed.keys['bob']}"}, mine | {"Origin": "https://evil.example"}):
        with pytest.raises(InvalidStatus), connect(address, additional_headers=headers):
            pass


def test_pages_of_other_sites(system: System, tmp_path: Path) -> None:
    """They can neither send anything nor reach this under a name of theirs; no page may show this in a frame."""
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    with system.client() as client:
        answer = client.post("/api/import/execute", **file(path), headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        assert client.get("/api/resources", headers={"Host": "evil.example"}).status_code == 400
        own = client.post("/api/import/execute", **file(path), headers={"Origin": system.address})
        assert own.status_code == 202
        fine = client.get("/api/resources")
    assert fine.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in fine.headers["content-security-policy"]
    assert not {"server", "access-control-allow-origin"} & set(fine.headers)


def test_other_sites_that_are_named(facades: Serve) -> None:
    """CORS is off unless it is set."""
    address = facades(cors_origins=(OTHER_SITE,)).address
    asked = {"Origin": OTHER_SITE, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{address}/api/export", headers=asked)
    assert answer.headers["access-control-allow-origin"] == OTHER_SITE
    other = httpx.options(f"{address}/api/export", headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_too_many_requests(facades: Serve) -> None:
    """A caller that asks too often is told when to come back."""
    with facades(rate_limit="5/hour").client() as client:
        answers = [client.get("/api/resources") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert (answers[-1].headers["retry-after"], answers[-1].json()["title"]) == ("10", "Too Many Requests")


def test_listening_to_others_needs_keys(system: System) -> None:
    """Bound elsewhere than to this machine, it refuses to start without a key, and says how to make one."""
    environment = system.environment | {"CMDB_API_HOST": "0.0.0.0", "PREFECT_API_URL": f"{system.prefect}/api"}  # noqa: S104
    done = subprocess.run([str(CMDB), "api"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "cmdb key NAME" in done.stderr


def test_keys_are_made_and_not_kept(command: str) -> None:
    """The command prints a key once, and the line with its hash for the settings."""
    done = subprocess.run([command, "key", "netops"], capture_output=True, text=True, check=True)
    key = done.stdout.strip()
    assert key.startswith("cmdb_")
    assert "netops:write:" in done.stderr
    assert key not in done.stderr
    wrong = subprocess.run([command, "key", "a b"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2


def test_logs_hold_no_secrets(system: System) -> None:
    """Neither a key nor a password of the database stands in a log or an answer, nor where the database is away."""
    key, line = new_key("boss", "admin")
    # The server of the tests asks nobody for a password, and takes any.
    own = make_url(system.url).set(password="hunter2").render_as_string(hide_password=False)
    bearer = {"Authorization": f"Bearer {key}"}
    with (
        facade(system, CMDB_API_KEYS=f'["{line}"]', CMDB_DATABASE_URL=own) as address,
        httpx.Client(base_url=address, headers=bearer, timeout=60) as client,
    ):
        asked = ("/readyz", "/metrics", "/api/imports", "/api/records/vpc", "/api/records/nothing")
        answers = [client.get(path) for path in asked]
        answers.append(client.get("/api/imports", headers={"Authorization": f"Bearer {key}x"}))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404, 401]
    away = system.environment | {
        "CMDB_DATABASE_URL": "postgresql://boss:hunter2@127.0.0.1:9/cmdb",
        "PREFECT_API_URL": f"{system.prefect}/api",
    }
    done = subprocess.run([str(CMDB), "api"], env=away, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "The database does not answer" in done.stderr) == (1, True)
    logs = [path.read_text(errors="replace") for path in system.home.rglob("*.log")]
    assert any(logs)
    told = [done.stdout, done.stderr, *logs, *(f"{answer.headers} {answer.text}" for answer in answers)]
    assert [text for text in told if key in text or "hunter2" in text] == []
