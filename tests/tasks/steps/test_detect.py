"""Documents of several types: which sheets and lists are parts, of which types, and what is left out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SourceError, UsageError
from schemas.jobs import ImportJob
from schemas.sources import ROW, UNTOUCHED, Extracted
from tasks.formats.excel.sheet_xml import SHEET_ROWS
from tasks.steps.extract import extract_all
from tests.laws import law
from tests.support import with_settings

VPCS = [["vpc_id", "cidr_block"], ["vpc-00000001", "10.1.0.0/16"], ["vpc-00000002", "10.2.0.0/16"]]
SITES = [["Name", "Slug", "Latitude"], ["Frankfurt", "fra", "50.1"]]
SUBNETS = [
    ["Subnet ID", "VPC ID", "CIDR block", "Availability zone"],
    ["subnet-00000001", "vpc-00000001", "10.1.1.0/24", "us-east-1a"],
]
NOTES = [["What is in here", ""], ["the network of", "2026"], ["asked for by", "nobody"]]


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    """Write a workbook of these sheets; __ in a name stands for a space, and a list that begins with None is hidden."""
    book = openpyxl.Workbook()
    del book["Sheet"]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("__", " "))
        for row in rows:
            if row:
                sheet.append(row)
        sheet.sheet_state = "visible" if rows[0] else "hidden"
    book.save(path)
    return path


def parts(path: Path, **options: Any) -> list[Extracted]:
    """The parts of a document."""
    work = path.parent / "work"
    work.mkdir(exist_ok=True)
    return list(extract_all(ImportJob(path=path, **options), work, with_settings()))


def types(found: list[Extracted]) -> list[tuple[str | None, str | None, int | None]]:
    """The type, the sheet or list and the number of records of each part."""
    return [(part.resource_type, part.sheet or part.document, part.records) for part in found]


def said(found: list[Extracted]) -> list[str]:
    """What the notices of all parts say."""
    return [notice.message for part in found for notice in part.notices]


# Workbooks ------------------------------------------------------------------------------------------------------------


def test_sheets_that_are_named_after_types(tmp_path: Path) -> None:
    """However spelt and in whatever order, they are parts in the order of loading; their records are on disk."""
    path = workbook(tmp_path / "a.xlsx", Sites=SITES, SUBNET=SUBNETS, vpcs=VPCS, Transit__gateways=[["tgw id", "name"]])
    found = parts(path)
    assert types(found) == [("vpc", "vpcs", 2), ("subnet", "SUBNET", 1), ("site", "Sites", 1)]
    assert found[0].frame.collect().rows() == [(2, *VPCS[1]), (3, *VPCS[2])]
    assert (said(found), {part.sha256 for part in found}) == ([], {found[0].sha256})


def test_sheets_of_other_names_are_known_by_their_columns_or_left_out(tmp_path: Path) -> None:
    """What is no table of ours is named in a notice; hidden sheets are none."""
    sheets: dict[str, list[list[Any]]] = {
        "Read__me": NOTES,
        "Sheet1": VPCS,
        "Sheet2": SUBNETS,
        "Old": [[], *SITES],
        "Costs": [["a", "b"], [1, 2]],
    }
    found = parts(workbook(tmp_path / "a.xlsx", **sheets))
    assert types(found) == [("vpc", "Sheet1", 2), ("subnet", "Sheet2", 1)]
    assert said(found) == [
        "sheet 'Old' is left out: it is hidden; name it with {option:read.sheet} to read it",
        "these sheets are left out, as neither name nor columns match a type: Read me, Costs",
    ]
    assert [part.gaps for part in found] == [(), ()]


def test_a_workbook_of_one_table_is_as_before(tmp_path: Path) -> None:
    """The type is found out later, by the columns or by who asks; notes beside it are told."""
    assert types(parts(workbook(tmp_path / "a.xlsx", Sheet1=VPCS))) == [(None, "Sheet1", 2)]
    found = parts(workbook(tmp_path / "b.xlsx", Notes=NOTES, Sheet1=VPCS))
    assert types(found) == [("vpc", "Sheet1", 2)]
    assert "neither name nor columns match a type: Notes" in said(found)[0]
    odd = parts(workbook(tmp_path / "c.xlsx", First=[["Net", "Range"], ["x", "y"]], Second=NOTES))
    assert types(odd) == [(None, "First", 1)]


@pytest.mark.parametrize("options", [{"resource_type": "subnet"}, {"read": {"sheet": "Subnets"}}])
def test_one_sheet_that_is_asked_for(tmp_path: Path, options: dict[str, Any]) -> None:
    """A named sheet is the only part, and so is the sheet of a named type."""
    found = parts(workbook(tmp_path / "a.xlsx", VPCs=VPCS, Subnets=SUBNETS), **options)
    assert [(part.sheet, part.records) for part in found] == [("Subnets", 1)]


def test_two_sheets_of_one_type_are_one_part(tmp_path: Path) -> None:
    """A copy of a sheet, a sheet that goes on, and sheets that only their columns tell; rows are counted on."""
    more = [VPCS[0], ["vpc-00000003", "10.3.0.0/16"]]
    turned = [VPCS[0][::-1], ["10.4.0.0/16", "vpc-00000004"]]
    wanted = [(2, *VPCS[1]), (3, *VPCS[2])]
    for second in ("VPC__2", "VPC__(2)"):
        found = parts(workbook(tmp_path / "a.xlsx", VPC=VPCS, Sites=SITES, **{second: more}))
        assert types(found) == [("vpc", "VPC", 3), ("site", "Sites", 1)]
        assert found[0].frame.collect().rows() == [*wanted, (SHEET_ROWS + 2, "vpc-00000003", "10.3.0.0/16")]
    found = parts(workbook(tmp_path / "b.xlsx", Frankfurt=VPCS, Dublin=turned))
    assert found[0].frame.collect().rows() == [*wanted, (SHEET_ROWS + 2, "vpc-00000004", "10.4.0.0/16")]
    assert said(found) == [f"'Dublin' is read as more of 'Frankfurt': its row 1 is counted as row {SHEET_ROWS + 1:,}"]


def test_two_sheets_of_one_type_with_other_columns(tmp_path: Path) -> None:
    """Each is mapped by itself; columns are called as in the first, and what a sheet lacks is left as it is stored."""
    other = [["Titel", "CIDR", "VPC ID"], ["core", "10.3.0.0/16", "vpc-00000003"]]
    path = workbook(tmp_path / "c.xlsx", VPC=VPCS, vpcs=other)
    options: dict[str, Any] = {"read": {"sheets": {"VPCS": {"mapping": {"Titel": "name"}}}}}
    [found] = parts(path, **options)
    assert found.columns == ("vpc_id", "cidr_block", UNTOUCHED, "Titel")
    assert found.frame.select("Titel", "cidr_block", UNTOUCHED).collect().rows() == [
        (None, "10.1.0.0/16", "name"),
        (None, "10.2.0.0/16", "name"),
        ("core", "10.3.0.0/16", None),
    ]
    assert found.given == {"Titel": "name"}
    assert "columns are read as in the first: 'CIDR' as 'cidr_block', 'VPC ID' as 'vpc_id'" in " ".join(said([found]))


def test_what_is_known_of_sheets(tmp_path: Path) -> None:
    """A type, a header row, or that a sheet is left out; the others are inferred, hidden ones are read if named."""
    lists = [["as of", "2026"], ["what", "where"], ["Frankfurt", "fra"]]
    path = workbook(tmp_path / "a.xlsx", VPCs=VPCS, Places=lists, Subnets=SUBNETS, Old=[[], *SITES])
    given = {"type": "site", "header_row": 2, "mapping": {"what": "name", "where": "slug"}}
    sheets: dict[str, Any] = {"places": given, "Subnets": {"skip": True}, "Old": {}}
    found = parts(path, read={"sheets": sheets})
    assert types(found) == [("vpc", "VPCs", 2), ("site", "Places", 2)]
    assert found[1].frame.collect().columns == [ROW, "what", "where", UNTOUCHED, "Latitude"]
    assert said(found)[0] == "sheet 'Subnets' is left out: as asked"
    with pytest.raises(SourceError, match="has no sheet 'Nets': its sheets are VPCs, Places, Subnets, Old"):
        parts(path, read={"sheets": {"Nets": {"type": "vpc"}}})
    with pytest.raises(UsageError, match="one type for all sheets, or one for each"):
        parts(path, resource_type="vpc", read={"sheets": {"VPCs": {"type": "vpc"}}})


def test_all_sheets_of_a_type_that_is_named(tmp_path: Path) -> None:
    """Those whose columns tell it, or that have the columns of the first that fits; the others are named."""
    floor = ["Name", "Role", "Serial number"]
    sheets: dict[str, list[list[Any]]] = {
        "Floor__1": [floor, ["z1", "access", "S1"]],
        "Floor__2": [floor[::-1], ["S2", "access", "z2"]],
        "Contacts": [["Name", "Phone"], ["Ann", "17"]],
        "Sites": SITES,
    }
    path = workbook(tmp_path / "a.xlsx", **sheets)
    for options in ({"resource_type": "device"}, {"resource_type": "device", "columns": {"Role": "role"}}):
        [found] = parts(path, **options)
        assert (found.resource_type, found.records) == ("device", 2)
        assert "left out, as neither name nor columns match device: Contacts, Sites" in said([found])[-1]
        assert ["'Contacts'" in gap.message for gap in found.gaps] == [True]
    names = workbook(tmp_path / "b.xlsx", A=[["Name"], ["a"]], B=[["Name"], ["b"]], C=[["Name", "x"], ["c", "1"]])
    [found] = parts(names, resource_type="device")
    assert (found.records, "match device: C" in said([found])[-1]) == (2, True)


def test_a_fault_keeps_its_row_in_a_later_sheet(tmp_path: Path) -> None:
    """The row that it rejects is the one that is counted on, and its message names the sheet."""
    wide = [VPCS[0], ["vpc-00000003", "10.3.0.0/16", "beyond"]]
    [found] = parts(workbook(tmp_path / "a.xlsx", Frankfurt=VPCS, Dublin=wide))
    [fault] = found.faults.to_dicts()
    assert (fault["row"], fault["message"][:16]) == (SHEET_ROWS + 2, "'Dublin', row 2 ")


def test_a_sheet_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    """The others are read, unless all or nothing is to be; a sheet of an unknown type may hold any."""
    wide = [[f"column {number}" for number in range(1_001)], ["x"]]
    path = workbook(tmp_path / "a.xlsx", VPCs=VPCS, Sites=wide)
    with pytest.raises(SourceError, match=r"sheet 'Sites': a.xlsx has 1,001 columns; at most 1,000 are read"):
        parts(path, on_error="abort")
    found = parts(path)
    assert types(found) == [("vpc", "VPCs", 2)]
    assert [gap.message for part in found for gap in part.gaps] == []
    assert said(found)[0].startswith("sheet 'Sites' of a.xlsx is not read: a.xlsx has 1,001 columns")
    found = parts(workbook(tmp_path / "b.xlsx", VPCs=VPCS, Wide=wide, Subnets=SUBNETS))
    assert types(found) == [("vpc", "VPCs", 2), ("subnet", "Subnets", 1)]
    assert ["'Wide' of b.xlsx is not read" in gap.message for part in found for gap in part.gaps] == [True, True]


SHEETS: dict[str, list[list[Any]]] = {
    "VPCs": VPCS,
    "More": VPCS,
    "Subnets": SUBNETS,
    "Hidden": [[], *SITES],
    "Notes": NOTES,
    "Costs": [["Name", "Amount"], ["x", "y"]],
    "One row": [["only", "this"]],
    "Sites": [[f"column {number}" for number in range(1_001)], ["x"]],
    "Empty": [["", ""]],
    "VLANs": [["VID", "Name", "Site"]],
}


@law(30)
@given(names=st.lists(st.sampled_from(sorted(SHEETS)), min_size=1, unique=True))
def test_every_sheet_is_read_or_named(tmp_path: Path, names: list[str]) -> None:
    """Law 6: a sheet that holds anything is read, or the report says why it is not."""
    path = workbook(tmp_path / "a.xlsx", VPC=VPCS, **{name: SHEETS[name] for name in names})
    found = parts(path)
    words = " ".join([*said(found), *(gap.message for part in found for gap in part.gaps)])
    for name in names:
        read = any(part.sheet == name for part in found) or f"'{name}' is read as more of" in words
        held = name not in ("Empty", "VLANs")  # a header alone says nothing
        assert (read or name in words) is held, (name, words)
    counted = {"VPCs": ("vpc", 2), "More": ("vpc", 2), "Subnets": ("subnet", 1)}
    wanted = {"vpc": 2}
    for name in names:
        kind, count = counted.get(name, ("vpc", 0))
        wanted[kind] = wanted.get(kind, 0) + count
    assert {part.resource_type: part.records for part in found} == wanted


# JSON -----------------------------------------------------------------------------------------------------------------

VPC = {"VpcId": "vpc-00000001", "CidrBlock": "10.1.0.0/16", "Tags": [{"Key": "Name", "Value": "core"}]}
SUBNET = {"SubnetId": "subnet-00000001", "VpcId": "vpc-00000001", "CidrBlock": "10.1.1.0/24"}


def written(path: Path, document: Any) -> Path:
    """Write a JSON document, packed where its name says so."""
    text = json.dumps(document).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_lists_that_are_named_after_types(tmp_path: Path, name: str) -> None:
    """By the key of AWS's document or however a type is spelt; the others are named in a notice."""
    document = {"Subnets": [SUBNET], "note": "x", "Owners": [{"id": 1}], "Vpcs": [VPC, VPC], "sites": [{"name": "fra"}]}
    found = parts(written(tmp_path / name, document))
    assert types(found) == [("vpc", "Vpcs", 2), ("subnet", "Subnets", 1), ("site", "sites", 1)]
    assert found[0].frame.select(ROW, "VpcId", "name").collect().rows() == [
        (1, "vpc-00000001", "core"),
        (2, "vpc-00000001", "core"),
    ]
    assert said(found) == ["these lists are left out, as neither name nor columns match a type: Owners (1)"]


