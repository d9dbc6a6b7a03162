"""Exports as of a moment: what is written is what a snapshot of the table held then, whatever has happened since."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.pipelines import export_file
from schemas.errors import UsageError
from schemas.job_options.filters import parse
from schemas.jobs import ExportJob, UndoJob
from schemas.reports import Report
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.steps.undo import undo
from tests.laws import law
from tests.records import most
from tests.support import execute, importer, issues_of, stored, vpc, vpc_id, write_csv
from tests.waiting import wait_until

START = "2026-01-01"


def now(url: str) -> str:
    """A moment between two runs, by the database's clock."""
    [(moment,)] = execute(url, "select clock_timestamp()")
    # The clock counts microseconds: what comes next is not of this one.
    wait_until(lambda: execute(url, "select clock_timestamp() > :moment", moment=moment)[0][0])
    return str(moment.isoformat())


def exported(url: str, folder: Path, *, resource_type: str = "vpc", **options: Any) -> list[dict[str, Any]]:
    """The records of a file, with their lineage."""
    path = folder / "as-of.ndjson"
    job = ExportJob(resource_type=resource_type, path=path, lineage=True, **options)
    records = export_file(job, url, settings()).records
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == records
    return lines


def undo_of(url: str, report: Report, **options: Any) -> Report:
    """Undo a run."""
    return undo(UndoJob(run=UUID(report.run_id), **options), url, settings())


def test_records_as_they_were(database_url: str, tmp_path: Path) -> None:
    """Filters, order, fields and limits are asked of the records of then; a moment before the first run is unknown."""
    run = importer(database_url, tmp_path)
    before = now(database_url)
    run([vpc(1), vpc(2, name="two"), vpc(3, tags="")])
    then = now(database_url)
    run([vpc(1, name="new"), vpc(3, name="three"), vpc(4)])
    execute(database_url, "delete from vpc where name = 'two'")
    names = [record["name"] for record in exported(database_url, tmp_path, as_of=then)]
    assert names == ["net-1", "net-3"]
    where = parse("name eq net-3 and tags is null")
    found = exported(database_url, tmp_path, as_of=then, where=where, fields=("name",))
    assert [record["name"] for record in found] == ["net-3"]
    found = exported(database_url, tmp_path, as_of=then, sort=("-name",), limit=1)
    assert [record["name"] for record in found] == ["net-3"]
    assert exported(database_url, tmp_path, as_of=then, since=then) == []
    assert len(exported(database_url, tmp_path, since=then)) == 3
    assert len(exported(database_url, tmp_path, as_of="0m")) == 3
    with pytest.raises(UsageError, match="is not known: it is since 20"):
        exported(database_url, tmp_path, as_of=before)


def test_every_type(each_type_stored: str, tmp_path: Path) -> None:
    """Every kind of field and key is exported as it was: after an update, and after its record was taken back."""
    database_url = each_type_stored
    run = importer(database_url, tmp_path)
    for name, resource in RESOURCES.items():
        before, then = exported(database_url, tmp_path, resource_type=name), now(database_url)
        row = dict.fromkeys(resource.fields, "") | most(name)
        path = write_csv(tmp_path / "changed.csv", [row | {"description": "changed", "tags": "a=b"}])
        run(path, resource_type=name)
        [made] = {record["created_by_run"] for record in stored(database_url, name)}
        undo(UndoJob(run=made, force=True), database_url, settings())
        assert stored(database_url, name) == []
        assert exported(database_url, tmp_path, resource_type=name, as_of=then) == before


ROW = st.fixed_dictionaries(
    {"name": st.sampled_from(["", "a", "null", "ü"]), "tags": st.sampled_from(["", "a=b", "a=c,b=null"])},
    optional={"owner": st.sampled_from(["", "x"])},
)
ROWS = st.dictionaries(st.integers(1, 4), ROW, min_size=1, max_size=4)
STEP = st.tuples(st.sampled_from(["create", "update", "upsert"]), ROWS) | st.tuples(
    st.just("undo"), st.integers(0, 5), st.booleans()
)


