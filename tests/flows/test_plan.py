"""Frozen plans: applied exactly, once, and by their id; what moved since is seen; nothing is done by halves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from schemas.errors import UsageError
from schemas.reports import Counts, Report, Status
from tasks.store.connection.engine import engine
from tests.flows.support import apply, at, names, records, sync, undo_of
from tests.support import (
    Import,
    execute,
    importer,
    issues_of,
    staging_tables,
    stored,
    vpc,
    vpc_id,
    with_settings,
    write_csv,
)
from tests.waiting import PATIENCE, wait_until

SUBNET = {
    "subnet_id": "subnet-00000001",
    "vpc_id": vpc_id(1),
    "cidr_block": "10.0.1.0/26",
    "availability_zone": "us-east-1a",
}


def plan(run: Import, source: Any, **options: Any) -> Report:
    """Plan an import, and keep the plan."""
    report = run(source, dry_run=True, keep_plan=True, **options)
    assert report.plan
    return report


def pending(run: Import, **options: Any) -> Report:
    """Three stored VPCs, and a plan that updates the first, creates a fourth and leaves the others as they are."""
    run([vpc(1), vpc(2), vpc(3)])
    return plan(run, [vpc(1, name="new"), vpc(2), vpc(3), vpc(4)], **options)


# Applied exactly ------------------------------------------------------------------------------------------------------


def test_a_plan_is_applied_exactly(database_url: str, tmp_path: Path) -> None:
    """Rows, counts, ledger, lineage and before-images are those of the import that it was the preview of."""
    run = importer(database_url, tmp_path)
    planned = pending(run)
    assert (planned.counts, names(database_url)["01"]) == (Counts(read=4, create=1, update=1, unchanged=2), "net-1")
    (tmp_path / "rows.csv").unlink()  # nothing is read again
    applied = apply(database_url, planned, hash=planned.plan.hash if planned.plan else None)
    assert (applied.status, applied.counts, applied.applies) == (Status.COMPLETED, planned.counts, planned.run_id)
    assert names(database_url) == {"01": "new", "02": "net-2", "03": "net-3", "04": "net-4"}
    by = {record["vpc_id"][-1]: str(record["updated_by_run"]) for record in stored(database_url, "vpc")}
    assert (by["1"], by["4"], by["2"] == by["3"] != by["1"]) == (applied.run_id, applied.run_id, True)
    [(key, before, after)] = execute(
        database_url, "select key, before, after from all_changes where run_id = :run", run=applied.run_id
    )
    assert (key, before["name"], after["name"]) == (vpc_id(1), "net-1", "new")
    assert (applied.mapping, applied.source) == (planned.mapping, planned.source)


def test_a_plan_is_applied_once(database_url: str, tmp_path: Path) -> None:
    """Its staged rows are gone then, and asking again is told which run applied it."""
    planned = pending(importer(database_url, tmp_path))
    assert len(staging_tables(database_url)) == 2
    applied = apply(database_url, planned)
    assert staging_tables(database_url) == []
    with pytest.raises(UsageError, match=f"was applied by run {applied.run_id} already"):
        apply(database_url, planned)


def test_two_runs_that_apply_one_plan(database_url: str, tmp_path: Path) -> None:
    """While one of them applies it, the other waits, and finds it applied, whatever it is told about moved records."""
    for moved in ("refuse", "skip", "rebase"):
        execute(database_url, "truncate vpc")
        planned = pending(importer(database_url, tmp_path))
        plans, waits = threading.Event(), threading.Event()

        def hold(plans: threading.Event = plans, waits: threading.Event = waits) -> None:
            plans.set()
            assert waits.wait(PATIENCE)

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(apply, database_url, planned, at(plan=hold), moved=moved)
            assert plans.wait(PATIENCE)
            second = pool.submit(apply, database_url, planned, at(waiting=waits.set), moved=moved)
            errors = [each.exception(timeout=PATIENCE) for each in (first, second)]
        assert waits.is_set()
        [lost] = filter(None, errors)
        assert "already" in str(lost)
        applied = "select count(*) from import_run where applies = :plan and status = 'completed'"
        assert execute(database_url, applied, plan=planned.run_id) == [(1,)]
        assert names(database_url)["01"] == "new"


def test_nothing_that_is_no_plan_is_applied(database_url: str, tmp_path: Path) -> None:
    """No such run, one without a plan, one of another hash; each with what to do."""
    run = importer(database_url, tmp_path)
    planned, bare = pending(run), run([vpc(9)], dry_run=True)
    with pytest.raises(UsageError, match="Unknown run"):
        apply(database_url, replace(planned, run_id=str(uuid4())))
    with pytest.raises(UsageError, match="has no plan: plan makes one"):
        apply(database_url, bare)
    with pytest.raises(UsageError, match="is another one than the file's: plan again"):
        apply(database_url, planned, hash="0" * 64)
    assert names(database_url) == {"01": "net-1", "02": "net-2", "03": "net-3"}
    assert apply(database_url, planned).counts.create == 1


def test_a_plan_expires(database_url: str, tmp_path: Path) -> None:
    """It is kept for as long as is set; then the next run of anything drops what is staged."""
    run = importer(database_url, tmp_path)
    planned = pending(run, settings=with_settings(plan_hours=1e-6))
    past = "select plan_until < clock_timestamp() from import_run where run_id = :run"
    wait_until(lambda: execute(database_url, past, run=planned.run_id)[0][0])
    with pytest.raises(UsageError, match=r"was kept until .*: plan again"):
        apply(database_url, planned)
    run([vpc(9)])
    assert staging_tables(database_url) == []
    assert "04" not in names(database_url)


def test_other_runs_leave_a_plan_alone(database_url: str, tmp_path: Path) -> None:
    """What is staged for it stays whatever else is run, and the plan is applied a run later."""
    run = importer(database_url, tmp_path)
    planned = pending(run)
    run([vpc(9)])
    assert len(staging_tables(database_url)) == 2
    assert apply(database_url, planned).counts.update == 1
    assert set(names(database_url)) == {"01", "02", "03", "04", "09"}


@pytest.mark.parametrize("moved", ["refuse", "skip", "rebase"])
@pytest.mark.parametrize("lost", ["", "_plan", "dropped"])
def test_a_database_that_lost_what_was_staged(database_url: str, tmp_path: Path, lost: str, moved: str) -> None:
    """A server that crashes empties unlogged tables: the plan is refused, with what to do."""
    planned = pending(importer(database_url, tmp_path))
    table = f"cmdb_staging.run_{UUID(planned.run_id).hex}_0{'' if lost == 'dropped' else lost}"
    execute(database_url, f"{'drop table' if lost == 'dropped' else 'truncate'} {table}")
    refused = apply(database_url, planned, moved=moved)
    assert (refused.status, refused.message) == (
        Status.FAILED,
        "The database has lost what was staged for this plan: plan again.",
    )
    assert names(database_url)["01"] == "net-1"


@pytest.mark.parametrize(
    ("options", "rows", "counts"),
    [
        ({"mode": "create"}, [vpc(1, name="new"), vpc(4)], Counts(read=2, create=1, rejected=1)),
        ({"mode": "update"}, [vpc(1, name="new"), vpc(4)], Counts(read=2, update=1, rejected=1)),
        ({"empty": "keep"}, [vpc(1, name=""), vpc(2, name="new")], Counts(read=2, update=1, unchanged=1)),
        (
            {"mode": "sync", "constants": {"account_id": "012345678901"}, "max_delete": None},
            [vpc(1, name="new"), vpc(4)],
            Counts(read=2, create=1, update=1, retire=2),
        ),
        (
            {"mode": "sync", "missing": "delete", "max_delete": None},
            [vpc(1, name="new"), vpc(4)],
            Counts(read=2, create=1, update=1, delete=2, warnings=0),
        ),
    ],
)
def test_a_plan_of_every_mode(
    database_url: str, tmp_path: Path, options: dict[str, Any], rows: list[dict[str, str]], counts: Counts
) -> None:
    """Applying the plan ends as importing the file does: the same counts, and the same records."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2), vpc(3)])
    if "constants" in options:
        rows = [{name: value for name, value in row.items() if name != "account_id"} for row in rows]
    planned = plan(run, rows, **options)
    assert planned.counts == counts
    applied = apply(database_url, planned)
    assert (applied.counts, applied.status) == (counts, Status.COMPLETED)
    end = records(database_url)
    undo_of(database_url, applied)
    assert len(names(database_url)) == 3
    again = run(rows, **options)
    assert (again.counts, records(database_url)) == (counts, end)


