"""Shards: however a source is cut, and whoever validates its parts, the run ends as it does in one piece."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from flows.pipelines import import_file, sync_source
from schemas.errors import Cancelled, Transient
from schemas.jobs import ImportJob, SyncJob
from schemas.reports import Outcome
from schemas.settings import Settings, settings
from tasks.formats.csv import chunks
from tasks.formats.json import lines
from tasks.formats.parquet import reader
from tasks.runtime.context import RunContext, RunRequest, open_run, open_worker, report_of
from tasks.runtime.values import MappedSource, Shard, StagedShard
from tasks.steps import shards as cutting
from tasks.steps.registry import PLAIN
from tasks.steps.shards import shards
from tasks.store.connection.engine import engine
from tasks.store.connection.session import interrupt
from tests.flows.support import End, end_of, forget_everything
from tests.laws import law
from tests.support import execute, importer, vpc, with_settings, write_csv
from tests.waiting import wait_until

RULES = """import polars as pl
from schemas.custom import rule

@rule("vpc", fields=("name",), message="the name '{name}' is too plain", severity="warning")
def plain_name() -> pl.Expr:
    return pl.col("name").str.starts_with("plain")
"""

HEADER = ",".join(vpc(0))
CHUNK = 128

# Each kind of row in a file, by its number: sound, with a warning, a repair or an error, twice, or no record at all.
KINDS: dict[str, Callable[[int], str]] = {
    "sound": lambda n: line(vpc(n)),
    "changed": lambda n: line(vpc(n % 3, name="changed")),
    "warning": lambda n: line(vpc(n, name="plain")),
    "repair": lambda n: line(vpc(n, account_id="12345678901")),
    "error": lambda n: line(vpc(n, cidr_block="10.0.0.0/99")),
    "same key": lambda n: line(vpc(77, name=f"net-{n}")),
    "overlap": lambda n: line(vpc(n, cidr_block="10.200.0.0/16")),
    "quoted": lambda n: line(vpc(n, name=f'"net, {n}"')),
    "blank": lambda _: ",,,,,,",
    "ragged": lambda n: f"{line(vpc(n))},more",
    "header": lambda _: HEADER,
    "comment": lambda _: "# by hand",
}


def line(row: dict[str, str]) -> str:
    """Return a row as a line of a file."""
    return ",".join(row.values())


def write(path: Path, kinds: Sequence[str]) -> Path:
    """Write a file of rows of these kinds."""
    path.write_text("\n".join([HEADER, *(KINDS[kind](number) for number, kind in enumerate(kinds))]) + "\n")
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Cut files into chunks of a few lines, and sources into shards of so many rows."""
    monkeypatch.setattr(chunks, "_CHUNK", CHUNK)
    monkeypatch.setattr(lines, "_CHUNK", 1)
    return lambda rows: monkeypatch.setattr(cutting, "SHARD_ROWS", rows)


def mapped(run: RunContext, job: ImportJob) -> tuple[MappedSource, ...]:
    """Return the mapped sources of a job."""
    return PLAIN.map(run, PLAIN.extract(run, job))


# However it is cut ----------------------------------------------------------------------------------------------------


