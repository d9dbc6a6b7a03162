"""Documents of several types: all of the CMDB out and in again, references inside them, all or nothing, rejects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from flows.pipelines import export_file
from schemas.jobs import ExportJob
from schemas.reports import Counts, Report, Status
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.steps.rejects import write_rejects
from tasks.store.connection.engine import engine
from tests.flows.support import apply, everything, undo_of
from tests.support import execute, importer, issues_of, stored, vpc, vpc_id

NAMES = ("all.xlsx", "all.json", "all.json.gz")
TFSTATE = Path(__file__).parents[1] / "data" / "documents" / "network.tfstate"


def export(url: str, path: Path) -> Path:
    """Export all types."""
    export_file(ExportJob(all_types=True, path=path, metadata=True), url, settings())
    return path


def empty(url: str) -> None:
    """Take every record away, and nothing else."""
    execute(url, f"truncate {', '.join(resource.table for resource in RESOURCES.values())}")


def subnet(number: int, of: int, **changed: str) -> dict[str, str]:
    """Return a sound record of a subnet."""
    return {
        "subnet_id": f"subnet-{number:08x}",
        "vpc_id": vpc_id(of),
        "cidr_block": f"10.0.{of}.{16 * number}/28",
        "availability_zone": "us-east-1a",
    } | changed


def document(path: Path, **lists: list[dict[str, str]]) -> Path:
    """Write a document with a list for each type, in the order given."""
    path.write_text(json.dumps({name: [_record(row) for row in rows] for name, rows in lists.items()}))
    return path


def _record(row: dict[str, str]) -> dict[str, Any]:
    return {name: {"Owner": "network"} if name == "tags" else value for name, value in row.items()}


def workbook(path: Path, **sheets: list[dict[str, str]]) -> Path:
    """Write a workbook with a sheet for each type, in the order given."""
    book = openpyxl.Workbook()
    del book["Sheet"]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
    book.save(path)
    return path


def by_type(report: Report) -> dict[str, Counts]:
    """The counts of each type of a run."""
    return {part.resource_type: part.counts for part in report.parts}


# Out and in again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_all_of_the_cmdb_imports_again_as_nothing(two_of_each_type: str, tmp_path: Path, name: str) -> None:
    """Every type and every record: unchanged."""
    report = importer(two_of_each_type, tmp_path)(export(two_of_each_type, tmp_path / name), dry_run=True)
    assert by_type(report) == dict.fromkeys(RESOURCES, Counts(read=2, unchanged=2))
    assert [notice.message for notice in report.notices] == []


@pytest.mark.parametrize("name", NAMES[:2])
def test_all_of_the_cmdb_into_an_empty_one(each_type_stored: str, tmp_path: Path, name: str) -> None:
    """All references are found inside the document, and one undo takes everything back."""
    database_url = each_type_stored
    before = everything(database_url)
    path = export(database_url, tmp_path / name)
    empty(database_url)
    report = importer(database_url, tmp_path)(path)
    assert (report.counts.create, report.counts.rejected) == (2 * len(RESOURCES), 0), issues_of(database_url, report)
    assert everything(database_url) == before
    assert undo_of(database_url, report).counts.delete == 2 * len(RESOURCES)
    assert everything(database_url) == {}


@pytest.mark.parametrize("name", NAMES[:2])
def test_what_is_edited_in_an_export_is_the_plan(each_type_stored: str, tmp_path: Path, name: str) -> None:
    """One record of every type is edited in the file: the plan has exactly these, and is applied as it is."""
    database_url = each_type_stored
    path = export(database_url, tmp_path / name)
    (edit_workbook if name.endswith("xlsx") else edit_json)(path)
    planned = importer(database_url, tmp_path)(path, dry_run=True, keep_plan=True)
    assert by_type(planned) == dict.fromkeys(RESOURCES, Counts(read=2, update=1, unchanged=1))
    assert {tuple(change.fields) for change in planned.changes} == {("description",)}
    assert apply(database_url, planned).counts.update == len(RESOURCES)
    for kind in RESOURCES:
        assert [record["description"] for record in stored(database_url, kind)].count("edited") == 1, kind


def edit_json(path: Path) -> None:
    """Edit the first record of each list."""
    whole = json.loads(path.read_text())
    for kind in RESOURCES:
        whole[kind][0]["description"] = "edited"
    path.write_text(json.dumps(whole))


def edit_workbook(path: Path) -> None:
    """Edit the first record of each sheet, as a person does."""
    book = openpyxl.load_workbook(path)
    for sheet in book.worksheets:
        header = [cell.value for cell in sheet[1]]
        if "Description" in header:
            sheet.cell(2, header.index("Description") + 1).value = "edited"
    book.save(path)


# References inside ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [document, workbook])
def test_children_stand_before_their_parents(database_url: str, tmp_path: Path, write: Any) -> None:
    """The order of loading is that of the references, whatever that of the file is."""
    path = write(tmp_path / f"a.{'json' if write is document else 'xlsx'}", subnets=[subnet(1, 1)], vpcs=[vpc(1)])
    report = importer(database_url, tmp_path)(path)
    assert by_type(report) == {"vpc": Counts(read=1, create=1), "subnet": Counts(read=1, create=1)}


def test_a_rejected_parent_rejects_its_children(database_url: str, tmp_path: Path) -> None:
    """A child of it is no more than any other whose parent is not there; other families are loaded."""
    vpcs, subnets = [vpc(1, region="nowhere"), vpc(2)], [subnet(1, 1), subnet(2, 2), subnet(3, 9)]
    report = importer(database_url, tmp_path)(document(tmp_path / "a.json", subnets=subnets, vpcs=vpcs))
    assert by_type(report) == {
        "vpc": Counts(read=2, create=1, rejected=1),
        "subnet": Counts(read=3, create=1, rejected=2),
    }
    told = {(issue.part, issue.rule, issue.row) for issue in issues_of(database_url, report)}
    assert told == {(0, "format", 1), (1, "reference", 1), (1, "reference", 3)}


def test_rules_between_types_see_the_document(database_url: str, tmp_path: Path) -> None:
    """A subnet has to lie in its VPC's block as the same document gives it, not as it is stored."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    moved, inside = vpc(1, cidr_block="10.77.0.0/24"), subnet(2, 1, cidr_block="10.77.0.0/28")
    report = run(document(tmp_path / "a.json", vpcs=[moved], subnets=[subnet(1, 1), inside]))
    assert by_type(report)["subnet"] == Counts(read=2, create=1, rejected=1)
    assert [issue.rule for issue in issues_of(database_url, report)] == ["inside"]


