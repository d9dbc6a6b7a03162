"""What root starts goes on as another account, without root's rights, and with the folders of cmdb."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.system import Start, execute, follow
from tests.conftest import temporary_home
from tests.support import vpc, write_csv

ACCOUNT = "nobody"


def is_root() -> bool:
    """Whether the tests run as root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def can_run_python() -> bool:
    """Whether the account can start the interpreter of the tests, and import cmdb."""
    command = [sys.executable, "-c", "import tasks.security.account"]
    try:
        return not subprocess.run(
            command, user=ACCOUNT, group=pwd.getpwnam(ACCOUNT).pw_gid, extra_groups=[], capture_output=True, check=False
        ).returncode
    except PermissionError:
        return False


root = pytest.mark.skipif(not is_root(), reason="only root can become another account")
reached = pytest.mark.skipif(not is_root() or not can_run_python(), reason="the account cannot run this interpreter")

# The reach of the account is not what these are about: the interpreter of the tests may be in root's own folder.
LEAVE = """
import json, os, sys
from pathlib import Path
import tasks.security.account as account
from schemas.settings import settings

os.__file__ = account.__file__ = sys.executable = "/bin/sh"
account.leave_root(settings())
report = {"ids": os.getresuid() + os.getresgid(), "groups": os.getgroups()}
for name, attempt in {
    "back": lambda: os.setresuid(0, 0, 0),
    "secret": lambda: Path(sys.argv[1]).read_text(),
    "upload": lambda: (settings().storage / "uploads" / "a" / "source.csv").read_text(),
    "write": lambda: (settings().storage / "rejects" / "new.csv").write_text("x"),
}.items():
    try:
        report[name] = str(attempt())
    except PermissionError:
        report[name] = "refused"
print(json.dumps(report))
"""


def left(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Become the account in a process of its own; returns what that tells."""
    return subprocess.run(
        [sys.executable, "-c", LEAVE, *words],
        env=os.environ | {"CMDB_HOME": str(home), "CMDB_USER": ACCOUNT} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def kept(home: Path) -> Path:
    """Make the folders of an earlier start by root, and a link of somebody else; returns the link's aim."""
    for name in ("uploads/a", "rejects", "exports"):
        (home / "storage" / name).mkdir(parents=True, mode=0o700)
    (home / "storage" / "uploads" / "a" / "source.csv").write_text("vpc_id")
    (home / "storage" / "uploads" / "a" / "source.csv").chmod(0o600)
    aim = home.parent / f"{home.name}-aim"
    aim.mkdir(mode=0o700)
    (aim / "secret").write_text("secret")
    (aim / "secret").chmod(0o600)
    (home / "storage" / "exports" / "link").symlink_to(aim)
    return aim


@root
def test_it_has_no_way_back() -> None:
    """All ids and groups are the account's; what root kept before is its own, and what a link leads to is not."""
    with temporary_home() as home:
        aim = kept(home)
        done = left(home, str(aim / "secret"))
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        account = pwd.getpwnam(ACCOUNT)
        assert report["ids"] == [account.pw_uid] * 3 + [account.pw_gid] * 3
        assert 0 not in report["groups"]
        assert (report["back"], report["secret"]) == ("refused", "refused")
        assert (report["upload"], report["write"]) == ("vpc_id", "1")
        assert (aim / "secret").stat().st_uid == aim.stat().st_uid == 0
        assert {path.lstat().st_uid for path in (home, *home.rglob("*"))} == {account.pw_uid}


@root
@pytest.mark.parametrize(
    ("name", "message"),
    [("root", "name an account without its rights"), ("no-such-account", "there is no such account")],
)
def test_accounts_that_will_not_do(name: str, message: str) -> None:
    """Root is no other account; one that is not there is named."""
    with temporary_home() as home:
        done = left(home, CMDB_USER=name)
    assert message in done.stderr


@root
def test_a_home_that_is_used_is_not_given_away() -> None:
    """A database that a process of root uses stays as it is."""
    import fcntl

    with temporary_home() as home:
        (home / "postgres").mkdir()
        with (home / "postgres" / "users").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            done = left(home)
        assert "stop it, then start this one again" in done.stderr
        assert (home / "postgres").stat().st_uid == 0


@root
def test_an_account_that_cannot_reach_cmdb(command: str, tmp_path: Path) -> None:
    """It is said while nothing has been done as the account: here its home is in a closed folder."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    environment = os.environ | {"CMDB_HOME": str(closed / "home"), "CMDB_USER": ACCOUNT}
    done = subprocess.run([command, "runs"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "can't use" in " ".join(done.stderr.split())
    assert not (closed / "home" / "postgres").exists()


@reached
def test_a_system_without_root(start_system: Start, tmp_path: Path) -> None:
    """Every process of a system that root starts is the account's, and an upload becomes records."""
    with (
        temporary_home() as home,
        start_system(None, home, CMDB_USER=ACCOUNT) as system,
        system.client() as client,
    ):
        account = pwd.getpwnam(ACCOUNT).pw_uid
        processes = [system.part(name) for name in ("server", "worker", "warm", "api")]
        assert {user for process in processes for user in process.uids()} == {account}
        path = write_csv(tmp_path / "a.csv", [vpc(1), vpc(2, cidr_block="nonsense")])
        assert follow(client, execute(client, path))[-1]["status"] == "completed"
        assert len(client.get("/api/records/vpc").json()["items"]) == 1
        assert {path.lstat().st_uid for path in (home / "storage").rglob("*")} == {account}
