"""Each supported Python that is on this machine: the demo and the inner loop, in an environment of its own.

It runs before anything is installed, so it needs only the standard library.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions that cmdb is meant for; the README names those of them that were tested."""

ROOT = Path(__file__).parents[1]


def interpreter(version: str) -> str | None:
    """Return the path of the interpreter of a version; None where there is none that runs."""
    for found in _candidates(version):
        program = "import sys; print('.'.join(map(str, sys.version_info[:2])), sys.executable)"
        done = subprocess.run([found, "-c", program], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.startswith(f"{version} "):
            return done.stdout.strip().partition(" ")[2]
    return None


def _candidates(version: str) -> Iterator[str]:
    # A shim of pyenv is on the path also where it has no such version, and fails.
    if named := shutil.which(f"python{version}"):
        yield named
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from map(str, sorted(Path(root).glob(f"versions/{version}.*/bin/python{version}")))
    if uv := shutil.which("uv"):
        done = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", version], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            yield done.stdout.strip()


def _result(version: str) -> str:
    found = interpreter(version)
    if found is None:
        return "skipped: no such Python on this machine"
    make = ["make", f"PYTHON={found}", f"VENV=.venv-{version}", "demo", "test-fast"]
    return "failed" if subprocess.run(make, cwd=ROOT, check=False).returncode else "passed"


def main(versions: tuple[str, ...]) -> int:
    """Run the demo and the inner loop on these versions; returns an exit code."""
    results = {version: _result(version) for version in versions}
    for version, result in results.items():
        print(f"Python {version} {result}")  # noqa: T201  # it is what the command is for
    return int("failed" in results.values())


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or VERSIONS))
