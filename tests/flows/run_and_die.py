"""A process that imports a file and may kill itself at a phase: `python -m tests.flows.run_and_die URL FILE PHASE`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from flows.pipelines import import_file
from schemas.jobs import ImportJob
from schemas.settings import settings


def main(url: str, file: str, last: str) -> None:
    """Import the file; die without warning when phase `last` begins (for `validate`: with rows staged)."""
    # A shell that starts the tests in the background has them, and so this process, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def progress(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        sys.stdout.write(f"{phase}\n")
        sys.stdout.flush()
        if phase == last:
            os.kill(os.getpid(), signal.SIGKILL)

    import_file(ImportJob(path=Path(file), batch_size=1000), url, settings(), progress=progress)


if __name__ == "__main__":
    main(*sys.argv[1:])
