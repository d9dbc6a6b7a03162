"""Traps of the web: connections that break, servers in distress, redirects, private addresses, names."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import CmdbError, SourceError, Transient, UsageError
from tasks.backoff import ATTEMPTS
from tasks.sources import fetch
from tasks.sources.http import HOPS
from tests.tasks.sources.rigs import LARGE, SITES
from tests.tasks.sources.servers import Answer, Asked, Site, site
from tests.tasks.sources.support import Patience, fetched, request


class Script:
    """Answers one after another; the last one goes on."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def __call__(self, _: Asked) -> Answer:
        """Give the next answer."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def server() -> Iterator[Site]:
    """A server without a script as yet."""
    with site(Script(Answer(404))) as running:
        yield running


def part(start: int, **headers: str) -> Answer:
    """The large file from there on, as a server that knows ranges sends it."""
    where = {"Content-Range": f"bytes {start}-{len(LARGE) - 1}/{len(LARGE)}", "ETag": '"1"'}
    return Answer(206, where | headers, LARGE[start:])


# Broken connections ---------------------------------------------------------------------------------------------------


def test_a_download_goes_on_where_it_broke(server: Site, tmp_path: Path) -> None:
    """It asks for the rest of that same file, however often."""

    def respond(asked: Asked) -> Answer:
        start = int(asked.headers.get("Range", "bytes=0-")[6:-1])
        if start == 0:
            return Answer(200, {"ETag": '"1"'}, LARGE, cut=400_000)
        answer = part(start)
        answer.cut = 300_000
        return answer

    server.respond = respond
    found = fetched(f"{server.url}/large.csv", tmp_path)
    assert found.files[0].path.read_bytes() == LARGE
    assert [asked.headers.get("If-Range") for asked in server.asked] == [None, *['"1"'] * (len(server.asked) - 1)]
    assert len(server.asked) >= 4


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}], ids=["none", "weak"])
def test_without_a_validator_it_starts_over(server: Site, tmp_path: Path, headers: dict[str, str]) -> None:
    """Two halves of two files are no file."""
    server.respond = Script(Answer(200, headers, LARGE, cut=400_000), Answer(200, headers, LARGE))
    assert fetched(f"{server.url}/large.csv", tmp_path).files[0].path.read_bytes() == LARGE
    assert all("Range" not in asked.headers for asked in server.asked)


def test_a_file_that_changed_meanwhile_is_read_again(server: Site, tmp_path: Path) -> None:
    """The server sends the whole new one in the place of the rest, and its version is the one that counts."""
    first = Answer(200, {"ETag": '"1"'}, LARGE, cut=400_000)
    server.respond = Script(first, Answer(200, {"ETag": '"2"'}, SITES))
    found = fetched(f"{server.url}/sites.csv", tmp_path)
    assert found.files[0].path.read_bytes() == SITES
    assert '"2' in (found.version or "")


@pytest.mark.parametrize("wrong", [part(7), Answer(416)], ids=["another part", "no such part"])
def test_a_wrong_part_is_not_put_in(server: Site, tmp_path: Path, wrong: Answer) -> None:
    """It starts over."""
    first = Answer(200, {"ETag": '"1"'}, LARGE, cut=400_000)
    server.respond = Script(first, wrong, Answer(200, {"ETag": '"1"'}, LARGE))
    assert fetched(f"{server.url}/large.csv", tmp_path).files[0].path.read_bytes() == LARGE


def test_a_server_that_always_breaks_is_given_up(server: Site, tmp_path: Path) -> None:
    """Nothing of the file stays."""
    server.respond = Script(Answer(200, {}, LARGE, cut=0))
    with pytest.raises(Transient, match="could not be fetched"):
        fetch(request(f"{server.url}/large.csv", tmp_path / "out"))
    assert (len(server.asked), list((tmp_path / "out").iterdir())) == (ATTEMPTS, [])


# Servers in distress --------------------------------------------------------------------------------------------------


def test_a_server_in_distress_is_given_the_time_it_asks_for(server: Site, tmp_path: Path) -> None:
    """In seconds or until a time; without a word, twice as long each time."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.respond = Script(
        Answer(429, {"Retry-After": "7"}),
        Answer(503, {"Retry-After": soon}),
        Answer(500),
        Answer(502, {"Retry-After": "soon"}),
        Answer(200, {}, SITES),
    )
    patience = Patience()
    assert fetched(f"{server.url}/sites.csv", tmp_path, wait=patience).whole
    seven, until, third, fourth = patience.waited
    assert (seven, round(until / 10)) == (7.0, 3)
    assert 2 <= third <= 4 <= fourth <= 8