def test_a_plan_of_several_types(database_url: str, tmp_path: Path) -> None:
    """Types that refer to each other are applied in one transaction, and taken back in one."""
    path = tmp_path / "network.json"
    path.write_text(_document(name="core"))
    run = importer(database_url, tmp_path)
    planned = plan(run, path)
    assert [(part.resource_type, part.counts.create) for part in planned.parts] == [("vpc", 1), ("subnet", 1)]
    applied = apply(database_url, planned)
    assert [part.counts for part in applied.parts] == [part.counts for part in planned.parts]
    assert (len(records(database_url)), len(records(database_url, "subnet"))) == (1, 1)
    assert undo_of(database_url, applied).counts.delete == 2
    assert (records(database_url), records(database_url, "subnet")) == ([], [])


def _document(**changed: str) -> str:
    return json.dumps({"subnets": [SUBNET], "vpcs": [{**vpc(1), "tags": {"Owner": "network"}, **changed}]})


def test_warnings_and_rejected_rows_are_counted_once(database_url: str, tmp_path: Path) -> None:
    """The plan's warnings are those of its application, and its rejected rows stay out."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    rows = [vpc(1), vpc(2, cidr_block="10.0.1.0/25"), vpc(3, region="nowhere")]
    planned = plan(run, rows)
    assert (planned.counts.warnings, planned.counts.rejected, planned.counts.create) == (1, 1, 1)
    applied = apply(database_url, planned)
    assert (applied.counts, applied.rules) == (planned.counts, planned.rules)
    assert set(names(database_url)) == {"01", "02"}


def test_thresholds_hold_for_a_plan(database_url: str, tmp_path: Path) -> None:
    """A plan that would be refused as an import is refused as a plan."""
    run = importer(database_url, tmp_path)
    planned = plan(run, [vpc(1), vpc(3, region="nowhere")], on_error="abort")
    refused = apply(database_url, planned)
    assert (refused.status, names(database_url)) == (Status.FAILED, {})
    assert refused.message
    assert "all rows or none" in refused.message


def test_an_applied_plan_is_undone(database_url: str, tmp_path: Path) -> None:
    """As any run is, and that undo in its turn."""
    planned = pending(importer(database_url, tmp_path))
    start = records(database_url)
    applied = apply(database_url, planned)
    end = records(database_url)
    undone = undo_of(database_url, applied)
    assert (undone.counts.update, undone.counts.delete, records(database_url)) == (1, 1, start)
    undo_of(database_url, undone)
    assert records(database_url) == end


# What moved since -----------------------------------------------------------------------------------------------------


def edited(url: str, _: Import) -> None:
    """A record that the plan updates is edited by SQL."""
    execute(url, "update vpc set name = 'mine' where vpc_id = :id", id=vpc_id(1))


def edited_unchanged(url: str, _: Import) -> None:
    """A record that the plan leaves as it is gets another value."""
    execute(url, "update vpc set name = 'mine' where vpc_id = :id", id=vpc_id(2))


def imported(_: str, run: Import) -> None:
    """Another import changes a field that the plan does not speak of."""
    run([{"vpc_id": vpc_id(1), "owner": "me"}], resource_type="vpc", mode="update")


def deleted(url: str, _: Import) -> None:
    """A record that the plan updates is gone."""
    execute(url, "delete from vpc where vpc_id = :id", id=vpc_id(1))


def created(_: str, run: Import) -> None:
    """A record that the plan creates is there."""
    run([vpc(4, name="mine")])


MOVES: dict[Callable[[str, Import], None], tuple[str, str, dict[str, str], dict[str, str]]] = {
    edited: ("1", "was changed", {"01": "mine", "04": "net-4"}, {"01": "new", "04": "net-4"}),
    edited_unchanged: ("2", "was changed", {"01": "new", "02": "mine"}, {"01": "new", "02": "net-2"}),
    imported: ("1", "was changed", {"01": "net-1", "04": "net-4"}, {"01": "new", "04": "net-4"}),
    deleted: ("1", "was deleted", {"02": "net-2", "04": "net-4"}, {"01": "new", "04": "net-4"}),
    created: ("4", "was created", {"01": "new", "04": "mine"}, {"01": "new", "04": "net-4"}),
}
"""What happens between plan and application: the record that moved and how it is told; some names at the end where it
is left out, and where everything is planned again."""


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.__name__)
def test_records_that_moved(database_url: str, tmp_path: Path, move: Callable[[str, Import], None]) -> None:
    """They are told and nothing is done; asked again, they are left out; or everything is planned again."""
    run = importer(database_url, tmp_path)
    key, said, skipped, rebased = MOVES[move]
    for moved in ("refuse", "skip", "rebase"):
        execute(database_url, "truncate vpc")
        planned = pending(run)
        move(database_url, run)
        before = records(database_url)
        refused = apply(database_url, planned)
        assert (refused.status, records(database_url)) == (Status.FAILED, before)
        assert [(issue.value, issue.message) for issue in issues_of(database_url, refused)] == [
            (vpc_id(int(key)), f"'{vpc_id(int(key))}' {said} since the plan was made")
        ]
        assert refused.message
        assert "1 record changed since the plan was made. Nothing was applied" in refused.message
        if moved == "refuse":
            continue
        applied = apply(database_url, planned, moved=moved)
        assert applied.status is Status.COMPLETED
        assert applied.counts.rejected == (1 if moved == "skip" else 0)
        expected = skipped if moved == "skip" else rebased
        assert expected.items() <= names(database_url).items()
        assert ("01" in names(database_url)) is (moved == "rebase" or move is not deleted)


def test_an_edit_that_puts_back_what_was_there_is_seen(database_url: str, tmp_path: Path) -> None:
    """A record is the one that was planned for only while nobody has written it."""
    planned = pending(importer(database_url, tmp_path))
    for name in ("other", "net-1"):
        execute(database_url, "update vpc set name = :name where vpc_id = :id", name=name, id=vpc_id(1))
    assert apply(database_url, planned).status is Status.FAILED


@pytest.mark.parametrize("moved", ["refuse", "skip", "rebase"])
def test_what_the_plan_refers_to_is_gone(database_url: str, tmp_path: Path, moved: str) -> None:
    """A subnet whose VPC was deleted is not created; a plan that was refused so can still be applied without it."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    other = SUBNET | {"subnet_id": "subnet-00000002", "vpc_id": vpc_id(2), "cidr_block": "10.0.2.0/26"}
    planned = plan(run, [SUBNET, other])
    execute(database_url, "delete from vpc where vpc_id = :id", id=vpc_id(1))
    refused = apply(database_url, planned)
    assert (refused.status, records(database_url, "subnet")) == (Status.FAILED, [])
    assert refused.message
    assert "no longer keep the rules" in refused.message
    assert [issue.rule for issue in issues_of(database_url, refused)] == ["reference"]
    if moved != "refuse":
        applied = apply(database_url, planned, moved=moved)
        assert (applied.counts.create, applied.counts.rejected) == (1, 1)
        assert [record["subnet_id"] for record in records(database_url, "subnet")] == ["subnet-00000002"]


