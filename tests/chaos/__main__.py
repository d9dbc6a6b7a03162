"""Run trials of chaos, one for each seed: `make chaos SEEDS="1 2" FAULTS=50`.

Prints what was caused and found. The first violation ends it, with its seed and history, and with exit code 1.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.chaos.trial import Trial, trial


def main() -> int:
    """Run the trials; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[1], help="one trial for each of these seeds")
    parser.add_argument("--faults", type=int, default=50, help="faults in each trial")
    given = parser.parse_args()
    trials: list[Trial] = []
    for seed in given.seeds:
        done = trial(seed, given.faults)
        trials.append(done)
        sys.stdout.write(f"seed {seed}: {done.faults.total()} faults, {done.runs} runs, {done.exports} exports\n")
        if done.violations:
            sys.stdout.write("\n".join([f"seed {seed}: {len(done.violations)} violations", *done.violations, ""]))
            return 1
    faults = sum((each.faults for each in trials), Counter[str]())
    runs, exports = sum(each.runs for each in trials), sum(each.exports for each in trials)
    sys.stdout.write(f"{faults.total()} faults, {len(trials)} seeds, {runs} runs, {exports} exports, no violation\n")
    sys.stdout.writelines(f"{count:6,}  {name}\n" for name, count in sorted(faults.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
