"""Loading: what thresholds, plans, limits and dry runs do, and that it may be tried again wherever it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import Transient
from schemas.issues import Severity
from schemas.jobs import ImportJob
from schemas.reports import Change, Counts, Progress, Report, Status, silent
from schemas.resources import resource
from schemas.settings import Settings, settings
from tasks.runtime.context import RunContext, open_run, report_of
from tasks.runtime.values import StagedShard
from tasks.steps.load import load as load_step
from tasks.steps.registry import PLAIN, validate_all
from tests.flows.support import at
from tests.support import execute, importer, issues_of, staging_tables, stored, vpc, vpc_id, with_settings, write_csv

BAD = vpc(9, cidr_block="10.0.0.0/99")
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cmdb' and pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class Ready:
    """A run of rows that are validated and staged."""

    run: RunContext
    staged: tuple[StagedShard, ...]

    @property
    def report(self) -> Report:
        """The run's report, once it has ended."""
        return report_of(self.run)


def load(ready: Ready) -> None:
    """Load what is staged."""
    load_step(ready.run, ready.staged)


@contextmanager
def ready(
    url: str,
    folder: Path,
    rows: list[dict[str, str]],
    progress: Progress = silent,
    used: Settings | None = None,
    **options: Any,
) -> Iterator[Ready]:
    """Give a run of rows that are validated and staged, and not loaded as yet."""
    job = ImportJob(path=write_csv(folder / "rows.csv", rows), **options)
    with open_run(job, url, used or settings(), progress) as run:
        yield Ready(run, validate_all(PLAIN, run, PLAIN.map(run, PLAIN.extract(run, job))))


def loaded(url: str, folder: Path, rows: list[dict[str, str]], **options: Any) -> Report:
    """Stage rows and load them."""
    with ready(url, folder, rows, **options) as run:
        load(run)
    return run.report


