"""References by other names and keys that are not said whole: read as a model in Python reads them, or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas.issues import Severity
from tests.flows.support import apply, forget_everything, sync, undo_of
from tests.laws import law
from tests.support import execute, importer, issues_of, stored, write_csv

SITES = ("HQ", "Berlin")


@dataclass(frozen=True)
class Vlan:
    """A VLAN of the model."""

    group: str
    site: str
    vid: int
    name: str

    @property
    def key(self) -> str:
        """Its natural key."""
        return f"{self.group or self.site}/{self.vid}"

    @property
    def names(self) -> set[str]:
        """What a reference may call it."""
        whole = {f"{place}/{self.vid}" for place in (self.group, self.site) if place}
        return {*whole, str(self.vid), self.name}

    @property
    def row(self) -> dict[str, str]:
        """It as a row."""
        return {"group": self.group, "site": self.site, "vid": str(self.vid), "name": self.name}


VLANS = st.lists(
    st.builds(
        Vlan,
        st.sampled_from(["", "", "Access", "Core"]),
        st.sampled_from(["", *SITES]),
        st.sampled_from([10, 20]),
        st.sampled_from(["data", "voice"]),
    ),
    max_size=5,
    unique_by=lambda vlan: vlan.key,
)
SAID = st.sampled_from(["10", "20", "data", "VOICE", "HQ/10", "hq/20", "Access/10", "core/20", "Berlin/10", "/10", "x"])


def meant(vlans: list[Vlan], said: str, site: str) -> set[str]:
    """The keys of the VLANs that a prefix of a site can mean, by the rules of the documentation."""
    if any(vlan.key == said for vlan in vlans):
        return {said}
    here = [vlan for vlan in vlans if not site or vlan.site == site]
    for among in (here, [vlan for vlan in vlans if not vlan.site]):
        exactly = {vlan.key for vlan in among if said in vlan.names}
        if found := exactly or {vlan.key for vlan in among if said.lower() in map(str.lower, vlan.names)}:
            return found
    return set()


@law(20, shrink=False)
@given(vlans=VLANS, prefixes=st.lists(st.tuples(SAID, st.sampled_from(["", *SITES])), min_size=1, max_size=6))
def test_a_reference_means_what_the_model_says(
    database_url: str, tmp_path: Path, vlans: list[Vlan], prefixes: list[tuple[str, str]]
) -> None:
    """One record: its key is stored; several: the row is rejected; none: the text is kept, with a warning."""
    forget_everything(database_url)
    run = importer(database_url, tmp_path)
    run([{"name": site} for site in SITES], resource_type="site")
    if vlans:
        assert run([vlan.row for vlan in vlans], resource_type="vlan").counts.create == len(vlans)
    rows = [
        {"prefix": f"10.{number}.0.0/16", "site": site, "vlan": said} for number, (said, site) in enumerate(prefixes)
    ]
    report = run(rows, resource_type="prefix")
    kept = {record["prefix"]: record["vlan"] for record in stored(database_url, "prefix")}
    rules = {(issue.row, issue.rule) for issue in issues_of(database_url, report)}
    for number, (said, site) in enumerate(prefixes):
        found = meant(vlans, said, site)
        wanted = said if not found else next(iter(found)) if len(found) == 1 else None
        assert kept.get(f"10.{number}.0.0/16") == wanted
        assert ((number + 2, "reference_name") in rules) == (len(found) == 1 and found != {said})
        assert ((number + 2, "ambiguous_reference") in rules) == (len(found) > 1)
        assert ((number + 2, "reference") in rules) == (not found)


@law(20, shrink=False)
@given(
    vlans=VLANS,
    rows=st.lists(st.sampled_from([10, 20, 30]), min_size=1, max_size=3, unique=True),
    site=st.sampled_from([None, "", *SITES]),
)
def test_a_row_means_the_only_record_that_fits(
    database_url: str, tmp_path: Path, vlans: list[Vlan], rows: list[int], site: str | None
) -> None:
    """By the columns that the table has: a new one where none fits, and none where several do."""
    forget_everything(database_url)
    run = importer(database_url, tmp_path)
    run([{"name": name} for name in SITES], resource_type="site")
    if vlans:
        run([vlan.row for vlan in vlans], resource_type="vlan")
    place = {} if site is None else {"site": site}
    report = run([{"vid": str(vid), "name": "new", **place} for vid in rows], resource_type="vlan")
    after = {record["natural_key"]: record["name"] for record in stored(database_url, "vlan")}
    wanted = {vlan.key: vlan.name for vlan in vlans}
    rejected = 0
    for vid in rows:
        fitting = [vlan.key for vlan in vlans if vlan.vid == vid and (site is None or vlan.site == site)]
        if len(fitting) > 1:
            rejected += 1
        else:
            wanted[fitting[0] if fitting else f"{site or ''}/{vid}"] = "new"
    assert after == wanted
    assert report.counts.rejected == rejected


def test_records_of_the_same_run_are_named(database_url: str, tmp_path: Path) -> None:
    """A site, a VRF and a VLAN that come in the same document are found by their other names."""
    document: dict[str, list[dict[str, Any]]] = {
        "sites": [{"name": "Frankfurt 1", "slug": "fra-1"}],
        "vrfs": [{"rd": "65000:1", "name": "red"}],
        "vlans": [{"vid": 110, "name": "servers", "site": "fra-1"}],
        "prefixes": [{"prefix": "10.0.0.0/24", "vrf": "red", "site": "FRA-1", "vlan": "110"}],
    }
    path = tmp_path / "all.json"
    path.write_bytes(orjson.dumps(document))
    report = importer(database_url, tmp_path)(path)
    assert report.counts.create == 4
    assert {issue.rule for issue in issues_of(database_url, report)} == {"reference_name"}
    assert [vlan["natural_key"] for vlan in stored(database_url, "vlan")] == ["Frankfurt 1/110"]
    prefix = stored(database_url, "prefix")[0]
    assert (prefix["natural_key"], prefix["vlan"]) == ("65000:1/10.0.0.0/24", "Frankfurt 1/110")


def test_a_plan_keeps_what_was_read(database_url: str, tmp_path: Path) -> None:
    """What a frozen plan shows is applied, even where the name would mean two records by then, and can be undone."""
    run = importer(database_url, tmp_path)
    run([{"rd": "65000:1", "name": "red"}], resource_type="vrf")
    plan = run([{"prefix": "10.0.0.0/24", "vrf": "RED"}], resource_type="prefix", dry_run=True, keep_plan=True)
    assert plan.counts.repairs == 1
    run([{"rd": "65000:2", "name": "red"}], resource_type="vrf")
    report = apply(database_url, plan)
    assert (report.counts.create, report.counts.repairs) == (1, 1)
    assert [prefix["vrf"] for prefix in stored(database_url, "prefix")] == ["65000:1"]
    undo_of(database_url, report)
    assert stored(database_url, "prefix") == []


def test_an_empty_cell_that_keeps_says_nothing(database_url: str, tmp_path: Path) -> None:
    """Where empty cells keep what is stored, a VLAN without a site in its row is the only one of its number."""
    run = importer(database_url, tmp_path)
    run([{"name": "HQ"}], resource_type="site")
    run([{"vid": "10", "name": "data", "site": "HQ"}], resource_type="vlan")
    rows = [{"vid": "10", "name": "new", "site": ""}]
    assert run(rows, resource_type="vlan", empty="keep").counts.update == 1
    assert run(rows, resource_type="vlan", empty="clear").counts.create == 1
    assert [vlan["natural_key"] for vlan in stored(database_url, "vlan")] == ["/10", "HQ/10"]


def test_two_rows_that_turn_out_to_be_one_record(database_url: str, tmp_path: Path) -> None:
    """Rows whose keys are the same once their names are read are rejected as any two rows of one key."""
    run = importer(database_url, tmp_path)
    run([{"name": "HQ", "slug": "hq-1"}], resource_type="site")
    rows = [
        {"vid": "10", "name": "a", "site": "hq-1"},
        {"vid": "10", "name": "b", "site": "HQ"},
        {"vid": "20", "name": "c", "site": "hq"},
    ]
    report = run(rows, resource_type="vlan")
    found = {(issue.row, issue.rule) for issue in issues_of(database_url, report) if issue.severity is Severity.ERROR}
    assert found == {(2, "duplicate_key"), (3, "duplicate_key")}
    assert [vlan["natural_key"] for vlan in stored(database_url, "vlan")] == ["HQ/20"]


def test_a_retired_record_is_meant_where_no_other_is(database_url: str, tmp_path: Path) -> None:
    """The record in service comes first; a name does not bring a retired one back into references."""
    run = importer(database_url, tmp_path)
    run([{"name": "HQ"}, {"name": "Berlin"}], resource_type="site")
    run([{"vid": "10", "name": "a", "site": site} for site in SITES], resource_type="vlan")
    execute(database_url, "update vlan set retired_at = now() where site = 'HQ'")
    run([{"vid": "10", "name": "new"}], resource_type="vlan")
    assert [vlan["name"] for vlan in stored(database_url, "vlan")] == ["new", "a"]
    run([{"prefix": "10.0.0.0/24", "vlan": "10"}], resource_type="prefix")
    assert stored(database_url, "prefix")[0]["vlan"] == "Berlin/10"


def test_no_value_is_looked_up_where_all_are_keys(database_url: str, tmp_path: Path) -> None:
    """Nothing is reported of references that name keys, and what is misspelt is rejected with the nearest name."""
    run = importer(database_url, tmp_path)
    path = write_csv(tmp_path / "sites.csv", [{"name": "Frankfurt 1"}, {"name": "Zürich 2"}])
    run(path, resource_type="site")
    report = run([{"prefix": "10.0.0.0/24", "site": "Frankfurt 1"}], resource_type="prefix")
    assert issues_of(database_url, report) == []
    report = run([{"prefix": "10.1.0.0/24", "site": "Zurich 2"}], resource_type="prefix")
    assert [issue.suggestion for issue in issues_of(database_url, report)] == ["Zürich 2"]


def test_a_sync_takes_nothing_away_where_a_key_is_in_doubt(database_url: str, tmp_path: Path) -> None:
    """A row that could mean two records keeps both, and the report says why no other is retired."""
    run = importer(database_url, tmp_path)
    run([{"name": site} for site in SITES], resource_type="site")
    known = [*({"vid": "10", "name": "a", "site": site} for site in SITES), {"vid": "20", "name": "b", "site": ""}]
    run(known, resource_type="vlan")
    path = write_csv(tmp_path / "vlans.csv", [{"vid": "10", "name": "new"}])
    report = sync(database_url, path, resource_type="vlan", max_delete=None)
    assert (report.counts.rejected, report.counts.retire) == (1, 0)
    assert "1 row has no readable key" in " ".join(issue.message for issue in issues_of(database_url, report))
