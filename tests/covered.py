"""Fail where the tests ran too few lines of the packages: the last step of `make coverage-report`.

coverage's own `fail_under` counts lines and branches together.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LEAST = 95.0
"""The smallest share of lines, in percent."""


def main() -> int:
    """Print the shares of lines and branches that were run; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "--quiet", "-o", path], check=True)
        totals = json.loads(path.read_text(encoding="utf-8"))["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    sys.stdout.write(f"{lines:.1f} % of lines (at least {LEAST:g} %) and {branches:.1f} % of branches were run\n")
    return int(lines < LEAST)


if __name__ == "__main__":
    sys.exit(main())
