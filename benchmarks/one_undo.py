"""The undo of the last run in a process of its own: `python -m benchmarks.one_undo URL`; prints what it took."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

from benchmarks.one_import import peak_memory
from schemas.jobs import UndoJob
from schemas.settings import settings
from tasks.steps.undo import undo
from tasks.store import ledger
from tasks.store.connection.engine import engine


def main(url: str) -> None:
    """Take the last run back and print what that took, from the call to the commit."""
    with engine(url).connect() as connection:
        last = ledger.find_run(connection, "last")
    began = time.perf_counter()
    report = undo(UndoJob(run=last), url, settings())
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": peak_memory(), **asdict(report.counts)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
