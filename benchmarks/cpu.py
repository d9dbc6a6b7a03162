"""CPU seconds of imports and undos, old commit next to new: `python -m benchmarks.cpu COMMIT [ROWS]`.

On a machine that others share, seconds say little. This compares what Python and PostgreSQL compute, and how much
write-ahead log they write, in turn for the commit and for this working tree. Each turn has a server of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.bench import ROOT

TIMES = 3

Figures = dict[str, dict[str, float]]
"""By case: `python` and `postgres` in CPU seconds, `wal` in MB."""


def main(commit: str, rows: str = "200000") -> None:
    """Measure both in turn and print a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="cmdb-cpu-") as folder:
        old = Path(folder) / "old"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", old, commit], check=True, capture_output=True)
        try:
            turns = [(_measured(old, rows), _measured(ROOT, rows)) for _ in range(TIMES)]
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", old], check=True)
    sys.stdout.write(f"{int(rows):,} rows, medians of {TIMES}; {commit[:10]} → this tree\n\n")
    sys.stdout.write("| case | CPU s | of PostgreSQL | WAL MB |\n| --- | ---: | ---: | ---: |\n")
    for case in turns[0][1]:
        cells = []
        for part in (("python", "postgres"), ("postgres",), ("wal",)):
            pair = [median(sum(turn[side][case][name] for name in part) for turn in turns) for side in (0, 1)]
            cells.append(f"{pair[0]:.2f} → {pair[1]:.2f}" if part != ("wal",) else f"{pair[0]:.0f} → {pair[1]:.0f}")
        sys.stdout.write(f"| {case} | {' | '.join(cells)} |\n")


def _measured(tree: Path, rows: str) -> Figures:
    """Run the cases with the code of a tree, which need not have this command."""
    command = [sys.executable, str(Path(__file__).with_name("cpu_cases.py")), rows]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: Figures = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
