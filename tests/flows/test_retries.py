"""A step that is tried again after a lost connection gives what a first attempt gives: records, ledger and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flows.pipelines import apply_plan, export_file, import_file, sync_source
from schemas.job_options.choices import Drift
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Counts, Report
from schemas.settings import settings
from tasks.steps.undo import undo
from tests.faults import Fault, faulty, retried, watched_calls
from tests.flows.support import End, end_of, forget_everything
from tests.support import importer, vpc, write_csv

BAD = vpc(9, cidr_block="10.0.0.0/99")

Case = Callable[[str, Path], Callable[[Fault], object]]
"""Prepares an empty database, with a folder for files; what it returns runs the steps, and returns all they leave."""


def imported(url: str, folder: Path) -> Callable[[Fault], End]:
    """An import that creates, updates, warns, repairs and rejects, with a column that is not known."""
    path = prepared(url, folder)
    return lambda fault: end_of(url, import_file(ImportJob(path=path), url, settings(), steps=faulty(fault)))


def prepared(url: str, folder: Path) -> Path:
    """Store two VPCs, and write the file that is imported."""
    rows = [vpc(1, name="new"), vpc(2, cidr_block="10.0.1.0/25"), vpc(3), vpc(3, name="other"), BAD, vpc(4)]
    rows += [vpc(5, account_id="12345678901")]
    importer(url, folder)([vpc(1), vpc(4)])
    return write_csv(folder / "new.csv", [row | {"flavour": "=1+1"} for row in rows])


def several(url: str, folder: Path) -> Callable[[Fault], End]:
    """An import of several files with a saved mapping, which it saves again."""
    paths = [write_csv(folder / f"{n}.csv", [{"net": vpc(n)["vpc_id"], "block": "10.0.0.0/16"}]) for n in (1, 2)]
    columns = {"net": "vpc_id", "block": "cidr_block"}
    importer(url, folder)(paths[0], resource_type="vpc", columns=columns, save_mapping="nets")
    job = ImportJob(path=paths[0], more=tuple(paths[1:]), mapping="nets", save_mapping="nets")
    return lambda fault: end_of(url, import_file(job, url, settings(), steps=faulty(fault)))


def synced(url: str, folder: Path) -> Callable[[Fault], End]:
    """A sync of a folder of which one file can't be copied and another can't be read."""
    source = folder / "source"
    if not source.exists():
        source.mkdir()
        write_csv(source / "1.csv", [vpc(1)])
        write_csv(source / "2.csv", [vpc(2)])
        (source / "3.csv").symlink_to(source / "nowhere.csv")
        (source / "4.csv").write_text("a,b\n1,2\n")
    importer(url, folder)([vpc(1, name="old"), vpc(7)])
    job = SyncJob(url=f"file://{source}/")
    return lambda fault: end_of(url, sync_source(job, url, settings(), steps=faulty(fault)))


def created(url: str, folder: Path) -> Callable[[Fault], End]:
    """An import that creates the records its rows refer to, of which it can't create some."""
    rows = [
        {"provider": "Colt", "cid": "1", "site_a": "Bonn", "site_z": "Ulm"},
        {"provider": "Colt", "cid": "2", "site_a": "Bonn", "site_z": "Bonne"},
        {"provider": "Colt", "cid": "1", "site_a": "Kiel", "site_z": "Ulm"},
    ]
    importer(url, folder)([{"name": "Bonn", "slug": "bonn"}], resource_type="site")
    path = write_csv(folder / "circuits.csv", rows)
    job = ImportJob(path=path, resource_type="circuit", create_missing=("site",))
    return lambda fault: end_of(url, import_file(job, url, settings(), steps=faulty(fault)))


def refused(url: str, folder: Path) -> Callable[[Fault], End]:
    """An import of which too many rows are rejected."""
    path = write_csv(folder / "new.csv", [vpc(1), vpc(2), vpc(2, name="other"), BAD])
    job = ImportJob(path=path, max_errors="1")
    return lambda fault: end_of(url, import_file(job, url, settings(), steps=faulty(fault)))


def planned(url: str, folder: Path) -> Report:
    """Plan an import, after which one of the records is changed."""
    run = importer(url, folder)
    run([vpc(1), vpc(2)])
    report = run([vpc(1, name="new"), vpc(2, name="new"), vpc(3)], dry_run=True, keep_plan=True)
    run([vpc(2, name="moved")])
    return report


