"""The command `cmdb doctor`: each fault is caused, found, and comes with what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.settings import settings
from tests.api.support import Cli
from tests.api.system import quiet_port
from tests.support import execute


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A port and a folder of this test, and no Prefect server."""
    monkeypatch.setenv("CMDB_API_PORT", str(quiet_port()))
    monkeypatch.setenv("CMDB_STORAGE_URL", str(tmp_path / "storage"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    settings.cache_clear()


def checks(cli: Cli, code: int) -> dict[str, dict[str, str]]:
    """Return what `cmdb doctor` finds, by the names of the checks."""
    settings.cache_clear()
    done = cli("doctor", "--json")
    assert done.code == code, done.err
    return {check["name"]: check for check in json.loads(done.out)}


def test_a_sound_installation_passes(cli: Cli) -> None:
    """Nothing is wrong, and the table for people says the same."""
    found = checks(cli, 0)
    assert {check["verdict"] for check in found.values()} == {"ok"}
    assert set(found) == {"database", "migrations", "clock", "keys", "storage", "prefect", "api"}
    table = cli("doctor").out
    assert all(name in table for name in found)


def test_an_unreachable_database_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other checks go on."""
    monkeypatch.setenv("CMDB_DATABASE_URL", f"postgresql://nobody@127.0.0.1:{quiet_port()}/none")
    found = checks(cli, 1)
    assert (found["database"]["verdict"], found["storage"]["verdict"]) == ("failed", "ok")
    assert "CMDB_DATABASE_URL" in found["database"]["remedy"]


def test_outdated_tables_are_found_and_left_as_they_are(cli: Cli, database_url: str) -> None:
    """A database of another version is a warning; looking migrates nothing."""
    execute(database_url, "create table kept as select * from alembic_version")
    execute(database_url, "update alembic_version set version_num = 'older'")
    try:
        found = checks(cli, 0)["migrations"]
        assert (found["verdict"], "at older" in found["found"]) == ("warning", True)
        assert "cmdb db upgrade" in found["remedy"]
    finally:
        execute(database_url, "update alembic_version set version_num = (select version_num from kept)")
        execute(database_url, "drop table kept")


def test_storage_that_cannot_be_written_is_found(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A file in the place of the folder."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("CMDB_STORAGE_URL", str(tmp_path / "taken"))
    assert checks(cli, 1)["storage"]["verdict"] == "failed"


def test_an_open_api_without_keys_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API would refuse to start."""
    monkeypatch.setenv("CMDB_API_HOST", "0.0.0.0")  # noqa: S104  # nothing listens there
    found = checks(cli, 1)["keys"]
    assert (found["verdict"], "cmdb key create" in found["remedy"]) == ("failed", True)


def test_a_prefect_server_that_is_away_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its answer nothing is said of workers."""
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{quiet_port()}/api")
    found = checks(cli, 1)
    assert (found["prefect"]["verdict"], "worker" in found) == ("failed", False)


def test_another_program_on_our_port_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is none of ours answers."""
    with other_program() as port:
        monkeypatch.setenv("CMDB_API_PORT", str(port))
        found = checks(cli, 1)["api"]
    assert (found["verdict"], "CMDB_API_PORT" in found["remedy"]) == ("failed", True)


@contextmanager
def other_program() -> Iterator[int]:
    """Run an HTTP server that knows no path."""

    class Unknown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Unknown) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
