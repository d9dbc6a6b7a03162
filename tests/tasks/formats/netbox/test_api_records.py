"""Records of NetBox's and Nautobot's REST API in files: every version's shape, views that lack something, pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UnknownType
from schemas.jobs import ImportJob
from schemas.sources import ROW, UNTOUCHED, Extracted
from tasks.formats.netbox.members import NoValue, choice_of, name_of
from tasks.formats.netbox.pages import page_gaps
from tasks.formats.netbox.recognition import endpoint_of
from tasks.formats.netbox.records import flat, is_complete, source_id, values
from tasks.formats.netbox.shapes import SHAPES
from tasks.steps.extract import extract_all
from tests.laws import law
from tests.support import with_settings
from tests.tasks.formats.support import read_text
from tests.tasks.sources.servers import netbox_objects

UUID = "6dd4a2a4-4c6f-4a5c-8b0a-6a8d5a5c9f10"
WHOLE: dict[str, Any] = {"description": "", "tags": [], "custom_fields": {}, "last_updated": "2026-01-01T00:00:00Z"}
ACTIVE = {"value": "active", "label": "Active"}


def nested(name: str, kind: str = "dcim/sites", number: int = 7, **more: Any) -> dict[str, Any]:
    """Return a related object as it stands in a record."""
    return {"id": number, "url": f"https://n.example/api/{kind}/{number}/", "display": name, "name": name, **more}


def unnamed(kind: str = "dcim.location") -> dict[str, Any]:
    """Return a related object as Nautobot 2 gives it by default."""
    return {"id": UUID, "object_type": kind, "url": f"https://n.example/api/{kind.replace('.', '/')}s/{UUID}/"}


def record(endpoint: str, **members: Any) -> dict[str, Any]:
    """Return a whole record."""
    return {"id": 1, "url": f"https://n.example/api/{endpoint}/1/", "display": "x"} | WHOLE | members


def page(*records: Any, count: int | None = None, following: str | None = None) -> str:
    """Return a page of a list as text."""
    return json.dumps(
        {"count": count or len(records), "next": following, "previous": None, "results": records}, sort_keys=True
    )


def cells(extracted: Extracted) -> list[dict[str, str]]:
    """Return the rows without what is empty."""
    frame = extracted.frame.drop(ROW).collect()
    return [{name: value for name, value in row.items() if value is not None} for row in frame.iter_rows(named=True)]


EARLIER = {
    # NetBox 3.6, Nautobot 1.x
    "prefix": record(
        "ipam/prefixes",
        prefix="10.1.0.0/16",
        site=nested("Bonn"),
        vrf=nested("blue", "ipam/vrfs", rd="65000:1"),
        vlan=nested("servers", "ipam/vlans", vid=110, group=nested("Campus"), site=None),
        status={"value": "container", "label": "Container"},
        is_pool=False,
    ),
    "device": record(
        "dcim/devices",
        name="r1",
        device_role=nested("router"),
        site=nested("Bonn"),
        tenant=None,
        location=nested("Floor 1"),
        device_type=nested("", model="MX204", manufacturer=nested("Juniper")),
        primary_ip={"id": 8, "address": "192.0.2.10/24"},
        serial="X",
        status=ACTIVE,
    ),
    "circuit": record(
        "circuits/circuits",
        cid="T-1",
        provider=nested("Telco"),
        type=nested("Fibre"),
        status=ACTIVE,
        commit_rate=1000,
        termination_a={"id": 1, "site": nested("Bonn"), "provider_network": None},
        termination_z={"id": 2, "site": None, "provider_network": nested("MPLS")},
    ),
}
LATER = {
    # NetBox 4.2
    "prefix": EARLIER["prefix"]
    | {"scope_type": "dcim.site", "scope_id": 7, "scope": nested("Bonn"), "site": None, "family": {"value": 4}},
    "device": EARLIER["device"] | {"role": nested("router")},
    "circuit": EARLIER["circuit"]
    | {
        "termination_a": {"id": 1, "termination_type": "dcim.site", "termination": nested("Bonn")},
        "termination_z": {"id": 2, "termination_type": "circuits.providernetwork", "termination": nested("MPLS")},
    },
}
NAUTOBOT = {
    # Nautobot 2.x with depth=2 and exclude_m2m=false
    "prefix": {
        **EARLIER["prefix"],
        "id": UUID,
        "url": f"https://n.example/api/ipam/prefixes/{UUID}/",
        "object_type": "ipam.prefix",
        "locations": [nested("Bonn")],
        "vrfs": [nested("blue", rd="65000:1")],
        "namespace": nested("Global"),
        "type": {"value": "container", "label": "Container"},
        "status": nested("Active", "extras/statuses"),
        "vlan": nested("servers", vid=110, vlan_group=nested("Campus"), locations=[]),
    },
    "device": {
        **EARLIER["device"],
        "url": f"https://n.example/api/dcim/devices/{UUID}/",
        "object_type": "dcim.device",
        "role": nested("router", "extras/roles"),
        "location": nested("Bonn"),
        "status": nested("Active", "extras/statuses"),
        "primary_ip4": {"id": UUID, "address": "192.0.2.10/24"},
        "primary_ip6": None,
    },
    "circuit": {
        **EARLIER["circuit"],
        "circuit_type": nested("Fibre"),
        "status": nested("Active", "extras/statuses"),
        "circuit_termination_a": nested("", location=nested("Bonn")),
        "circuit_termination_z": nested("", location=None, provider_network=nested("MPLS")),
    },
}
for _name, _members in {
    "prefix": ("site", "vrf", "is_pool"),
    "device": ("device_role", "site", "primary_ip"),
    "circuit": ("type", "termination_a", "termination_z"),
}.items():
    for _member in _members:
        del NAUTOBOT[_name][_member]
del LATER["device"]["device_role"], LATER["prefix"]["site"]
WANTED: dict[str, dict[str, Any]] = {
    "prefix": {
        "prefix": "10.1.0.0/16",
        "vrf": "65000:1",
        "site": "Bonn",
        "vlan": "Campus/110",
        "status": "container",
        "is_pool": False,
    },
    "device": {
        "name": "r1",
        "role": "router",
        "site": "Bonn",
        "manufacturer": "Juniper",
        "model": "MX204",
        "primary_ip": "192.0.2.10",
        "status": "active",
        "serial": "X",
    },
    "circuit": {
        "provider": "Telco",
        "cid": "T-1",
        "type": "Fibre",
        "status": "active",
        "commit_rate_kbps": 1000,
        "site_a": "Bonn",
        "site_z": None,
    },
}


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("records", [EARLIER, LATER, NAUTOBOT], ids=["3", "4", "nautobot"])
def test_the_shapes_of_all_versions(records: dict[str, Any], name: str) -> None:
    """The same record is read of each."""
    found = values(SHAPES[name], records[name])
    assert {field: found[field] for field in WANTED[name]} == WANTED[name]


def test_every_type_is_known_by_its_url(tmp_path: Path) -> None:
    """And read, whatever the list is called: a page, a bare list, lines, one record alone."""
    kinds = {"/".join(shape.endpoints[:1]): shape.type for shape in SHAPES.values()}
    for endpoint, listed in netbox_objects().items():
        texts = {
            "page.json": page(*listed),
            "bare.json": json.dumps(listed),
            "lines.ndjson": "".join(json.dumps(each) + "\n" for each in [*listed, *listed]),
            "one.json": json.dumps(listed[0], sort_keys=True),
            "other.json": json.dumps({"data": {"list": listed}}),
        }
        for name, text in texts.items():
            found = read_text(tmp_path, name, text)
            assert (found.resource_type, found.gaps) == (kinds[endpoint], ()), (endpoint, name)
            assert cells(found)[0] == cells(read_text(tmp_path, "page.json", page(*listed)))[0]


def test_a_model_of_nautobot_says_the_type(tmp_path: Path) -> None:
    """Its locations are sites."""
    location = {"id": UUID, "object_type": "dcim.location", "name": "Bonn", "location_type": nested("Site"), **WHOLE}
    found = read_text(tmp_path, "a.json", json.dumps([location | {"parent": nested("Rhineland")}]))
    assert (found.resource_type, cells(found)[0]["region_name"]) == ("site", "Rhineland")


@pytest.mark.parametrize("endpoint", ["dcim/racks", "plugins/bgp/peerings", "dcim/locations", "tenancy/tenants"])
def test_records_of_no_type_are_refused_by_name(tmp_path: Path, endpoint: str) -> None:
    """Whatever their members are called."""
    other = record(endpoint, name="A1", slug="a1", site=nested("Bonn"), facility="", time_zone=None)
    for text in (page(other), json.dumps([other]), json.dumps(other)):
        with pytest.raises(UnknownType, match=f"a.json holds {endpoint.rpartition('plugins/')[2]}|holds {endpoint}"):
            read_text(tmp_path, "a.json", text)


def test_a_page_says_the_type_of_records_without_url(tmp_path: Path) -> None:
    """By the address of the next one; where nothing says it, a name and a slug may be anything's."""
    plain = {"id": 1, "name": "Bonn", "slug": "bon"}
    text = page(plain, count=3, following="https://n.example/api/dcim/sites/?limit=1&offset=1")
    found = read_text(tmp_path, "a.json", text)
    assert (found.resource_type, found.records, [gap.value for gap in found.gaps]) == ("site", 1, ["3"])
    with pytest.raises(UnknownType, match="do not say of which type: give resource_type"):
        read_text(tmp_path, "b.json", page(plain))


