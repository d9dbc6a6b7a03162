"""What loading takes: `python -m benchmarks.one_plan URL FILE apply|import`; prints seconds and memory.

`apply` plans an import, and then takes the time of applying that plan; `import` takes the time of the last step alone,
which checks, plans and applies, of importing the same file.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from benchmarks.one_import import peak_memory
from flows.pipelines import apply_plan, import_file
from schemas.jobs import ApplyJob, ImportJob
from schemas.reports import Report
from schemas.settings import settings


def main(url: str, file: str, what: str) -> None:
    """Load a file and print what the load took, to the commit."""
    job = ImportJob(path=Path(file), resource_type="vpc")
    report, seconds = _applied(job, url) if what == "apply" else _imported(job, url)
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": peak_memory(), **asdict(report.counts)}))


def _applied(job: ImportJob, url: str) -> tuple[Report, float]:
    planned = import_file(job.model_copy(update={"dry_run": True, "keep_plan": True}), url, settings())
    began = time.perf_counter()
    report = apply_plan(ApplyJob(plan=UUID(planned.run_id)), url, settings())
    return report, time.perf_counter() - began


def _imported(job: ImportJob, url: str) -> tuple[Report, float]:
    began: list[float] = []

    def told(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        if phase == "check":
            began.append(time.perf_counter())

    report = import_file(job, url, settings(), progress=told)
    return report, time.perf_counter() - began[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
