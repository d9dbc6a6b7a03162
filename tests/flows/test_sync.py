"""Syncs: what the source no longer has, within its scope; guards and approval; sources as they were; all or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import SourceError, UsageError
from schemas.language.remedies import Action, action
from schemas.reports import Counts, Outcome, Status
from schemas.settings import settings
from tests.aws import REGION, ec2
from tests.conftest import OwnProcess
from tests.flows.support import apply, everything, names, records, sync, undo_of
from tests.support import execute, importer, issues_of, staging_tables, vpc, vpc_id, write_csv
from tests.waiting import PATIENCE

ACCOUNT = {"account_id": "012345678901"}
FREE: dict[str, Any] = {"max_delete": None}


def subnet(number: int, of: int = 1) -> dict[str, str]:
    """Return a sound row for a subnet of a VPC."""
    return {
        "subnet_id": f"subnet-{number:08x}",
        "vpc_id": vpc_id(of),
        "cidr_block": f"10.0.{of}.{(number - 1) * 16}/28",
        "availability_zone": "us-east-1a",
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to sync from, with three VPCs."""
    return write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3)])


def state(url: str) -> dict[str, bool]:
    """Whether each VPC is retired, by the end of its id."""
    return {record["vpc_id"][-1]: record["retired"] for record in records(url)}


# What the source no longer has ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "left", "counts"),
    [
        ("ignore", {"1": False, "2": False, "3": False}, Counts(read=2, update=1, unchanged=1)),
        ("retire", {"1": False, "2": False, "3": True}, Counts(read=2, update=1, unchanged=1, retire=1)),
        ("delete", {"1": False, "2": False}, Counts(read=2, update=1, unchanged=1, delete=1)),
    ],
)
def test_what_is_missing(database_url: str, source: Path, missing: str, left: dict[str, bool], counts: Counts) -> None:
    """It stays, is set aside or is deleted; an undo brings it back, and an undo of that takes it away again."""
    options = {"missing": missing, "constants": {"region": "us-east-1"}, "columns": {"region": ""}} | FREE
    assert sync(database_url, source, **options).counts == Counts(read=3, create=3)
    before = records(database_url)
    write_csv(source, [vpc(1), vpc(2, name="new")])
    report = sync(database_url, source, **options)
    assert (report.counts, report.status, state(database_url)) == (counts, Status.COMPLETED, left)
    after = records(database_url)
    undone = undo_of(database_url, report)
    assert (undone.counts.rejected, records(database_url)) == (0, before)
    undo_of(database_url, undone)
    assert records(database_url) == after


def test_what_was_retired_is_seen_again(database_url: str, source: Path) -> None:
    """It comes back though nothing else of it differs; retired once, it is not retired again."""
    sync(database_url, source, **FREE)
    write_csv(source, [vpc(1), vpc(2)])
    assert sync(database_url, source, **FREE).counts.retire == 1
    since = execute(database_url, "select retired_at from vpc where retired_at is not null")
    assert sync(database_url, source, always=True, **FREE).counts == Counts(read=2, unchanged=2)
    assert execute(database_url, "select retired_at from vpc where retired_at is not null") == since
    write_csv(source, [vpc(1), vpc(2), vpc(3)])
    back = sync(database_url, source, **FREE)
    assert (back.counts, state(database_url)["3"]) == (Counts(read=3, update=1, unchanged=2), False)
    undo_of(database_url, back)
    assert state(database_url)["3"] is True


def test_a_policy_of_deletion_deletes_what_was_retired(database_url: str, source: Path) -> None:
    """Records that an earlier sync set aside are missing as well."""
    sync(database_url, source, **FREE)
    write_csv(source, [vpc(1), vpc(2)])
    sync(database_url, source, **FREE)
    before = records(database_url)
    report = sync(database_url, source, missing="delete", **FREE)
    assert (report.counts.delete, state(database_url)) == (1, {"1": False, "2": False})
    undo_of(database_url, report)
    assert records(database_url) == before


