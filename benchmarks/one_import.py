"""One import in a process of its own: `python -m benchmarks.one_import URL FILE [dry]`; prints seconds and memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path

from flows.sentences import import_file
from schemas.jobs import ImportJob
from schemas.settings import settings


def main(url: str, file: str, dry: str = "") -> None:
    """Import a file and print what it took, from the call to the commit."""
    job = ImportJob(path=Path(file), resource_type="vpc", dry_run=bool(dry))
    began = time.perf_counter()
    report = import_file(job, url, settings())
    seconds = time.perf_counter() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": megabytes, **asdict(report.counts)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
