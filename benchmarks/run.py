"""Measure the import: `make bench`, or `make bench SMALL=1` in under a minute.

Every case runs in turn with its rival, a bare COPY of the same file into an identical empty table of the same server,
at least three times; a result is checked before its time is believed. Writes `benchmarks/results.md`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from benchmarks import data, peers
from schemas.tables import METADATA
from tasks.store.embedded import server
from tasks.store.engine import engine
from tasks.store.migrate import upgrade

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.md")


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

    def empty(self) -> None:
        """Start from empty tables, and a server that has nothing left to do."""
        self.execute(*(f'truncate "{table.name}"' for table in METADATA.sorted_tables), "vacuum", "checkpoint")

    def bare_copy(self, file: Path) -> float:
        """COPY a file into an empty table like `vpc`; returns the seconds until it is committed."""
        self.execute("drop table if exists bare", "create table bare (like vpc including all)", "checkpoint")
        columns = file.open(encoding="utf-8").readline().strip()
        with engine(self.url).connect() as connection, file.open("rb") as source:
            began = time.perf_counter()
            statement = f"copy bare ({columns}) from stdin with (format csv, header)"
            connection.connection.cursor().copy_expert(statement, source)
            connection.connection.commit()
            seconds = time.perf_counter() - began
            rows = connection.scalar(text("select count(*) from bare"))
        assert rows, file
        return seconds

    def run(self, file: Path, *, dry: bool = False, **wanted: int) -> tuple[float, float]:
        """Import a file in a process of its own; returns seconds and megabytes, once the counts are right."""
        command = [sys.executable, "-m", "benchmarks.one_import", self.url, str(file), *(["dry"] if dry else [])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the import of {file.name} failed:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout)
        right = {name: found[name] for name in wanted}
        if right != wanted:
            sys.exit(f"the import of {file.name} gave {right}, not {wanted}")
        return found["seconds"], found["megabytes"]

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


def against_copy(bench: Bench) -> None:
    """The four ways in which a file of CSV meets a table."""
    rows, folder = bench.rows, bench.folder
    frame = data.vpcs(rows)
    new = data.write(frame, folder / "new.csv")
    other = data.write(data.changed(frame), folder / "changed.csv")
    wrong = data.write(data.mistaken(frame), folder / "mistaken.csv")

    def copy() -> float:
        return bench.bare_copy(new)

    def all_new() -> tuple[float, float]:
        bench.empty()
        return bench.run(new, create=rows, rejected=0)

    def one_percent() -> tuple[float, float]:
        bench.empty()
        bench.run(new, create=rows)
        return bench.run(other, update=rows // 100, unchanged=rows - rows // 100)

    def rejected() -> tuple[float, float]:
        bench.empty()
        return bench.run(wrong, create=rows - rows // 100, rejected=rows // 100)

    def again() -> tuple[float, float]:
        return bench.run(new, unchanged=rows)

    def preview() -> tuple[float, float]:
        return bench.run(new, dry=True, create=rows)

    bench.measure(Case("all new", rows, "≤ 2.0, aim 1.5"), all_new, copy)
    bench.measure(Case("the same again", rows, "≤ 1.5, aim 1.0"), again, copy)
    bench.measure(Case("1 % changed", rows, "≤ 1.7, aim 1.2"), one_percent, copy)
    bench.measure(Case("1 % rejected", rows, "≤ 2.2, aim 1.6"), rejected, copy)
    bench.empty()
    bench.measure(Case("preview of the same file", rows), preview, None)


def _fresh(bench: Bench, file: Path, rows: int) -> tuple[float, float]:
    bench.empty()
    return bench.run(file, create=rows)


def _seconds(bench: Bench, file: Path, rows: int) -> float:
    return _fresh(bench, file, rows)[0]


def other_formats(bench: Bench) -> None:
    """NDJSON and Excel, against the CSV of the same rows."""
    for suffix, rows in (("ndjson", bench.rows), ("xlsx", min(bench.rows, 100_000))):
        frame = data.vpcs(rows)
        table = data.write(frame, bench.folder / "same.csv")
        file = data.write(frame, bench.folder / f"other.{suffix}")

        case = Case(f"{suffix} (rival: the same as CSV)", rows, "≤ 2.5, aim 1.5")
        bench.measure(case, partial(_fresh, bench, file, rows), partial(_seconds, bench, table, rows))


def growth(bench: Bench) -> None:
    """Time per row from a tenth of the rows to five times as many, and into a table that holds five times as many."""
    for rows in (bench.rows // 10, bench.rows * 5):
        file = data.write(data.vpcs(rows), bench.folder / f"grown-{rows}.csv")

        bench.measure(Case("all new", rows, "flat within 25 %"), partial(_fresh, bench, file, rows), None)
    more = data.write(data.vpcs(bench.rows, first=bench.rows * 5), bench.folder / "more.csv")

    def into_full() -> tuple[float, float]:
        bench.execute(f"delete from vpc where name >= 'network-{bench.rows * 5}' and length(name) >= 12", "vacuum vpc")
        return bench.run(more)

    bench.measure(Case("all new, beside five times as many records", bench.rows, "flat within 25 %"), into_full, None)


def against_peers(bench: Bench) -> None:
    """The same file, upserted by dlt and loaded by pgloader."""
    file = bench.folder / "new.csv"
    home = bench.folder / "peers"
    home.mkdir()
    fresh = partial(_fresh, bench, file, bench.rows)

    rivals = (("dlt, Arrow, upsert", peers.dlt, "dlt_bench.vpc"), ("pgloader", peers.pgloader, "peer"))
    for name, peer, table in rivals:
        bench.execute("drop table if exists peer", "create table peer (like vpc including all)")
        bench.say(name)
        seconds = peer(bench.url, file, home)
        if seconds is None:
            bench.say(f"   {name} is not to be had here")
            continue
        with engine(bench.url).connect() as connection:
            loaded = connection.scalar(text(f"select count(*) from {table}"))
        assert loaded == bench.rows, f"{name} loaded {loaded} rows"
        bench.measure(
            Case(f"all new (rival: {name})", bench.rows, "≤ 1/6, aim 1/12"),
            fresh,
            partial(float, seconds),
        )


def small_command(bench: Bench) -> None:
    """A hundred rows from the command line, set-up included."""
    file = data.write(data.vpcs(100), bench.folder / "hundred.csv")
    command = [str(Path(sys.executable).with_name("cmdb")), "import", str(file), "--json"]

    def once() -> tuple[float, float]:
        bench.empty()
        began = time.perf_counter()
        environment = os.environ | {"CMDB_DATABASE_URL": bench.url}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return time.perf_counter() - began, 0.0

    bench.measure(Case("100 rows by `cmdb import`, prompt to report", 100, "≤ 2.5 s"), once, None)


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


def main() -> None:
    """Run all cases and write the table."""
    small = bool(os.environ.get("SMALL"))
    with tempfile.TemporaryDirectory(prefix="cmdb-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        os.environ["CMDB_HOME"] = str(folder / "home")
        with server(folder) as url:
            upgrade(engine(url))
            bench = Bench(url, folder, 20_000 if small else 1_000_000, 1 if small else 3)
            parts = [against_copy, other_formats, small_command, *([] if small else [against_peers, growth])]
            for part in parts:
                part(bench)
                page = report(bench)
                if not small:
                    RESULTS.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