# All or nothing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"on_error": "abort"}, {"max_errors": "0"}])
def test_a_threshold_holds_for_the_whole_document(database_url: str, tmp_path: Path, options: dict[str, Any]) -> None:
    """One bad row of the last type, and nothing of the first is loaded."""
    path = document(tmp_path / "a.json", vpcs=[vpc(1)], subnets=[subnet(1, 9)])
    report = importer(database_url, tmp_path)(path, **options)
    assert (report.status, everything(database_url)) == (Status.FAILED, {})


def test_an_error_in_the_last_type_leaves_none(database_url: str, tmp_path: Path) -> None:
    """The database refuses a row of the last type: one transaction, no type is loaded, and the run has failed."""
    execute(database_url, "alter table subnet add constraint never check (false)")
    path = document(tmp_path / "a.json", vpcs=[vpc(1)], subnets=[subnet(1, 1)])
    with pytest.raises(Exception, match="never"):
        importer(database_url, tmp_path)(path)
    assert everything(database_url) == {}
    assert execute(database_url, "select status from import_run") == [("failed",)]


# Rejects --------------------------------------------------------------------------------------------------------------


def test_a_workbook_of_rejects_is_fixed_and_imported(database_url: str, tmp_path: Path) -> None:
    """A sheet for each type; what is mended in it is loaded with its references, and nothing else is touched."""
    vpcs, subnets = [vpc(1, region="nowhere"), vpc(2)], [subnet(1, 1), subnet(2, 2), subnet(3, 2, cidr_block="x")]
    run = importer(database_url, tmp_path)
    report = run(workbook(tmp_path / "a.xlsx", Subnets=subnets, VPCs=vpcs))
    assert report.counts == Counts(read=5, create=2, rejected=3)
    path = tmp_path / "rejects.xlsx"
    with engine(database_url).connect() as connection:
        assert write_rejects(connection, UUID(report.run_id), path) == 3
    book = openpyxl.load_workbook(path)
    assert [(sheet.title, sheet.max_row) for sheet in book.worksheets] == [("vpc", 2), ("subnet", 3), ("About", 3)]
    mended_cells: dict[Any, str] = {"nowhere": "us-east-1", "x": "10.0.2.128/28"}
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                cell.value = mended_cells.get(cell.value, cell.value)
    book.save(path)
    mended = run(path)
    assert by_type(mended) == {"vpc": Counts(read=1, create=1), "subnet": Counts(read=2, create=2)}, mended.issues
    assert {name: len(found) for name, found in everything(database_url).items()} == {"vpc": 2, "subnet": 3}


# Terraform ------------------------------------------------------------------------------------------------------------


def test_a_terraform_state_end_to_end(database_url: str, tmp_path: Path) -> None:
    """Planned, applied, imported again as nothing, exported and taken back."""
    run = importer(database_url, tmp_path)
    planned = run(TFSTATE, dry_run=True, keep_plan=True)
    applied = apply(database_url, planned)
    assert applied.counts == planned.counts
    assert applied.counts.create == sum(len(found) for found in everything(database_url).values()) > 10
    again = run(TFSTATE)
    assert (again.counts.create, again.counts.update, again.counts.unchanged) == (0, 0, applied.counts.create)
    assert again.repeats == applied.run_id
    exported = run(export(database_url, tmp_path / "all.json"), dry_run=True)
    assert exported.counts.unchanged == exported.counts.read == applied.counts.create
    assert undo_of(database_url, applied).counts.delete == applied.counts.create
    assert everything(database_url) == {}
