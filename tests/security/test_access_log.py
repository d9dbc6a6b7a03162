"""The access log: append-only, in a chain that shows one altered row, and verifiable after old entries are removed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.exc import DBAPIError

from api.rest.security.guard import new_key
from schemas.access.api_keys import ApiKey
from tasks.store.access import access_log
from tasks.store.access.access_log import Event, Verified
from tasks.store.connection.engine import engine
from tests.api.conftest import Serve
from tests.api.facade import Locked
from tests.api.support import Cli
from tests.api.system import SCOPES
from tests.support import execute, vpc, write_csv

CaptureBinary = pytest.CaptureFixture[bytes]


def add(url: str, *events: Event) -> None:
    """Add events in a transaction of their own."""
    with engine(url).begin() as connection:
        access_log.add(connection, events)


def verified(url: str) -> Verified:
    """Check the log."""
    with engine(url).begin() as connection:
        return access_log.verify(connection)


def as_if_owned(url: str, statement: str) -> None:
    """Run a statement as somebody may who owns the table: without its triggers."""
    execute(url, f"alter table audit_log disable trigger user; {statement}; alter table audit_log enable trigger user")


@pytest.mark.parametrize(
    "statement",
    ["update audit_log set who = 'nobody'", "delete from audit_log", "truncate audit_log"],
)
def test_entries_cannot_be_changed(database_url: str, statement: str) -> None:
    """Not by any statement of the application's own user."""
    add(database_url, Event("import", who="alice"))
    with pytest.raises(DBAPIError, match="append-only"):
        execute(database_url, statement)
    assert verified(database_url).wrong is None


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update audit_log set who = 'mallory' where number = 2", "Entry 2 was altered"),
        ("update audit_log set at = at + interval '1 microsecond' where number = 2", "Entry 2 was altered"),
        ("delete from audit_log where number = 2", "Entries between 1 and 3 are missing"),
        ("delete from audit_log where number = 1", "Entries before 2 are missing"),
        ("delete from audit_log where number = 3", "the last ones are missing"),
        ("truncate audit_log", "the last ones are missing"),
    ],
)
def test_one_altered_row_is_detected(database_url: str, statement: str, said: str) -> None:
    """Whoever owns the database can change it, and is found out."""
    detail = {"types": ("vpc",), "odd": "a\0\ud800b", "many": 2**70, "none": None, "rate": 0.1}
    add(database_url, *(Event("import", who="alice", target=f"run {n}\0", detail=detail) for n in range(3)))
    assert verified(database_url) == Verified(3, 1, 3, verified(database_url).hash, None)
    as_if_owned(database_url, statement)
    assert said in str(verified(database_url).wrong)


def test_the_log_can_be_verified_after_old_entries_are_removed(database_url: str) -> None:
    """An entry says what was removed; what else is missing from the beginning is detected."""
    old = datetime.now(UTC) - timedelta(days=40)
    add(database_url, *(Event("export", who="alice", at=old) for _ in range(3)), Event("export", who="bob"))
    with engine(database_url).begin() as connection:
        assert [access_log.remove_old(connection, days, "maintenance") for days in (0, 400, 30, 30)] == [0, 0, 3, 0]
    found = verified(database_url)
    assert (found.entries, found.first, found.last, found.wrong) == (2, 4, 5, None)
    with engine(database_url).begin() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.exec_driver_sql("delete from audit_log")
    as_if_owned(database_url, "delete from audit_log where number = 4")
    assert "Entries before 5 are missing" in str(verified(database_url).wrong)