def test_a_page_that_is_not_all(tmp_path: Path) -> None:
    """It says so by `next`, or by a count that is larger; also where the list is named."""
    site = record("dcim/sites", name="Bonn")
    following = "https://n.example/api/dcim/sites/?offset=1"
    for text in (page(site, count=2), page(site, count=2, following=following), page(site, following=following)):
        for options in ({}, {"records": "results"}):
            assert [gap.rule for gap in read_text(tmp_path, "a.json", text, **options).gaps] == ["page"]
    assert read_text(tmp_path, "a.json", json.dumps({"data": json.loads(page(site, count=2))})).gaps
    assert not read_text(tmp_path, "a.json", page(site)).gaps


def test_ids_are_no_values() -> None:
    """An id, a UUID and an address name nothing; a name that looks like a number does."""
    values: list[Any] = [2, UUID, f"https://n.example/api/dcim/sites/{UUID}/", unnamed(), {"id": 3, "url": "x"}]
    for value in values:
        assert name_of(value) is NoValue.NAME
    named: list[Any] = [nested("Bonn"), "Bonn", "2", None, "", {}, []]
    assert [name_of(value) for value in named] == ["Bonn", "Bonn", "2", *[None] * 4]
    assert name_of([nested("a"), nested("b")]) is NoValue.ONE
    assert choice_of(nested("Active"), ("active",)) == "active"
    assert endpoint_of("https://api.example/api/v2/devices/5/") is None