def test_what_the_plan_deletes_is_referred_to(database_url: str, tmp_path: Path) -> None:
    """A VPC that the plan deletes has got a subnet since: nothing is done, or it stays when that is asked for."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    planned = plan(run, [vpc(2, name="new")], mode="sync", missing="delete", max_delete=None)
    assert planned.counts.delete == 1
    run([SUBNET])
    refused = apply(database_url, planned)
    assert (refused.status, set(names(database_url))) == (Status.FAILED, {"01", "02"})
    assert names(database_url)["02"] == "net-2"
    applied = apply(database_url, planned, moved="skip")
    assert (applied.counts.delete, names(database_url)) == (0, {"01": "net-1", "02": "new"})
    assert [issue.rule for issue in issues_of(database_url, applied)] == ["referred_to"]


def test_what_the_plan_deletes_has_drifted(database_url: str, tmp_path: Path) -> None:
    """A record that was to be deleted and was edited is kept from it; one that is gone already is as it should be."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2), vpc(3)])
    planned = plan(run, [vpc(1)], mode="sync", missing="delete", max_delete=None)
    execute(database_url, "delete from vpc where vpc_id = :id", id=vpc_id(2))
    execute(database_url, "update vpc set name = 'mine' where vpc_id = :id", id=vpc_id(3))
    refused = apply(database_url, planned)
    assert [issue.value for issue in issues_of(database_url, refused)] == [vpc_id(3)]
    applied = apply(database_url, planned, moved="skip")
    assert (applied.counts.delete, names(database_url)) == (0, {"01": "net-1", "03": "mine"})


