"""Traps of NetBox: pages, older shapes, tokens, lists that change while they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import SourceError, UsageError
from schemas.fetched import Fetched
from tasks.sources import fetch
from tests.support import importer, stored
from tests.tasks.sources.servers import Answer, Asked, NetBox, Site, crowded_objects, netbox_objects, site
from tests.tasks.sources.support import Patience, fetched, request


@pytest.fixture
def netbox() -> NetBox:
    """A small NetBox with more than two pages of sites."""
    return NetBox(netbox_objects(1_200), "abcdefgh")


@pytest.fixture
def server(netbox: NetBox) -> Iterator[Site]:
    """It, listening."""
    with site(netbox) as running:
        yield running


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def load(found: Fetched, database_url: str, tmp_path: Path) -> None:
    """Import what was fetched, all of it new, without a reject."""
    run = importer(database_url, tmp_path)
    for file in (file for file in found.files if file.records):
        report = run(file.path, name=file.name, resource_type=file.resource_type)
        assert (report.counts.create, report.counts.rejected) == (file.records, 0), report.issues


def test_all_of_it_is_imported(server: Site, database_url: str, tmp_path: Path) -> None:
    """In the order of loading, without a reject; natural keys stand for nested objects."""
    found = fetched(f"netbox+http://{server.host}", tmp_path / "out", secret="abcdefgh")
    load(found, database_url, tmp_path)
    assert found.whole
    assert [(row["vrf"], row["site"], row["vlan"], row["status"]) for row in stored(database_url, "prefix")] == [
        (None, None, "/120", "active"),
        ("65000:1", "Site 1", "Campus/110", "container"),
        ("red", None, None, "active"),
    ]
    device = stored(database_url, "device")[0]
    assert (device["manufacturer"], device["model"], device["primary_ip"]) == ("Juniper", "MX204", "192.0.2.10")
    circuit = stored(database_url, "circuit")[0]
    assert (circuit["natural_key"], circuit["site_a"], circuit["site_z"]) == ("Telco/ET-4711", "Site 1", None)


def test_pages_are_followed_and_nothing_else_is_requested(server: Site, tmp_path: Path) -> None:
    """One request a page: nested objects are not looked up one by one."""
    told: list[tuple[int, int]] = []
    found = fetched(
        f"netbox+http://{server.host}",
        tmp_path,
        "site",
        secret="abcdefgh",
        progress=lambda f, r, _: told.append((f, r)),
    )
    assert (found.files[0].records, len(server.asked)) == (1_200, 3)
    assert told == [(0, 500), (0, 1_000), (1, 1_200)]


def test_a_page_that_fails(server: Site, netbox: NetBox, tmp_path: Path) -> None:
    """The pages before it are given, and it is told where it stopped."""
    netbox.broken.add(("dcim/sites", 500))
    found = fetched(f"netbox+http://{server.host}", tmp_path, "site", "vrf", secret="abcdefgh")
    assert [(file.resource_type, file.records) for file in found.files] == [("site", 500), ("vrf", 2)]
    assert [issue.value for issue in found.failures] == [each.resource_type for each in found.unread]
    assert len(found.failures) == 1
    assert "cannot be read after 500 records: NetBox answers 501" in found.failures[0].message


def test_a_list_that_changes_while_it_is_read(server: Site, netbox: NetBox, tmp_path: Path) -> None:
    """One that is put in before the others moves one onto the next page again, and is passed over itself."""
    sites = netbox.objects["dcim/sites"]

    def respond(asked: Asked) -> Answer:
        if "offset=500" in asked.path:
            sites.insert(0, sites[0] | {"id": 5_000, "name": "Newest"})
        return netbox(asked)

    server.respond = respond
    found = fetched(f"netbox+http://{server.host}", tmp_path / "a", "site", secret="abcdefgh")
    names = [record["name"] for record in read(found.files[0].path)]
    assert len(names) == len(set(names)) == 1_200
    sites.pop(0)

    def shrink(asked: Asked) -> Answer:
        if "offset=500" in asked.path:
            del sites[0]
        return netbox(asked)

    server.respond = shrink
    found = fetched(f"netbox+http://{server.host}", tmp_path / "b", "site", secret="abcdefgh")
    assert [issue.message for issue in found.failures] == [
        f"site of netbox+http://{server.host} was changed while it was read, and may lack records."
    ]


def test_distress_passes(server: Site, netbox: NetBox, tmp_path: Path) -> None:
    """It is asked again after as long as it says."""
    answers = [Answer(503, {"Retry-After": "3"}), Answer(429)]
    server.respond = lambda asked: answers.pop(0) if answers else netbox(asked)
    patience = Patience()
    assert fetched(f"netbox+http://{server.host}", tmp_path, "asn", secret="abcdefgh", wait=patience).whole
    assert patience.waited[0] == 3.0
    assert len(patience.waited) == 2


@pytest.mark.parametrize(
    ("path", "secret", "said"),
    [
        ("", "wrong-token", r"may not be read with this token \(403\)"),
        ("", None, r"may not be read with this token \(403\)"),
        ("/elsewhere", "abcdefgh", "NetBox answers 404"),
    ],
)
def test_who_may_not_read(server: Site, tmp_path: Path, path: str, secret: str | None, said: str) -> None:
    """Told for the first type, with a word on the others."""
    with pytest.raises(SourceError, match=said) as caught:
        fetch(request(f"netbox+http://{server.host}{path}", tmp_path, secret=secret))
    assert str(caught.value).endswith("(6 more could not be read.)")
    assert "wrong-token" not in str(caught.value)


def test_what_is_no_netbox(server: Site, tmp_path: Path) -> None:
    """A page to log in, or nobody."""
    server.respond = lambda _: Answer(200, {"Content-Type": "text/html"}, b"<html>Log in</html>")
    with pytest.raises(SourceError, match="is this the URL of a NetBox"):
        fetch(request(f"netbox+http://{server.host}", tmp_path, "site"))
    with pytest.raises(SourceError, match=r"NetBox does not respond \(ConnectionError\)"):
        fetch(request("netbox+http://127.0.0.1:1", tmp_path, "site"))
    with pytest.raises(UsageError, match="netbox:// has no vpc: it has site, vrf"):
        fetch(request("netbox://127.0.0.1:1", tmp_path, "vpc"))
    with pytest.raises(UsageError, match="where no source is"):
        fetch(request("netbox+http://169.254.169.254", tmp_path, "site"))


def test_older_shapes(server: Site, netbox: NetBox, tmp_path: Path, database_url: str) -> None:
    """Before 4.2 a prefix has a site and a circuit ends at one, before 4.0 a device has a device_role."""
    prefix, device = netbox.objects["ipam/prefixes"][1], netbox.objects["dcim/devices"][0]
    circuit, place = netbox.objects["circuits/circuits"][0], netbox.objects["dcim/sites"][1]
    for name in ("scope", "scope_id", "scope_type"):
        del prefix[name]
    prefix["site"] = {name: place[name] for name in ("id", "url", "name")}
    device["device_role"] = device.pop("role")
    circuit["termination_a"] = {"id": 81, "site": prefix["site"], "provider_network": None}
    circuit["termination_z"] = {"id": 82, "site": None, "provider_network": {"id": 5, "name": "MPLS"}}
    found = fetched(f"netbox+http://{server.host}", tmp_path / "out", secret="abcdefgh")
    load(found, database_url, tmp_path)
    prefixes, devices, circuits = (stored(database_url, name) for name in ("prefix", "device", "circuit"))
    sites = {row["prefix"]: row["site"] for row in prefixes}
    assert (sites[prefix["prefix"]], devices[0]["role"]) == ("Site 2", "core router")
    assert (circuits[0]["site_a"], circuits[0]["site_z"]) == ("Site 2", None)


def test_a_count_of_other_objects_changes_nothing(server: Site, netbox: NetBox, tmp_path: Path) -> None:
    """A source whose records are as they were is as it was."""
    for each in netbox.objects["dcim/sites"]:
        each |= {"device_count": 3, "region": each["region"] | {"site_count": 1}}
    before = fetched(f"netbox+http://{server.host}", tmp_path / "a", "site", secret="abcdefgh")
    for each in netbox.objects["dcim/sites"]:
        each |= {"device_count": 4, "region": each["region"] | {"site_count": 2}}
    after = fetched(f"netbox+http://{server.host}", tmp_path / "b", "site", secret="abcdefgh")
    assert before.digest == after.digest


def test_numbers_and_names_that_repeat(server: Site, netbox: NetBox, tmp_path: Path, database_url: str) -> None:
    """A VLAN is known by its group or else its site, a device by its site, tenant and name or else its id in NetBox."""
    netbox.objects = crowded_objects()
    found = fetched(f"netbox+http://{server.host}", tmp_path / "out", secret="abcdefgh")
    load(found, database_url, tmp_path)
    assert {row["source_id"]: row["natural_key"] for row in stored(database_url, "vlan")} == {
        "x:30": "Bonn/100",
        "x:31": "Ulm/100",
        "x:32": "Campus/100",
        "x:33": "Campus/101",
        "x:34": "/100",
    }
    assert {row["source_id"]: row["vlan"] for row in stored(database_url, "prefix")} == {
        "x:40": "Bonn/100",
        "x:41": "Ulm/100",
        "x:42": "Campus/100",
        "x:43": "Campus/101",
        "x:44": "/100",
    }
    assert {row["natural_key"] for row in stored(database_url, "device")} == {
        "Bonn/core",
        "Ulm/core",
        "Bonn/Acme/core",
        "Bonn/Umbrella/core",
        "Bonn/x:64",
        "Bonn/x:65",
        "Bonn/Acme/x:66",
    }
    assert [row["natural_key"] for row in stored(database_url, "circuit")] == ["Carrier/1", "Telco/1"]


def test_an_answer_that_is_no_list_of_records(server: Site, tmp_path: Path) -> None:
    """It is a failure in words."""
    for body in (b'{"detail": "maintenance"}', b'["a"]', b'{"count": 1, "next": null, "results": [3]}'):
        answer = Answer(200, {"Content-Type": "application/json"}, body)
        server.respond = partial(lambda given, _: given, answer)
        with pytest.raises(SourceError, match="is this the URL of a NetBox"):
            fetch(request(f"netbox+http://{server.host}", tmp_path, "site"))
