"""Unchanged rows: nothing is written of them, and the run ends as if they had been staged, whoever else writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from benchmarks import data
from schemas.errors import Transient
from schemas.jobs import ImportJob
from schemas.model.tables import TABLES
from schemas.phases import Phase
from schemas.reports import Counts, Progress
from schemas.settings import settings
from schemas.sources import ROW
from tasks.runtime.context import open_run, report_of
from tasks.steps import shards as cutting
from tasks.steps.load import load
from tasks.steps.registry import PLAIN
from tasks.store.connection.copy import copy_frame
from tasks.store.connection.engine import engine
from tasks.store.connection.session import Session
from tasks.store.staging import unchanged
from tasks.store.staging.spool import Spool
from tasks.store.staging.unchanged import stage_differing
from tests.flows.support import End, end_of, forget_everything
from tests.laws import law
from tests.support import execute, importer, vpc, vpc_id
from tests.tasks.staged import empty_staging, typed
from tests.waiting import wait_until

ROWS = 12_000

WRITTEN = """select coalesce(sum(pg_relation_size(oid)), 0)::bigint from pg_class
where relnamespace = 'cmdb_staging'::regnamespace and relname ~ '_0$'"""
"""The bytes of all rows that are staged, committed or not."""

WAITS = "select 1 from pg_locks where not granted and relation = cast('vpc' as regclass)"


def during(entered: Phase, call: Callable[[], None]) -> Progress:
    """Return progress that calls once, when a run enters a phase."""
    left = [call]

    def progress(phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # as in Progress
        if phase is entered and left:
            left.pop()()

    return progress


@pytest.fixture
def own_table(database_url: str) -> Iterator[None]:
    """Keep the server from vacuuming the table meanwhile: a run does not wait for that, and would stage all rows."""
    execute(database_url, "alter table vpc set (autovacuum_enabled = off)")
    yield
    execute(database_url, "alter table vpc reset (autovacuum_enabled)")


@pytest.fixture
def stored_file(database_url: str, tmp_path: Path, own_table: None) -> Path:  # noqa: ARG001  # it comes first
    """A file of which every row is stored as it is."""
    path = data.write(data.vpcs(ROWS), tmp_path / "vpcs.csv")
    assert importer(database_url, tmp_path)(path).counts.create == ROWS
    return path


# What is written ------------------------------------------------------------------------------------------------------


def test_unchanged_rows_are_not_staged(database_url: str, tmp_path: Path, stored_file: Path) -> None:
    """A file that is imported again stages nothing, and one of which a few rows changed stages those."""
    sizes: list[int] = []
    progress = during(Phase.PLAN, lambda: sizes.extend(size for (size,) in execute(database_url, WRITTEN)))
    run = importer(database_url, tmp_path)
    assert run(stored_file, progress).counts == Counts(read=ROWS, unchanged=ROWS)
    frame = data.vpcs(ROWS + 5)
    name = pl.when(pl.int_range(pl.len()) < 7).then(pl.lit("other")).otherwise("name")
    changed = data.write(frame.with_columns(name=name), tmp_path / "changed.csv")
    progress_of_changed = during(Phase.PLAN, lambda: sizes.extend(size for (size,) in execute(database_url, WRITTEN)))
    assert run(changed, progress_of_changed).counts == Counts(read=ROWS + 5, create=5, update=7, unchanged=ROWS - 7)
    assert sizes == [0, 8192]


# Texts ----------------------------------------------------------------------------------------------------------------

TEXTS = [None, "", "a", "\\N", "\\", "\t", "a\tb", "a\\tb", "\n", "\\n", "x\x01", "é\u2028", '"', ","]
FLAGS = [None, True, False]
BLOCKS = [None, [], ["10.1.0.0/16"], ["10.1.0.0/16", "10.2.0.0/16"]]


@pytest.mark.usefixtures("own_table")
def test_no_two_records_have_the_same_text(database_url: str, tmp_path: Path) -> None:
    """Whatever texts two records have, a row that differs is staged; one without escapes that is equal is not."""
    fields = ("vpc_id", "name", "cidr_block", "owner", "enable_dns_support", "secondary_cidr_blocks")
    others = ("name", "owner", "enable_dns_support", "secondary_cidr_blocks")
    values: list[tuple[Any, ...]] = [*product(TEXTS, TEXTS, [True], [None]), *product(["b"], ["b"], FLAGS, BLOCKS)]
    contents = [dict(zip(others, each, strict=True)) for each in values]
    pairs = [*product(range(len(contents)), repeat=2)]

    def frame(of: Callable[[int, int], int]) -> pl.DataFrame:
        keys = ({"vpc_id": vpc_id(n), "cidr_block": "10.0.0.0/16"} for n in range(len(pairs)))
        return typed("vpc", fields, [key | contents[of(*pair)] for key, pair in zip(keys, pairs, strict=True)])

    with Session(database_url, uuid4()) as session:
        spool = Spool(tmp_path / "spool")
        spool.open()
        with session.transaction() as connection:
            copy_frame(connection, TABLES["vpc"], frame(lambda there, _: there).drop(ROW))
            staging = empty_staging(session, tmp_path, fields)
            staging.create(connection)
            rows = frame(lambda _, new: new)
            staging = staging.add(connection, rows, rows.clear(), spool=spool).take_prefilter(connection)
            staging = stage_differing(connection, staging)
            query = text(f'select vpc_id from cmdb_staging."{staging.table.name}"')  # noqa: S608  # a name of ours
            staged = set(connection.scalars(query))
    left_out = {pair for n, pair in enumerate(pairs) if vpc_id(n) not in staged}
    plain = {n for n, each in enumerate(contents) if not {*"\\\t\n"} & {*(each["name"] or ""), *(each["owner"] or "")}}
    assert left_out == {(n, n) for n in plain}
    assert staging.unchanged == len(plain)


# The same end ---------------------------------------------------------------------------------------------------------

# Each kind of row, by its number: VPCs up to 20 are stored, number 5 is retired, and 6 was stored with odd texts.
KINDS: dict[str, Callable[[int], dict[str, str]]] = {
    "same": lambda n: row(n % 20),
    "changed": lambda n: row(n % 20, name="changed"),
    "emptied": lambda n: row(n % 20, name=""),
    "new": lambda n: row(100 + n),
    "moved": lambda n: row(n % 20, cidr_block=f"10.9.{n}.0/24"),
    "overlaps": lambda n: row(200 + n, cidr_block=f"10.0.{n % 20}.0/24"),
    "takes place": lambda n: row(n % 20, cidr_block=f"10.0.{(n + 1) % 20}.0/24"),
    "twice": lambda _: row(3),
    "twice, and changed": lambda _: row(3, name="changed"),
    "retired": lambda _: row(5),
    "odd": lambda _: row(6),
    "wrong": lambda n: row(n % 20, cidr_block="10.0.0.0/99"),
    "repaired": lambda n: row(n % 20, account_id="12345678901"),
}


def row(number: int, **changed: str) -> dict[str, str]:
    """Return a row of which COPY writes the same text as a file."""
    own = {"name": "a\\b"} if number == 6 else {}
    return {name: value for name, value in vpc(number, **(own | changed)).items() if name != "tags"}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Spool the rows of every file, however small, or of none."""

    def choose(spool: bool) -> None:  # the one thing that it says
        monkeypatch.setattr(unchanged, "LEAST_ROWS", 1 if spool else 10**9)
        monkeypatch.setattr(unchanged, "_SHARE", 0)
        monkeypatch.setattr(unchanged, "_MOST_STORED", 10**9)

    return choose