def test_what_a_record_does_not_name_is_left_alone(tmp_path: Path) -> None:
    """A field by its name in the report; a part of the key is an error of its row."""
    device = record("dcim/devices", name="r1", site=nested("Bonn"), device_type=unnamed(), status=unnamed())
    circuit = record("circuits/circuits", cid="1", provider=unnamed("circuits.provider"), type=nested("Fibre"))
    circuit |= {"tags": [unnamed("extras.tag")]}
    found = read_text(tmp_path, "a.json", page(device))
    assert set(cells(found)[0][UNTOUCHED].split(",")) == {"manufacturer", "model", "status"}
    assert [(issue.rule, issue.message.split(":")[0]) for issue in found.notices] == [
        ("unknown_value", "manufacturer, model, status of 1 record stay as they are stored")
    ]
    found = read_text(tmp_path, "b.json", page(circuit))
    assert found.faults.select("row", "field", "severity").rows() == [(1, "provider", "error")]
    assert cells(found)[0][UNTOUCHED] == "tags"


def test_whole_and_brief_records() -> None:
    """What a whole record lacks is unset, and what a brief one lacks is not known."""
    whole = record("dcim/sites", name="Bonn", slug="bon", facility=None)
    brief = {name: whole[name] for name in ("id", "url", "display", "name", "slug")}
    assert (is_complete(whole), is_complete(brief)) == (True, False)
    assert flat(SHAPES["site"], whole).get("latitude", 1) is None
    assert UNTOUCHED not in flat(SHAPES["site"], whole)
    untouched = flat(SHAPES["site"], brief)[UNTOUCHED].split(",")
    assert {"facility", "region_name", "tags", "description"} <= set(untouched)
    assert not {"name", "slug"} & set(untouched)


def test_custom_fields(tmp_path: Path) -> None:
    """One that has the name of a field that the type has nowhere else is read; the others are listed."""
    circuit = EARLIER["circuit"] | {"custom_fields": {"Name": "Backbone", "status": "x", "sla": {"value": "gold"}}}
    row = cells(read_text(tmp_path, "a.json", page(circuit)))[0]
    assert (row["name"], row["status"], row["custom_fields.sla"]) == ("Backbone", "active", "gold")
    assert "custom_fields.status" not in row or row["status"] == "active"


def test_records_of_another_endpoint_are_rejected(tmp_path: Path) -> None:
    """They are of another type than the others."""
    found = read_text(tmp_path, "a.json", json.dumps([record("dcim/sites", name="Bonn"), EARLIER["device"]]))
    assert found.faults.select("row", "rule").rows() == [(2, "type")]