def test_the_constants_are_the_scope(database_url: str, tmp_path: Path) -> None:
    """Records with other values are none of the source's, nor are those without any."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2, region="eu-west-1"), vpc(3, account_id="999999999999"), vpc(4, account_id=""), vpc(5)])
    rows = [{name: value for name, value in vpc(5).items() if name not in ("account_id", "region")}]
    path = write_csv(tmp_path / "a.csv", rows)
    report = sync(database_url, path, constants=ACCOUNT | {"region": "us-east-1"}, **FREE)
    assert (report.counts.retire, [notice.rule for notice in report.notices]) == (1, [])
    assert state(database_url) == {"1": True, "2": False, "3": False, "4": False, "5": False}
    # Without constants the source speaks of all records, and says so.
    everything_of = sync(database_url, write_csv(tmp_path / "b.csv", [vpc(5)]), **FREE)
    assert everything_of.counts.retire == 3
    assert [notice.rule for notice in everything_of.notices] == ["scope"]


def test_a_rejected_row_is_in_the_source(database_url: str, source: Path) -> None:
    """Its record stays as it is stored; what has no row is retired all the same."""
    sync(database_url, source, **FREE)
    write_csv(source, [vpc(1, name="new"), vpc(2, region="nowhere")])
    report = sync(database_url, source, **FREE)
    assert (report.status, report.counts.rejected, report.counts.retire) == (Status.COMPLETED, 1, 1)
    assert names(database_url) == {"01": "new", "02": "net-2"}
    assert "not_whole" not in {issue.rule for issue in issues_of(database_url, report)}


def test_a_row_without_a_key_takes_nothing_away(database_url: str, source: Path) -> None:
    """Which record it is can't be told, so none is missing for sure; the sound rows are loaded."""
    sync(database_url, source, **FREE)
    write_csv(source, [vpc(1, name="new"), vpc(2, vpc_id="vpc-?")])
    report = sync(database_url, source, **FREE)
    assert (report.status, report.counts.rejected, report.counts.retire) == (Status.COMPLETED, 1, 0)
    assert names(database_url) == {"01": "new", "02": "net-2", "03": "net-3"}
    [issue] = [issue for issue in issues_of(database_url, report) if issue.rule == "not_whole"]
    assert issue.message == "no VPC record is retired: 1 row has no readable key"


def test_a_file_that_fails_takes_nothing_away(database_url: str, tmp_path: Path) -> None:
    """The others are loaded; the next sync reads all of it again though nothing has changed, and then takes away."""
    folder = tmp_path / "source"
    folder.mkdir()
    for number in (1, 2):
        write_csv(folder / f"{number}.csv", [vpc(number)])
    url = f"file://{folder}/"
    sync(database_url, url, **FREE)
    (folder / "2.csv").unlink()
    write_csv(folder / "1.csv", [vpc(1, name="new")])
    (folder / "3.csv").symlink_to(folder / "nowhere.csv")
    report = sync(database_url, url, **FREE)
    assert (report.counts.update, report.counts.retire, len(report.notices)) == (1, 0, 2)
    assert report.message is None
    (folder / "3.csv").unlink()
    assert sync(database_url, url, **FREE).counts.retire == 1
    assert sync(database_url, url, **FREE).outcome is Outcome.UNCHANGED


# What others refer to -------------------------------------------------------------------------------------------------


@pytest.fixture
def network(database_url: str, tmp_path: Path) -> Path:
    """A document that was synced: two VPCs with a subnet each; and a subnet of another source in the first."""
    path = tmp_path / "network.json"
    _write(path, vpcs=[vpc(1), vpc(2)], subnets=[subnet(1, 1), subnet(2, 2)])
    assert sync(database_url, path).counts.create == 4
    return path


def _write(path: Path, **lists: list[dict[str, str]]) -> None:
    def record(row: dict[str, str]) -> dict[str, Any]:
        return {name: {"Owner": "network"} if name == "tags" else value for name, value in row.items()}

    path.write_text(json.dumps({name: [record(row) for row in rows] for name, rows in lists.items()}))


def test_a_parent_and_its_child_go_together(database_url: str, network: Path) -> None:
    """Neither is held up by the other, and both come back in one undo."""
    before = everything(database_url)
    _write(network, vpcs=[vpc(1)], subnets=[subnet(1, 1)])
    report = sync(database_url, network, missing="delete", **FREE)
    assert [(part.resource_type, part.counts.delete) for part in report.parts] == [("vpc", 1), ("subnet", 1)]
    assert {name: len(found) for name, found in everything(database_url).items()} == {"vpc": 1, "subnet": 1}
    assert undo_of(database_url, report).counts.create == 2
    assert everything(database_url) == before