def test_a_server_that_asks_for_long_is_left_alone(server: Site, tmp_path: Path) -> None:
    """A run does not sleep for an hour."""
    server.respond = Script(Answer(503, {"Retry-After": "3600"}))
    with pytest.raises(Transient, match="asks to be left alone for 3,600 seconds"):
        fetch(request(f"{server.url}/x.csv", tmp_path))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "wants credentials"),
        (403, "wants credentials"),
        (404, "is it spelt right"),
        (410, "was it moved"),
        (418, "answers 418"),
    ],
)
def test_an_answer_that_will_not_change_is_reported_at_once(
    server: Site, tmp_path: Path, status: int, said: str
) -> None:
    """In a sentence, without trying again."""
    server.respond = Script(Answer(status))
    with pytest.raises(SourceError, match=said):
        fetch(request(f"{server.url}/x.csv", tmp_path))
    assert len(server.asked) == 1


def test_nobody_listens(tmp_path: Path) -> None:
    """It may, later."""
    with pytest.raises(Transient, match="refused"):
        fetch(request("http://127.0.0.1:1/x.csv", tmp_path))
    with pytest.raises(Transient, match="is not known"):
        fetch(request("http://no-such-host.invalid/x.csv", tmp_path))


def test_an_empty_answer_and_one_that_nobody_asked_for(server: Site, tmp_path: Path) -> None:
    """Neither is a file that is as it was."""
    server.respond = Script(Answer(200, {}, b""))
    with pytest.raises(SourceError, match="is an empty file"):
        fetch(request(f"{server.url}/x.csv", tmp_path))
    server.respond = Script(Answer(304))
    with pytest.raises(SourceError, match="answers 304"):
        fetch(request(f"{server.url}/x.csv", tmp_path))


def test_the_date_is_a_version_too(server: Site, tmp_path: Path) -> None:
    """Of a server that knows no ETag."""
    date = "Tue, 24 Nov 2026 10:00:00 GMT"

    def respond(asked: Asked) -> Answer:
        same = asked.headers.get("If-Modified-Since") == date
        return Answer(304) if same else Answer(200, {"Last-Modified": date}, SITES)

    server.respond = respond
    found = fetched(f"{server.url}/sites.csv", tmp_path)
    assert fetch(request(f"{server.url}/sites.csv", tmp_path, known=found.version)) is None


# Redirects and addresses ----------------------------------------------------------------------------------------------


def leading(to: str, times: int = 1) -> Any:
    """A server that leads on so many times, and then has the file."""

    def respond(asked: Asked) -> Answer:
        number = int(asked.path.rpartition("/")[2] or 0) if asked.path.startswith("/hop/") else 0
        if number >= times:
            return Answer(200, {}, SITES)
        return Answer(302, {"Location": to.format(number + 1)})

    return respond


