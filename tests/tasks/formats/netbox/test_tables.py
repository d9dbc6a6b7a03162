"""Tables of prefixes of NetBox and Nautobot: columns that are read together, and what is only shown."""

from __future__ import annotations

from pathlib import Path

from schemas.sources import Extracted
from tasks.formats.netbox.tables import accessor
from tests.tasks.formats.support import faults, read_text


def cells(extracted: Extracted, *columns: str) -> list[tuple[str | None, ...]]:
    """Return the rows of some columns."""
    return extracted.frame.select(*columns).collect().rows()


def test_a_vlan_in_several_columns(tmp_path: Path) -> None:
    """Its group, or else its site, and its number; what is no number stays."""
    headers = {
        "vlan,vlan_group,vlan_site": "servers (110)",  # the bulk import has numbers, the page's table what it shows
        "vlan.vid,vlan.group,vlan.site": "110",
        "vlan__vid,vlan__group__name,vlan__site__name": "110",
        "VLAN,VLAN Group,VLAN Site": "110",
    }
    for header, vlan in headers.items():
        rows = f"10.0.0.0/8,{vlan},Campus,Bonn\n10.1.0.0/16,{vlan},,Bonn\n10.2.0.0/16,{vlan},,\n10.3.0.0/16,,Campus,\n"
        found = read_text(tmp_path, "a.csv", f"prefix,{header}\n{rows}10.4.0.0/16,servers,Campus,\n")
        assert [vlan for (vlan,) in cells(found, "vlan")] == ["Campus/110", "Bonn/110", "/110", None, "servers"]
        assert set(found.columns) == {"prefix", "vlan"}
        assert [notice.rule for notice in found.notices] == ["joined"]
    found = read_text(tmp_path, "b.csv", "prefix,vlan,site\n10.0.0.0/8,110,Bonn\n10.1.0.0/16,,Ulm\n")
    assert (cells(found, "vlan"), found.notices) == ([("110",), (None,)], ())


def test_a_table_as_the_page_shows_it(tmp_path: Path) -> None:
    """`Global` is no VRF there, and may be one elsewhere."""
    header = "Prefix,Status,Children,VRF,Utilization"
    found = read_text(tmp_path, "a.csv", f"{header}\n10.0.0.0/8,Active,3,Global,5\n10.1.0.0/16,Active,0,Blue (1:2),0\n")
    assert cells(found, "VRF") == [(None,), ("Blue (1:2)",)]
    found = read_text(tmp_path, "b.csv", "Prefix,Status,VRF\n10.0.0.0/8,Active,Global\n10.1.0.0/16,Active,\n")
    assert cells(found, "VRF") == [("Global",), (None,)]


def test_a_vrf_in_two_columns(tmp_path: Path) -> None:
    """The name stands for it where it has no route distinguisher."""
    found = read_text(
        tmp_path, "a.csv", "prefix,vrf.name,vrf.rd\n10.0.0.0/8,blue,1:2\n10.1.0.0/16,red,\n10.2.0.0/16,,\n"
    )
    assert cells(found, "vrf") == [("1:2",), ("red",), (None,)]


def test_a_scope_is_a_site_where_it_says_so(tmp_path: Path) -> None:
    """A region or a group of sites is none."""
    rows = "10.0.0.0/8,dcim.site,Bonn\n10.1.0.0/16,dcim.region,Rhine\n10.2.0.0/16,dcim.sitegroup,All\n10.3.0.0/16,,\n"
    found = read_text(tmp_path, "a.csv", f"prefix,scope_type,scope_name\n{rows}")
    assert cells(found, "site") == [("Bonn",), (None,), (None,), (None,)]


def test_a_table_of_nautobot(tmp_path: Path) -> None:
    """A container is a type there; in a namespace of its own, a prefix is in no known table."""
    header = "prefix,type,status__name,namespace__name,vlan__pk"
    rows = "10.0.0.0/8,container,Active,Global,NoObject\n10.1.0.0/16,pool,Reserved,Global,NoObject\n"
    found = read_text(tmp_path, "a.csv", f"{header}\n{rows}10.2.0.0/16,network,Active,Lab,NoObject\n")
    assert cells(found, "status__name", "is_pool") == [
        ("container", "false"),
        ("Reserved", "true"),
        ("Active", "false"),
    ]
    assert faults(found) == [(4, "namespace")]


def test_what_is_not_there_in_nautobot(tmp_path: Path) -> None:
    """It has a word for that, which is no name; in a column of another name, it may be one."""
    header = "name,tenant__name,location__name"
    found = read_text(tmp_path, "a.csv", f"{header}\nr1,NoObject,Bonn\nNoObject,Acme,Ulm\n")
    assert cells(found, "name", "tenant__name") == [("r1", None), ("NoObject", "Acme")]
    assert [notice.message.split(": ")[1] for notice in found.notices] == ["'tenant__name' (1)"]


def test_other_tables_are_as_they_are(tmp_path: Path) -> None:
    """Without prefixes, a group and a number are what they are called."""
    found = read_text(tmp_path, "a.csv", "vlan,vlan_group,vrf,Children\n110,Campus,Global,2\n")
    assert cells(found, "vlan", "vlan_group", "vrf") == [("110", "Campus", "Global")]
    assert accessor(" VLAN  Group ") == "vlan_group"