@pytest.mark.usefixtures("network")
def test_deletion_spares_what_others_refer_to(database_url: str, tmp_path: Path) -> None:
    """A parent that children refer to which the source does not speak of stays, and is told once."""
    importer(database_url, tmp_path)([subnet(3, 2)])
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    report = sync(database_url, path, missing="delete", **FREE)
    assert (report.counts.delete, report.counts.warnings, set(names(database_url))) == (0, 1, {"01", "02"})
    [issue] = issues_of(database_url, report)
    assert (issue.rule, issue.value) == ("referred_to", vpc_id(2))
    assert "is gone from the source and stays: Subnet 'subnet-00000002' refers to it" in issue.message
    # Set aside it may be: the record is there still.
    assert sync(database_url, path, missing="retire", **FREE).counts.retire == 1


def test_a_child_that_stays_keeps_its_parent(database_url: str, network: Path) -> None:
    """A subnet that is still in the source keeps the VPC that no longer is."""
    _write(network, vpcs=[vpc(1)], subnets=[subnet(1, 1), subnet(2, 2)])
    report = sync(database_url, network, missing="delete", **FREE)
    assert (report.counts.delete, report.counts.warnings) == (0, 1)
    assert len(records(database_url, "subnet")) == 2


def test_a_child_that_moves_frees_its_parent(database_url: str, network: Path) -> None:
    """A subnet that the same sync gives to another VPC no longer keeps the one it was in."""
    moved = subnet(2, 2) | {"vpc_id": vpc_id(1), "cidr_block": "10.0.1.128/28"}
    _write(network, vpcs=[vpc(1)], subnets=[subnet(1, 1), moved])
    report = sync(database_url, network, missing="delete", **FREE)
    assert (report.counts.delete, report.counts.update, names(database_url)) == (1, 1, {"01": "net-1"})


# Guards ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "held"),
    [
        ({}, False),  # of 20 % one record, though that is less
        ({"max_delete": "0%"}, True),
        ({"max_delete": "34%"}, False),
        ({"max_delete": "0"}, True),
        ({"max_delete": "1"}, False),
        ({"max_delete": None, "max_update": "0"}, True),
        ({"max_delete": None, "max_update": "1"}, False),
        ({"max_delete": None, "max_update": "0%"}, True),
        ({"max_delete": None, "max_update": "33%"}, False),
        ({"max_delete": None, "max_update": "34%"}, False),
    ],
)
def test_a_sync_that_would_do_too_much_is_held_back(
    database_url: str, source: Path, limits: dict[str, Any], held: bool
) -> None:
    """Nothing is changed, and what it would do is kept; one of three records is taken away, one is updated."""
    sync(database_url, source)
    before = records(database_url)
    write_csv(source, [vpc(1), vpc(2, name="new")])
    report = sync(database_url, source, **limits)
    assert (report.status is Status.FAILED, records(database_url) == before) == (held, held)
    assert (report.counts.update, report.counts.retire) == (1, 1)
    if held:
        assert report.plan
        assert report.message
        assert (
            f"Nothing was changed; {action(Action.APPROVE, report.run_id)} applies exactly this plan." in report.message
        )
        assert {change.action for change in report.changes} == {"update", "retire"}


def test_approval_applies_exactly_what_was_held_back(database_url: str, source: Path) -> None:
    """Though the source has changed since; the next sync then sees that it has."""
    sync(database_url, source)
    write_csv(source, [vpc(1)])
    held = sync(database_url, source)
    write_csv(source, [vpc(1), vpc(2), vpc(9)])
    approved = apply(database_url, held)
    assert (approved.counts, approved.sync, approved.applies) == (held.counts, held.sync, held.run_id)
    assert state(database_url) == {"1": False, "2": True, "3": True}
    assert sync(database_url, source).counts == Counts(read=3, create=1, update=1, unchanged=1)
    undone = undo_of(database_url, approved)
    # The second is in the source again, which is an edit since.
    assert (undone.counts.update, undone.counts.rejected) == (1, 1)
    assert state(database_url) == {"1": False, "2": False, "3": False, "9": False}