def test_many_add_at_once(database_url: str) -> None:
    """Entries of several processes are one chain."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add(database_url, Event("export", target=str(n))), range(40)))
    assert (verified(database_url).entries, verified(database_url).wrong) == (40, None)


@pytest.fixture
def fresh(facades: Serve, database_url: str) -> Locked:
    """A facade with keys of its own, which has refused nobody yet."""
    assert database_url
    made = {name: new_key(name, scope) for name, scope in SCOPES.items()}
    lines = tuple(ApiKey.model_validate(line) for _, line in made.values())
    return Locked(facades(api_keys=lines), {name: key for name, (key, _) in made.items()})


def test_requests_are_entered(fresh: Locked, database_url: str) -> None:
    """Who, what, when, from where and how it ended: sign-ins, refusals, uploads, exports and keys; nothing secret."""
    sent: dict[str, Any] = {"files": {"file": ("a.csv", b"name\nx\n", "text/csv")}}
    with fresh.client() as page:
        page.post("/api/session", json={"key": "cmdb_wrong"})
        page.post("/api/session", json={"key": fresh.keys["alice"]})
        page.post("/api/import/execute", **sent)
        page.get("/api/records/vpc")
        page.delete("/api/session")
    with fresh.client("looker") as looker, fresh.client("boss") as boss:
        looker.post("/api/import/preview", **sent)
        looker.post("/api/export", json={"resourceType": "vpc"})
        looker.get("/api/audit", params={"key": "secret in a query"})
        made = boss.post("/api/keys", json={"name": "netops", "scope": "read"}).json()["key"]
        found = boss.get("/api/audit").json()["items"]
        first = boss.get("/api/audit?limit=1").json()
        [older] = boss.get(f"{first['next']}").json()["items"]
        check = boss.get("/api/audit/verify").json()
    told = [(each["who"], each["what"], each["result"]) for each in reversed(found) if each["what"] != "settings"]
    assert told == [
        (None, "sign-in", "refused"),
        ("alice", "sign-in", "done"),
        ("alice", "upload", "done"),
        ("alice", "import", "failed"),
        ("alice", "sign-out", "done"),
        ("looker", "preview", "refused"),
        ("looker", "export", "failed"),
        ("looker", "refusal", "refused"),
        ("boss", "key-create", "done"),
    ]
    assert {each["address"] for each in found if each["what"] != "settings"} == {"127.0.0.1"}
    sessions = {each["session"] for each in found if each["who"] == "alice"}
    assert (len(sessions), None in sessions) == (1, False)
    assert (first["items"][0]["number"], older["number"]) == (found[0]["number"], found[1]["number"])
    assert (check["intact"], check["hash"]) == (True, found[0]["hash"])
    kept = str(execute(database_url, "select audit_log from audit_log"))
    assert [secret for secret in (*fresh.keys.values(), made, "cmdb_wrong", "secret in") if secret in kept] == []


def test_nothing_is_reported_as_done_without_its_entry(locked: Locked, database_url: str) -> None:
    """Where the log cannot be written, what should be in it fails; what need not be goes on."""
    execute(database_url, "alter table audit_log rename to audit_log_away")
    try:
        with locked.client("alice") as alice:
            assert alice.post("/api/session", json={"key": locked.keys["alice"]}).status_code == 503
            assert alice.get("/api/resources").status_code == 200
            assert alice.get("/api/audit").status_code == 403
    finally:
        execute(database_url, "alter table audit_log_away rename to audit_log")


def test_a_flood_of_refusals_is_counted(fresh: Locked, database_url: str) -> None:
    """Of what one address is refused within a minute, thirty are entered one by one."""
    with fresh.client() as nobody:
        assert {nobody.get("/api/imports").status_code for _ in range(80)} == {401}
    [(count,)] = execute(database_url, "select count(*) from audit_log where what = 'refusal'")
    assert 30 <= count <= 60  # two minutes may have been touched


def test_the_log_at_the_command_line(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """What commands do is entered, too; `cmdb audit verify` tells by its exit code, and knows a hash kept elsewhere."""
    path = write_csv(tmp_path / "a.csv", [vpc(1)])
    key = cli("key", "create", "netops", "--allow", "read:*", "--from", "10.0.0.0/8", "--days", "1")
    assert (key.code, key.out.startswith("cmdb_"), "ask every caller" in key.err) == (0, True, True)
    assert cli("key", "rotate", "netops", "--keep", "5").code == 0
    assert cli("key", "revoke", "netops").code == 0
    assert cli("key", "revoke", "nobody").code == 2
    [listed] = orjson.loads(cli("key", "list", "--json").out)
    assert (listed["name"], listed["status"], listed["permissions"]) == ("netops", "revoked", ["read:*"])
    assert cli("import", str(path)).code == 0
    assert cli("export", "vpc", "-o", str(tmp_path / "b.csv")).code == 0
    (tmp_path / "broken.csv").write_bytes(b"\xff\xfe\x00")
    assert cli("import", str(tmp_path / "broken.csv")).code == 1
    lines = [orjson.loads(line) for line in cli("audit", "list", "--json").out.splitlines()]
    told = [(each["what"], each["result"]) for each in reversed(lines)]
    assert told[:3] == [("key-create", "done"), ("key-rotate", "done"), ("key-revoke", "done")]
    assert told[3:] == [("import", "done"), ("export", "done"), ("import", "failed")]
    assert {each["address"] for each in lines} == {"command line"}
    assert cli("audit", "verify", "--contains", lines[2]["hash"]).code == 0
    assert cli("audit", "verify", "--contains", "0" * 64).code == 1
    as_if_owned(database_url, "update audit_log set result = 'done' where result = 'failed'")
    broken = cli("audit", "verify")
    assert (broken.code, "was altered" in broken.err) == (1, True)


def test_entries_on_standard_output(facades: Serve, database_url: str, capfdbinary: CaptureBinary) -> None:
    """Each is a line of JSON, so that a collector of logs keeps a copy that this system cannot change."""
    assert database_url
    with facades(audit_stdout=True).client() as client:
        client.post("/api/export", json={"resourceType": "vpc"})
    lines = [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines() if line.startswith(b"{")]
    assert [(each["what"], each["who"], each["result"]) for each in lines] == [("export", "local", "failed")]


def test_settings_that_changed_are_entered(facades: Serve, database_url: str) -> None:
    """When the API starts with others than at its last start; passwords and hashes of keys are not."""
    facades(rate_limit="1000/minute")
    facades(rate_limit="1001/minute", database_url="postgresql://cmdb:hunter2@nowhere/cmdb")
    query = "select detail->'changed', detail::text from audit_log where what = 'settings' order by number desc"
    [changed, text] = execute(database_url, query)[0]
    assert {"CMDB_RATE_LIMIT", "CMDB_DATABASE_URL"} <= set(changed)
    assert ("1001/minute" in text, "hunter2" in text) == (True, False)
