"""Look for known vulnerabilities in what the lock files name, where the data of pip-audit can be reached.

pip-audit is installed into a folder of its own, in its newest version: it is no dependency of the project's, and an old
one knows less. Without a network that leads to its data this says so, and has found out nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")


def main() -> int:
    """Audit each lock file; returns what `make` is to make of it."""
    program = _installed(ROOT / ".venv" / "audit")
    if program is None:
        return _not_audited("pip-audit can't be installed")
    worst = 0
    for lock in LOCKS:
        options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
        done = subprocess.run([program, *options, "-r", ROOT / lock], capture_output=True, text=True, check=False)
        found = json.loads(done.stdout or "{}").get("dependencies", [])
        if not any("vulns" in each for each in found):
            return _not_audited("its data can't be reached")
        worst = max(worst, _shown(lock, found))
    return worst


def _shown(lock: str, found: list[dict[str, Any]]) -> int:
    """Print what was found; returns 1 where that is a vulnerability, or where a package could not be looked up."""
    lines = [
        f"  {each['name']} {each['version']}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'no version'}"
        for each in found
        for hole in each.get("vulns", [])
    ]
    lines += [f"  {each['name']}: not audited, {each['skip_reason']}" for each in found if "skip_reason" in each]
    sys.stdout.write("\n".join([f"{lock}: {len(found)} packages, {len(lines)} with something to say", *lines, ""]))
    return int(bool(lines))


def _installed(folder: Path) -> Path | None:
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--upgrade", "pip-audit"]
    done = subprocess.run(pip, capture_output=True, check=False)
    return None if done.returncode else folder / "bin/pip-audit"


def _not_audited(why: str) -> int:
    sys.stdout.write(f"NOT AUDITED: {why} from here. Run `make audit` where the vulnerability service is reached.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