def test_nothing_is_deleted_for_a_source_that_was_not_read_whole(database_url: str, tmp_path: Path) -> None:
    """Planned again, too: what could not be read then may be there still."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    folder = tmp_path / "source"
    folder.mkdir()
    write_csv(folder / "one.csv", [vpc(1, name="new")])
    (folder / "two.csv").symlink_to(folder / "nowhere.csv")
    held = sync(database_url, f"file://{folder}/", max_update="0")
    assert held.status is Status.FAILED
    for moved in ("refuse", "rebase"):
        execute(database_url, "update import_run set plan = plan - 'applied' where plan is not null")
        if moved == "rebase":
            held = sync(database_url, f"file://{folder}/", max_update="0")
        applied = apply(database_url, held, moved=moved)
        assert (applied.status, applied.counts.retire) == (Status.COMPLETED, 0)
        assert names(database_url) == {"01": "new", "02": "net-2"}
        execute(database_url, "update vpc set name = 'net-1' where name = 'new'")


# At the same time -----------------------------------------------------------------------------------------------------


def test_somebody_who_writes_while_a_plan_is_applied(database_url: str, tmp_path: Path) -> None:
    """An edit by SQL between the check for what moved and the application is not written over."""
    planned = pending(importer(database_url, tmp_path))

    edit = "update vpc set name = 'mine' where vpc_id = :id"
    refused = apply(database_url, planned, at(plan=lambda: execute(database_url, edit, id=vpc_id(1))))
    assert (refused.status, names(database_url)["01"]) == (Status.FAILED, "mine")
    assert "04" not in names(database_url)
    assert [issue.value for issue in issues_of(database_url, refused)] == [vpc_id(1)]
    skipped = apply(database_url, planned, moved="skip")
    assert (skipped.counts.create, names(database_url)["01"]) == (1, "mine")


def test_somebody_who_has_written_and_not_committed(database_url: str, tmp_path: Path) -> None:
    """The plan waits for another's transaction, and then sees what it did."""
    planned = pending(importer(database_url, tmp_path))
    with ThreadPoolExecutor(1) as pool:
        with engine(database_url).connect() as other, other.begin():
            other.execute(text("update vpc set name = 'mine' where vpc_id = :id"), {"id": vpc_id(1)})
            applying = pool.submit(apply, database_url, planned)
            waiting = "select 1 from pg_locks where not granted and relation = 'vpc'::regclass"
            wait_until(lambda: execute(database_url, waiting))
        refused = applying.result(timeout=PATIENCE)
    assert (refused.status, names(database_url)["01"]) == (Status.FAILED, "mine")


