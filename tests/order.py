"""The tests in random order, and each file on its own: `make test-order`, or `python -m tests.order [SEED…]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def failed(*arguments: str) -> bool:
    """Run pytest; says whether it failed."""
    sys.stdout.write(f"pytest {' '.join(arguments)}\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "pytest", "-q", *arguments], check=False).returncode != 0


def main(seeds: tuple[str, ...] = ("1", "2", "3")) -> int:
    """Run everything in the order of each seed, then each file alone; returns how many runs failed."""
    wrong = [
        f"seed {seed}"
        for seed in seeds
        if failed(
            "-n", "2", "--dist", "loadfile", "-p", "randomly", "-p", "no:cacheprovider", f"--randomly-seed={seed}"
        )
    ]
    files = sorted(path.relative_to(TESTS.parent) for path in TESTS.rglob("test_*.py"))
    wrong += [str(path) for path in files if failed(str(path))]
    sys.stdout.write(f"{len(seeds)} orders and {len(files)} files, {len(wrong)} failed: {', '.join(wrong) or 'none'}\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or ("1", "2", "3")))