# Trying again ---------------------------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again(database_url: str, tmp_path: Path) -> None:
    """A retry after the commit finds the run completed, tells of no phase and writes nothing."""
    phases: list[str] = []

    def told(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        phases.append(phase)

    importer(database_url, tmp_path)([vpc(1)])
    with ready(database_url, tmp_path, [vpc(1, name="new"), vpc(2)], told) as run:
        load(run)
        before = stored(database_url, "vpc")
        phases.clear()
        load(run)
    assert (phases, stored(database_url, "vpc")) == ([], before)
    assert execute(database_url, "select count(*) from all_changes") == [(1,)]
    assert run.report.counts == Counts(read=2, create=1, update=1)


@pytest.mark.parametrize("phase", ["check", "plan", "apply"])
def test_a_connection_that_is_lost_on_the_way(database_url: str, tmp_path: Path, phase: str) -> None:
    """Nothing is changed and the fault passes; tried again, all is done and told once, the rejected rows too."""
    rows = [vpc(1, name="new"), vpc(2, cidr_block="10.0.1.0/25"), vpc(3), vpc(3, name="other"), BAD]
    importer(database_url, tmp_path)([vpc(1)])
    cuts: list[object] = []

    def cut() -> None:
        if not cuts:
            cuts.append(execute(database_url, CUT))

    progress = at(**{phase: cut})
    with ready(database_url, tmp_path, rows, progress) as run:
        with pytest.raises(Transient, match="connection to the database was lost"):
            load(run)
        assert [record["name"] for record in stored(database_url, "vpc")] == ["net-1"]
        load(run)
    assert run.report.counts == Counts(read=5, create=1, update=1, rejected=3, warnings=1)
    told = sorted((issue.row, issue.rule) for issue in issues_of(database_url, run.report))
    assert told == [(3, "overlap"), (4, "duplicate_key"), (5, "duplicate_key"), (6, "cidr")]
    assert {each.rule: each.count for each in run.report.rules} == {"overlap": 1, "duplicate_key": 2, "cidr": 1}
    assert execute(database_url, "select row from rejected_row order by row") == [(4,), (5,), (6,)]
    assert [record["name"] for record in stored(database_url, "vpc")] == ["new", "net-2"]


def test_staged_rows_that_are_lost(database_url: str, tmp_path: Path) -> None:
    """A server that crashes empties the staging table: it is told as what passes, and nothing is loaded of the rest."""

    def lose() -> None:
        with ready(database_url, tmp_path, [vpc(1), vpc(2)]) as run:
            table = f"cmdb_staging.{run.staged[0].staging.table.name}"
            execute(database_url, f"delete from {table} where row_number = 3")  # noqa: S608  # a name of ours
            load(run)

    with pytest.raises(Transient, match="lost the staged rows"):
        lose()
    assert stored(database_url, "vpc") == []
    assert execute(database_url, "select status from import_run") == [("failed",)]


# Thresholds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["a cell", "a key"])
def test_a_threshold_counts_what_each_step_rejects(database_url: str, tmp_path: Path, rule: str) -> None:
    """What validation rejects and what the rules over many records do, in a load as in its preview."""
    rows = [vpc(1), BAD, BAD] if rule == "a cell" else [vpc(1), vpc(2), vpc(2, name="other")]
    said = "2 of 3 rows are rejected; the limit is 1."
    dry = loaded(database_url, tmp_path, rows, max_errors="1", dry_run=True)
    assert (dry.status, dry.message, dry.counts) == (Status.COMPLETED, said, Counts(read=3, create=1, rejected=2))
    report = loaded(database_url, tmp_path, rows, max_errors="1")
    assert (report.status, report.message) == (Status.FAILED, f"{said} Nothing was changed.")
    # What it would have done is no count of what it did.
    assert (report.counts, stored(database_url, "vpc")) == (Counts(read=3, rejected=2), [])
    assert len(execute(database_url, "select 1 from rejected_row where run_id = :run", run=UUID(report.run_id))) == 2
    assert loaded(database_url, tmp_path, rows, max_errors="2").counts == Counts(read=3, create=1, rejected=2)


# What is kept ---------------------------------------------------------------------------------------------------------


def test_rejected_rows_are_kept_as_they_stood(database_url: str, tmp_path: Path) -> None:
    """With every cell of theirs, once, in a dry run too; rows that are merely warned of are not among them."""
    rows = [vpc(1, name=" x "), BAD | {"flavour": "=1+1"}, vpc(2, account_id="12345678901")]
    rows = [row | {"flavour": row.get("flavour", "")} for row in rows]
    for dry_run in (True, False):
        report = loaded(database_url, tmp_path, rows, dry_run=dry_run)
        kept = execute(database_url, "select row, data from rejected_row where run_id = :run", run=UUID(report.run_id))
        assert kept == [(3, BAD | {"flavour": "=1+1"})]


@pytest.mark.parametrize(("most", "kept"), [(0, 0), (2, 2), (3, 3), (9, 5)])
def test_issues_are_kept_up_to_a_limit_in_all(database_url: str, tmp_path: Path, most: int, kept: int) -> None:
    """Those of cells and those over many records together; the counts are of all, and errors are always kept."""
    rows = [vpc(1, account_id="12345678901"), vpc(2, account_id="12345678902"), vpc(3, account_id="12345678903")]
    rows += [vpc(number, cidr_block="10.9.0.0/24", account_id="") for number in (4, 5)]
    rows += [vpc(number, cidr_block="10.8.0.0/24") for number in (6, 7)]
    report = loaded(database_url, tmp_path, [*rows, BAD], used=with_settings(max_issues=most))
    found = issues_of(database_url, report)
    assert [issue.rule for issue in found if issue.severity is Severity.ERROR] == ["cidr"]
    assert len(found) == 1 + kept
    assert (report.counts.repairs, report.counts.warnings, report.counts.rejected) == (3, 2, 1)


def test_the_phases_are_reported_with_their_totals(database_url: str, tmp_path: Path) -> None:
    """Whoever watches sees what is checked, planned and applied, how much of it, and how many rows are rejected."""
    told: list[tuple[str, int, int | None, int]] = []

    def progress(phase: str, done: int, total: int | None, rejected: int = 0) -> None:
        told.append((phase, done, total, rejected))

    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    with ready(database_url, tmp_path, [vpc(1, name="new"), vpc(2), vpc(3), BAD], progress) as run:
        told.clear()
        load(run)
    assert told == [("check", 0, None, 0), ("plan", 0, 3, 1), ("apply", 0, 2, 0), ("done", 4, 4, 1)]


# A dry run ------------------------------------------------------------------------------------------------------------


def test_a_dry_run_holds_nobody_up(database_url: str, tmp_path: Path) -> None:
    """It waits for no run that writes, and shows as many changes and samples as are asked for."""
    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    rows = [vpc(number, name="new") for number in range(1, 6)]
    with (
        ready(database_url, tmp_path, [vpc(1), vpc(9)]) as writing,
        ready(database_url, tmp_path, rows, used=with_settings(samples=3), dry_run=True) as run,
    ):
        writing.run.lock_types([resource("vpc")])
        load(run)
        load(writing)
    report = run.report
    assert report.counts == Counts(read=5, create=3, update=2)
    assert report.changes[:2] == (
        Change(vpc_id(1), "update", 2, {"name": ("net-1", "new")}, "vpc"),
        Change(vpc_id(2), "update", 3, {"name": ("net-2", "new")}, "vpc"),
    )
    assert [(new.action, new.row) for new in report.changes[2:]] == [("create", 4)]
    assert [sample["vpc_id"] for sample in report.samples] == [vpc_id(1), vpc_id(2), vpc_id(3)]
    assert [record["name"] for record in stored(database_url, "vpc")] == ["net-1", "net-2", "net-9"]
    assert staging_tables(database_url) == []


def test_a_load_shows_neither_changes_nor_samples(database_url: str, tmp_path: Path) -> None:
    """They are for those who are still to decide."""
    report = loaded(database_url, tmp_path, [vpc(1)])
    assert (report.changes, report.samples, report.plan) == ((), (), None)
    kept = loaded(database_url, tmp_path, [vpc(1, name="new")], dry_run=True, keep_plan=True)
    assert (len(kept.changes), len(kept.samples), kept.plan is None) == (1, 1, False)
