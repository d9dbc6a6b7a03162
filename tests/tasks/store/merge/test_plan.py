"""The plan: what staged rows would do to each record, what is shown of it, and that its application does just that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text

from schemas.job_options.choices import Empty
from schemas.model.tables import SEEN_AT
from schemas.reports import Change
from tasks.store.connection.engine import close_engine, engine
from tasks.store.merge.deletions import RemovalCounts
from tasks.store.merge.plan import Plan, differing
from tests.databases import as_superuser
from tests.support import execute, stored, vpc_id
from tests.tasks.staged import Record, planner

FIELDS = ("vpc_id", "name", "cidr_block", "tags")
MANY = 10_000


def row(number: int, **changed: Any) -> Record:
    """Return a sound row for the VPC of that number, typed."""
    sound = {"vpc_id": vpc_id(number), "name": f"net-{number}", "cidr_block": f"10.0.{number % 256}.0/24"}
    return sound | {"tags": '{"Owner":"network"}'} | changed


def apply(url: str, folder: Path, rows: Sequence[Record], empty: Empty = Empty.CLEAR) -> tuple[Plan, str]:
    """Plan rows and apply the plan; returns it and the run."""
    with planner(url, folder, FIELDS, rows, empty) as (made, _):
        plan = made.make()
        made.apply(plan)
        return plan, str(made.run_id)


# What is planned ------------------------------------------------------------------------------------------------------


def test_each_row_is_counted_once(database_url: str, tmp_path: Path) -> None:
    """As a record that is new, one that differs or one that is as it was; and what the source no longer has besides."""
    apply(database_url, tmp_path, [row(1), row(2), row(3)])
    rows = [row(1), row(2, name="new"), row(4), row(5), row(6)]
    with planner(database_url, tmp_path, FIELDS, rows) as (made, _):
        plan = made.make()
        assert (plan.create, plan.update, plan.unchanged) == (3, 1, 1)
        assert (plan.delete, plan.retire, plan.there) == (0, 0, 0)
        gone = RemovalCounts(delete=1, retire=2, there=7)
        assert made.make(gone) == Plan(create=3, update=1, unchanged=1, delete=1, retire=2, there=7)


def test_no_rows_are_no_plan(database_url: str, tmp_path: Path) -> None:
    """Nothing is planned, shown or done."""
    apply(database_url, tmp_path, [row(1)])
    before = stored(database_url, "vpc")
    with planner(database_url, tmp_path, FIELDS, []) as (made, _):
        plan = made.make()
        assert (plan, made.changes(10), made.staged(10)) == (Plan(0, 0, 0), [], [])
        made.apply(plan)
    assert stored(database_url, "vpc") == before


@pytest.mark.parametrize(("empty", "updates"), [(Empty.CLEAR, 2), (Empty.KEEP, 1)])
def test_empty_cells(database_url: str, tmp_path: Path, empty: Empty, updates: int) -> None:
    """They clear what is stored or keep it, in what is planned, shown and kept as in what is stored."""
    apply(database_url, tmp_path, [row(1), row(2)])
    rows = [row(1, name=None), row(2, name=None, tags='{"a":"b"}')]
    with planner(database_url, tmp_path, FIELDS, rows, empty) as (made, _):
        plan = made.make()
        assert (plan.update, plan.unchanged) == (updates, 2 - updates)
        shown = {change.key: change.fields for change in made.changes(10)}
        made.apply(plan)
    cleared = {"name": ("net-2", None)} if empty is Empty.CLEAR else {}
    assert shown.pop(vpc_id(2)) == cleared | {"tags": ({"Owner": "network"}, {"a": "b"})}
    assert shown == ({vpc_id(1): {"name": ("net-1", None)}} if empty is Empty.CLEAR else {})
    names = [None, None] if empty is Empty.CLEAR else ["net-1", "net-2"]
    assert [record["name"] for record in stored(database_url, "vpc")] == names
    images = execute(database_url, "select after ->> 'name' from all_changes where before ->> 'name' = 'net-2'")
    assert images == [(names[1],)]


# What is shown --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_the_first_changes_are_shown(database_url: str, tmp_path: Path, turned: bool) -> None:
    """Updates before new records, each in the order of the file, as many as are asked for, with what differs."""
    apply(database_url, tmp_path, [row(3), row(9), row(2), row(7)])
    rows = [row(8), row(7, name="a"), row(9), row(3, tags=None), row(6), row(2, name="b")]
    with planner(database_url, tmp_path, FIELDS, rows, turned=turned) as (made, _):
        shown = made.changes(10)
        some = {most: made.changes(most) for most in range(6)}
    assert shown[:3] == [
        Change(vpc_id(7), "update", 3, {"name": ("net-7", "a")}, "vpc"),
        Change(vpc_id(3), "update", 5, {"tags": ({"Owner": "network"}, None)}, "vpc"),
        Change(vpc_id(2), "update", 7, {"name": ("net-2", "b")}, "vpc"),
    ]
    assert [(new.key, new.action, new.row, new.resource_type) for new in shown[3:]] == [
        (vpc_id(8), "create", 2, "vpc"),
        (vpc_id(6), "create", 6, "vpc"),
    ]
    assert shown[3].fields == {
        "vpc_id": (None, vpc_id(8)),
        "name": (None, "net-8"),
        "cidr_block": (None, "10.0.8.0/24"),
        "tags": (None, {"Owner": "network"}),
    }
    assert some == {most: shown[:most] for most in range(6)}


@pytest.mark.parametrize("turned", [False, True])
def test_the_first_rows_are_shown_as_they_would_be_stored(database_url: str, tmp_path: Path, turned: bool) -> None:
    """In the order of the file, with their numbers, and without what only the diff needs."""
    rows = [row(number) | {SEEN_AT: None} for number in (5, 3, 4)]
    with planner(database_url, tmp_path, FIELDS, rows, turned=turned) as (made, _):
        shown = made.staged(2)
        new = made.changes(1)
    assert [(each["row_number"], each["vpc_id"]) for each in shown] == [(2, vpc_id(5)), (3, vpc_id(3))]
    assert list(shown[0]) == ["row_number", *FIELDS]
    assert (shown[0]["cidr_block"], shown[0]["tags"]) == ("10.0.5.0/24", {"Owner": "network"})
    assert [(each.key, set(each.fields)) for each in new] == [(vpc_id(5), set(FIELDS))]


def test_only_what_differs_is_shown() -> None:
    """A field that was not there is one that was empty, and what only the old record has is no change."""
    before = {"same": 1, "old": 2, "left": None, "gone": 3}
    assert differing(before, {"same": 1, "old": None, "left": None, "new": 4, "none": None}) == {
        "old": (2, None),
        "new": (None, 4),
    }


# What is done ---------------------------------------------------------------------------------------------------------


def test_what_an_update_writes_and_keeps(database_url: str, tmp_path: Path) -> None:
    """The fields of the file and the lineage; a before-image of the whole record, an after-image of what is written."""
    _, first = apply(database_url, tmp_path, [row(1), row(2)])
    execute(database_url, "update vpc set owner = 'ann'")
    before = stored(database_url, "vpc")
    plan, second = apply(database_url, tmp_path, [row(1), row(2, name="new"), row(3)])
    assert plan == Plan(create=1, update=1, unchanged=1)
    one, two, three = stored(database_url, "vpc")
    assert one == before[0]
    changed = {name for name in two if two[name] != before[1][name]}
    assert changed == {"name", "updated_at", "updated_by_run"}
    assert (two["name"], two["owner"], str(two["created_by_run"]), str(two["updated_by_run"])) == (
        "new",
        "ann",
        first,
        second,
    )
    assert (str(three["created_by_run"]), str(three["updated_by_run"]), three["owner"]) == (second, second, None)
    columns = "cast(run_id as text), resource_type, key, row, before, after"
    [(run, kind, key, number, kept, after)] = execute(database_url, f"select {columns} from all_changes")  # noqa: S608  # ours
    assert (run, kind, key, number) == (second, "vpc", vpc_id(2), 3)
    assert (kept["name"], kept["owner"], kept["created_by_run"]) == ("net-2", "ann", first)
    assert set(kept) == set(two)
    assert after == {"name": "new", "cidr_block": "10.0.2.0/24", "tags": {"Owner": "network"}}


def test_a_retired_record_is_restored(database_url: str, tmp_path: Path) -> None:
    """Though nothing else of it differs; its image says that it did, and those of others say nothing of it."""
    apply(database_url, tmp_path, [row(1), row(2), row(3)])
    execute(database_url, "update vpc set retired_at = now() where name = 'net-1'")
    with planner(database_url, tmp_path, FIELDS, [row(1), row(2, name="new"), row(3)]) as (made, _):
        plan = made.make()
        assert (plan.update, plan.unchanged) == (2, 1)
        [back, _] = made.changes(10)
        made.apply(plan)
    assert (back.key, list(back.fields), back.fields["retired_at"][1]) == (vpc_id(1), ["retired_at"], None)
    assert [record["retired_at"] for record in stored(database_url, "vpc")] == [None] * 3
    images = execute(database_url, "select key, after ? 'retired_at' from all_changes order by key")
    assert images == [(vpc_id(1), True), (vpc_id(2), False)]


def test_new_records_only_among_known_ones(database_url: str, tmp_path: Path) -> None:
    """Known records that are as they were are not inserted again, whether or not others are updated."""
    apply(database_url, tmp_path, [row(2)])
    plan, run = apply(database_url, tmp_path, [row(1), row(2), row(3)])
    assert plan == Plan(create=2, update=0, unchanged=1)
    made = "select vpc_id from vpc where cast(created_by_run as text) = :run order by vpc_id"
    assert execute(database_url, made, run=run) == [(vpc_id(1),), (vpc_id(3),)]


# The index of keys ----------------------------------------------------------------------------------------------------


def many(url: str, folder: Path, count: int) -> str:
    """Apply so many new rows, their keys in no order; returns the object that the key's index is afterwards."""
    with planner(url, folder, FIELDS, [row(number * 7919 % 100_003) for number in range(1, count + 1)]) as (made, _):
        plan = made.make()
        assert plan.create == count
        made.apply(plan)
    assert execute(url, "select count(*), count(distinct vpc_id) from vpc") == [(count, count)]
    return index(url)


