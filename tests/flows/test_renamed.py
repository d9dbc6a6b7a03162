"""Records that their source renames: one update of the key, references included, planned, applied and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reports import Report, Status
from schemas.resources import RESOURCES
from tasks.store.connection.engine import engine
from tasks.store.read.record_pages import record
from tests.flows.support import apply, everything, forget_everything, sync, undo_of
from tests.flows.test_as_of import exported, now
from tests.laws import law
from tests.support import execute, importer, issues_of, stored, with_settings
from tests.tasks.sources.servers import NetBox, netbox_objects, site

Rows = dict[str, list[dict[str, Any]]]


def source(name: str = "HQ", group: str | None = None, **more: Any) -> Rows:
    """What NetBox has: a site, a VLAN of it, a device and a prefix."""
    return {
        "sites": [{"name": name, "slug": "hq", "source_id": "nb:1"}],
        "vlans": [{"vid": 10, "name": "data", "site": name, "group": group, "source_id": "nb:2"}],
        "devices": [{"name": "core-1", "site": name, "source_id": "nb:3", **more}],
        "prefixes": [
            {"prefix": "10.0.0.0/24", "site": name, "vlan": f"{group or name}/10", "source_id": "nb:4"},
        ],
    }


def write(folder: Path, rows: Rows) -> Path:
    """Write a document."""
    path = folder / "netbox.json"
    path.write_bytes(orjson.dumps(rows))
    return path


def keys(url: str, resource_type: str) -> list[str]:
    """The keys of the records in service."""
    key = "name" if resource_type == "site" else "natural_key"
    return [record[key] for record in stored(url, resource_type) if record["retired_at"] is None]


@pytest.fixture
def synced(database_url: str, tmp_path: Path) -> str:
    """A database with what NetBox has, and with a VLAN and a prefix of a table."""
    sync(database_url, write(tmp_path, source()), always=True)
    run = importer(database_url, tmp_path)
    run([{"vid": "20", "name": "local", "site": "HQ"}], resource_type="vlan")
    run([{"prefix": "10.9.0.0/24", "site": "HQ", "vlan": "HQ/20"}], resource_type="prefix")
    return database_url


def renamed(url: str, folder: Path, rows: Rows, **options: Any) -> Any:
    """Sync again."""
    return sync(url, write(folder, rows), always=True, max_delete=None, max_update=None, **options)


def test_a_renamed_site_is_one_update_of_each_record(synced: str, tmp_path: Path) -> None:
    """The site, and what the source has in it, get their new keys; what others refer to it with follows."""
    before = everything(synced)
    report = renamed(synced, tmp_path, source("Headquarters"), missing="ignore")
    assert (report.counts.create, report.counts.update, report.counts.rejected) == (0, 4, 0), issues_of(synced, report)
    assert keys(synced, "site") == ["Headquarters"]
    assert keys(synced, "vlan") == ["Headquarters/10", "Headquarters/20"]
    assert keys(synced, "device") == ["Headquarters/core-1"]
    prefixes = {record["natural_key"]: (record["site"], record["vlan"]) for record in stored(synced, "prefix")}
    assert prefixes == {
        "/10.0.0.0/24": ("Headquarters", "Headquarters/10"),
        "/10.9.0.0/24": ("Headquarters", "Headquarters/20"),
    }
    after = everything(synced)
    undone = undo_of(synced, report)
    assert undone.counts.rejected == 0
    assert everything(synced) == before
    undo_of(synced, undone)
    assert everything(synced) == after


def test_a_renamed_site_and_a_new_one(synced: str, tmp_path: Path) -> None:
    """The new record is created, and the renamed one is not created a second time."""
    rows = source("Headquarters")
    rows["sites"].append({"name": "Branch", "slug": "branch", "source_id": "nb:9"})
    report = renamed(synced, tmp_path, rows, missing="ignore")
    assert (report.counts.create, report.counts.update, report.counts.rejected) == (1, 4, 0), issues_of(synced, report)
    assert keys(synced, "site") == ["Branch", "Headquarters"]
    assert undo_of(synced, report).counts.rejected == 0
    assert keys(synced, "site") == ["HQ"]


def test_a_preview_shows_each_new_key(synced: str, tmp_path: Path) -> None:
    """Of the records of the source and of those that follow; nothing is changed."""
    before = everything(synced)
    report = renamed(synced, tmp_path, source("Headquarters"), missing="ignore", dry_run=True)
    shown = {(change.resource_type, change.key): change.fields for change in report.changes}
    assert shown["site", "Headquarters"] == {"name": ("HQ", "Headquarters")}
    assert shown["vlan", "Headquarters/10"]["natural_key"] == ("HQ/10", "Headquarters/10")
    assert shown["vlan", "HQ/20"] == {"site": ("HQ", "Headquarters"), "natural_key": ("HQ/20", "Headquarters/20")}
    assert (report.counts.create, report.counts.update) == (0, 4)
    [issue] = [issue for issue in issues_of(synced, report) if issue.message.startswith("VLAN")]
    assert (issue.rule, issue.message[-3:]) == ("followed", ": 1")
    assert everything(synced) == before


def test_a_frozen_plan_renames(synced: str, tmp_path: Path) -> None:
    """As it was shown; not where somebody has taken the new key, or has changed the record, since."""
    rows = source("Headquarters")
    plan = renamed(synced, tmp_path, rows, missing="ignore", dry_run=True, keep_plan=True)
    report = apply(synced, plan)
    assert (report.status, report.counts.update) == (Status.COMPLETED, 4)
    assert keys(synced, "vlan") == ["Headquarters/10", "Headquarters/20"]
    undo_of(synced, report)
    plan = renamed(synced, tmp_path, rows, missing="ignore", dry_run=True, keep_plan=True)
    importer(synced, tmp_path)([{"name": "Headquarters"}], resource_type="site")
    report = apply(synced, plan)
    assert report.status is Status.FAILED
    assert [issue.value for issue in issues_of(synced, report) if issue.rule == "moved"] == ["Headquarters"]
    assert keys(synced, "vlan") == ["HQ/10", "HQ/20"]


def test_records_as_they_were_before(synced: str, tmp_path: Path) -> None:
    """A moment before has the old key, one after the new one; and the record's history has both."""
    moments = [now(synced)]
    for name in ("Headquarters", "HQ 2"):
        renamed(synced, tmp_path, source(name), missing="ignore")
        moments.append(now(synced))
    vlans = [
        {f"{vlan['site']}/{vlan['vid']}" for vlan in exported(synced, tmp_path, resource_type="vlan", as_of=moment)}
        for moment in moments
    ]
    assert vlans == [{"HQ/10", "HQ/20"}, {"Headquarters/10", "Headquarters/20"}, {"HQ 2/10", "HQ 2/20"}]
    with engine(synced).connect() as connection:
        found = record(connection, RESOURCES["vlan"], "HQ 2/20")
    assert found
    assert [change["fields"]["site"] for change in found["history"][:2]] == [
        {"before": "Headquarters", "after": "HQ 2"},
        {"before": "HQ", "after": "Headquarters"},
    ]
    assert found["history"][-1]["action"] == "created"