@law(6)
@given(steps=st.lists(STEP, min_size=1, max_size=7))
def test_each_moment_is_its_snapshot(database_url: str, tmp_path: Path, steps: list[Any]) -> None:
    """Whatever is imported and taken back, in any order: as of each moment in between, the table is as it was."""
    execute(database_url, "truncate vpc, change, import_run")
    run = importer(database_url, tmp_path)
    done: list[Report] = [run([vpc(1)])]
    snapshots = [(now(database_url), exported(database_url, tmp_path))]
    for step in steps:
        if step[0] == "undo":
            _undone(database_url, done, step[1], force=step[2])
        else:
            rows = [vpc(n) | {"owner": ""} | row for n, row in step[1].items()]
            done.append(run(write_csv(tmp_path / "step.csv", rows), resource_type="vpc", mode=step[0]))
        snapshots.append((now(database_url), exported(database_url, tmp_path)))
    for moment, records in snapshots:
        assert exported(database_url, tmp_path, as_of=moment) == records


def _undone(url: str, done: list[Report], number: int, *, force: bool) -> None:
    try:
        done.append(undo_of(url, done[number % len(done)], force=force))
    except UsageError as error:
        assert "undone" in str(error)  # noqa: PT017  # what was taken back before is refused, and is no change


def test_what_can_not_be_known(database_url: str, tmp_path: Path) -> None:
    """A moment to come, one before the first run, one whose before-images are gone; each says so."""

    def refused(as_of: str, says: str) -> None:
        with pytest.raises(UsageError, match=says):
            exported(database_url, tmp_path, as_of=as_of)

    refused(START, "No run of vpc is known")
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    then = now(database_url)
    run([vpc(2)], dry_run=True)
    refused(START, "is not known: it is since 20")
    refused("2999-01-01", "is yet to come")
    refused("soon", "is not a time")
    update = run([vpc(1, name="new")])
    assert len(exported(database_url, tmp_path, as_of=then)) == 1
    execute(database_url, "delete from vpc_before where changed_by_run = :run", run=UUID(update.run_id))
    refused(then, "is not known: it is since 20")
    assert exported(database_url, tmp_path, as_of=now(database_url))[0]["name"] == "new"


def test_records_of_no_run(database_url: str, tmp_path: Path) -> None:
    """What somebody wrote into the table by hand is as old as it says, also once a run has changed it."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    first = now(database_url)
    insert = "insert into vpc (vpc_id, cidr_block, region, account_id) values (:id, '10.9.0.0/16', 'us-east-1', '1')"
    execute(database_url, insert, id=vpc_id(2))
    second = now(database_url)
    keys = [[record["vpc_id"] for record in exported(database_url, tmp_path, as_of=t)] for t in (first, second)]
    assert keys == [[vpc_id(1)], [vpc_id(1), vpc_id(2)]]
    assert run([vpc(2)]).counts.update == 1
    again = [[record["vpc_id"] for record in exported(database_url, tmp_path, as_of=t)] for t in (first, second)]
    assert again == keys


def test_a_run_of_several_types(database_url: str, tmp_path: Path) -> None:
    """It counts by its before-images and its records, and is one of each of its types."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    then = now(database_url)
    run([vpc(1, name="new"), vpc(2)])
    execute(database_url, """update import_run set resource_type = null, parts = '[{"resource_type": "vpc"}]'""")
    assert [record["name"] for record in exported(database_url, tmp_path, as_of=then)] == ["net-1"]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.xlsx", "a.parquet"])
def test_the_file_says_so(database_url: str, tmp_path: Path, name: str) -> None:
    """With metadata it tells of which moment it is, and an import warns; what was changed since is put back."""
    run = importer(database_url, tmp_path)
    run([vpc(1, name="old")])
    then = now(database_url)
    run([vpc(1, name="new")])
    job = ExportJob(resource_type="vpc", path=tmp_path / name, as_of=then, metadata=True)
    export_file(job, database_url, settings())
    report = run(tmp_path / name)
    [notice] = [notice for notice in report.notices if notice.rule == "as_of"]
    assert datetime.fromisoformat(then).astimezone(UTC).isoformat()[:19] in notice.message
    assert (report.counts.update, stored(database_url, "vpc")[0]["name"]) == (1, "old")
    assert issues_of(database_url, report) == []
