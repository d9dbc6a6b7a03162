"""Undo: a run is taken back, what was edited since stays, and an undo is undone; a model holds for any sequence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.jobs import UndoJob
from schemas.reports import Counts, Report, Status
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.steps.undo import undo
from tests.flows.support import sync
from tests.laws import law
from tests.records import most
from tests.support import execute, importer, issues_of, stored, vpc, vpc_id, write_csv

LINEAGE = ("created_at", "updated_at", "created_by_run", "updated_by_run")


def undo_of(url: str, report: Report, **options: Any) -> Report:
    """Undo a run."""
    return undo(UndoJob(run=UUID(report.run_id), **options), url, settings())


def records(url: str, resource_type: str = "vpc") -> list[dict[str, Any]]:
    """Return the records of a type without their lineage."""
    return [{name: v for name, v in record.items() if name not in LINEAGE} for record in stored(url, resource_type)]


def test_creates_and_updates_are_undone(database_url: str, tmp_path: Path) -> None:
    """What a run created is gone, what it updated is as before; undone in its turn, everything is there again."""
    run = importer(database_url, tmp_path)
    run([vpc(1, description="first"), vpc(2, description="")])
    start = records(database_url)
    blocks = {"secondary_cidr_blocks": "100.64.0.0/24,100.64.1.0/24"}
    second = run([vpc(1, name="new", tags="", secondary_cidr_blocks=""), vpc(3, **blocks)])
    end = records(database_url)
    undone = undo_of(database_url, second)
    assert (undone.counts.delete, undone.counts.update, undone.counts.create, undone.counts.rejected) == (1, 1, 0, 0)
    assert (records(database_url), undone.undoes) == (start, second.run_id)
    again = undo_of(database_url, undone)
    assert (again.counts.delete, again.counts.update, again.counts.create) == (0, 1, 1)
    assert records(database_url) == end
    assert undo_of(database_url, again).counts.delete == 1
    assert records(database_url) == start


def test_what_was_edited_since_stays(database_url: str, tmp_path: Path) -> None:
    """It is told, record by record, and is taken back only when that is asked for; other fields do not matter."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2), vpc(4)])
    second = run([vpc(1, name="second"), vpc(2, name="second"), vpc(3), vpc(4, name="second")])
    run([vpc(1, name="third"), vpc(3, name="third")])
    rows = [{"vpc_id": vpc_id(4), "owner": "somebody"}]
    run(write_csv(tmp_path / "owner.csv", rows), resource_type="vpc", mode="update")
    report = undo_of(database_url, second)
    assert (report.counts.update, report.counts.delete, report.counts.rejected) == (2, 0, 2)
    assert {issue.value for issue in issues_of(database_url, report)} == {vpc_id(1), vpc_id(3)}
    names = {record["vpc_id"]: (record["name"], record["owner"]) for record in records(database_url)}
    assert names == {
        vpc_id(1): ("third", None),
        vpc_id(2): ("net-2", None),
        vpc_id(3): ("third", None),
        vpc_id(4): ("net-4", "somebody"),
    }
    forced = undo_of(database_url, second, force=True)
    assert (forced.counts.delete, forced.counts.rejected) == (1, 0)
    assert {record["vpc_id"]: record["name"] for record in records(database_url)}[vpc_id(1)] == "net-1"
    assert len(records(database_url)) == 3


def test_a_record_that_is_gone_comes_back_by_force(database_url: str, tmp_path: Path) -> None:
    """One that was updated and then deleted by somebody is a conflict; by force it is there again as it was."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    start = records(database_url)
    second = run([vpc(1, name="second")])
    execute(database_url, "delete from vpc")
    assert undo_of(database_url, second).counts.rejected == 1
    assert undo_of(database_url, second, force=True).counts.create == 1
    assert records(database_url) == start


def test_a_dry_run_tells_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    """Counts, and the first records with their fields before and after."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    second = run([vpc(1, name="second"), vpc(2)])
    before = records(database_url)
    report = undo_of(database_url, second, dry_run=True)
    assert (report.counts.update, report.counts.delete, records(database_url)) == (1, 1, before)
    changes = {change.key: change for change in report.changes}
    assert changes[vpc_id(1)].fields == {"name": ("second", "net-1")}
    assert (changes[vpc_id(2)].action, changes[vpc_id(2)].fields["name"]) == ("delete", ("net-2", None))