def index(url: str) -> str:
    """Return the object that the index of the key of VPCs is; fails where there is none."""
    [(found,)] = execute(
        url, "select cast(indexrelid as text) from pg_index where indrelid = 'vpc'::regclass and indisprimary"
    )
    return str(found)


@pytest.mark.parametrize(("count", "again"), [(MANY, True), (MANY - 1, False)])
def test_an_index_is_built_again_for_many(database_url: str, tmp_path: Path, count: int, again: bool) -> None:
    """Into an empty table, from so many rows on; it is unique afterwards, as it was."""
    before = index(database_url)
    assert (many(database_url, tmp_path, count) != before) is again
    with pytest.raises(Exception, match="vpc_pkey"):
        execute(database_url, "insert into vpc (vpc_id, cidr_block) select vpc_id, cidr_block from vpc limit 1")


def test_the_index_stays_while_somebody_reads(database_url: str, tmp_path: Path) -> None:
    """A lock that would have to be waited for is not waited for; nothing of the attempt is left."""
    before = index(database_url)
    with engine(database_url).connect() as reader, reader.begin():
        reader.execute(text("select 1 from vpc"))
        assert many(database_url, tmp_path, MANY) == before


def test_the_index_stays_where_there_are_records(database_url: str, tmp_path: Path) -> None:
    """It would have to be built of them too."""
    apply(database_url, tmp_path, [row(100_004)])
    before = index(database_url)
    with planner(database_url, tmp_path, FIELDS, [row(number) for number in range(MANY)]) as (made, _):
        made.apply(made.make())
    assert index(database_url) == before
    assert execute(database_url, "select count(*) from vpc") == [(MANY + 1,)]