@law(15, shrink=False)
@given(
    kinds=st.lists(st.sampled_from([*KINDS]), min_size=1, max_size=25),
    shard=st.sampled_from([10**6, 6]),
    options=st.sampled_from([{}, {"mode": "update"}, {"empty": "keep"}]),
)
def test_a_run_ends_as_if_all_were_staged(
    database_url: str,
    tmp_path: Path,
    always: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
    kinds: list[str],
    shard: int,
    options: dict[str, str],
) -> None:
    """Records, counts, issues, rejected rows and changes are the same; so are rows of one key and shards."""
    monkeypatch.setattr(cutting, "SHARD_ROWS", shard)
    rows = [KINDS[kind](number) for number, kind in enumerate(kinds)]
    assert ended(database_url, tmp_path, rows, always, options, spool=True) == ended(
        database_url, tmp_path, rows, always, options, spool=False
    )


def ended(
    url: str,
    folder: Path,
    rows: Sequence[dict[str, str]],
    always: Callable[[bool], None],
    options: dict[str, str],
    *,
    spool: bool,
) -> End:
    """Import rows into a database of twenty VPCs, of which one is retired."""
    forget_everything(url)
    run = importer(url, folder)
    always(False)  # the one thing that it says
    run([row(number) for number in range(20)])
    execute(url, "update vpc set retired_at = now(), created_at = now() where vpc_id = :key", key=vpc_id(5))
    execute(
        url, "update vpc set created_at = 'epoch', updated_at = 'epoch', created_by_run = null, updated_by_run = null"
    )
    always(spool)
    return without_times(end_of(url, run(rows, resource_type="vpc", **options)))