def test_redirects_are_followed_so_far(server: Site, tmp_path: Path) -> None:
    """And no farther."""
    server.respond = leading("/hop/{}", HOPS)
    assert fetched(f"{server.url}/hop/0", tmp_path).whole
    server.respond = leading("/hop/{}", HOPS + 1)
    with pytest.raises(SourceError, match=f"leads on more than {HOPS} times"):
        fetch(request(f"{server.url}/hop/0", tmp_path))


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
    ],
)
def test_a_redirect_leads_nowhere_else(server: Site, tmp_path: Path, to: str) -> None:
    """Neither to what tells a machine its credentials, nor out of the web."""
    server.respond = Script(Answer(302, {"Location": to}))
    with pytest.raises((SourceError, UsageError), match=r"where no source is|refused"):
        fetch(request(f"{server.url}/x", tmp_path))
    server.respond = Script(Answer(302))
    with pytest.raises(SourceError, match="leads on to no address"):
        fetch(request(f"{server.url}/x", tmp_path))


def test_a_secret_stays_with_its_host(server: Site, tmp_path: Path) -> None:
    """A redirect to another one, or another port, goes without it."""
    with site(Script(Answer(200, {}, SITES))) as other:
        server.respond = Script(Answer(307, {"Location": f"{other.url}/sites.csv"}))
        fetched(f"{server.url}/x", tmp_path, secret="abcdefgh")
        assert server.asked[0].headers["Authorization"] == "Bearer abcdefgh"
        assert "Authorization" not in other.asked[0].headers


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        ("abcdefgh", {"Authorization": "Bearer abcdefgh"}),
        ("Basic YTpi", {"Authorization": "Basic YTpi"}),
        ('{"X-Api-Key": "abcdefgh"}', {"X-Api-Key": "abcdefgh"}),
        ('{"username": "a", "password": "b"}', {"Authorization": "Basic YTpi"}),
    ],
)
def test_what_a_secret_may_be(server: Site, tmp_path: Path, secret: str, headers: dict[str, str]) -> None:
    """A token, headers, or user and password."""
    server.respond = Script(Answer(200, {}, SITES))
    fetched(f"{server.url}/x", tmp_path, secret=secret)
    assert headers.items() <= server.asked[0].headers.items()


PRIVATE = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "10.0.0.1",
    "[fd00::1]",
]