def test_prefixes_of_nautobot_whose_vrf_is_not_given(tmp_path: Path) -> None:
    """Its default view has none; in another namespace than the global one, that says nothing of the table."""
    known = {name: value for name, value in NAUTOBOT["prefix"].items() if name != "vrfs"}
    other = known | {"namespace": nested("Lab"), "prefix": "10.2.0.0/16"}
    several = known | {"vrfs": [nested("a"), nested("b")], "prefix": "10.3.0.0/16"}
    found = read_text(tmp_path, "a.json", page(known, other, several))
    assert found.faults.select("row", "field").rows() == [(2, "vrf"), (3, "vrf")]


def test_a_pynetbox_dump_without_names(tmp_path: Path) -> None:
    """`serialize` gives ids: they are not taken for names."""
    vlan = record("ipam/vlans", vid=5, name="x", group=nested("Campus"), site=12, status="active", tags=[3])
    found = read_text(tmp_path, "a.json", json.dumps([vlan, vlan | {"group": None}]))
    assert "12" not in cells(found)[0].values()
    assert set(cells(found)[0][UNTOUCHED].split(",")) == {"site", "tags"}
    # The site is a part of the key where there is no group.
    assert found.faults.select("row", "field").rows() == [(2, "site")]
    assert [gap.rule for gap in found.gaps] == ["key_unknown"]


# What stands in a member of a record: a related object with or without its name, a choice, an id, nothing.
NAMES = st.text("abcdefgh", min_size=1, max_size=8)
IDS = st.integers(10_000, 99_999) | st.uuids().map(str)
RELATED = st.fixed_dictionaries({"id": IDS}, optional={"name": NAMES, "url": st.just("/api/x/"), "rd": NAMES})
CHOICES = st.fixed_dictionaries({"value": NAMES, "label": NAMES})
MEMBERS = st.none() | IDS | RELATED | CHOICES | st.lists(RELATED, max_size=2)
RECORDS = st.sampled_from(sorted(SHAPES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.fixed_dictionaries({}, optional=dict.fromkeys((*SHAPES[kind].reads, "custom_fields"), MEMBERS)),
    )
)
RELATIONS = {
    "group", "site", "vrf", "vlan", "region_name", "rir", "organisation", "role", "manufacturer", "provider", "type",
    "site_a", "site_z", "tags", "status",
}  # fmt: skip


def ids(value: Any) -> set[Any]:
    """Return every id in a value."""
    if isinstance(value, dict):
        own = {value["id"]} if "id" in value else set()
        return own.union(*map(ids, value.values()))
    return set().union(*map(ids, value)) if isinstance(value, list) else set()


@law(300)
@given(RECORDS)
def test_no_id_becomes_a_value(case: tuple[str, dict[str, Any]]) -> None:
    """Whatever a record looks like: of related objects and choices, only names are read, and the rest is left alone."""
    kind, members = case
    found = flat(SHAPES[kind], members)
    forbidden = {str(each) for each in ids(members)} | {str(each) for each in members.values() if type(each) is int}
    for name in RELATIONS & found.keys():
        values_of = list(found[name]) if isinstance(found[name], dict) else [found[name]]
        assert not forbidden & {part for value in values_of for part in str(value).split("/")}
    untouched = set(filter(None, str(found.get(UNTOUCHED, "")).split(",")))
    assert untouched <= SHAPES[kind].resource.fields.keys() - {SHAPES[kind].resource.known_by[0]}
    assert all(found.get(name) is None for name in untouched)


@law(100)
@given(st.integers(1, 5), st.integers(0, 4), st.booleans())
def test_a_page_is_whole_or_says_that_it_is_not(held: int, more: int, last: bool) -> None:
    """No list that is longer than what was read is taken for all of it."""
    following = None if last or not more else "https://n.example/api/dcim/sites/?offset=5"
    outline: dict[str, Any] = {"count": held + more, "next": following, "previous": None, "results": [{}]}
    assert bool(page_gaps([outline], held, "a.json")) == bool(more)


def test_a_record_keeps_the_id_of_its_system() -> None:
    """With the system: the host of its URL, and the path before that of the API."""
    assert values(SHAPES["site"], record("dcim/sites", name="Bonn"))["source_id"] == "n.example:1"
    below = record("dcim/devices", id=UUID) | {"url": f"https://u@tools.example/netbox/api/dcim/devices/{UUID}/"}
    assert values(SHAPES["device"], below)["source_id"] == f"tools.example/netbox:{UUID}"
    assert source_id({"id": 3, "name": "Bonn"}) is NoValue.MEMBER
    assert source_id({"id": 3, "name": "Bonn"}, "n.example") == "n.example:3"


