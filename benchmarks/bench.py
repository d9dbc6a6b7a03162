"""The bench: one server, its files, and each case measured in turn with its rival; results as a Markdown table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url

from schemas.model.tables import METADATA
from tasks.store.connection.engine import engine
from tasks.store.connection.roles import SUPERUSER

ROOT = Path(__file__).parents[1]


@dataclass
class Case:
    """One line of the table."""

    name: str
    rows: int
    bar: str = ""
    seconds: list[float] = field(default_factory=list)
    rival: list[float] = field(default_factory=list)
    megabytes: float = 0.0

    @property
    def ratio(self) -> float | None:
        """How many times its rival a case takes."""
        return median(self.seconds) / median(self.rival) if self.rival else None

    def line(self) -> str:
        """Return the case as a line of a Markdown table."""
        spread = f"{min(self.seconds):.2f}–{max(self.seconds):.2f}"
        rival = f"{median(self.rival):.2f}" if self.rival else ""
        ratio = f"**{self.ratio:.2f} ×**" if self.ratio else ""
        memory = f"{self.megabytes:,.0f}" if self.megabytes else ""
        per_row = median(self.seconds) / self.rows * 1e6
        figures = (f"{self.rows:,}", f"{median(self.seconds):.2f}", spread, f"{per_row:.1f}", rival, ratio)
        return f"| {' | '.join((self.name, *figures, self.bar, memory))} |"


class Bench:
    """One server, its files and what was measured."""

    def __init__(self, url: str, folder: Path, rows: int, times: int) -> None:
        self.url = url
        self.folder = folder
        self.rows = rows
        self.times = times
        self.cases: list[Case] = []

    def say(self, words: str) -> None:
        """Tell how far the benchmark is."""
        sys.stderr.write(f"{words}\n")

    def execute(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        with engine(self.url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))

    @contextmanager
    def setting(self, name: str, value: str) -> Iterator[None]:
        """Set an environment variable of the processes that are started meanwhile."""
        os.environ[name] = value
        try:
            yield
        finally:
            del os.environ[name]

    def empty(self) -> None:
        """Start from empty tables, and a server that has nothing left to do."""
        names = ", ".join(f'"{table.name}"' for table in METADATA.sorted_tables)
        self.execute(f"set local cmdb.audit_retention = 'on'; truncate {names}", "vacuum")
        self.checkpoint()

    def checkpoint(self) -> None:
        """Let the server write what it still has to, which takes its superuser."""
        superuser = make_url(self.url).set(username=SUPERUSER).render_as_string(hide_password=False)
        with engine(superuser).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("checkpoint"))

    def bare_copy(self, file: Path) -> float:
        """COPY a file into an empty table like `vpc`; returns the seconds until it is committed."""
        self.execute("drop table if exists bare", "create table bare (like vpc including all)")
        return self.copy_into("bare", file)

    def copy_into(self, table: str, file: Path) -> float:
        """COPY a file into a table; returns the seconds until it is committed."""
        self.checkpoint()
        columns = file.open(encoding="utf-8").readline().strip()
        with engine(self.url).connect() as connection, file.open("rb") as source:
            began = time.perf_counter()
            statement = f"copy {table} ({columns}) from stdin with (format csv, header)"
            connection.connection.cursor().copy_expert(statement, source)
            connection.connection.commit()
            seconds = time.perf_counter() - began
            assert connection.scalar(text(f"select 1 from {table} limit 1")), file
        return seconds

    def bare_update(self, file: Path) -> float:
        """Update the VPCs that differ from a file, by one statement; returns its seconds, commit included."""
        columns = file.open(encoding="utf-8").readline().strip()
        names = columns.split(",")
        pairs = [f"{name} = s.{name}" for name in names[1:]]
        differs = " or ".join(f"t.{name} is distinct from s.{name}" for name in names[1:])
        self.execute(
            "drop table if exists source", f"create unlogged table source as select {columns} from vpc limit 0"
        )
        self.copy_into("source", file)
        self.execute("analyze source")
        self.checkpoint()
        with engine(self.url).connect() as connection:
            connection.execute(text("set local work_mem = '256MB'"))
            began = time.perf_counter()
            statement = f"update vpc t set {', '.join(pairs)}, updated_at = now() from source s"
            connection.execute(text(f"{statement} where s.{names[0]} = t.{names[0]} and ({differs})"))
            connection.commit()
            return time.perf_counter() - began

    def copy_out(self, query: str, file: Path) -> float:
        """COPY the rows of a query to a file; returns the seconds."""
        with engine(self.url).connect() as connection, file.open("wb") as target:
            began = time.perf_counter()
            connection.connection.cursor().copy_expert(f"copy ({query}) to stdout (format csv, header)", target)
            return time.perf_counter() - began

    def run(self, file: Path, resource_type: str = "vpc", *, dry: bool = False, **wanted: int) -> tuple[float, float]:
        """Import a file in a process of its own; returns seconds and megabytes, once the counts are right."""
        return self._measured("benchmarks.one_import", file, resource_type, *(["dry"] if dry else []), **wanted)

    def look(self, file: Path) -> tuple[float, float]:
        """Preview VPCs; returns the seconds until the file is known, and the megabytes of all of it."""
        found = self._process("benchmarks.one_import", file, "vpc", "dry")
        return found["looked"], found["megabytes"]

    def export(self, file: Path, *fields: str, **wanted: int) -> tuple[float, float]:
        """Export VPCs in a process of its own; returns seconds and megabytes, once the counts are right.

        `as-of=TIME` among the fields asks for the records of then.
        """
        return self._measured("benchmarks.one_export", file, *fields, **wanted)

    def sync(self, file: Path, **wanted: int) -> tuple[float, float]:
        """Sync a file in a process of its own; returns seconds and megabytes, once the counts are right."""
        return self._measured("benchmarks.one_sync", file, **wanted)

    def load(self, file: Path, what: str, **wanted: int) -> tuple[float, float]:
        """Apply the plan of a file, or import it, and take the time of the load alone, once the counts are right."""
        return self._measured("benchmarks.one_plan", file, what, **wanted)

    def undo(self, **wanted: int) -> tuple[float, float]:
        """Take the last run back in a process of its own; returns seconds and megabytes, once the counts are right."""
        return self._measured("benchmarks.one_undo", **wanted)

    def _measured(self, module: str, *words: str | Path, **wanted: int) -> tuple[float, float]:
        found = self._process(module, *words, **wanted)
        return found["seconds"], found["megabytes"]

    def _process(self, module: str, *words: str | Path, **wanted: int) -> dict[str, Any]:
        command = [sys.executable, "-m", module, self.url, *map(str, words)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command[2:])} failed:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)
        right = {name: found[name] for name in wanted}
        if right != wanted:
            sys.exit(f"{' '.join(command[2:])} gave {right}, not {wanted}")
        return found

    def measure(self, case: Case, once: Callable[[], tuple[float, float]], rival: Callable[[], float] | None) -> None:
        """Measure a case in turn with its rival."""
        self.say(case.name)
        for _ in range(self.times):
            if rival:
                case.rival.append(rival())
            seconds, megabytes = once()
            case.seconds.append(seconds)
            case.megabytes = max(case.megabytes, megabytes)
        self.cases.append(case)
        self.say(f"   {case.line()}")


def report(bench: Bench) -> str:
    """Return what was measured, with the machine."""
    with engine(bench.url).connect() as connection:
        version = connection.scalar(text("show server_version"))
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    measured = (
        f"By `make bench`: {os.cpu_count()} cores ({cpu}), {memory} GB, Python {platform.python_version()}, "
        f"PostgreSQL {version}, durable, on the same machine. Medians of {bench.times}; the rival is a bare COPY of "
        "the same file into an identical empty table, unless named."
    )
    head = "| case | rows | seconds | spread | µs a row | rival | ratio | bar | MB |"
    rule = "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- | ---: |"
    lines = ["# What was measured", "", measured, "", head, rule, *(case.line() for case in bench.cases), ""]
    return "\n".join(lines)


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