def test_one_list_or_a_record_with_lists_is_as_before(tmp_path: Path) -> None:
    """A document of one list, one of AWS's among others, one with `records`, one of a record with lists in it."""
    path = tmp_path / "a.json"
    for document, wanted in (
        ({"data": [VPC], "count": 1}, ("vpc", "data", 1)),
        ({"Owners": [{"id": 1}], "Vpcs": [VPC]}, ("vpc", "Vpcs", 1)),
        ({"records": [{"name": "x"}], "sites": [{"name": "y"}], "vlans": [{"vid": 1}]}, (None, "records", 1)),
        ([{"name": "x"}], (None, None, 1)),
        ({"asn": [{"asn": 65001}, {"asn": 65002}]}, ("asn", "asn", 2)),
        ({"name": "fra", "slug": "fra", "latitude": 50.1, "devices": [{"name": "a"}]}, (None, None, 1)),
    ):
        assert types(parts(written(path, document))) == [wanted]
    found = parts(written(path, {"a": [{"x": 1}], "sites": [{"name": "y"}]}))
    assert types(found) == [("site", "sites", 1)]
    assert said(found) == ["these lists are left out, as neither name nor columns match a type: a (1)"]


def test_types_that_are_named_as_fields_of_others(tmp_path: Path) -> None:
    """An object of lists of sites, VRFs, VLANs and prefixes is no prefix, whose fields bear these names."""
    document = {name: [{"name": "x"}] for name in ("site", "vrf", "vlan", "prefix")}
    assert [part.resource_type for part in parts(written(tmp_path / "a.json", document))] == list(document)