def test_an_approved_sync_is_the_last_one(database_url: str, source: Path) -> None:
    """A source that has not changed since then is as it was."""
    sync(database_url, source)
    write_csv(source, [vpc(1)])
    held = sync(database_url, source)
    apply(database_url, held)
    assert sync(database_url, source).outcome is Outcome.UNCHANGED


def test_a_sync_that_was_undone_is_done_again(database_url: str, source: Path) -> None:
    """Its source has not changed, and what is stored has; once done, the source is as it was again."""
    first = sync(database_url, source)
    assert sync(database_url, source).outcome is Outcome.UNCHANGED
    undo_of(database_url, first)
    assert sync(database_url, source).counts == Counts(read=3, create=3)
    assert sync(database_url, source).outcome is Outcome.UNCHANGED


def test_a_held_sync_is_held_again(database_url: str, source: Path) -> None:
    """A run that was held back is not the last that was done: the same source is read and held again."""
    sync(database_url, source)
    write_csv(source, [vpc(1)])
    first, second = sync(database_url, source), sync(database_url, source)
    assert (first.status, second.status) == (Status.FAILED, Status.FAILED)
    apply(database_url, second)
    # The other plan has been overtaken.
    assert apply(database_url, first).status is Status.FAILED


def test_an_approval_sees_what_moved(database_url: str, source: Path, tmp_path: Path) -> None:
    """Somebody changed a record that would be retired: it is told, and left alone where that is asked for."""
    sync(database_url, source)
    write_csv(source, [vpc(1)])
    held = sync(database_url, source)
    importer(database_url, tmp_path)([vpc(2, name="mine")])
    refused = apply(database_url, held)
    assert (refused.status, state(database_url)) == (Status.FAILED, {"1": False, "2": False, "3": False})
    apply(database_url, held, moved="skip")
    assert state(database_url) == {"1": False, "2": False, "3": True}


@pytest.mark.usefixtures("own_database")
def test_an_empty_source_is_held_back(database_url: str, source: Path) -> None:
    """An export that went wrong does not empty the CMDB: no bytes are refused, an empty table is held back."""
    sync(database_url, source)
    source.write_text("")
    with pytest.raises(SourceError, match="is empty"):
        sync(database_url, source)
    execute(database_url, "create table inventory (vpc_id text, cidr_block text)")
    held = sync(database_url, _table(database_url, "inventory"), resource_type="vpc")
    assert (held.status, held.counts.retire, len(names(database_url))) == (Status.FAILED, 3, 3)
    assert apply(database_url, held).counts.retire == 3


