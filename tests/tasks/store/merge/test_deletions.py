"""What a sync takes away: which records are missing within a scope, which are spared, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from schemas.issues import Severity
from schemas.job_options.choices import Missing
from schemas.reports import Change
from tasks.store.merge.deletions import MissingRecords, RemovalCounts
from tests.support import execute, importer, stored, vpc, vpc_id
from tests.tasks.staged import planner

Scope = tuple[dict[str, str], ...]

HERE: Scope = ({"region": "us-east-1", "account_id": "12345678901"},)


@contextmanager
def missed(url: str, folder: Path, policy: Missing, *numbers: int) -> Iterator[MissingRecords]:
    """Give what is missing of a source that has the VPCs of these numbers, in a transaction that is committed."""
    with planner(url, folder, ("vpc_id",), [{"vpc_id": vpc_id(number)} for number in numbers]) as (made, connection):
        yield MissingRecords(connection, made.target, policy, made.run_id)


def listed(found: MissingRecords) -> list[int]:
    """The numbers of the records that are listed as missing."""
    keys = found.connection.scalars(select(found.keys.c.key).where(~found.keys.c.retired))
    return sorted(int(key.removeprefix("vpc-"), 16) for key in keys)


def names(url: str) -> dict[str, bool]:
    """Whether each VPC that is there is retired."""
    return {record["name"]: record["retired_at"] is not None for record in stored(url, "vpc")}


@pytest.fixture(autouse=True)
def records(database_url: str, tmp_path: Path) -> None:
    """Six VPCs: two elsewhere, one without an account, and one that is retired."""
    run = importer(database_url, tmp_path)
    elsewhere = [vpc(4, region="eu-west-1"), vpc(5, account_id="999999999999"), vpc(6, account_id="")]
    run([vpc(1), vpc(2), vpc(3), *elsewhere])
    execute(database_url, "update vpc set retired_at = now() where name = 'net-3'")
    # What is written last lies last in the table.
    execute(database_url, "update vpc set owner = null where name = 'net-1'")


@pytest.mark.parametrize(
    ("policy", "scope", "missing", "there"),
    [
        (Missing.RETIRE, HERE, [2], 2),
        (Missing.DELETE, HERE, [2, 3], 2),
        (Missing.RETIRE, (), [2, 4, 5, 6], 5),
        (Missing.DELETE, (), [2, 3, 4, 5, 6], 5),
        # One of several alternatives is enough.
        (Missing.RETIRE, (*HERE, {"region": "eu-west-1"}), [2, 4], 3),
        # A value that is none of the field's kind is that of no record.
        (Missing.RETIRE, ({"account_id": "nobody"},), [], 0),
    ],
)
def test_what_is_missing(
    database_url: str, tmp_path: Path, policy: Missing, scope: Scope, missing: Sequence[int], there: int
) -> None:
    """What is not staged, within the scope; a retired record is no longer there, and may still be deleted."""
    with missed(database_url, tmp_path, policy, 1, 9) as found:
        assert found.find(scope) == there
        assert listed(found) == missing
        counted = len(missing)
        deleted, retired = (counted, 0) if policy is Missing.DELETE else (0, counted)
        assert found.count(there) == RemovalCounts(deleted, retired, there)
        # Asked again, it lists what is missing then, and not what was.
        assert (found.find(HERE), listed(found)) == (2, [2, 3] if policy is Missing.DELETE else [2])


def test_what_was_retired_long_ago(database_url: str, tmp_path: Path) -> None:
    """Before a time, and written by nobody since then."""
    before = datetime.now(UTC) - timedelta(days=30)
    old, lately = before - timedelta(days=1), before + timedelta(days=1)
    write = "update vpc set retired_at = :retired, updated_at = :updated where name = :name"
    for name, retired, updated in (("net-1", old, old), ("net-2", old, lately), ("net-4", lately, old)):
        execute(database_url, write, name=name, retired=retired, updated=updated)
    with missed(database_url, tmp_path, Missing.DELETE) as found:
        found.find_retired(before)
        assert listed(found) == [1]


@pytest.mark.parametrize(("policy", "action"), [(Missing.RETIRE, "retire"), (Missing.DELETE, "delete")])
def test_the_first_of_them_are_shown(database_url: str, tmp_path: Path, policy: Missing, action: str) -> None:
    """By their keys, as many as are asked for, with what they hold beside their lineage."""
    with missed(database_url, tmp_path, policy, 3) as found:
        found.find(HERE)
        shown = {most: found.changes(most) for most in range(4)}
    held = {"region": "us-east-1", "account_id": "012345678901", "state": "available", "tags": {"Owner": "network"}}
    assert shown[3] == [
        Change(
            vpc_id(number),
            action,
            None,
            {name: (value, None) for name, value in ({"vpc_id": vpc_id(number), **_own(number)} | held).items()},
            "vpc",
        )
        for number in (1, 2)
    ]
    assert shown == {most: shown[3][:most] for most in range(4)}


def _own(number: int) -> dict[str, str]:
    return {name: vpc(number)[name] for name in ("name", "cidr_block")}


def test_retired_records(database_url: str, tmp_path: Path) -> None:
    """They are out of service since now, by this run; their image is the whole record, and then the time alone."""
    before = {record["name"]: record for record in stored(database_url, "vpc")}
    with missed(database_url, tmp_path, Missing.RETIRE, 1) as found:
        found.find(HERE)
        found.remove()
    after = {record["name"]: record for record in stored(database_url, "vpc")}
    two = after.pop("net-2")
    assert after == {name: record for name, record in before.items() if name != "net-2"}
    changed = {name for name in two if two[name] != before["net-2"][name]}
    assert changed == {"retired_at", "updated_at", "updated_by_run"}
    assert (two["retired_at"], two["updated_by_run"]) == (two["updated_at"], found.run_id)
    images = (
        "select run_id, resource_type, key, row, before ->> 'retired_at', before ->> 'name', after from all_changes"
    )
    [(run, kind, key, row, retired, name, image)] = execute(database_url, images)
    assert (run, kind, key, row, retired, name) == (found.run_id, "vpc", vpc_id(2), None, None, "net-2")
    assert {name: datetime.fromisoformat(value) for name, value in image.items()} == {"retired_at": two["retired_at"]}


def test_deleted_records(database_url: str, tmp_path: Path) -> None:
    """They are kept whole, with the run that deleted them; nothing else is touched."""
    before = {record["name"]: record for record in stored(database_url, "vpc")}
    with missed(database_url, tmp_path, Missing.DELETE, 1) as found:
        found.find(HERE)
        found.remove()
    assert set(names(database_url)) == {"net-1", "net-4", "net-5", "net-6"}
    gone = [dict(row._mapping) for row in execute(database_url, "select * from vpc_gone order by vpc_id")]
    assert gone == [before[name] | {"gone_by_run": UUID(str(found.run_id))} for name in ("net-2", "net-3")]
    assert execute(database_url, "select 1 from all_changes where after <> 'null'") == []


def test_what_others_refer_to_is_spared(database_url: str, tmp_path: Path) -> None:
    """It is told with one of those; what refers to a record that stays keeps no other."""
    zone = {"availability_zone": "us-east-1a"}
    rows = [(3, 2, "10.0.2.0/28"), (2, 2, "10.0.2.16/28"), (1, 1, "10.0.1.0/28")]
    importer(database_url, tmp_path)(
        [{"subnet_id": f"subnet-{n:08x}", "vpc_id": vpc_id(of), "cidr_block": block} | zone for n, of, block in rows]
    )
    with missed(database_url, tmp_path, Missing.DELETE, 1) as found:
        found.find(HERE)
        [issue] = found.spare()
        assert listed(found) == [3]
        assert found.count(2) == RemovalCounts(1, 0, 2)
    said = f"VPC '{vpc_id(2)}' is gone from the source and stays: Subnet 'subnet-00000002' refers to it"
    assert (issue.rule, issue.message, issue.severity) == ("referred_to", said, Severity.WARNING)
    assert (issue.value, issue.part, issue.row) == (vpc_id(2), 0, None)


def test_a_reference_of_some_records_alone(database_url: str, tmp_path: Path) -> None:
    """An attachment of a VPC keeps it; what has the same id in a field that means another type does not."""
    attachment = "insert into transit_gateway_attachment (transit_gateway_attachment_id, transit_gateway_id, "
    attachment += "resource_type, resource_id) values (:id, 'tgw-00000001', :kind, :of)"
    for number, kind in ((1, "vpc"), (2, "connect")):
        execute(database_url, attachment, id=f"tgw-attach-{number:08x}", kind=kind, of=vpc_id(number))
    with missed(database_url, tmp_path, Missing.DELETE) as found:
        found.find(HERE)
        assert [issue.value for issue in found.spare()] == [vpc_id(1)]
        assert listed(found) == [2, 3]
