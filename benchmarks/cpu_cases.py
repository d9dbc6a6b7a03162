"""The cases of `benchmarks.cpu` with the code of one tree, which is on the path; prints their figures as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks import data
from flows.pipelines import import_file
from schemas.jobs import ImportJob, UndoJob
from schemas.model.tables import METADATA
from schemas.settings import settings
from tasks.steps.undo import undo
from tasks.store import ledger
from tasks.store.connection import embedded, roles
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import upgrade

_TICKS = os.sysconf("SC_CLK_TCK")


class Cases:
    """One server, and what was measured on it."""

    def __init__(self, url: str, folder: Path, rows: int) -> None:
        self.url = url
        self.figures: dict[str, dict[str, float]] = {}
        superuser = make_url(url).set(username=roles.SUPERUSER).render_as_string(hide_password=False)
        self.side = engine(superuser).connect().execution_options(isolation_level="AUTOCOMMIT")
        backend = self.side.scalar(text("select pg_backend_pid()"))
        self.server = int(_numbers(Path(f"/proc/{backend}/stat"))[1])
        frame, row = data.vpcs(rows), pl.int_range(pl.len())
        half = pl.when(row % 2 == 0).then(pl.col("name") + "-x").otherwise(pl.col("name"))
        frames = {
            "new": frame,
            "1 %": data.changed(frame),
            "half": frame.with_columns(name=half),
            "all": frame.with_columns(name=pl.col("name") + "-x"),
            "hundred": data.vpcs(100, first=10 * rows),
        }
        self.files = {name: data.write(each, folder / f"{name[:3].strip()}.csv") for name, each in frames.items()}

    def run(self) -> None:
        """Measure all cases."""
        self.load("hundred")  # warm
        self.empty()
        self.measure("all new", lambda: self.load("new"))
        self.measure("the same again", lambda: self.load("new"))
        self.measure("1 % changed", lambda: self.load("1 %"))
        for name in ("half", "all"):
            self.empty()
            self.load("new")
            self.measure(f"{name} changed", lambda name=name: self.load(name))  # type: ignore[misc]
            self.measure(f"undo of {name} changed", self.undo)
        self.empty()
        self.load("new")
        self.measure("undo of all new", self.undo)
        self.measure("100 new rows", lambda: self.load("hundred"))

    def measure(self, case: str, call: Callable[[], Any]) -> None:
        """Measure one case, with nothing left to do for the server before it."""
        self.side.execute(text("checkpoint"))
        python, postgres, wal = time.process_time(), self._postgres(), self._wal()
        call()
        self.figures[case] = {
            "python": time.process_time() - python,
            "postgres": self._postgres() - postgres,
            "wal": (self._wal() - wal) / 1e6,
        }

    def load(self, name: str) -> None:
        """Import a file."""
        import_file(ImportJob(path=self.files[name], resource_type="vpc"), self.url, settings())

    def undo(self) -> None:
        """Undo the last run."""
        with engine(self.url).connect() as connection:
            last = ledger.find_run(connection, "last")
        undo(UndoJob(run=last), self.url, settings())

    def empty(self) -> None:
        """Empty all tables."""
        names = ", ".join(f'"{table.name}"' for table in METADATA.sorted_tables)
        self.side.execute(text(f"begin; set local cmdb.audit_retention = 'on'; truncate {names}; commit"))

    def _postgres(self) -> float:
        """The CPU seconds of the server's processes, those that have ended included."""
        processes = [_numbers(each) for each in Path("/proc").glob("[0-9]*/stat")]
        own = [numbers for numbers in processes if numbers and self.server in (int(numbers[1]), int(numbers[-1]))]
        return sum(sum(map(int, numbers[11:15])) for numbers in own) / _TICKS

    def _wal(self) -> int:
        return int(self.side.scalar(text("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")) or 0)


def _numbers(stat: Path) -> list[str]:
    """Return what follows the name of a process, and its id as the last; nothing if it has ended."""
    try:
        return [*stat.read_text().rpartition(")")[2].split(), stat.parent.name]
    except OSError:
        return []


def main(rows: int) -> None:
    """Run the cases on a server of their own."""
    with tempfile.TemporaryDirectory(prefix="cmdb-cpu-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        os.environ["CMDB_HOME"] = str(folder / "home")
        # The superuser may come in, too: it writes checkpoints between the measurements.
        roles.ACCESS = f"{roles.ACCESS}local all {roles.SUPERUSER} trust\n"
        with embedded.server(folder) as url:
            upgrade(engine(url))
            cases = Cases(url, folder, rows)
            cases.run()
            sys.stdout.write(json.dumps(cases.figures))


if __name__ == "__main__":
    main(int(sys.argv[1]))
