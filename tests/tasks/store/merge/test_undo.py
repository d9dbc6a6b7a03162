"""Undo in SQL: what is planned for each record, in which order it is told, and what is kept and restored of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.model.tables import LINEAGE
from schemas.reports import Change, Report
from schemas.resources import RESOURCES
from tasks.store.connection.session import Session
from tasks.store.merge.undo import TypeUndo, UndoCounts
from tests.flows.support import sync
from tests.support import Import, execute, importer, stored, vpc, vpc_id, write_csv


@contextmanager
def undoing(url: str, run: Report | str, kind: str = "vpc", *, force: bool = False) -> Iterator[TypeUndo]:
    """Give what takes a run back, inside a transaction that is committed at the end."""
    with Session(url, uuid4()) as session, session.transaction() as connection:
        taken_back = UUID(run if isinstance(run, str) else run.run_id)
        yield TypeUndo(connection, RESOURCES[kind], taken_back, session.run_id, force=force, part=0)


def undo_of(url: str, run: Report | str, *, force: bool = False) -> tuple[UndoCounts, str]:
    """Take a run back; returns what was planned, and the run that did it."""
    with undoing(url, run, force=force) as taking:
        found = taking.plan()
        taking.apply()
        return found, str(taking.ids["undo"])


def by_key(url: str) -> dict[str, dict[str, Any]]:
    """The VPCs by the last digits of their ids."""
    return {record["vpc_id"][-2:]: record for record in stored(url, "vpc")}


def without_lineage(record: dict[str, Any]) -> dict[str, Any]:
    """A record's own fields."""
    return {name: value for name, value in record.items() if name not in LINEAGE}


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Import:
    """What imports rows."""
    return importer(database_url, tmp_path)


@pytest.fixture
def mixed(database_url: str, run: Import) -> Report:
    """A run that changed four VPCs and made four, of which some were edited since, and one is referred to."""
    run([vpc(number) for number in (1, 2, 3, 4, 5)])
    rows = [
        vpc(4, name="new"),
        vpc(9),
        vpc(1, name="new"),
        vpc(3, name="new"),
        vpc(2, name="new"),
        vpc(8),
        vpc(7),
        vpc(6),
    ]
    report = run(rows)
    run([vpc(8, name="later"), vpc(7, name="later")])
    execute(
        database_url,
        "update vpc set name = 'by hand' where name = 'new' and vpc_id in (:a, :b)",
        a=vpc_id(2),
        b=vpc_id(3),
    )
    subnet = {"cidr_block": "10.0.9.0/28", "availability_zone": "us-east-1a", "vpc_id": vpc_id(9)}
    run([subnet | {"subnet_id": f"subnet-{n:08x}", "cidr_block": f"10.0.9.{n * 16}/28"} for n in (2, 1)])
    return report


def test_what_is_planned(database_url: str, mixed: Report) -> None:
    """Each record once: restored, deleted, edited since or referred to; by force all are restored or deleted."""
    with undoing(database_url, mixed) as taking:
        assert taking.plan() == UndoCounts(delete=1, update=2, create=0, moved=4, kept=1)
    with undoing(database_url, mixed, force=True) as taking:
        assert taking.plan() == UndoCounts(delete=4, update=4, create=0, moved=0, kept=0)
        assert (taking.moved(9), taking.kept(9)) == ([], [])


def test_in_which_order_it_is_reported(database_url: str, mixed: Report) -> None:
    """Records of the file by their rows, then those that the run made by their keys, as many as are asked for."""
    with undoing(database_url, mixed) as taking:
        taking.plan()
        changes = {most: taking.changes(most) for most in range(5)}
        moved = {most: taking.moved(most) for most in range(6)}
        kept = {most: taking.kept(most) for most in (0, 1, 9)}
    assert changes[4][:2] == [
        Change(vpc_id(4), "update", 2, {"name": ("new", "net-4")}, "vpc"),
        Change(vpc_id(1), "update", 4, {"name": ("new", "net-1")}, "vpc"),
    ]
    [deleted] = changes[4][2:]
    assert (deleted.key, deleted.action, deleted.row, deleted.fields["name"]) == (
        vpc_id(6),
        "delete",
        None,
        ("net-6", None),
    )
    assert set(deleted.fields) == {name for name, value in vpc(6).items() if value}
    assert moved[5] == [(vpc_id(3), 5), (vpc_id(2), 6), (vpc_id(7), None), (vpc_id(8), None)]
    assert kept[9] == [(vpc_id(9), "Subnet", "subnet-00000001")]
    assert changes == {most: changes[4][:most] for most in range(5)}
    assert moved == {most: moved[5][:most] for most in range(6)}
    assert kept == {most: kept[9][:most] for most in (0, 1, 9)}