def test_another_import_while_a_plan_is_applied(database_url: str, tmp_path: Path) -> None:
    """It waits for the type's lock, and finds what the plan has done."""
    planned = pending(importer(database_url, tmp_path))
    path = write_csv(tmp_path / "other.csv", [vpc(1, name="later"), vpc(4)])
    waits = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        others: list[Future[Report]] = []

        def start() -> None:
            others.append(pool.submit(importer(database_url, tmp_path), path, at(waiting=waits.set)))
            assert waits.wait(timeout=PATIENCE)

        applied = apply(database_url, planned, at(plan=start))
        other = others[0].result(timeout=PATIENCE)
    assert (applied.counts.update, applied.counts.create) == (1, 1)
    assert (other.counts.update, other.counts.unchanged) == (1, 1)
    assert names(database_url)["01"] == "later"


def test_a_plan_whose_application_fails_is_there_still(database_url: str, tmp_path: Path) -> None:
    """A table that refuses the rows leaves everything as it was, and the plan is applied once that is mended."""
    planned = pending(importer(database_url, tmp_path))
    execute(database_url, "alter table vpc add constraint no_fourth check (name <> 'net-4')")
    with pytest.raises(Exception, match="no_fourth"):
        apply(database_url, planned)
    assert names(database_url) == {"01": "net-1", "02": "net-2", "03": "net-3"}
    assert execute(database_url, "select status from import_run order by started_at desc limit 1") == [("failed",)]
    execute(database_url, "alter table vpc drop constraint no_fourth")
    assert apply(database_url, planned).counts.create == 1
