"""Syncs of a source that has no records any more: nothing is what it has, and the guards hold that back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from schemas.errors import CmdbError, SourceError
from schemas.reports import Report, Status
from tests.flows.support import apply, everything, names, records, sync, undo_of
from tests.support import importer, issues_of, vpc, vpc_id, write_csv

HEADER = ("VPC ID", "CIDR block", "Region", "Account ID")
NAMES = ("vpc_id", "cidr_block", "region", "account_id")
TYPED: dict[str, Any] = {"resource_type": "vpc"}
LABELLED: dict[str, Any] = {"columns": {"Label": "name"}, "unknown": "refuse"}


def written(text: str) -> Callable[[Path], object]:
    """Return what writes a text to a path."""
    return lambda path: path.write_text(text)


def workbook(*sheets: tuple[str, list[tuple[str, ...]]]) -> Callable[[Path], object]:
    """Return what writes sheets with these rows to a path."""

    def write(path: Path) -> None:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for name, rows in sheets:
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(path)

    return write


def parquet(path: Path) -> None:
    """Write the columns of VPCs and no record."""
    pl.DataFrame(schema=dict.fromkeys(NAMES, pl.String)).write_parquet(path)


STATE = {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "a", "resources": []}

EMPTIED: dict[str, tuple[str, Callable[[Path], object], dict[str, Any]]] = {
    "the list of AWS": ("a.json", written('{"Vpcs": []}'), {}),
    "a list that is named": ("a.json", written('{"vpcs": []}'), {}),
    "a list, typed": ("a.json", written("[]"), TYPED),
    "a list, of one type": ("a.json", written("[]"), {"types": ("vpc",)}),
    "a list that is named, typed": ("a.json", written('{"vpcs": [], "notes": []}'), TYPED),
    "a list of results, typed": ("a.json", written('{"count": 0, "results": []}'), TYPED),
    "a list deeper down": ("a.json", written('{"data": {"vpcs": []}}'), {}),
    "a list at a path": ("a.json", written('{"a": {"b": []}}'), TYPED | {"read": {"records": "a.b"}}),
    "a list with columns given": ("a.json", written('{"Vpcs": []}'), LABELLED),
    "an exported list": ("a.json", written('{"metadata": {"resourceType": "vpc"}, "records": []}'), {}),
    "exported lines": ("a.ndjson", written('{"#": {"resourceType": "vpc"}}\n'), {}),
    "a header": ("a.csv", written(",".join(HEADER) + "\n"), {}),
    "a header, no line's end": ("a.csv", written(",".join(HEADER)), {}),
    "a header, packed": ("a.csv.gz", lambda path: path.write_bytes(gzip.compress(b"vpc_id,cidr_block\n")), {}),
    "an exported header": ("a.csv", written("# resourceType: vpc\nvpc_id,cidr_block\n"), {}),
    "a header that only the type tells": ("a.csv", written("id,cidr_block\n"), TYPED | {"columns": {"id": "vpc_id"}}),
    "a sheet": ("a.xlsx", workbook(("Tabelle1", [HEADER])), {}),
    "a sheet, typed": ("a.xlsx", workbook(("Notes", [("a", "b"), ("c", "d")]), ("VPCs", [HEADER])), TYPED),
    "a sheet with a title": ("a.xlsx", workbook(("VPCs", [("VPCs of 2026",), HEADER])), {}),
    "a table": ("a.parquet", parquet, {}),
    "a state, typed": ("a.tfstate", written(json.dumps(STATE)), TYPED),
}  # fmt: skip


@pytest.fixture
def stored(database_url: str, tmp_path: Path) -> None:
    """Three VPCs, which another source brought."""
    importer(database_url, tmp_path)([vpc(1), vpc(2), vpc(3)])


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", EMPTIED)
def test_an_emptied_source(database_url: str, tmp_path: Path, name: str) -> None:
    """It is held back, then approved, and comes back with an undo; an import of it is refused."""
    file, write, options = EMPTIED[name]
    path = tmp_path / file
    write(path)
    of_import = {key: value for key, value in options.items() if key != "types"}
    with pytest.raises(CmdbError, match=r"no records|nothing to import|no visible sheet|No column"):
        importer(database_url, tmp_path)(path, **of_import)
    before = everything(database_url)
    held = sync(database_url, path, name="a", missing="delete", **options)
    assert (held.status, held.counts.delete, held.counts.read) == (Status.FAILED, 3, 0), held.message
    assert held.message
    assert "It would retire or delete 3 of 3 records" in held.message
    assert {notice.rule for notice in held.notices} <= {"scope", "schema", "left_out", "title"}
    assert everything(database_url) == before
    approved = apply(database_url, held)
    assert (approved.counts.delete, everything(database_url)) == (3, {})
    undo_of(database_url, approved)
    assert everything(database_url) == before


UNTOLD: dict[str, tuple[str, Callable[[Path], object], dict[str, Any], str]] = {
    "no bytes": ("a.csv", written(""), TYPED, "is empty: is it still being written"),
    "no bytes of JSON": ("a.json", written(""), TYPED, "is empty: is it still being written"),
    "blank lines": ("a.csv", written("\n\n"), TYPED, "has no header line"),
    "blank lines of JSON": ("a.ndjson", written("\n\n"), TYPED, "and its content is delimited text"),
    "a list of no type": ("a.json", written("[]"), {}, "its list is empty and does not say"),
    "a list of one of two types": ("a.json", written("[]"), {"types": ("vpc", "subnet")}, "its list is empty"),
    "a list named after none": ("a.json", written('{"errors": []}'), {}, "the list 'errors' is empty"),
    "a list named after none, typed": ("a.json", written('{"errors": []}'), TYPED, "the list 'errors' is empty"),
    "a list of another type": ("a.json", written('{"subnets": []}'), TYPED, "the list 'subnets' is empty"),
    "a path that leads nowhere": (
        "a.json",
        written('{"a": {"c": []}}'),
        TYPED | {"read": {"records": "a.b"}},
        "no records at 'a.b': it holds a, c",
    ),
    "records that may be of a type": (
        "a.json",
        written('{"vpcs": [], "errors": [{"code": "denied"}]}'),
        {},
        "The columns of a.json do not say which type its records are of: 'code'",
    ),
    "a header of no type": ("a.csv", written("error,code\n"), {}, "its records are of: 'error', 'code'"),
    "a header without what is needed": ("a.csv", written("error,code\n"), TYPED, "No column fills 'vpc_id'"),
    "a sheet of no type": ("a.xlsx", workbook(("Tabelle1", [("a", "b")])), {}, "its records are of: 'a', 'b'"),
    "a state of no type": ("a.tfstate", written(json.dumps(STATE)), {}, "a.tfstate holds nothing to import"),
}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", UNTOLD)
def test_a_source_that_tells_no_type(database_url: str, tmp_path: Path, name: str) -> None:
    """Nothing of it is known, and so nothing is missing: it is refused."""
    file, write, options, says = UNTOLD[name]
    path = tmp_path / file
    write(path)
    with pytest.raises(CmdbError, match=says):
        sync(database_url, path, name="a", max_delete=None, **options)
    assert len(names(database_url)) == 3


def subnet(number: int) -> dict[str, str]:
    """Return a sound row for a subnet of the first VPC."""
    return {
        "subnet_id": f"subnet-{number:08x}",
        "vpc_id": vpc_id(1),
        "cidr_block": f"10.0.1.{number * 16}/28",
        "availability_zone": "us-east-1a",
    }


def lists(path: Path, **rows: list[dict[str, str]]) -> Path:
    """Write a document of several lists."""
    path.write_text(json.dumps({name: [{**row, "tags": {}} for row in each] for name, each in rows.items()}))
    return path


def document(path: Path, *, subnets: bool) -> Path:
    """Write a JSON document of a VPC and two subnets, or of none."""
    return lists(path, vpcs=[vpc(1)], subnets=[subnet(1), subnet(2)] if subnets else [])


def book(path: Path, *, subnets: bool) -> Path:
    """Write a workbook of a VPC and two subnets, or of a header alone."""
    rows = [tuple(subnet(number).values()) for number in (1, 2)] if subnets else []
    sheets = ("VPCs", [tuple(vpc(1)), tuple(vpc(1).values())]), ("Subnets", [tuple(subnet(1)), *rows])
    workbook(*sheets, ("Notes", [("by hand",)]))(path)
    return path


@pytest.mark.parametrize(("write", "file"), [(document, "network.json"), (book, "network.xlsx")])
def test_an_emptied_list_next_to_another(
    database_url: str, tmp_path: Path, write: Callable[..., Path], file: str
) -> None:
    """The last records of a type go, once somebody has agreed; those of the other list stay."""
    path = write(tmp_path / file, subnets=True)
    assert sync(database_url, path, missing="delete").counts.create == 3
    write(path, subnets=False)
    held = sync(database_url, path, missing="delete")
    assert (held.status, taken(held)) == (Status.FAILED, {"vpc": 0, "subnet": 2}), held.message
    assert len(records(database_url, "subnet")) == 2
    assert taken(apply(database_url, held)) == {"vpc": 0, "subnet": 2}
    assert {name: len(found) for name, found in everything(database_url).items()} == {"vpc": 1}
    # An import loads what there is, and says nothing of what there is not.
    assert importer(database_url, tmp_path)(path).counts.unchanged == 1


def taken(report: Report) -> dict[str, int]:
    """How many records of each type were, or would be, taken away."""
    return {part.resource_type: part.counts.delete for part in report.parts}


def test_an_emptied_list_within_its_scope(database_url: str, tmp_path: Path) -> None:
    """Constants say whose the list is, as they did while it had records: others stay, and are no part of the share."""
    importer(database_url, tmp_path)([vpc(1), vpc(2), *(vpc(number, region="eu-west-1") for number in range(3, 20))])
    path = tmp_path / "vpcs.json"
    path.write_text("[]")
    options = TYPED | {"constants": {"region": "us-east-1", "CIDR block": "10.0.1.0/24"}, "unknown": "refuse"}
    held = sync(database_url, path, **options)
    assert held.message
    assert "It would retire or delete 1 of 1 records" in held.message
    assert apply(database_url, held).counts.retire == 1
    assert sorted(names(database_url)) == [f"{number:02x}" for number in range(2, 20)]


def test_an_emptied_file_of_a_folder(database_url: str, tmp_path: Path) -> None:
    """One that has no records beside others of its type is no more than that; that of another type has nothing."""
    folder = tmp_path / "source"
    folder.mkdir()
    for number in (1, 2):
        write_csv(folder / f"vpcs-{number}.csv", [vpc(number)])
    write_csv(folder / "subnets.csv", [subnet(1)])
    assert sync(database_url, folder, missing="delete").counts.create == 3
    for name in ("vpcs-2", "subnets"):
        path = folder / f"{name}.csv"
        path.write_text(path.read_text().partition("\n")[0] + "\n")
    report = sync(database_url, folder, missing="delete", max_delete=None)
    assert (report.status, taken(report), names(database_url)) == (
        Status.COMPLETED,
        {"vpc": 1, "subnet": 1},
        {"01": "net-1"},
    )
    assert issues_of(database_url, report) == []


def test_a_list_named_after_a_type_next_to_records(database_url: str, tmp_path: Path) -> None:
    """Records in a list of another name are read as they were, with or without an empty list beside them."""
    path = lists(tmp_path / "vpcs.json", results=[vpc(1)], vlans=[])
    assert sync(database_url, path).counts.create == 1


def test_a_mode_that_takes_nothing_away(database_url: str, tmp_path: Path) -> None:
    """A sync in mode upsert refuses a source without records, as an import does; an import in mode sync takes it."""
    importer(database_url, tmp_path)([vpc(1)])
    path = tmp_path / "vpcs.json"
    path.write_text('{"Vpcs": []}')
    with pytest.raises(SourceError, match="no records"):
        sync(database_url, path, mode="upsert")
    assert importer(database_url, tmp_path)(path, mode="sync", max_delete=None).counts.retire == 1