@pytest.mark.parametrize("host", [*PRIVATE, "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "100.64.0.1"])
def test_private_addresses_are_requested_only_when_allowed(tmp_path: Path, host: str) -> None:
    """However they are spelt."""
    with pytest.raises(UsageError, match="set CMDB_SOURCE_PRIVATE=true"):
        fetch(request(f"http://{host}:1/x.csv", tmp_path, limits={"source_private": False}))


NEVER = ["169.254.169.254", "0.0.0.0", "[fd00:ec2::254]", "224.0.0.1", "[::ffff:169.254.169.254]"]  # noqa: S104


@pytest.mark.parametrize("host", NEVER)
def test_some_addresses_are_never_requested(tmp_path: Path, host: str) -> None:
    """A machine's own credentials are no source."""
    with pytest.raises(UsageError, match="where no source is"):
        fetch(request(f"http://{host}:1/x.csv", tmp_path))


def test_the_address_that_was_checked_is_the_one_that_is_requested(
    server: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that has another address a moment later is not looked up again."""
    real, asked = socket.getaddrinfo, []

    def resolve(host: str, *more: Any, **options: Any) -> Any:
        if host != "rebinding.test":
            return real(host, *more, **options)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "169.254.169.254", *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    server.respond = Script(Answer(200, {}, SITES))
    port = server.host.rpartition(":")[2]
    assert fetched(f"http://rebinding.test:{port}/x.csv", tmp_path).whole
    assert (asked, server.asked[0].headers["Host"]) == (["rebinding.test"], f"rebinding.test:{port}")


def test_a_secret_is_not_sent_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the Internet, at least."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("198.41.0.4", 80))])
    with pytest.raises(UsageError, match="unencrypted: use https://"):
        fetch(request("http://example.com/x.csv", tmp_path, secret="abcdefgh"))


# Names and sizes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/sites.csv", {}, "sites.csv"),
        ("/a%20b.csv?format=csv", {}, "a b.csv"),
        ("/export/", {"Content-Type": "text/csv; charset=utf-8"}, "export.csv"),
        ("/export.php", {"Content-Type": "application/json"}, "export.php.json"),
        ("/", {"Content-Type": "application/vnd.apache.parquet"}, "127.0.0.1.parquet"),
        ("/x", {"Content-Disposition": 'attachment; filename="all sites.csv"'}, "all sites.csv"),
        ("/x", {"Content-Disposition": "attachment; filename*=UTF-8''Z%C3%BCrich.csv"}, "Zürich.csv"),
        ("/x", {"Content-Disposition": 'attachment; filename="../../etc/sites.csv"'}, "sites.csv"),
        ("/x", {"Content-Disposition": 'attachment; filename="..\\\\..\\\\sites.csv"'}, "sites.csv"),
    ],
)
def test_names(server: Site, tmp_path: Path, path: str, headers: dict[str, str], name: str) -> None:
    """What the server says, or the path, with an ending that the type of the content tells; never a path."""
    server.respond = Script(Answer(200, headers, SITES))
    found = fetched(server.url + path, tmp_path / "out").files[0]
    assert (found.name, found.path.parent) == (name, tmp_path / "out")
    assert found.path.read_bytes() == SITES


@pytest.mark.parametrize("headers", [{}, {"Content-Length": ""}], ids=["told", "not told"])
def test_too_large(server: Site, tmp_path: Path, headers: dict[str, str]) -> None:
    """It is told from the length, or else as soon as there is more."""
    server.respond = Script(Answer(200, headers, LARGE))
    with pytest.raises(CmdbError, match="more than 1 MB"):
        fetch(request(f"{server.url}/x.csv", tmp_path / "out", limits={"max_file_mb": 1}))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_packed_answer(server: Site, tmp_path: Path) -> None:
    """It was not asked for: gzip is left to the import, which unpacks within its limits; others are refused."""
    server.respond = Script(Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(SITES)))
    assert gzip.decompress(fetched(f"{server.url}/x.csv", tmp_path).files[0].path.read_bytes()) == SITES
    server.respond = Script(Answer(200, {"Content-Encoding": "br"}, b"?"))
    with pytest.raises(SourceError, match="in an unrequested encoding"):
        fetch(request(f"{server.url}/x.csv", tmp_path))


def test_no_host(tmp_path: Path) -> None:
    """Told as what it is."""
    with pytest.raises(UsageError, match="names no host"):
        fetch(request("https:///x.csv", tmp_path))


# TLS ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate for the name `ipam.test` that signs itself, with its key."""
    path = tmp_path / "ipam.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    command += ["-subj", "/CN=ipam.test", "-addext", "subjectAltName=DNS:ipam.test", "-keyout", str(path), "-out"]
    subprocess.run([*command, str(tmp_path / "cert.pem")], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    return path


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl to make a certificate with")
def test_a_certificate_is_that_of_the_name(authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is made to an address, and the name is the one that is asked for, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    told: list[str | None] = []
    context.sni_callback = lambda _, name, __: told.append(name)
    real = socket.getaddrinfo

    def resolve(host: str, *more: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host.endswith(".test") else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with site(Script(Answer(200, {}, SITES)), context) as running:
        port = running.host.rpartition(":")[2]
        with pytest.raises(SourceError, match=r"certificate that is not trusted here: .* SSL_CERT_FILE"):
            fetch(request(f"https://ipam.test:{port}/sites.csv", tmp_path / "a"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert fetched(f"https://ipam.test:{port}/sites.csv", tmp_path / "b").whole
        with pytest.raises(SourceError, match=r"not trusted here: is the name right.*Hostname mismatch"):
            fetch(request(f"https://other.test:{port}/sites.csv", tmp_path / "c"))
    assert told == ["ipam.test", "ipam.test", "other.test"]
