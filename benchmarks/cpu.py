"""CPU seconds of imports and undos, an old commit next to this tree: `python -m benchmarks.cpu COMMIT [ROWS]`.

On a machine that others share, seconds say little. This compares what the commands and PostgreSQL compute, and how much
write-ahead log is written, in turn for the commit and for this working tree. Only the command line of a commit is used,
so that any commit can be compared. Both have a database of their own in one server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url

from benchmarks import data
from benchmarks.bench import ROOT
from tasks.store.connection import embedded, roles
from tasks.store.connection.engine import engine

TIMES = 3

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figures:
    """What one command took: seconds, CPU seconds of its process and of PostgreSQL, MB of write-ahead log."""

    wall: float
    command: float
    postgres: float
    wal: float

    @property
    def cpu(self) -> float:
        """CPU seconds in all."""
        return self.command + self.postgres


class Server:
    """The server of both trees, seen by its superuser."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url).set(username=roles.SUPERUSER)
        self.connection = self.connect(self.url)
        backend = self.connection.scalar(text("select pg_backend_pid()"))
        self.process = int(_numbers(Path(f"/proc/{backend}/stat"))[1])

    def connect(self, url: URL) -> Connection:
        """Connect to a database of the server, each statement in a transaction of its own."""
        address = url.render_as_string(hide_password=False)
        return engine(address).connect().execution_options(isolation_level="AUTOCOMMIT")

    def cpu(self) -> float:
        """The CPU seconds of the server's processes, those that have ended included."""
        processes = [_numbers(each) for each in Path("/proc").glob("[0-9]*/stat")]
        own = [numbers for numbers in processes if numbers and self.process in (int(numbers[1]), int(numbers[-1]))]
        return sum(sum(map(int, numbers[11:15])) for numbers in own) / _TICKS

    def wal(self) -> int:
        """The bytes of write-ahead log written so far."""
        written = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        return int(self.connection.scalar(text(written)) or 0)


