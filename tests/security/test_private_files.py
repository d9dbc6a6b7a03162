"""Files that cmdb keeps are private, whatever the umask; files that people ask for follow theirs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.settings import settings
from tasks.private_files import close_folders
from tests.api.system import System, execute, follow
from tests.support import vpc, write_csv

PASSABLE = ("", "postgres")
"""Folders that PostgreSQL's user has to pass through where cmdb is run by root."""


def open_to_others(root: Path) -> list[str]:
    """What of a tree is more than its owner's."""
    found = []
    for path in (root, *root.rglob("*")):
        mode = path.lstat().st_mode
        allowed = 0o011 if os.geteuid() == 0 and str(path.relative_to(root)).replace(".", "") in PASSABLE else 0
        if not stat.S_ISLNK(mode) and mode & 0o077 & ~allowed:
            found.append(f"{path.relative_to(root)} {mode:o}")
    return found


def test_what_the_command_keeps_is_private(home: Path, tmp_path: Path, command: str) -> None:
    """With the most open umask: its database, its folders; while an export elsewhere is as open as that umask says."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    write_csv(tmp_path / "a.csv", [vpc(1), vpc(2, cidr_block="nonsense")])
    inside = home / "kept"
    inside.mkdir(mode=0o777)
    for words in (("import", tmp_path / "a.csv"), ("export", "vpc", "-o", shared / "vpc.csv")):
        done = subprocess.run([command, *words], umask=0, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 3), done.stderr
    assert open_to_others(home) == []
    assert (shared / "vpc.csv").stat().st_mode & 0o777 == 0o666


def test_what_a_system_keeps_is_private(system: System, tmp_path: Path) -> None:
    """Uploads, exports, logs and what Prefect keeps, after each was used."""
    with system.client() as client:
        follow(client, execute(client, write_csv(tmp_path / "a.csv", [vpc(1), vpc(2, cidr_block="nonsense")])))
        export = client.post("/api/export", json={"resourceType": "vpc"}).json()["exportId"]
        follow(client, export, what="export")
    kept = {path.name for path in (system.home / "storage").iterdir()}
    assert {"uploads", "exports"} <= kept
    ours = {"up.log"} | {path.name for path in system.home.glob("facade-*.log")}  # written by the tests themselves
    assert [found for found in open_to_others(system.home) if found.partition(" ")[0] not in ours] == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
def test_what_an_earlier_version_left_open_is_closed(home: Path) -> None:
    """Its folders, at the next start."""
    for name in ("storage/uploads", "logs", "tmp"):
        (home / name).mkdir(parents=True, mode=0o755)
        (home / name / "kept").write_text("secret")
    close_folders(settings())
    closed = (home, home / "storage", home / "storage/uploads", home / "logs", home / "tmp")
    assert [path for path in closed if path.stat().st_mode & 0o066] == []