def test_what_is_done(database_url: str, mixed: Report) -> None:
    """What is restored is the earlier run's again, what is deleted is kept, and what stays is not touched."""
    before = by_key(database_url)
    _, undo = undo_of(database_url, mixed)
    after = by_key(database_url)
    assert set(before) - set(after) == {"06"}
    for number in ("02", "03", "05", "07", "08", "09"):
        assert after[number] == before[number]
    for number in ("01", "04"):
        assert without_lineage(after[number]) == without_lineage(before[number]) | {"name": f"net-{int(number)}"}
        assert after[number]["updated_by_run"] == after["05"]["updated_by_run"]
        assert after[number]["updated_at"] > before[number]["updated_at"]
        assert after[number]["created_at"] == before[number]["created_at"]
    [gone] = execute(database_url, "select * from vpc_gone")
    assert dict(gone._mapping) == before["06"] | {"gone_by_run": UUID(undo)}
    images = execute(
        database_url,
        "select key, row, before ->> 'name', after from all_changes "
        "where cast(run_id as text) = :run and after <> 'null' order by row",
        run=undo,
    )
    assert [tuple(image[:3]) for image in images] == [(vpc_id(4), 2, "new"), (vpc_id(1), 4, "new")]
    written = ("name", "cidr_block", "region", "account_id", "state", "tags")
    assert [image[3] for image in images] == [
        {name: after[number][name] for name in written} for number in ("04", "01")
    ]


def test_a_deletion_is_undone(database_url: str, tmp_path: Path, run: Import) -> None:
    """The record is there again as it was made; one that somebody has made again since is left alone, but by force."""
    run([vpc(1), vpc(2), vpc(3)])
    before = by_key(database_url)
    source = write_csv(tmp_path / "source.csv", [vpc(1)])
    deleted = sync(database_url, source, missing="delete", max_delete=None)
    run([vpc(3, name="again", state="")])
    with undoing(database_url, deleted) as taking:
        assert taking.plan() == UndoCounts(delete=0, update=0, create=1, moved=1, kept=0)
        [change] = taking.changes(9)
        assert (change.key, change.action, change.fields["name"]) == (vpc_id(2), "create", (None, "net-2"))
        assert [key for key, _ in taking.moved(9)] == [vpc_id(3)]
        taking.apply()
        undo = str(taking.ids["undo"])
    back = by_key(database_url)
    assert back["02"] | {"updated_at": None} == before["02"] | {"updated_at": None}
    assert back["02"]["updated_at"] > before["02"]["updated_at"]
    assert back["03"]["name"] == "again"
    [(now, whole)] = execute(
        database_url, "select before = 'null', after from all_changes where run_id = :run", run=UUID(undo)
    )
    assert (now, set(whole)) == (True, set(without_lineage(before["02"])))
    found, _ = undo_of(database_url, deleted, force=True)
    assert (found.update, found.moved) == (2, 0)
    forced = by_key(database_url)
    assert without_lineage(forced["03"]) == without_lineage(before["03"])
    assert forced["03"]["updated_by_run"] == before["03"]["updated_by_run"]


def test_what_is_gone_already(database_url: str, run: Import) -> None:
    """A record that the run made and somebody deleted needs nothing; one that it changed is told, or made again."""
    run([vpc(1)])
    report = run([vpc(1, name="new"), vpc(2)])
    execute(database_url, "delete from vpc")
    with undoing(database_url, report) as taking:
        assert taking.plan() == UndoCounts(delete=0, update=0, create=0, moved=1, kept=0)
    found, _ = undo_of(database_url, report, force=True)
    assert found == UndoCounts(delete=0, update=0, create=1, moved=0, kept=0)
    assert {number: record["name"] for number, record in by_key(database_url).items()} == {"01": "net-1"}