def test_a_vrf_gets_another_distinguisher(database_url: str, tmp_path: Path) -> None:
    """The prefixes that no source of the run has get their new keys, too."""
    run = importer(database_url, tmp_path)
    run([{"rd": "65000:1", "name": "red", "source_id": "nb:1"}], resource_type="vrf")
    run([{"prefix": "10.0.0.0/24", "vrf": "65000:1"}], resource_type="prefix")
    report = run([{"rd": "65000:2", "name": "red", "source_id": "nb:1"}], resource_type="vrf")
    assert (report.counts.create, report.counts.update) == (0, 1)
    [prefix] = stored(database_url, "prefix")
    assert (prefix["natural_key"], prefix["vrf"]) == ("65000:2/10.0.0.0/24", "65000:2")
    undo_of(database_url, report)
    [prefix] = stored(database_url, "prefix")
    assert (prefix["natural_key"], prefix["vrf"]) == ("65000:1/10.0.0.0/24", "65000:1")
    assert keys(database_url, "vrf") == ["65000:1"]


def test_an_edit_since_keeps_an_undo_from_a_renamed_record(synced: str, tmp_path: Path) -> None:
    """A record that was changed under its new key, or whose old key somebody has taken, stays as it is."""
    report = renamed(synced, tmp_path, source("Headquarters"), missing="ignore")
    importer(synced, tmp_path)([{"name": "HQ"}], resource_type="site")
    execute(synced, "update device set site = 'HQ' where natural_key = 'Headquarters/core-1'")
    undone = undo_of(synced, report)
    assert {(issue.rule, issue.value) for issue in issues_of(synced, undone)} == {
        ("edited_since", "Headquarters"),
        ("edited_since", "Headquarters/core-1"),
    }
    assert keys(synced, "vlan") == ["HQ/10", "HQ/20"]


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        # Two records change their names: the keys decide, and the ids are changed.
        ([("a", "nb:2"), ("b", "nb:1")], {"a": "nb:2", "b": "nb:1"}),
        # A record takes the name of one that is stored and not in the source.
        ([("b", "nb:1")], {"a": "nb:1", "b": "nb:1"}),
        # A new record has the old name.
        ([("c", "nb:1"), ("a", "nb:3")], {"a": "nb:3", "b": "nb:2", "c": "nb:1"}),
        # Two rows of one id.
        ([("c", "nb:1"), ("d", "nb:1")], {"a": "nb:1", "b": "nb:2", "c": "nb:1", "d": "nb:1"}),
        # A plain new name.
        ([("c", "nb:1")], {"b": "nb:2", "c": "nb:1"}),
        ([("c", "nb:1"), ("b", "nb:2")], {"b": "nb:2", "c": "nb:1"}),
    ],
)
def test_what_is_not_clear_is_left_to_the_keys(
    database_url: str, tmp_path: Path, rows: list[tuple[str, str]], known: dict[str, str]
) -> None:
    """A record gets another key only where the id says so of one row and one record, and the key is free."""
    run = importer(database_url, tmp_path)
    run([{"name": "a", "source_id": "nb:1"}, {"name": "b", "source_id": "nb:2"}], resource_type="site")
    before = everything(database_url)
    report = run([{"name": name, "source_id": number} for name, number in rows], resource_type="site")
    assert {site["name"]: site["source_id"] for site in stored(database_url, "site")} == known
    replaced = [issue for issue in issues_of(database_url, report) if issue.rule == "replaced"]
    assert len(replaced) == sum(
        (name, number) in {("a", "nb:2"), ("b", "nb:1"), ("a", "nb:3")} for name, number in rows
    )
    undo_of(database_url, report)
    assert everything(database_url) == before


