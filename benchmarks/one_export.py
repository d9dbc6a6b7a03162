"""One export in a process of its own: `python -m benchmarks.one_export URL FILE [FIELD | as-of=TIME …]`.

Prints what it took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.one_import import peak_memory
from flows.pipelines import export_file
from schemas.jobs import ExportJob
from schemas.settings import settings


def main(url: str, file: str, *fields: str) -> None:
    """Export VPCs and print what it took, from the call to the renamed file."""
    names = tuple(field for field in fields if "=" not in field)
    then = next((field.removeprefix("as-of=") for field in fields if "=" in field), None)
    job = ExportJob(resource_type="vpc", path=Path(file), fields=names, as_of=then)
    began = time.perf_counter()
    exported = export_file(job, url, settings())
    seconds = time.perf_counter() - began
    found = {"seconds": seconds, "megabytes": peak_memory(), "records": exported.records}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