def test_brief_records_mean_the_only_one_that_agrees(tmp_path: Path) -> None:
    """As a table does that has no column for a place: no column has it. Records that have it are not among them."""
    brief = {"id": 1, "url": "https://n.example/api/ipam/vlans/1/", "display": "x", "vid": 5, "name": "x"}
    found = read_text(tmp_path, "a.json", page(brief))
    assert not {"group", "site"} & set(found.columns)
    assert found.faults.is_empty()
    found = read_text(tmp_path, "b.json", page(brief, brief | {"group": nested("Campus"), "site": None}))
    assert found.faults.select("row", "field").rows() == [(2, "group")]
    found = read_text(tmp_path, "c.json", page(brief | {"group": nested("Campus"), "site": None}, brief))
    assert found.faults.select("row", "field").rows() == [(2, "group")]


def test_vlans_of_prefixes() -> None:
    """By group, or else site; by the number alone where a page has no more."""
    vlan = {"id": 7, "vid": 110, "name": "servers"}
    wanted = [
        (vlan | {"group": nested("Campus"), "site": nested("Bonn")}, "Campus/110"),
        (vlan | {"group": None, "site": nested("Bonn")}, "Bonn/110"),
        (vlan | {"group": None, "site": None}, "/110"),
        (vlan | {"group": None, "site": unnamed()}, NoValue.NAME),
        (vlan, "110"),
        ({"id": 7}, NoValue.NAME),
    ]
    for given_, key in wanted:
        assert values(SHAPES["prefix"], record("ipam/prefixes", prefix="10.0.0.0/8", vlan=given_))["vlan"] == key


def pages(*records: Any, size: int = 2) -> list[dict[str, Any]]:
    """Return the pages of a list."""
    starts = range(0, len(records), size)
    address = "https://n.example/api/dcim/sites/?offset="
    return [
        {
            "count": len(records),
            "next": f"{address}{at + size}" if at + size < len(records) else None,
            "previous": f"{address}{max(at - size, 0)}" if at else None,
            "results": [*records[at : at + size]],
        }
        for at in starts
    ]


SITES = [{"id": number, "name": f"Site {number}", "slug": f"s{number}"} for number in range(1, 6)]


@law(30)
@given(st.sets(st.integers(0, 2), min_size=1).flatmap(lambda kept: st.permutations(sorted(kept))))
def test_pages_in_one_file(tmp_path_factory: pytest.TempPathFactory, kept: list[int]) -> None:
    """In any order, they are whole when they hold all records."""
    folder = tmp_path_factory.mktemp("pages")
    listed = pages(*SITES)
    chosen = [listed[number] for number in kept]
    texts = {
        "list.json": json.dumps(chosen),
        "row.json": "\n".join(json.dumps(each, indent=1) for each in chosen),
        "lines.ndjson": "".join(json.dumps(each) + "\n" for each in chosen),
    }
    for name, text in texts.items():
        if name != "lines.ndjson" or len(chosen) > 1:
            found = read_text(folder, name, text)
            assert (bool(found.gaps), found.records) == (len(kept) < 3, sum(len(each["results"]) for each in chosen))


def test_a_page_twice_is_no_two_pages(tmp_path: Path) -> None:
    """Records are counted by their ids."""
    first = pages(*SITES[:4])[0]
    assert read_text(tmp_path, "a.json", json.dumps([first, first])).gaps


def test_pages_of_several_types_in_one_file(tmp_path: Path) -> None:
    """Each type is a part of its own, with its own gaps."""
    place = record("dcim/sites", name="Bonn", id=3)
    text = page(place, count=2) + page(EARLIER["device"]) + page(place | {"id": 4, "name": "Ulm"}, count=2)
    path = tmp_path / "a.json"
    path.write_text(text)
    (tmp_path / "work").mkdir()
    parts = extract_all(ImportJob(path=path), tmp_path / "work", with_settings())
    assert [(part.resource_type, part.records, part.gaps) for part in parts] == [("site", 2, ()), ("device", 1, ())]


def test_a_key_of_another_name(tmp_path: Path) -> None:
    """What was put together elsewhere may call it otherwise: no column of ours stands in its way."""
    device = {"hostname": "r1", "device_type": nested("", model="MX204"), "serial": "X", "site": nested("Bonn")}
    found = read_text(tmp_path, "a.json", json.dumps([device]))
    assert found.resource_type == "device"
    assert {"hostname", "site", "model"} <= set(found.columns)
    assert "name" not in found.columns
