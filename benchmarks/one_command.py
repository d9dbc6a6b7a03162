"""One `cmdb import` and where its time goes: `python -m benchmarks.one_command BEGAN FILE`.

BEGAN is the clock, `time.time()`, before the process was started; prints seconds from there to the end of each stage.
"""

from __future__ import annotations

import time

STAGES = {"Python": time.time()}

import json  # noqa: E402  # the clock is read before anything is imported
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import fields, replace  # noqa: E402
from typing import Any  # noqa: E402

from api.cli.main import main  # noqa: E402
from flows.pipelines import import_file  # noqa: E402
from tasks.steps.registry import PLAIN  # noqa: E402

STAGES["its modules"] = time.time()


def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that notes when it began and when it is done."""

    def run(*given: Any) -> Any:
        STAGES.setdefault("connection and tables", time.time())
        found = step(*given)
        STAGES[name] = time.time()
        return found

    return run


def run(began: float, file: str) -> None:
    """Import a file as the command line does, and print the stages."""
    steps = {field.name: timed(field.name, getattr(PLAIN, field.name)) for field in fields(PLAIN)}
    defaults = import_file.__kwdefaults__ or {}
    defaults["steps"] = replace(PLAIN, **steps)
    sys.argv = ["cmdb", "import", file, "--json"]
    try:
        main()
    except SystemExit as done:
        if done.code:
            raise
    STAGES["report"] = time.time()
    sys.stdout.write("\n" + json.dumps({name: at - began for name, at in STAGES.items()}))


if __name__ == "__main__":
    run(float(sys.argv[1]), sys.argv[2])