def without_times(end: End) -> End:
    """Return what a run has left without what is its own: when it wrote a record, and its id."""
    own = ("created_at", "updated_at", "created_by_run", "updated_by_run", "retired_at")
    for records in end.records.values():
        for record in records:
            record |= {name: record[name] is None for name in own if name in record}
    return end


# Trying again ---------------------------------------------------------------------------------------------------------


def test_a_shard_that_is_validated_again(database_url: str, tmp_path: Path, stored_file: Path) -> None:
    """It is counted once, and its load may be tried again; rows that are missing are not taken for unchanged."""
    job = ImportJob(path=stored_file)
    with open_run(job, database_url, settings()) as run:
        [shard] = cutting.shards(PLAIN.map(run, PLAIN.extract(run, job)))
        first = PLAIN.validate(run, shard)
        assert first.staging.spooled == ROWS
        again = PLAIN.validate(run, shard)
        assert again == first
        [file] = again.staging.spools[0].folder.iterdir()
        file.rename(tmp_path / file.name)
        with pytest.raises(Transient, match="missing"):
            load(run, (again,))
        (tmp_path / file.name).rename(file)
        load(run, (again,))
    assert report_of(run).counts == Counts(read=ROWS, unchanged=ROWS)


# Others that write ----------------------------------------------------------------------------------------------------


def test_a_write_by_hand_after_the_comparison(database_url: str, tmp_path: Path, stored_file: Path) -> None:
    """It waits until the run has ended, so that what the report says was so; the next import finds it."""
    by_hand = "update vpc set name = 'by hand' where vpc_id = (select min(vpc_id) from vpc)"
    writer = Thread(target=execute, args=(database_url, by_hand))

    def write() -> None:
        writer.start()
        wait_until(lambda: execute(database_url, WAITS))

    run = importer(database_url, tmp_path)
    assert run(stored_file, during(Phase.CHECK, write)).counts == Counts(read=ROWS, unchanged=ROWS)
    writer.join()
    assert execute(database_url, "select count(*) from vpc where name = 'by hand'") == [(1,)]
    assert run(stored_file).counts == Counts(read=ROWS, update=1, unchanged=ROWS - 1)


def test_a_write_by_hand_that_is_not_committed(database_url: str, tmp_path: Path, stored_file: Path) -> None:
    """The run does not wait for it: it stages all rows and compares them as they are stored then."""
    sizes: list[int] = []
    progress = during(Phase.PLAN, lambda: sizes.extend(size for (size,) in execute(database_url, WRITTEN)))
    run = importer(database_url, tmp_path)
    with engine(database_url).begin() as other:
        other.execute(text("delete from vpc where vpc_id = (select min(vpc_id) from vpc)"))
        assert run(stored_file, progress).counts == Counts(read=ROWS, unchanged=ROWS)
    assert sizes[0] > ROWS * 100
    assert run(stored_file).counts == Counts(read=ROWS, create=1, unchanged=ROWS - 1)