def test_what_can_not_be_undone(database_url: str, tmp_path: Path) -> None:
    """Each with what to do instead."""
    run = importer(database_url, tmp_path)
    dry = run([vpc(1)], dry_run=True)
    done = run([vpc(1)])
    with pytest.raises(UsageError, match="was a dry run"):
        undo_of(database_url, dry)
    undo_of(database_url, done)
    with pytest.raises(UsageError, match="was already undone by run"):
        undo_of(database_url, done)
    with pytest.raises(UsageError, match="list-runs lists them"):
        undo(UndoJob(run=uuid4()), database_url, settings())


def test_every_type(each_type_stored: str, tmp_path: Path) -> None:
    """Every kind of field and key comes back as it was: an update is taken back, then the record, then that."""
    database_url = each_type_stored
    run = importer(database_url, tmp_path)
    start: dict[str, list[dict[str, Any]]] = {}
    for name, resource in RESOURCES.items():
        changed = {"description": "changed", "tags": "a=b"}
        row = dict.fromkeys(resource.fields, "") | most(name)
        start[name] = records(database_url, name)
        update = run(write_csv(tmp_path / "changed.csv", [row | changed]), resource_type=name)
        assert (update.counts.update, update.counts.rejected) == (1, 0), update.issues
        undone = undo_of(database_url, update)
        assert (undone.counts.update, records(database_url, name)) == (1, start[name])
    gone: dict[str, Report] = {}
    # Those first that refer to others.
    for name in reversed(RESOURCES):
        [made] = {record["created_by_run"] for record in stored(database_url, name)}
        gone[name] = undo(UndoJob(run=made), database_url, settings())
        assert (gone[name].counts.delete, records(database_url, name)) == (2, []), gone[name].issues
    for name, report in gone.items():
        back = undo_of(database_url, report)
        assert (back.counts.create, records(database_url, name)) == (2, start[name])


NAMES = st.sampled_from(["", "a", "b", 'with "quotes"', "null", "ü"])
ROW = st.fixed_dictionaries(
    {"name": NAMES, "description": NAMES, "tags": st.sampled_from(["", "a=b", "a=c,b=null"])},
    optional={"owner": NAMES},
)
STEP = st.tuples(
    st.dictionaries(st.integers(1, 4), ROW, min_size=1, max_size=4), st.sampled_from(["keep", "clear"]), st.booleans()
)


@law(12)
@given(steps=st.lists(STEP, min_size=1, max_size=5))
def test_undoing_all_returns_to_the_start(database_url: str, tmp_path: Path, steps: list[Any]) -> None:
    """Whatever was imported and, in between, undone and redone: taken back step by step, each state is as it was."""
    execute(database_url, "truncate vpc, change, import_run")
    run = importer(database_url, tmp_path)
    states, runs = [records(database_url)], []
    for rows, empty, wavers in steps:
        path = write_csv(tmp_path / "step.csv", [vpc(n) | row for n, row in rows.items()], list(vpc(1) | ROWS_HAVE))
        report = run(path, resource_type="vpc", empty=empty)
        states.append(records(database_url))
        if wavers:
            undone = undo_of(database_url, report)
            assert records(database_url) == states[-2]
            report = undo_of(database_url, undone)
            assert records(database_url) == states[-1]
        runs.append(report)
    for report, before in zip(reversed(runs), reversed(states[:-1]), strict=True):
        undone = undo_of(database_url, report)
        assert (undone.counts.rejected, records(database_url)) == (0, before)


ROWS_HAVE = {"description": "", "owner": ""}


def subnet(number: int, of: int = 1, **changed: str) -> dict[str, str]:
    """Return a sound row for a subnet of a VPC."""
    block = f"10.0.{of}.{(number - 1) * 16}/28"
    zone = {"availability_zone": "us-east-1a"}
    return {"subnet_id": f"subnet-{number:08x}", "vpc_id": vpc_id(of), "cidr_block": block} | zone | changed


