"""One import in a process of its own: `python -m benchmarks.one_import URL FILE TYPE [dry]`; prints seconds and MB.

`looked` are the seconds until the file is known: its format, its shape, its mapping, and in a dry run its samples.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from flows.pipelines import import_file
from schemas.jobs import ImportJob
from schemas.settings import settings
from tasks.runtime.context import RunContext
from tasks.runtime.values import Shard, StagedShard
from tasks.steps.registry import PLAIN


def peak_memory() -> float:
    """Return the most memory that this process had, in MB.

    The kernel's own mark of the address space: `ru_maxrss` would count that of the parent it was forked from.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main(url: str, file: str, resource_type: str, dry: str = "") -> None:
    """Import a file and print what it took, from the call to the commit."""
    job = ImportJob(path=Path(file), resource_type=resource_type, dry_run=bool(dry))
    looked: list[float] = []

    def validate(run: RunContext, shard: Shard) -> StagedShard:
        looked.append(time.perf_counter() - began)
        return PLAIN.validate(run, shard)

    began = time.perf_counter()
    report = import_file(job, url, settings(), steps=replace(PLAIN, validate=validate))
    seconds = time.perf_counter() - began
    megabytes = peak_memory()
    found = {"seconds": seconds, "megabytes": megabytes, "looked": looked[0], **asdict(report.counts)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