def test_netbox_renames_a_site_and_a_device(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync of netbox:// updates the records under their new keys: nothing is retired and nothing created."""
    monkeypatch.setenv("CMDB_SECRET_RIG", "abcdefgh")
    netbox = NetBox(netbox_objects(), "abcdefgh")
    with site(netbox) as server:

        def synced() -> Report:
            used = with_settings(source_private=True)
            address = f"netbox+http://{server.host}"
            return sync(database_url, address, credentials="rig", settings=used, always=True, max_update=None)

        first = synced()
        assert first.counts.rejected == 0
        before = everything(database_url)
        netbox.objects["dcim/sites"][0]["name"] = "Frankfurt"
        device = netbox.objects["dcim/devices"][0]
        device["site"]["name"], device["name"] = "Frankfurt", "fra-edge-1"
        report = synced()
        assert (report.counts.create, report.counts.retire, report.counts.rejected) == (0, 0, 0)
        assert "Frankfurt" in keys(database_url, "site")
        assert keys(database_url, "device") == ["Frankfurt/fra-edge-1"]
        undo_of(database_url, report)
        assert everything(database_url) == before


def test_what_is_retired_follows_too(synced: str, tmp_path: Path) -> None:
    """A retired record refers to the site under its new key, so that it can be restored; an undo restores both."""
    before = everything(synced)
    report = renamed(synced, tmp_path, source("Headquarters"), missing="retire")
    assert report.counts.retire == 2
    vlans = {vlan["natural_key"]: vlan["retired_at"] is not None for vlan in stored(synced, "vlan")}
    assert vlans == {"Headquarters/10": False, "Headquarters/20": True}
    assert undo_of(synced, report).counts.rejected == 0
    assert everything(synced) == before


def test_a_key_that_is_taken_is_left(database_url: str, tmp_path: Path) -> None:
    """A VLAN whose new key another VLAN has stays under its own, and that is reported."""
    run = importer(database_url, tmp_path)
    run([{"name": "HQ", "source_id": "nb:1"}], resource_type="site")
    run([{"vid": "10", "name": "a", "site": "HQ", "group": ""}], resource_type="vlan")
    run([{"vid": "10", "name": "b", "site": "", "group": "HQ 2"}], resource_type="vlan")
    report = run([{"name": "HQ 2", "source_id": "nb:1"}], resource_type="site")
    assert keys(database_url, "vlan") == ["HQ 2/10", "HQ/10"]
    [issue] = issues_of(database_url, report)
    assert "as their own new key is taken: 1" in issue.message


NAMES = st.dictionaries(st.sampled_from([1, 2, 3]), st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).filter(
    lambda names: len(set(names.values())) == len(names)
)


@law(6, shrink=False)
@given(steps=st.lists(st.tuples(NAMES, st.sampled_from(["ignore", "retire", "delete"])), min_size=2, max_size=5))
def test_any_history_of_names_can_be_undone_and_looked_at(
    database_url: str, tmp_path: Path, steps: list[tuple[dict[int, str], str]]
) -> None:
    """Whatever records are called in turn, with a VLAN of each: each moment is known, and each run can be undone."""
    forget_everything(database_url)
    states, moments, reports = [everything(database_url)], [], []
    for names, missing in steps:
        sites = [{"name": name, "source_id": f"nb:{number}"} for number, name in names.items()]
        vlans = [{"vid": 10, "name": "x", "site": name, "source_id": f"nb:{number}"} for number, name in names.items()]
        report = renamed(database_url, tmp_path, {"sites": sites, "vlans": vlans}, missing=missing)
        assert report.status is Status.COMPLETED
        reports.append(report)
        states.append(everything(database_url))
        moments.append(now(database_url))
    for moment, state in zip(moments, states[1:], strict=True):
        for kind, columns in (("site", ("name", "source_id")), ("vlan", ("site", "source_id"))):
            found = exported(database_url, tmp_path, resource_type=kind, as_of=moment)
            there = [record for record in state[kind] if not record["retired"]]
            pick = [{name: record[name] for name in columns} for record in there]
            assert [{name: record[name] for name in columns} for record in found] == pick
    for report, state in zip(reversed(reports), reversed(states[:-1]), strict=True):
        assert undo_of(database_url, report).counts.rejected == 0
        assert everything(database_url) == state