def test_what_others_refer_to_stays(database_url: str, tmp_path: Path) -> None:
    """It is a conflict that says who refers to it, in the plan of the undo too; by force it goes all the same."""
    run = importer(database_url, tmp_path)
    vpcs = run([vpc(1), vpc(2), vpc(3)])
    run([subnet(1, 1), subnet(2, 1), subnet(3, 2)])
    run([vpc(2, name="new")])
    planned = undo_of(database_url, vpcs, dry_run=True)
    undone = undo_of(database_url, vpcs)
    for report in (planned, undone):
        assert (report.counts.read, report.counts.delete, report.counts.rejected) == (3, 1, 2)
        assert [change.key for change in report.changes] == [vpc_id(3)]
        assert {rule.rule: rule.count for rule in report.rules} == {"edited_since": 1, "referred_to": 1}
        told = {issue.rule: issue for issue in issues_of(database_url, report)}
        assert (told["edited_since"].value, told["referred_to"].value) == (vpc_id(2), vpc_id(1))
        assert "stays: Subnet 'subnet-00000001' refers to it" in told["referred_to"].message
    assert [record["vpc_id"] for record in records(database_url)] == [vpc_id(1), vpc_id(2)]
    assert undo_of(database_url, undone).counts.create == 1
    forced = undo_of(database_url, vpcs, force=True)
    assert (forced.counts.delete, forced.counts.rejected, records(database_url)) == (3, 0, [])


def test_runs_that_build_on_each_other_are_undone_in_reverse(database_url: str, tmp_path: Path) -> None:
    """Once those that refer to them are gone, nothing keeps the records of the first."""
    run = importer(database_url, tmp_path)
    vpcs = run([vpc(1), vpc(2)])
    subnets = run([subnet(1, 1), subnet(2, 2)])
    assert undo_of(database_url, vpcs).counts.rejected == 2
    assert undo_of(database_url, subnets).counts.delete == 2
    assert undo_of(database_url, vpcs, force=True).counts.delete == 2
    assert (records(database_url), records(database_url, "subnet")) == ([], [])


def test_several_types_are_undone_together(database_url: str, tmp_path: Path) -> None:
    """What goes in the same undo, or no longer refers after it, keeps nothing; what stays of it does."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    run([subnet(1, 1), subnet(2, 1)])
    path = tmp_path / "network.json"
    lists = {
        "vpcs": [vpc(2), vpc(3), vpc(4)],
        # The first moves to another VPC; the undo moves it back.
        "subnets": [subnet(1, 2, cidr_block="10.0.2.0/28"), subnet(3, 3), subnet(4, 4)],
    }
    path.write_text(json.dumps({name: [row | {"tags": {}} for row in rows] for name, rows in lists.items()}))
    document = run(path)
    assert (document.counts.create, document.counts.update) == (5, 1)
    before = records(database_url), records(database_url, "subnet")
    run([subnet(3, 3, name="mine")])
    planned = undo_of(database_url, document, dry_run=True)
    undone = undo_of(database_url, document)
    for report in (planned, undone):
        counts = {part.resource_type: (part.counts.delete, part.counts.rejected) for part in report.parts}
        assert counts == {"subnet": (1, 1), "vpc": (2, 1)}
        assert {issue.value: issue.rule for issue in issues_of(database_url, report)} == {
            "subnet-00000003": "edited_since",
            vpc_id(3): "referred_to",
        }
    assert [record["vpc_id"] for record in records(database_url)] == [vpc_id(1), vpc_id(3)]
    run([subnet(3, 3)])
    undo_of(database_url, undone)
    again = records(database_url), records(database_url, "subnet")
    assert [[row["cidr_block"] for row in rows] for rows in again] == [
        [row["cidr_block"] for row in rows] for rows in before
    ]


def test_a_record_that_came_back_is_referred_to(database_url: str, tmp_path: Path) -> None:
    """Taking back an undo deletes again what it brought back, unless somebody refers to it by now."""
    run = importer(database_url, tmp_path)
    first = run([vpc(1), vpc(2)])
    back = undo_of(database_url, undo_of(database_url, first))
    run([subnet(1, 1)])
    report = undo_of(database_url, back)
    assert (report.counts.delete, report.counts.rejected) == (1, 1)
    assert [issue.rule for issue in issues_of(database_url, report)] == ["referred_to"]


def test_nothing_to_undo(database_url: str, tmp_path: Path) -> None:
    """A run that changed nothing says so, and so does one that is as it was already; what came before it stays."""
    run = importer(database_url, tmp_path)
    source = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    first = sync(database_url, source, name="core")
    for idle in (sync(database_url, source, name="core"), run([vpc(1)])):
        for dry_run in (True, False):
            report = undo_of(database_url, idle, dry_run=dry_run)
            assert (report.status, report.counts) == (Status.COMPLETED, Counts())
            assert report.message == f"Run {idle.run_id} changed nothing: nothing to undo."
    execute(database_url, "delete from vpc")
    report = undo_of(database_url, first)
    assert report.message == f"Everything is as it was before run {first.run_id}: nothing to undo."
    assert undo_of(database_url, run([vpc(2)])).message is None
