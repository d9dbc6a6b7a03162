"""Every test three times in a row on a busy machine: `make test-loaded`, or `python -m tests.loaded [TIMES]`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BUSY = 2
"""Processes that do nothing but keep a core busy."""

# It ends with whoever started it, however that ends: the other end of its standard input is theirs.
SPIN = """
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
while True: pass
"""


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep the cores busy while this lasts."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN], stdin=subprocess.PIPE) for _ in range(BUSY)]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


def main(times: int = 3) -> int:
    """Run the lanes so often; returns how many of the runs failed."""
    failed = 0
    with busy_machine():
        for number in range(1, times + 1):
            for lane in ("test", "test-system"):
                sys.stdout.write(f"{number} of {times}: make {lane}, with {BUSY} busy processes\n")
                sys.stdout.flush()
                failed += subprocess.run(["make", lane], check=False).returncode != 0
    sys.stdout.write(f"{2 * times} runs, {failed} failed\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