def test_one_list_that_is_asked_for(tmp_path: Path) -> None:
    """By its member, or by the type that it is named after."""
    path = written(tmp_path / "a.json", {"sites": [{"name": "fra"}], "vlans": [{"vid": 1, "name": "x"}]})
    for options in ({"read": {"records": "vlans"}}, {"resource_type": "vlan"}):
        assert [(part.document, part.records) for part in parts(path, **options)] == [("vlans", 1)]


def test_two_lists_of_one_type_are_one_part(tmp_path: Path) -> None:
    """Rows are counted on from the list before."""
    document = {"site": [{"name": "a"}, {"name": "b"}], "sites": [{"name": "c"}]}
    [found] = parts(written(tmp_path / "a.json", document))
    assert found.frame.collect().rows() == [(1, "a"), (2, "b"), (3, "c")]


def test_other_formats_have_one_part(tmp_path: Path) -> None:
    """A table is of one type, which is found out later."""
    path = tmp_path / "a.csv"
    path.write_text("vpc_id,cidr_block\nvpc-00000001,10.1.0.0/16\n")
    assert types(parts(path)) == [(None, None, 1)]


@pytest.mark.parametrize(
    ("sheet", "header", "type"),
    [
        ("VLANs", ["VLAN", "Name"], "vlan"),
        ("Sites", ["Name"], "site"),
        ("Sheet1", ["Name"], None),
    ],
)
@pytest.mark.parametrize("options", [{}, {"columns": {"Name": "name"}}])
def test_a_lone_sheet_may_tell_its_type(
    tmp_path: Path, sheet: str, header: list[str], type: str | None, options: dict[str, Any]
) -> None:
    """By its name, where its columns leave that open."""
    path = workbook(tmp_path / "a.xlsx", **{sheet: [header, ["10", *"xx"[: len(header) - 1]]]})
    [part] = parts(path, **options)
    assert part.resource_type == type
