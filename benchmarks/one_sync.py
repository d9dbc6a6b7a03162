"""One sync of a file in a process of its own: `python -m benchmarks.one_sync URL FILE`; prints seconds and memory."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.one_import import peak_memory
from flows.pipelines import sync_source
from schemas.jobs import SyncJob
from schemas.settings import settings


def main(url: str, file: str) -> None:
    """Sync a file and print what it took, from the call to the commit."""
    job = SyncJob(url=f"file://{Path(file).resolve()}", resource_type="vpc")
    began = time.perf_counter()
    report = sync_source(job, url, settings())
    seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": peak_memory(), **asdict(report.counts)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