def test_another_edit_of_the_same_record_stays(database_url: str, run: Import) -> None:
    """A field that the run did not write is not touched, and is no reason to leave the record alone."""
    run([vpc(1)])
    row = {"vpc_id": vpc_id(1), "name": "new"}
    report = run([row], resource_type="vpc", mode="update")
    execute(database_url, "update vpc set owner = 'ann', state = null")
    found, _ = undo_of(database_url, report)
    [record] = stored(database_url, "vpc")
    assert (found.update, record["name"], record["owner"], record["state"]) == (1, "net-1", "ann", None)


def test_what_an_undo_brought_back(database_url: str, run: Import) -> None:
    """It is deleted again, unless somebody has edited it since; what somebody has deleted needs nothing."""
    first = run([vpc(1), vpc(2), vpc(3)])
    found, undo = undo_of(database_url, first)
    assert found == UndoCounts(delete=3, update=0, create=0, moved=0, kept=0)
    found, back = undo_of(database_url, undo)
    assert found == UndoCounts(delete=0, update=0, create=3, moved=0, kept=0)
    execute(database_url, "delete from vpc where name = 'net-1'")
    execute(database_url, "update vpc set name = 'mine' where name = 'net-2'")
    with undoing(database_url, back, force=True) as taking:
        assert taking.plan() == UndoCounts(delete=2, update=0, create=0, moved=0, kept=0)
    with undoing(database_url, back) as taking:
        assert taking.plan() == UndoCounts(delete=1, update=0, create=0, moved=1, kept=0)
        assert [(change.key, change.action, change.fields["name"]) for change in taking.changes(9)] == [
            (vpc_id(3), "delete", ("net-3", None))
        ]
        assert [key for key, _ in taking.moved(9)] == [vpc_id(2)]
        taking.apply()
    assert {number: record["name"] for number, record in by_key(database_url).items()} == {"02": "mine"}
    gone = execute(database_url, "select name from vpc_gone where gone_by_run = :run", run=taking.ids["undo"])
    assert gone == [("net-3",)]


def test_what_refers_to_a_record_that_an_undo_brought_back(database_url: str, run: Import) -> None:
    """It stays, and is told; the others go."""
    first = run([vpc(1), vpc(2)])
    _, undo = undo_of(database_url, first)
    _, back = undo_of(database_url, undo)
    row = {"subnet_id": "subnet-00000001", "vpc_id": vpc_id(1), "cidr_block": "10.0.1.0/28"}
    run([row | {"availability_zone": "us-east-1a"}])
    found, _ = undo_of(database_url, back)
    assert (found, list(by_key(database_url))) == (UndoCounts(delete=1, update=0, create=0, moved=0, kept=1), ["01"])


def test_what_is_restored_refers_to_what_it_did_before_this_run(database_url: str, run: Import) -> None:
    """Later runs saw the record refer to the VPC that goes: what it is restored to decides, and nothing keeps that."""

    def subnet_in(number: int) -> Report:
        row = {"subnet_id": "subnet-00000001", "vpc_id": vpc_id(number), "cidr_block": "10.0.1.0/28"}
        return run([row | {"availability_zone": "us-east-1a"}])

    run([vpc(number, cidr_block="10.0.0.0/16") for number in (1, 2)])
    subnet_in(1)
    added = run([vpc(3, cidr_block="10.0.0.0/16")])
    moved = subnet_in(3)
    subnet_in(2)
    subnet_in(3)
    with undoing(database_url, moved, "subnet") as subnets:
        assert subnets.plan() == UndoCounts(delete=0, update=1, create=0, moved=0, kept=0)
        vpcs = TypeUndo(
            *(subnets.connection, RESOURCES["vpc"], UUID(added.run_id), subnets.ids["undo"]),
            force=False,
            part=1,
            before=(subnets,),
        )
        assert vpcs.plan() == UndoCounts(delete=1, update=0, create=0, moved=0, kept=0)
        subnets.apply()
        vpcs.apply()
    assert [record["vpc_id"] for record in stored(database_url, "subnet")] == [vpc_id(1)]
    assert list(by_key(database_url)) == ["01", "02"]
