"""A step that is tried again after a lost connection gives what a first attempt gives: records, ledger and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flows.pipelines import apply_plan, import_file, sync_source
from schemas.choices import Drift
from schemas.jobs import ApplyJob, ImportJob, SyncJob, UndoJob
from schemas.reports import Counts, Report
from schemas.settings import settings
from tasks.steps.registry import PLAIN, Steps
from tasks.steps.undo import undo
from tests.faults import Fault, faulty, watched
from tests.flows.support import End, end_of, forget_everything
from tests.support import importer, vpc, write_csv

BAD = vpc(9, cidr_block="10.0.0.0/99")


Carried = Callable[[Steps], Report]


def imported(url: str, folder: Path) -> Carried:
    """An import that creates, updates, warns, repairs and rejects, with a column that is not known."""
    rows = [vpc(1, name="new"), vpc(2, cidr_block="10.0.1.0/25"), vpc(3), vpc(3, name="other"), BAD, vpc(4)]
    rows += [vpc(5, account_id="12345678901")]
    importer(url, folder)([vpc(1), vpc(4)])
    path = write_csv(folder / "new.csv", [row | {"flavour": "=1+1"} for row in rows])
    return lambda steps: import_file(ImportJob(path=path), url, settings(), steps=steps)


def synced(url: str, folder: Path) -> Carried:
    """A sync of a folder of which one file can't be copied and another can't be read."""
    source = folder / "source"
    if not source.exists():
        source.mkdir()
        write_csv(source / "1.csv", [vpc(1)])
        write_csv(source / "2.csv", [vpc(2)])
        (source / "3.csv").symlink_to(source / "nowhere.csv")
        (source / "4.csv").write_text("a,b\n1,2\n")
    importer(url, folder)([vpc(1, name="old"), vpc(7)])
    return lambda steps: sync_source(SyncJob(url=f"file://{source}/"), url, settings(), steps=steps)


def created(url: str, folder: Path) -> Carried:
    """An import that creates the records its rows refer to, of which it can't create some."""
    rows = [
        {"provider": "Colt", "cid": "1", "site_a": "Bonn", "site_z": "Ulm"},
        {"provider": "Colt", "cid": "2", "site_a": "Bonn", "site_z": "Bonne"},
        {"provider": "Colt", "cid": "1", "site_a": "Kiel", "site_z": "Ulm"},
    ]
    importer(url, folder)([{"name": "Bonn", "slug": "bonn"}], resource_type="site")
    path = write_csv(folder / "circuits.csv", rows)
    job = ImportJob(path=path, resource_type="circuit", create_missing=("site",))
    return lambda steps: import_file(job, url, settings(), steps=steps)


def refused(url: str, folder: Path) -> Carried:
    """An import of which too many rows are rejected."""
    path = write_csv(folder / "new.csv", [vpc(1), vpc(2), vpc(2, name="other"), BAD])
    return lambda steps: import_file(ImportJob(path=path, max_errors="1"), url, settings(), steps=steps)


def planned(url: str, folder: Path) -> Report:
    """Plan an import, after which one of the records moves."""
    run = importer(url, folder)
    run([vpc(1), vpc(2)])
    report = run([vpc(1, name="new"), vpc(2, name="new"), vpc(3)], dry_run=True, keep_plan=True)
    run([vpc(2, name="moved")])
    return report


def applied(url: str, folder: Path) -> Carried:
    """A plan that is applied without the record that moved."""
    job = ApplyJob(plan=UUID(planned(url, folder).run_id), moved=Drift.SKIP)
    return lambda steps: apply_plan(job, url, settings(), steps=steps)


def drifted(url: str, folder: Path) -> Carried:
    """A plan that is not applied, as a record moved."""
    job = ApplyJob(plan=UUID(planned(url, folder).run_id))
    return lambda steps: apply_plan(job, url, settings(), steps=steps)


CASES = {
    "import": imported,
    "sync": synced,
    "create": created,
    "refuse": refused,
    "apply": applied,
    "drift": drifted,
}

# Of a step with more calls than this, some are tried: the first, the last, and others in between.
_MOST_CALLS = 5


def tried(url: str, case: str, folder: Path, fault: Fault) -> End:
    """Run a case in an empty database, with a fault."""
    forget_everything(url)
    return end_of(url, CASES[case](url, folder)(faulty(url, fault)))


STEPS = [
    *(("import", step) for step in ("map", "validate", "load")),
    *(("sync", step) for step in ("fetch", "read", "map", "load")),
    *((case, "load") for case in ("create", "refuse", "apply", "drift")),
]


@pytest.mark.parametrize(("case", "step"), STEPS)
def test_a_connection_that_is_lost_at_each_call(database_url: str, tmp_path: Path, case: str, step: str) -> None:
    """Whichever call of the database it is, the run ends as it does without a fault."""
    fault = Fault(step)
    sound = tried(database_url, case, tmp_path, fault)
    assert fault.calls > 0
    for at in some_calls(fault.calls):
        lost = Fault(step, at)
        assert tried(database_url, case, tmp_path, lost) == sound, f"call {at} of {fault.calls}"
        assert lost.happened


def some_calls(calls: int) -> list[int]:
    """Return the numbers of the calls that are tried, from 1."""
    few = min(calls, _MOST_CALLS)
    return sorted({1 + round(number * (calls - 1) / max(few - 1, 1)) for number in range(few)})


def test_an_undo_that_loses_its_connection(database_url: str, tmp_path: Path) -> None:
    """Also after its commit, when the run is undone by the undo that is tried again."""

    def undone(fault: Fault) -> End:
        forget_everything(database_url)
        report = imported(database_url, tmp_path)(PLAIN)
        job, run_id = UndoJob(run=UUID(report.run_id)), uuid4()
        step = watched(database_url, fault, undo)
        found = end_of(database_url, step(job, database_url, settings(), run_id=run_id))
        return replace(found, report=replace(found.report, source="", message=None))

    fault = Fault("undo")
    sound = undone(fault)
    assert sound.report.counts.read == 3
    for at in some_calls(fault.calls):
        lost = Fault("undo", at)
        assert undone(lost) == sound, f"call {at} of {fault.calls}"
        assert lost.happened


def test_what_the_cases_are(database_url: str, tmp_path: Path) -> None:
    """They have something of everything that could be counted twice."""
    found = tried(database_url, "import", tmp_path, Fault("map"))
    assert found.report.counts == Counts(read=7, create=2, update=1, unchanged=1, rejected=3, warnings=1, repairs=1)
    assert [issue.rule for issue in found.report.notices] == ["unknown_column"]
    found = tried(database_url, "sync", tmp_path, Fault("map"))
    assert [issue.rule for issue in found.report.notices] == ["file", "file", "sheet", "scope"]
    assert found.report.counts.retire == 0