@dataclass
class Tree:
    """The code of one commit, its database, and what was measured."""

    folder: Path
    server: Server
    database: str
    home: Path
    figures: dict[str, list[Figures]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server.connection.execute(text(f"create database {self.database}"))
        url = self.server.url.set(database=self.database)
        self.connection = self.server.connect(url)
        address = url.render_as_string(hide_password=False)
        self.environment = os.environ | {"PYTHONPATH": str(self.folder), "CMDB_HOME": str(self.home)}
        self.environment |= {"CMDB_DATABASE_URL": address, "NO_COLOR": "1"}
        scripts = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
        module, _, function = scripts["cmdb"].partition(":")
        self.program = [sys.executable, "-c", f"from {module} import {function}; {function}()"]

    def run(self, *arguments: str | Path) -> Figures:
        """Run a command, with nothing left to do for the server before it; exits if it fails."""
        self.server.connection.execute(text("checkpoint"))
        postgres, wal, began = self.server.cpu(), self.server.wal(), time.perf_counter()
        command = [*self.program, *map(str, arguments)]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                output.seek(0)
                sys.exit(f"{self.folder}: {' '.join(command[2:])} failed:\n{output.read().decode()}")
        server = self.server.cpu() - postgres
        return Figures(wall, usage.ru_utime + usage.ru_stime, server, (self.server.wal() - wal) / 1e6)

    def measure(self, case: str, *arguments: str | Path) -> None:
        """Run a command and keep its figures."""
        self.figures.setdefault(case, []).append(self.run(*arguments))

    def load(self, file: Path, case: str = "") -> None:
        """Import a file, and keep the figures if the case has a name."""
        arguments = ("import", file, "--type", "vpc")
        self.measure(case, *arguments) if case else self.run(*arguments)

    def empty(self) -> None:
        """Empty all tables."""
        tables = "select string_agg(quote_ident(tablename), ', ') from pg_tables where schemaname = 'public'"
        names = self.connection.scalar(text(f"{tables} and tablename <> 'alembic_version'"))
        self.connection.execute(text(f"begin; set local cmdb.audit_retention = 'on'; truncate {names}; commit"))
        self.connection.execute(text("vacuum"))


def cases(tree: Tree, files: dict[str, Path]) -> None:
    """Run every case once with one tree."""
    tree.load(files["hundred"])  # The first makes the tables.
    tree.empty()
    tree.load(files["new"], "all new")
    tree.load(files["new"], "the same again")
    tree.load(files["percent"], "1 % changed")
    for name in ("half", "all"):
        tree.empty()
        tree.load(files["new"])
        tree.load(files[name], f"{name} changed")
        tree.measure(f"undo of {name} changed", "undo", "last")
    tree.empty()
    tree.load(files["new"])
    tree.measure("undo of all new", "undo", "last")
    tree.load(files["hundred"], "100 new rows")
    tree.measure("the list of runs", "runs")


def written(folder: Path, rows: int) -> dict[str, Path]:
    """Write the files of all cases."""
    frame, row = data.vpcs(rows), pl.int_range(pl.len())
    renamed = pl.col("name") + "-x"
    frames = {
        "new": frame,
        "percent": data.changed(frame),
        "half": frame.with_columns(name=pl.when(row % 2 == 0).then(renamed).otherwise(pl.col("name"))),
        "all": frame.with_columns(name=renamed),
        "hundred": data.vpcs(100, first=10 * rows),
    }
    return {name: data.write(each, folder / f"{name}.csv") for name, each in frames.items()}


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """Check out a commit next to this tree while this lasts."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", folder, commit], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", folder], check=True)


def table(old: Tree, new: Tree) -> Iterator[str]:
    """Give the lines of a Markdown table of medians, old → new."""
    yield "| case | seconds | CPU s | of PostgreSQL | WAL MB | CPU, new / old |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    picks: list[tuple[Callable[[Figures], float], str]] = [
        (lambda each: each.wall, ".2f"),
        (lambda each: each.cpu, ".2f"),
        (lambda each: each.postgres, ".2f"),
        (lambda each: each.wal, ".0f"),
    ]
    for case in new.figures:
        pairs = [[median(map(pick, tree.figures[case])) for tree in (old, new)] for pick, _ in picks]
        cells = [f"{pair[0]:{form}} → {pair[1]:{form}}" for pair, (_, form) in zip(pairs, picks, strict=True)]
        yield f"| {case} | {' | '.join(cells)} | {pairs[1][1] / pairs[1][0]:.2f} |"


def main(commit: str, rows: str = "200000") -> None:
    """Measure both in turn and print the table."""
    with tempfile.TemporaryDirectory(prefix="cmdb-cpu-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        # The superuser connects, too: it writes checkpoints between the commands.
        roles.ACCESS = f"{roles.ACCESS}local all {roles.SUPERUSER} trust\n"
        with checked_out(commit, folder / "tree") as checkout, embedded.server(folder) as url:
            server = Server(url)
            old, new = (
                Tree(at, server, f"bench_{side}", folder / f"home-{side}")
                for side, at in (("old", checkout), ("new", ROOT))
            )
            files = written(folder, int(rows))
            for turn in range(TIMES):
                for tree in (old, new):
                    sys.stderr.write(f"turn {turn + 1} of {TIMES}, {tree.database}\n")
                    cases(tree, files)
    sys.stdout.write(f"{int(rows):,} rows, medians of {TIMES}; {commit[:10]} → this tree\n\n")
    sys.stdout.write("\n".join([*table(old, new), ""]))


def _numbers(stat: Path) -> list[str]:
    """Return what follows the name of a process, and its id as the last; nothing if it has ended."""
    try:
        return [*stat.read_text().rpartition(")")[2].split(), stat.parent.name]
    except OSError:
        return []


if __name__ == "__main__":
    main(*sys.argv[1:])
