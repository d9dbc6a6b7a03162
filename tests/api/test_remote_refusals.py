"""What keeps a command from working with a server: each is a clear error with its exit code, and nothing is applied."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.cli.backends.client import Client
from api.cli.backends.requests import upload_name
from schemas.errors import RunFailed
from schemas.formats import READ_ENDINGS
from schemas.jobs import ImportJob
from schemas.settings import Settings, settings
from tests.api.conftest import Serve
from tests.api.facade import Facade, Locked
from tests.api.remote import with_server
from tests.api.support import Cli
from tests.certificates import self_signed
from tests.support import rows, vpc, write_csv

NOBODY = "http://127.0.0.1:9"


def ignored(done: int, size: int) -> None:
    """Show nothing of a download."""


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A file of one VPC."""
    return str(write_csv(tmp_path / "vpcs.csv", [vpc(1)]))


def test_a_server_that_is_not_there(cli: Cli, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command says so after a few attempts: exit code 1, and one JSON object for programs."""
    monkeypatch.setattr("api.cli.backends.client.ATTEMPTS", 1)
    with with_server(NOBODY):
        for words in (["import", source], ["runs"], ["get", "vpc", "x"], ["export", "vpc"], ["key", "list"]):
            done = cli(*words)
            assert (done.code, f"{NOBODY} cannot be reached" in done.err, done.out) == (1, True, "")
        error = json.loads(cli("import", source, "--json").out)["error"]
        assert (error["code"], "CMDB_API_URL" in error["message"]) == ("unavailable", True)
        checks = json.loads(cli("doctor", "--json").out)
        assert [(check["name"], check["verdict"]) for check in checks] == [("server", "failed")]


def test_a_server_that_is_away_for_a_moment(cli: Cli) -> None:
    """A request that fails for a moment is repeated, as the answer says when."""
    with foreign(*[(503, {"Retry-After": "0"}, HTML)] * 2, (200, {}, b"[]")) as address, with_server(address):
        done = cli("runs", "--json")
    assert (done.code, json.loads(done.out)) == (0, [])


def test_keys(cli: Cli, source: str, locked: Locked, database_url: str) -> None:
    """No key, an unknown one, and one without the permission; none of them is shown."""
    for key, says in (
        ("", "requires an API key: set CMDB_API_KEY"),
        ("cmdb_unknown-key", "rejects the key in CMDB_API_KEY"),
        (locked.keys["looker"], "lacks the permission 'import'"),
    ):
        with with_server(locked.facade.address, key):
            done = cli("import", source)
            assert (done.code, says in done.err) == (1, True), done
            error = json.loads(cli("import", source, "--json").out)["error"]
            assert error["code"] == "forbidden"
            shown = cli("settings").out + cli("settings", "--json").out + done.err + error["message"]
            assert not key or key not in shown
    assert rows(database_url) == 0
    with with_server(locked.facade.address, locked.keys["looker"]):
        assert cli("list", "vpc").code == 0
        [_, key] = json.loads(cli("doctor", "--json").out)[:2]
        assert (key["name"], key["verdict"], "looker" in key["found"]) == ("key", "ok", True)


def test_a_key_is_sent_over_tls_only(cli: Cli) -> None:
    """Over plain HTTP, a key goes to this machine alone, unless that is wanted; an address has no password."""
    with with_server("http://cmdb.example", "cmdb_secret"):
        done = cli("runs")
    assert (done.code, "over plain HTTP to cmdb.example" in done.err, "cmdb_secret" in done.err) == (2, True, False)
    Client(Settings(api_url="http://cmdb.example", api_key="cmdb_secret", api_plain_http=True))
    for url in ("ftp://cmdb.example", "https://me:hunter2@cmdb.example", "cmdb.example"):
        with with_server(url):
            done = cli("runs")
        assert (done.code, "CMDB_API_URL" in done.err, "hunter2" in done.err) == (2, True, False)
    with with_server("https://cmdb.example", "two words"):
        done = cli("runs")
    assert (done.code, "CMDB_API_KEY" in done.err, "two words" in done.err) == (2, True, False)


def test_a_certificate_that_is_not_trusted(cli: Cli, facades: Serve, tmp_path: Path) -> None:
    """It is refused, unless its authority is named in SSL_CERT_FILE."""
    cert, key = self_signed(tmp_path)
    address = facades(tls_cert=cert, tls_key=key).address
    with with_server(address):
        done = cli("runs")
    assert (done.code, "is not trusted" in done.err) == (1, True), done
    with with_server(address, "cmdb_key", SSL_CERT_FILE=str(cert)):
        assert cli("runs").code == 0


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (200, {}, "does not answer as a cmdb server"),
        (404, {}, "does not answer as a cmdb server"),
        (302, {"Location": "https://login.example/"}, "redirects to https://login.example/"),
        (502, {}, "does not work now (502)"),
        (429, {"Retry-After": "3600"}, "does not answer as a cmdb server (429)"),
    ],
)
def test_another_program_answers(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], says: str
) -> None:
    """Whatever else is at the address is reported as such, and is sent no key that it redirects."""
    monkeypatch.setattr("api.cli.backends.client.ATTEMPTS", 1)
    with foreign((status, headers, HTML)) as address, with_server(address, "cmdb_key"):
        done = cli("runs")
    assert (done.code, says in done.err) == (1, True), done


def test_commands_of_this_machine(cli: Cli, alone: Facade) -> None:
    """What starts or upgrades a server says that it does so here."""
    with with_server(alone.address):
        for words in (["up"], ["api"], ["worker"], ["db", "upgrade"]):
            done = cli(*words)
            assert (done.code, "unset it first" in done.err) == (2, True), words
        assert cli("settings").code == 0


def test_a_download_is_whole_or_not_there(tmp_path: Path) -> None:
    """A file that ends early, and one in an unknown folder, leave nothing behind."""
    with foreign((200, {}, b"half of it")) as address:
        client = Client(Settings(api_url=address))
        with pytest.raises(RunFailed, match="10 of 20 bytes"):
            client.download("/file", tmp_path / "file.csv", 20, ignored)
        client.download("/file", tmp_path / "whole.csv", 10, ignored)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.csv"]


@pytest.mark.parametrize(
    ("name", "content", "sent_as"),
    [
        ("vpcs.csv", b"a,b\n1,2\n", "vpcs.csv"),
        (".hidden: x.json.gz", b"", "hidden- x.json.gz"),
        ("sites", b"name,slug\nBonn,bon\n", "sites.csv"),
        ("data.txt2", b'[{"name": "Bonn"}]', "data.txt2.json"),
    ],
)
def test_the_name_that_a_file_is_sent_under(tmp_path: Path, name: str, content: bytes, sent_as: str) -> None:
    """It is its own where the server takes that; else its content says which ending it has."""
    path = tmp_path / name
    path.write_bytes(content)
    found = upload_name(ImportJob(path=path), settings())
    assert found == sent_as
    assert found.endswith(READ_ENDINGS)


HTML = b"<html></html>"


@contextmanager
def foreign(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[str]:
    """Serve these answers one after the other while this lasts, the last one to everybody who comes later."""
    left = list(answers)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