@pytest.mark.parametrize("owns", [False, True])
def test_the_index_of_somebody_elses_table_stays(database_url: str, tmp_path: Path, owns: bool) -> None:
    """Whoever may write a table and does not own it loads it all the same; its owner need not be a superuser."""
    loader, own = f"loader_{uuid4().hex[:8]}", make_url(database_url).username
    superuser = as_superuser(database_url)
    execute(superuser, f"create role {loader} role {own}")
    execute(superuser, f"grant select, insert, update on all tables in schema public to {loader}")
    if owns:
        execute(superuser, f"alter table vpc owner to {loader}")
        execute(superuser, f"grant create on schema public to {loader}")
    before = index(database_url)
    rows = [row(number) for number in range(MANY)]
    with planner(database_url, tmp_path, FIELDS, rows) as (made, connection):
        plan = made.make()
        connection.execute(text(f"grant usage on schema cmdb_staging to {loader}"))
        connection.execute(text(f"grant select on all tables in schema cmdb_staging to {loader}"))
        connection.execute(text(f"set local role {loader}"))
        made.apply(plan)
    execute(superuser, f"reassign owned by {loader} to {own}")
    execute(superuser, f"drop owned by {loader}")
    execute(superuser, f"drop role {loader}")
    close_engine(superuser)
    assert (index(database_url) != before) is owns
    assert execute(database_url, "select count(*) from vpc") == [(MANY,)]