def applied(url: str, folder: Path) -> Callable[[Fault], End]:
    """A plan that is applied without the record that was changed."""
    job = ApplyJob(plan=UUID(planned(url, folder).run_id), moved=Drift.SKIP)
    return lambda fault: end_of(url, apply_plan(job, url, settings(), steps=faulty(fault)))


def drifted(url: str, folder: Path) -> Callable[[Fault], End]:
    """A plan that is not applied, as a record was changed."""
    job = ApplyJob(plan=UUID(planned(url, folder).run_id))
    return lambda fault: end_of(url, apply_plan(job, url, settings(), steps=faulty(fault)))


def undone(url: str, folder: Path) -> Callable[[Fault], End]:
    """An undo of an import."""
    report = import_file(ImportJob(path=prepared(url, folder)), url, settings())
    job, run_id = UndoJob(run=UUID(report.run_id)), uuid4()

    def carry_out(fault: Fault) -> End:
        end = end_of(url, retried(fault, undo)(job, url, settings(), run_id=run_id))
        assert end.report.counts.read == 3
        return replace(end, report=replace(end.report, source="", message=None))

    return carry_out


def exported(url: str, folder: Path) -> Callable[[Fault], object]:
    """An export of what was there earlier, with a saved mapping; it is one step, as its frames can be read once."""
    several(url, folder)
    path = folder / "exported" / "vpcs.csv"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    job = ExportJob(resource_type="vpc", path=path, mapping="nets", as_of=datetime.now(UTC).isoformat())

    def carry_out(fault: Fault) -> object:
        done = retried(fault, export_file)(job, url, settings())
        assert done.records == 1
        assert not [*settings().temporary.iterdir()]
        return replace(done, run_id="", duration=0.0), path.read_text(), [*path.parent.iterdir()]

    return carry_out


CASES: dict[str, tuple[Case, tuple[str, ...]]] = {
    "import": (imported, ("map", "validate", "load")),
    "several": (several, ("extract", "map")),
    "sync": (synced, ("fetch", "read", "map", "load")),
    "create": (created, ("load",)),
    "refuse": (refused, ("load",)),
    "apply": (applied, ("load",)),
    "drift": (drifted, ("load",)),
    "undo": (undone, ("undo",)),
    "export": (exported, ("export",)),
}
"""The cases by name, each with the steps that lose their connection in it."""

STEPS = [pytest.param(case, step, id=f"{name}-{step}") for name, (case, steps) in CASES.items() for step in steps]


def tried(url: str, case: Case, folder: Path, fault: Fault) -> tuple[object, object]:
    """Run a case in an empty database, with a fault; returns all that it leaves, and the locks after the step."""
    forget_everything(url)
    carry_out = case(url, folder)
    with watched_calls(url, fault):
        return carry_out(fault), fault.locks


@pytest.mark.every_type  # some 40 seconds, too many for the inner loop
@pytest.mark.parametrize(("case", "step"), STEPS)
def test_a_connection_that_is_lost_at_every_call(database_url: str, tmp_path: Path, case: Case, step: str) -> None:
    """Each attempt gets one call further than the one before, and the run ends as it does without a fault.

    A commit whose answer is lost leaves the next attempt less to do: the calls after it are lost in another run.
    """
    sound = Fault(step, loses=False)
    expected = tried(database_url, case, tmp_path, sound)
    fault = Fault(step)
    while left := sound.calls - fault.calls:
        assert tried(database_url, case, tmp_path, fault) == expected
        assert sound.calls - fault.calls < left
    assert fault.calls


def test_what_the_cases_are(database_url: str, tmp_path: Path) -> None:
    """They have something of everything that could be counted twice."""
    found = imported(database_url, tmp_path)(Fault("map", loses=False)).report
    assert found.counts == Counts(read=7, create=2, update=1, unchanged=1, rejected=3, warnings=1, repairs=1)
    assert [issue.rule for issue in found.notices] == ["unknown_column"]
    forget_everything(database_url)
    found = synced(database_url, tmp_path)(Fault("map", loses=False)).report
    assert [issue.rule for issue in found.notices] == ["file", "file", "sheet", "scope"]
    assert found.counts.retire == 0