@law(12, shrink=False)
@given(kinds=st.lists(st.sampled_from([*KINDS]), min_size=4, max_size=30), most=st.sampled_from([0, 2, 100]))
def test_one_two_and_many_shards_end_alike(
    database_url: str, tmp_path: Path, small: Callable[[int], None], kinds: list[str], most: int
) -> None:
    """Records, counts, issues, their limit, rejected rows and changes are the same, wherever the cuts are."""
    (tmp_path / "rules.py").write_text(RULES)
    used = with_settings(rules=(str(tmp_path / "rules.py"),), max_issues=most)
    path = write(tmp_path / "vpcs.csv", kinds)
    ends = {rows: ended(database_url, tmp_path, path, used, small, rows) for rows in (10**6, len(kinds) // 2, 1)}
    assert ends[len(kinds) // 2] == ends[10**6]
    assert ends[1] == ends[10**6]


def ended(url: str, folder: Path, path: Path, used: Settings, small: Callable[[int], None], rows: int) -> End:
    """Import a file into a database of three VPCs, in shards of so many rows."""
    forget_everything(url)
    importer(url, folder)([vpc(0), vpc(1), vpc(2)])
    small(rows)
    return end_of(url, import_file(ImportJob(path=path, resource_type="vpc"), url, used))


def test_how_a_file_is_cut(database_url: str, tmp_path: Path, small: Callable[[int], None]) -> None:
    """Each row is in one shard, which reads no other part of the file; a small file is one shard."""
    path = write(tmp_path / "vpcs.csv", ["sound", "error"] * 10)
    with open_run(job := ImportJob(path=path), database_url, settings()) as run:
        [whole] = shards(mapped(run, job))
        assert whole.is_whole
        small(4)
        cut = shards(mapped(run, job))
        numbers = [rows_of(shard) for shard in cut]
        assert [row for rows in numbers for row in rows] == list(range(2, 22))
        assert len(cut) > 3
        assert all(len(rows) >= 4 for rows in numbers[1:-1])
        content = path.read_bytes()
        path.write_bytes(b"\0" * (len(content) // 2) + content[len(content) // 2 :])
        assert rows_of(cut[-1]) == numbers[-1]
        run.close(Outcome.CANCELLED)


def rows_of(shard: Shard) -> list[int]:
    """Return the numbers of a shard's rows."""
    assert shard.extracted
    return shard.extracted.frame.collect()["__row__"].to_list()


LINES_IN_FIELDS = "\n".join([HEADER, *(line(vpc(n, name='"a\n"')) for n in range(9)), ""])
DOCUMENT = json.dumps([vpc(n) for n in range(9)])


@pytest.mark.parametrize(("name", "content"), [("lines.csv", LINES_IN_FIELDS), ("rows.json", DOCUMENT)])
def test_what_cannot_be_cut_is_one_shard(
    database_url: str, tmp_path: Path, small: Callable[[int], None], name: str, content: str
) -> None:
    """Where a record begins is known only to whoever has read all before."""
    small(1)
    path = tmp_path / name
    path.write_text(content)
    with open_run(job := ImportJob(path=path, resource_type="vpc"), database_url, settings()) as run:
        [shard] = shards(mapped(run, job))
        assert shard.is_whole
        run.close(Outcome.CANCELLED)


def test_parquet_is_cut_between_rows(
    database_url: str, tmp_path: Path, small: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its row groups, too; lists and objects are texts, and a cell that is too long rejects its row."""
    rows = [vpc(number, cidr_block=f"10.0.{number}.0/{24 if number % 3 else 99}") for number in range(40)]
    rows[7] |= {"name": "n" * 70}
    rows += [rows[1], rows[2] | {"name": "other"}]
    frame = pl.DataFrame(rows).with_columns(
        tags=pl.Series([["a", "b"]] * len(rows)), note=pl.struct(x="name"), since=pl.lit(date(2026, 1, 2))
    )
    path = tmp_path / "vpcs.parquet"
    frame.write_parquet(path, row_group_size=16)
    monkeypatch.setattr(reader, "_BATCH", 5)
    used = with_settings(max_cell_chars=60)
    whole = ended(database_url, tmp_path, path, used, small, 10**6)
    assert whole.report.counts.rejected > 10
    assert ended(database_url, tmp_path, path, used, small, 1) == whole
    with open_run(job := ImportJob(path=path), database_url, used) as run:
        assert [rows_of(shard) for shard in shards(mapped(run, job))] == [
            list(range(first, min(first + 5, 43))) for first in range(1, 43, 5)
        ]
        run.close(Outcome.CANCELLED)


LINES: list[Callable[[int], str]] = [
    lambda n: json.dumps(vpc(n)),
    lambda n: json.dumps(vpc(n, account_id="12345678901") | {"asn": 2**60 + n, "flag": True}),
    lambda n: json.dumps(vpc(n) | {"tags": {"Owner": "me"}, "place": {"floor": n}}),
    lambda n: json.dumps({"vpc_id": vpc(n)["vpc_id"], "cidr_block": "10.0.0.0/99", "name": "n" * 70}),
    lambda n: json.dumps(vpc(n % 3, name="changed")),
    lambda _: "",
    lambda _: "[1, 2",
]
"""Each kind of line in a file, by its number: flat, with a repair, nested, rejected, changed, blank, broken."""


def write_lines(path: Path, lines: int) -> Path:
    """Write a file of lines of each kind."""
    path.write_text("\n".join(LINES[n % len(LINES)](n) for n in range(lines)) + "\n")
    return path


@pytest.mark.parametrize("kept", [True, False])
def test_lines_of_json_are_cut_between_them(
    database_url: str, tmp_path: Path, small: Callable[[int], None], kept: bool
) -> None:
    """Whatever members they have; also where what was kept of the first reading is not to be seen."""
    used = with_settings(max_cell_chars=60)
    path = write_lines(tmp_path / "vpcs.ndjson", 42)
    whole = ended(database_url, tmp_path, path, used, small, 10**6)
    assert (whole.report.counts.rejected, whole.report.counts.repairs) == (21, 6)
    titles: list[str] = []

    def validate(run: RunContext, shard: Shard) -> StagedShard:
        titles.append(shard.title)
        for file in [] if kept else run.workdir.glob("records-*.arrow"):
            file.unlink()
        return PLAIN.validate(run, pickle.loads(pickle.dumps(shard)))  # noqa: S301  # our own

    steps = replace(PLAIN, validate=validate)
    for rows, cut in ((30, 2), (1, 42)):
        forget_everything(database_url)
        importer(database_url, tmp_path)([vpc(0), vpc(1), vpc(2)])
        small(rows)
        titles.clear()
        job = ImportJob(path=path, resource_type="vpc")
        assert end_of(database_url, import_file(job, database_url, used, steps=steps)) == whole
        assert len(titles) == cut


def test_files_of_one_type_are_cut_between_them(
    database_url: str, tmp_path: Path, small: Callable[[int], None]
) -> None:
    """Also where their columns differ and a cell is a spreadsheet's formula; what is passed on can be pickled."""
    source = tmp_path / "source"
    source.mkdir()
    write(source / "1.csv", [*KINDS] * 2)
    write_csv(source / "2.csv", [vpc(100), vpc(77, name="other"), vpc(101, name='="00045"')])
    write_csv(source / "3.csv", [vpc(number, owner="me") for number in (102, 103)])
    titles: list[str] = []

    def validate(run: RunContext, shard: Shard) -> StagedShard:
        titles.append(shard.title)
        return PLAIN.validate(run, pickle.loads(pickle.dumps(shard)))  # noqa: S301  # our own

    def synced(rows: int) -> End:
        forget_everything(database_url)
        titles.clear()
        small(rows)
        steps = replace(PLAIN, validate=validate)
        job = SyncJob(url=f"file://{source}/", resource_type="vpc")
        return end_of(database_url, sync_source(job, database_url, settings(), steps=steps))

    whole = synced(10**6)
    assert titles == ["vpc"]
    assert whole.report.counts.create > 5
    assert synced(1) == whole
    assert len(titles) > 10
    assert titles[0].startswith("vpc, rows 0 to ")
    assert titles[-1].endswith(" to end")


# Whoever validates it -------------------------------------------------------------------------------------------------


def validated(request: RunRequest, shard: Shard) -> tuple[int, StagedShard]:
    """Validate a shard in this process; returns which it is, and what is staged."""
    with open_worker(request) as worker:
        return os.getpid(), PLAIN.validate(worker, shard)


@pytest.mark.parametrize("name", ["vpcs.csv", "vpcs.ndjson"])
def test_two_processes_do_what_one_does(
    database_url: str, tmp_path: Path, small: Callable[[int], None], name: str
) -> None:
    """Over their own connections: tables, report, issues, rejected rows and changes are the same."""
    (tmp_path / "rules.py").write_text(RULES)
    used = with_settings(rules=(str(tmp_path / "rules.py"),), max_issues=3)
    path = tmp_path / name
    path = write_lines(path, 42) if path.suffix == ".ndjson" else write(path, [*KINDS] * 6)
    alone = ended(database_url, tmp_path, path, used, small, 10**6)
    assert alone.report.counts.rejected
    forget_everything(database_url)
    importer(database_url, tmp_path)([vpc(0), vpc(1), vpc(2)])
    small(5)
    job = ImportJob(path=path, resource_type="vpc")
    with open_run(job, database_url, used) as run, ProcessPoolExecutor(2, get_context("spawn")) as pool:
        sources = mapped(run, job)
        # What another machine would not have.
        for kept in run.workdir.iterdir():
            kept.unlink()
        run.lock_types(source.resource for source in sources)
        cut = shards(sources)
        assert len(cut) > 4
        done = list(pool.map(partial(validated, run.request), cut))
        PLAIN.load(run, tuple(staged for _, staged in done))
    processes = {process for process, _ in done}
    assert os.getpid() not in processes
    assert len(processes) == 2
    assert end_of(database_url, report_of(run)) == alone


def test_a_shard_is_staged_once(database_url: str, tmp_path: Path, small: Callable[[int], None]) -> None:
    """Validated again, as by a worker that was thought lost, it is counted alike and nothing is staged twice."""
    path = write(tmp_path / "vpcs.csv", [*KINDS])
    small(4)
    with open_run(job := ImportJob(path=path, resource_type="vpc"), database_url, settings()) as run:
        cut = shards(mapped(run, job))
        first = [PLAIN.validate(run, shard) for shard in cut]
        again = [PLAIN.validate(run, pickle.loads(pickle.dumps(shard))) for shard in cut]  # noqa: S301  # our own
        assert [(each.tally, each.staging) for each in again] == [(each.tally, each.staging) for each in first]
        result = PLAIN.load(run, tuple(again))
    assert execute(database_url, "select count(*) from vpc") == [(result.counts.create,)]
    assert (report_of(run).counts, result.counts.read) == (result.counts, 9)


# Workers and their run ------------------------------------------------------------------------------------------------


def test_a_cancel_reaches_the_workers(database_url: str, tmp_path: Path) -> None:
    """The statement that a worker waits for ends, as does that of the run itself."""
    job = ImportJob(path=write_csv(tmp_path / "vpcs.csv", [vpc(1)]))
    waiting = "select 1 from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'"

    def wait(request: RunRequest) -> None:
        with open_worker(request) as worker, worker.session.transaction() as connection:
            connection.execute(text("select pg_sleep(600)"))

    with open_run(job, database_url, settings()) as run, ThreadPoolExecutor(1) as pool:
        worker = pool.submit(wait, run.request)
        wait_until(lambda: execute(database_url, waiting))
        with engine(database_url).begin() as connection:
            assert interrupt(connection, run.run_id)
        with pytest.raises(Cancelled):
            worker.result()
        run.close(Outcome.CANCELLED)


def test_a_worker_needs_its_run(database_url: str, tmp_path: Path) -> None:
    """Without the run, or without its lock of the type that is written, nothing is staged."""
    job = ImportJob(path=write_csv(tmp_path / "vpcs.csv", [vpc(1)]))
    with open_run(job, database_url, settings()) as run:
        [shard] = shards(mapped(run, job))
        with pytest.raises(Transient, match="does not hold the lock of vpc"):
            validated(run.request, shard)
        run.lock_types([shard.source.resource])
        assert validated(run.request, shard)[1].tally.read == 1
        run.close(Outcome.CANCELLED)
    with pytest.raises(Cancelled, match="The run has ended"):
        validated(run.request, shard)