@pytest.fixture
def own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sources read the server that the CMDB is on: the tests have one."""
    monkeypatch.setenv("CMDB_SOURCE_OWN_DATABASE", "true")
    settings.cache_clear()


def _table(url: str, name: str) -> str:
    address = url.replace("postgresql+psycopg2", "postgresql")
    return f"{address}{'&' if '?' in address else '?'}table={name}"


@pytest.mark.usefixtures("own_database")
def test_one_database_to_another(database_url: str) -> None:
    """A table of PostgreSQL is read whole each time; what is no longer in it is set aside, and comes back."""
    execute(database_url, "create table inventory (vpc_id text, cidr_block text, name text)")
    made = "select 'vpc-0000000' || n, '10.' || n || '.0.0/16', 'net ' || n from generate_series({}) n"
    rows = f"insert into inventory {made}"
    execute(database_url, rows.format("1, 6"))
    url = _table(database_url, "inventory")
    assert sync(database_url, url, resource_type="vpc").counts == Counts(read=6, create=6)
    assert sync(database_url, url, resource_type="vpc").outcome is Outcome.UNCHANGED
    execute(database_url, "delete from inventory where name = 'net 6'")
    execute(database_url, "update inventory set name = 'new' where name = 'net 1'")
    assert sync(database_url, url, resource_type="vpc").counts == Counts(read=5, update=1, unchanged=4, retire=1)
    execute(database_url, rows.format("6, 6"))
    assert sync(database_url, url, resource_type="vpc").counts == Counts(read=6, update=1, unchanged=5)


# As it was ------------------------------------------------------------------------------------------------------------


def test_a_source_that_is_as_it_was_ends_early(database_url: str, source: Path) -> None:
    """Nothing is read; `always` reads it all the same, and mends what was edited."""
    sync(database_url, source)
    execute(database_url, "update vpc set name = 'mine' where vpc_id = :id", id=vpc_id(1))
    phases: list[str] = []

    def told(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        phases.append(phase)

    report = sync(database_url, source, told)
    assert (report.status, report.outcome) == (Status.COMPLETED, Outcome.UNCHANGED)
    assert (report.counts, phases) == (Counts(), ["fetch"])
    source.touch()  # another state of the same content
    os.utime(source, ns=(1, 1))
    assert sync(database_url, source).outcome is Outcome.UNCHANGED
    mended = sync(database_url, source, always=True)
    assert (mended.message, mended.counts.update, names(database_url)["01"]) == (None, 1, "net-1")


def test_another_request_reads_the_source_again(database_url: str, source: Path) -> None:
    """What is asked for differently may end differently; how fast, or by whom it is told, does not."""
    sync(database_url, source, name="nightly")
    assert sync(database_url, source, name="nightly", batch_size=1000).outcome is Outcome.UNCHANGED
    assert sync(database_url, source, name="nightly", empty="keep").message is None
    assert sync(database_url, source, name="other").message is None
    assert sync(database_url, source, name="nightly", dry_run=True, empty="keep").outcome is Outcome.UNCHANGED


def test_a_dry_run_is_not_the_last_sync(database_url: str, source: Path) -> None:
    """What was only looked at is still to be done."""
    assert sync(database_url, source, dry_run=True).counts.create == 3
    assert records(database_url) == []
    assert sync(database_url, source).counts.create == 3


def test_a_failed_sync_is_tried_again(database_url: str, source: Path) -> None:
    """A source that was refused as a whole is read again though it has not changed."""
    write_csv(source, [vpc(1), vpc(2, region="nowhere")])
    for _ in range(2):
        refused = sync(database_url, source, on_error="abort")
        assert (refused.status, refused.counts.rejected) == (Status.FAILED, 1)
    assert records(database_url) == []


# Several types, and all or nothing ------------------------------------------------------------------------------------


def test_types_that_are_asked_for(database_url: str, tmp_path: Path) -> None:
    """Only they are loaded, and only of them something is missing."""
    path = tmp_path / "network.json"
    _write(path, vpcs=[vpc(1)], subnets=[subnet(1)])
    assert sync(database_url, path, types=("vpc",)).resource_type == "vpc"
    assert sync(database_url, path).parts[1].counts.create == 1
    with pytest.raises(SourceError, match="has no records of the requested types: vlan, site"):
        sync(database_url, path, types=("vlan", "site"))
    with pytest.raises(UsageError, match="Unknown resource type"):
        sync(database_url, path, types=("vpcc",))


KILL = """
import os, signal, sys
from pathlib import Path
from tests.flows.support import at, sync
from tests.support import execute
sync(sys.argv[1], Path(sys.argv[2]), at(**{sys.argv[3]: lambda: os.kill(os.getpid(), signal.SIGKILL)}), max_delete=None)
"""


@pytest.mark.parametrize("phase", ["fetch", "validate", "check", "plan", "apply"])
def test_a_sync_that_is_killed(own_process: OwnProcess, database_url: str, network: Path, phase: str) -> None:
    """Several types: none of them is changed; the next sync does it all, and cleans up."""
    before = everything(database_url)
    _write(network, vpcs=[vpc(1, name="new")], subnets=[subnet(1), subnet(5)])
    killed = own_process("-c", KILL, database_url, network, phase)
    assert killed.wait(timeout=PATIENCE) == -signal.SIGKILL
    assert everything(database_url) == before
    report = sync(database_url, network, **FREE)
    assert report.counts == Counts(read=3, create=1, update=1, unchanged=1, retire=2)
    assert staging_tables(database_url) == []
    states = execute(database_url, "select status from import_run order by started_at")
    assert [status for (status,) in states] == ["completed", "failed", "completed"]


def test_the_last_type_fails_and_none_is_loaded(database_url: str, network: Path) -> None:
    """One transaction: an error at the end of the last type leaves the first as it was."""
    before = everything(database_url)
    _write(network, vpcs=[vpc(1, name="new"), vpc(2)], subnets=[subnet(1), subnet(2, 2), subnet(5)])
    execute(database_url, "alter table subnet add constraint no_fifth check (subnet_id <> 'subnet-00000005')")
    with pytest.raises(Exception, match="no_fifth"):
        sync(database_url, network, **FREE)
    assert everything(database_url) == before


def test_memory_does_not_grow_with_what_is_missing(own_process: OwnProcess, database_url: str, tmp_path: Path) -> None:
    """Two hundred thousand records are taken away in the database: none of them comes to this process."""
    execute(
        database_url,
        "insert into vpc (vpc_id, cidr_block, account_id, region) "
        "select 'vpc-' || lpad(to_hex(n), 17, '0'), '10.0.0.0/28', '012345678901', 'us-east-1' "
        "from generate_series(1000, 200999) n",
    )
    path = write_csv(tmp_path / "rows.csv", [vpc(1)])
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom tests.flows.support import sync\n"
        "sync(sys.argv[1], Path(sys.argv[2]), dry_run=True, missing='ignore')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "report = sync(sys.argv[1], Path(sys.argv[2]), max_delete=None, missing='delete')\n"
        "print(report.counts.delete, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = own_process("-c", code, database_url, path, stdout=subprocess.PIPE)
    out, _ = done.communicate(timeout=PATIENCE)
    deleted, grown = map(int, out.split())
    assert deleted == 200_000
    assert grown < 20_000, "KB"


# An account of AWS ----------------------------------------------------------------------------------------------------


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    """A client of an empty account at a server of moto, and the address of the source."""
    with ec2() as client:
        for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
            monkeypatch.setenv(name, value)
        for found in client.describe_subnets()["Subnets"]:
            client.delete_subnet(SubnetId=found["SubnetId"])
        for found in client.describe_vpcs()["Vpcs"]:
            client.delete_vpc(VpcId=found["VpcId"])
        yield client, f"aws://default/{REGION},eu-west-1?endpoint={client.meta.endpoint_url}"


def test_an_account_of_aws(database_url: str, account: tuple[Any, str]) -> None:
    """Created, synced, changed, partly deleted and synced again; another account's records are left alone."""
    execute(
        database_url,
        "insert into vpc (vpc_id, cidr_block, account_id, region) "
        "values ('vpc-0000000f', '10.9.0.0/16', '999999999999', 'us-east-1'), "
        "('vpc-0000000e', '10.9.0.0/16', '123456789012', 'us-west-2')",
    )
    client, url = account
    made = [client.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in range(1, 6)]
    parts = [
        client.create_subnet(VpcId=of, CidrBlock=f"10.{number}.1.0/24")["Subnet"]["SubnetId"]
        for number, of in enumerate(made, start=1)
    ]
    client.create_transit_gateway(Description="hub")
    asked: dict[str, Any] = {"name": "aws", "types": ("vpc", "subnet", "transitGateway")}
    first = sync(database_url, url, missing="delete", **asked)
    assert first.status is Status.COMPLETED, first.message
    assert {"10.1.0.0/16", "10.5.0.0/16"} <= {str(record["cidr_block"]) for record in records(database_url)}
    assert sync(database_url, url, missing="delete", **asked).outcome is Outcome.UNCHANGED
    client.delete_subnet(SubnetId=parts[0])
    client.delete_vpc(VpcId=made[0])
    client.create_tags(Resources=[made[1]], Tags=[{"Key": "Name", "Value": "renamed"}])
    second = sync(database_url, url, missing="delete", **asked)
    assert (second.counts.delete, second.counts.update, second.counts.create) == (2, 1, 0), second.message
    left = {record["vpc_id"]: record["name"] for record in records(database_url)}
    assert (made[0] in left, left[made[1]]) == (False, "renamed")
    assert {"vpc-0000000f", "vpc-0000000e"} <= set(left)
    undo_of(database_url, second)
    assert made[0] in {record["vpc_id"] for record in records(database_url)}
